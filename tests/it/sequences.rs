//! The sequences of tellings that once went wrong, one by one, as their senders tell them over HTTP.

use std::time::Duration;

use salesbridge::domain::signal::policy::PurchaseOn;
use salesbridge::sandbox::Fault;
use salesbridge::sandbox::webhook::{Chat, messaging};
use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::harness::{HOLD, PAGE, Shop, both};

const PSID: &str = "2000000000000001";
const HOUR: u64 = 60;

/// A shop with one chat, and the keys of those who tell.
pub struct Told {
    pub shop: Shop,
    pub chat: String,
    pub operator: Api,
    pub crm: Api,
}

impl Told {
    pub async fn of(shop: Shop) -> Self {
        shop.with_sentences().await;
        let chat = shop.hears_from(PSID).await.to_string();
        shop.later(Duration::from_hours(12));
        let operator = shop.api("operator").await;
        let crm = operator.with("crm").await;
        Self { shop, chat, operator, crm }
    }

    pub fn ago(&self, minutes: u64) -> String {
        (self.shop.services.clock.now() - Duration::from_mins(minutes)).to_string()
    }

    pub async fn says(&self, body: Value) -> Answer {
        self.operator.post(&format!("/v1/conversations/{}/outcomes", self.chat), body.to_string()).await
    }

    pub async fn taps(&self, body: Value) -> Value {
        let answer = self.says(body).await;
        assert!(answer.status < 300, "{}", answer.text);
        answer.body
    }

    /// A line of a CRM or courier about this person, unless it says otherwise.
    pub async fn line(&self, mut body: Value) -> Value {
        body["page_id"] = json!(PAGE);
        if body.get("psid").is_none() {
            body["psid"] = json!(PSID);
        }
        if body["psid"].is_null() {
            body.as_object_mut().unwrap().remove("psid");
        }
        self.crm.post("/v1/outcomes", json!({"outcomes": [body]}).to_string()).await.body["results"][0]
            .clone()
    }

    pub async fn writes(&self, mid: &str, text: &str, minutes_ago: u64) {
        let at = self.shop.services.clock.now() - Duration::from_mins(minutes_ago);
        let item = Chat { page: PAGE, psid: PSID, at }.echo(mid, text);
        self.shop.receives(messaging(PAGE, at, &[item]).to_string()).await;
    }

    pub async fn leaves(&self) -> Vec<String> {
        self.shop.later(HOLD);
        while self.shop.delivers().await > 0 {}
        self.shop.later(HOLD);
        while self.shop.delivers().await > 0 {}
        // Leads have no value.
        self.shop.told().into_iter().filter(|value| value != "null").collect()
    }

    pub async fn orders(&self) -> Vec<Value> {
        let seen = self.operator.get(&format!("/v1/conversations/{}", self.chat)).await.body;
        seen["orders"].as_array().unwrap().clone()
    }
}

fn sale(value: &str) -> Value {
    json!({"outcome": "confirmed", "value": value})
}

fn of(outcome: &str, number: &str) -> Value {
    json!({"outcome": outcome, "order_id": number})
}

fn with(mut body: Value, key: &str, value: impl Into<Value>) -> Value {
    body[key] = value.into();
    body
}

both!(
    async fn a_late_sentence_is_the_sale_that_the_crm_told_and_delivered(shop: Shop) {
        let told = Told::of(shop).await;
        let at = told.ago(40);
        told.line(with(with(of("confirmed", "I1"), "value", "55"), "occurred_at", at)).await;
        told.line(with(of("delivered", "I1"), "occurred_at", told.ago(5))).await;
        told.writes("e_1", "შეკვეთა მიღებულია, სულ 55 ₾", 41).await;
        assert_eq!(told.leaves().await, ["55.0"]);
    }
);

both!(
    async fn a_late_sentence_revives_no_cancelled_sale(shop: Shop) {
        let told = Told::of(shop).await;
        told.line(with(with(of("confirmed", "I1"), "value", "55"), "occurred_at", told.ago(40))).await;
        told.line(with(of("cancelled", "I1"), "occurred_at", told.ago(5))).await;
        told.writes("e_1", "შეკვეთა მიღებულია, სულ 55 ₾", 41).await;
        assert!(told.leaves().await.is_empty());
    }
);

both!(
    async fn what_the_courier_delivered_is_the_sale_of_operator_and_crm(shop: Shop) {
        let told = Told::of(shop).await;
        told.line(with(with(of("delivered", "DD-1"), "source", "courier"), "occurred_at", told.ago(5))).await;
        told.taps(sale("77")).await;
        told.line(with(with(of("confirmed", "DD-1"), "value", "77"), "occurred_at", told.ago(HOUR))).await;
        assert_eq!(told.leaves().await, ["77.0"]);
    }
);

both!(
    async fn a_crm_without_a_time_tells_of_the_delivered_sale(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(sale("55")).await;
        told.taps(json!({"outcome": "delivered"})).await;
        told.line(with(of("confirmed", "N-1"), "value", "55")).await;
        assert_eq!(told.leaves().await, ["55.0"]);
    }
);

both!(
    async fn a_sale_that_was_sent_and_undone_is_not_told_once_more(shop: Shop) {
        let told = Told::of(shop).await;
        let wrong = told.taps(sale("1205")).await;
        assert_eq!(told.leaves().await, ["1205.0"]);
        let id = wrong["outcome"]["id"].as_str().unwrap();
        told.operator.post(&format!("/v1/outcomes/{id}/undo"), "").await;
        let again = told.taps(with(sale("120.50"), "order_id", "I4")).await;
        assert_eq!(again["conversions"][0]["meta_knows"], "yes");
        assert_eq!(told.leaves().await, ["1205.0"]);
    }
);

both!(
    async fn a_sentence_before_the_couriers_cancel_is_off(shop: Shop) {
        let told = Told::of(shop).await;
        told.line(with(with(of("cancelled", "T-1"), "source", "courier"), "occurred_at", told.ago(5))).await;
        told.writes("e_1", "შეკვეთა მიღებულია, სულ 50 ₾", HOUR).await;
        assert!(told.leaves().await.is_empty());
    }
);

both!(
    async fn a_number_is_one_however_it_is_spelled(shop: Shop) {
        let told = Told::of(shop).await;
        let at = told.ago(30);
        for spelled in
            ["É7", "é7", " É7", "É7 ", "\u{a0}É7", "É\u{200b}7", "\u{feff}É7", "E\u{301}7", "e\u{301}7"]
        {
            let line = with(with(of("confirmed", spelled), "value", "20"), "occurred_at", at.clone());
            assert!(told.line(line).await["status"].as_u64().unwrap() < 300, "{spelled:?}");
        }
        assert_eq!(told.orders().await.len(), 1);
        assert_eq!(told.orders().await[0]["numbers"], json!(["É7"]));
        assert_eq!(told.leaves().await, ["20.0"]);
    }
);

both!(
    async fn all_pieces_back_are_the_whole_and_the_fee_keeps_nothing_alive(shop: Shop) {
        let told = Told::of(shop).await;
        let piece = |price: &str| json!([{"sku": "BAG-1", "quantity": 1, "unit_price": price}]);
        for (number, back) in [("F-1", Some("120.50")), ("F-2", Some("0.00")), ("F-3", None)] {
            let sold = with(with(of("confirmed", number), "value", "125.50"), "delivery_fee", "5.00");
            let sold = with(with(sold, "items", piece("120.50")), "new_order", number != "F-1");
            told.taps(sold).await;
            told.line(of("shipped", number)).await;
            let returned = with(with(of("returned", number), "ref", number), "reason", "size");
            told.line(match back {
                Some(price) => with(returned, "items", piece(price)),
                None => with(returned, "value", "120.50"),
            })
            .await;
        }
        for order in told.orders().await {
            assert_eq!(order["state"], "returned", "{}", order["order_id"]);
        }
        assert!(told.leaves().await.is_empty());
    }
);

both!(
    async fn a_line_of_a_discounted_order_is_worth_its_share(shop: Shop) {
        let told = Told::of(shop).await;
        let items = json!([{"sku": "A", "quantity": 1, "unit_price": "100.00"},
                           {"sku": "B", "quantity": 1, "unit_price": "50.00"}]);
        let sold = with(with(of("confirmed", "DR-1"), "value", "90.00"), "discount", "60.00");
        told.line(with(with(sold, "items", items), "occurred_at", told.ago(9))).await;
        let back = json!([{"sku": "A", "quantity": 1, "unit_price": "100.00"}]);
        let answer = told.line(with(with(of("returned", "DR-1"), "items", back), "ref", "r1")).await;
        assert_eq!(answer["status"], 201, "{answer}");
        assert_eq!(told.orders().await[0]["state"], "part_returned");
        assert_eq!(told.leaves().await, ["30.0"]);
    }
);

both!(
    async fn a_deposit_does_not_pay_an_order(shop: Shop) {
        let told = Told::of(shop).await;
        told.shop.set_page(|page| page.policy.purchase_on = PurchaseOn::Paid).await;
        told.taps(with(sale("100"), "order_id", "P-1")).await;
        let cost = with(with(of("paid", "P-1"), "value", "0"), "fee", "7");
        told.line(with(with(cost, "source", "courier"), "ref", "c")).await;
        told.line(with(with(of("paid", "P-1"), "value", "1.00"), "ref", "d")).await;
        assert!(told.leaves().await.is_empty());
        told.line(with(with(of("paid", "P-1"), "value", "99.00"), "ref", "e")).await;
        assert_eq!(told.leaves().await, ["100.0"]);
    }
);

both!(
    async fn an_order_that_was_only_shipped_gets_its_value_and_person(shop: Shop) {
        let told = Told::of(shop).await;
        told.line(with(with(of("shipped", "K1"), "psid", Value::Null), "occurred_at", told.ago(9))).await;
        told.taps(with(sale("20"), "order_id", "K1")).await;
        assert_eq!(told.leaves().await, ["20.0"]);
    }
);

both!(
    async fn an_order_that_was_only_shipped_is_the_sale_that_is_tapped(shop: Shop) {
        let told = Told::of(shop).await;
        told.line(with(of("shipped", "K1"), "occurred_at", told.ago(9))).await;
        told.taps(sale("20")).await;
        assert_eq!((told.orders().await.len(), told.leaves().await), (1, vec!["20.0".to_owned()]));
    }
);

both!(
    async fn a_person_may_price_what_was_shipped_or_delivered_without_a_value(shop: Shop) {
        let told = Told::of(shop).await;
        for (number, outcome, priced) in [
            ("V-1", "shipped", "confirmed"),
            ("V-2", "delivered", "confirmed"),
            ("V-3", "shipped", "amended"),
            ("V-4", "delivered", "amended"),
        ] {
            told.line(with(of(outcome, number), "occurred_at", told.ago(9))).await;
            told.taps(with(of(priced, number), "value", "30")).await;
        }
        assert_eq!(told.leaves().await.len(), 4);
    }
);

both!(
    async fn a_number_of_which_all_was_undone_is_free_for_the_right_person(shop: Shop) {
        let told = Told::of(shop).await;
        let other = told.shop.hears_from("2000000000000002").await;
        let wrong = told.taps(with(sale("40"), "order_id", "W-1")).await;
        let id = wrong["outcome"]["id"].as_str().unwrap();
        told.operator.post(&format!("/v1/outcomes/{id}/undo"), "").await;
        let right = with(sale("40"), "order_id", "W-1");
        let path = format!("/v1/conversations/{other}/outcomes");
        assert_eq!(told.operator.post(&path, right.to_string()).await.status, 201);
        told.line(with(of("shipped", "W-1"), "psid", Value::Null)).await;
        told.leaves().await;
        let taken = told.shop.meta.accepted();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0]["user_data"]["page_scoped_user_id"], "2000000000000002");
    }
);

both!(
    async fn a_cancel_that_swallows_a_cross_sold_sum_leaves_the_rest_to_be_told(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(with(sale("100"), "order_id", "U-1")).await;
        told.taps(with(with(of("cross_sold", "U-1"), "value", "20"), "ref", "x")).await;
        assert_eq!(told.leaves().await, ["120.0"]);
        told.taps(with(of("cancelled", "U-1"), "reason", "changed her mind")).await;
        told.taps(with(with(sale("120"), "order_id", "U-1"), "same_as", "U-1")).await;
        told.taps(with(with(of("cross_sold", "U-1"), "value", "50"), "ref", "y")).await;
        assert_eq!(told.leaves().await, ["120.0", "50.0"]);
    }
);

both!(
    async fn an_amended_value_leaves_after_a_failed_attempt(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(with(sale("1205"), "order_id", "A-1")).await;
        told.shop.meta.kill_token("token-of-the-page");
        assert!(told.leaves().await.is_empty());
        told.taps(with(of("amended", "A-1"), "value", "120.50")).await;
        told.shop.meta.revive_token("token-of-the-page");
        told.shop.mend().await;
        assert_eq!(told.leaves().await, ["120.5"]);
    }
);

both!(
    async fn one_event_that_meta_never_takes_holds_up_no_neighbour(shop: Shop) {
        let told = Told::of(shop).await;
        let bad = told.taps(with(sale("10"), "order_id", "B-1")).await;
        for (number, value) in [("B-2", "20"), ("B-3", "30")] {
            told.taps(with(with(sale(value), "order_id", number), "new_order", true)).await;
        }
        let event = bad["conversions"][0]["event_id"].as_str().unwrap();
        told.shop.meta.poison(event, 2_804_008);
        let mut heard = told.leaves().await;
        heard.sort();
        assert_eq!(heard, ["20.0", "30.0"]);
    }
);

both!(
    async fn a_rejected_sale_leaves_once_it_is_said_rightly(shop: Shop) {
        let told = Told::of(shop).await;
        told.shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        let wrong = told.taps(with(sale("10"), "order_id", "R-1")).await;
        assert!(told.leaves().await.is_empty());
        let id = wrong["outcome"]["id"].as_str().unwrap();
        told.operator.post(&format!("/v1/outcomes/{id}/undo"), "").await;
        told.taps(with(sale("12"), "order_id", "R-1")).await;
        assert_eq!(told.leaves().await, ["12.0"]);
    }
);

both!(
    async fn an_expired_sale_leaves_once_its_date_is_right(shop: Shop) {
        let told = Told::of(shop).await;
        let old = told.ago(9 * 24 * HOUR);
        let wrong = told.taps(with(with(sale("10"), "order_id", "X-1"), "occurred_at", old)).await;
        assert!(told.leaves().await.is_empty());
        let id = wrong["outcome"]["id"].as_str().unwrap();
        told.operator.post(&format!("/v1/outcomes/{id}/undo"), "").await;
        told.taps(with(sale("10"), "order_id", "X-1")).await;
        assert_eq!(told.leaves().await, ["10.0"]);
    }
);

both!(
    async fn an_outside_cancel_shortly_before_the_confirm_is_seen_and_holds(shop: Shop) {
        let told = Told::of(shop).await;
        for (number, minutes) in [("C-1", 1), ("C-2", 10)] {
            told.taps(with(with(sale("15"), "order_id", number), "new_order", number != "C-1")).await;
            let off = with(of("cancelled", number), "occurred_at", told.ago(minutes));
            assert_eq!(told.line(off).await["outcome"]["flag"], "contradiction", "{number}");
        }
        assert!(told.leaves().await.is_empty());
        let waiting = told.operator.get("/v1/conversations?state=waiting").await.body;
        assert_eq!(waiting["data"].as_array().unwrap().len(), 1);
    }
);

both!(
    async fn facts_and_sums_that_contradict_an_order_are_flagged(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(with(sale("55"), "order_id", "M-1")).await;
        told.line(with(of("delivered", "M-1"), "occurred_at", told.ago(0))).await;
        told.shop.later(Duration::from_mins(1));
        told.line(with(of("cancelled", "M-1"), "occurred_at", told.ago(0))).await;
        told.line(with(with(of("paid", "M-1"), "value", "55"), "ref", "1")).await;
        let courier = with(with(of("paid", "M-1"), "value", "55"), "ref", "2");
        told.line(with(courier, "source", "courier")).await;
        told.line(with(with(of("refunded", "M-1"), "value", "500"), "ref", "3")).await;
        let order = told.orders().await.remove(0);
        let entries = order["outcomes"].as_array().unwrap();
        assert_eq!(entries.iter().filter(|entry| entry["flag"].is_string()).count(), 3, "{order}");
    }
);

both!(
    async fn a_ref_that_comes_again_with_something_else_is_refused(shop: Shop) {
        let told = Told::of(shop).await;
        let first = with(with(of("confirmed", "RF-1"), "value", "80"), "ref", "deal");
        assert_eq!(told.line(first.clone()).await["status"], 201);
        assert_eq!(told.line(first.clone()).await["status"], 200);
        let others = [
            with(of("shipped", "RF-1"), "ref", "deal"),
            with(of("cancelled", "RF-1"), "ref", "deal"),
            with(first.clone(), "order_id", "RF-2"),
            with(first, "value", "50"),
        ];
        for other in others {
            let answer = told.line(other).await;
            assert_eq!((&answer["status"], &answer["problem"]["code"]), (&json!(409), &json!("ref_reused")));
        }
    }
);

both!(
    async fn an_idempotency_key_serves_for_one_use(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(with(sale("80"), "order_id", "IK-1")).await;
        let pays = |value: &str| json!({"outcomes": [{"page_id": PAGE, "order_id": "IK-1", "outcome": "paid", "value": value}]});
        told.crm.post_once("/v1/outcomes", pays("30").to_string(), "payout").await;
        told.shop.later(Duration::from_hours(25));
        told.crm.post_once("/v1/outcomes", pays("40").to_string(), "payout").await;
        assert_eq!(told.orders().await[0]["paid"], "70.00");
    }
);

both!(
    async fn an_order_of_a_phone_joins_the_chat_that_gives_the_phone(shop: Shop) {
        let told = Told::of(shop).await;
        let known = with(with(of("confirmed", "PH-1"), "value", "40"), "psid", Value::Null);
        told.line(with(known, "customer", json!({"phone": "599000111"}))).await;
        let at = told.shop.services.clock.now();
        let says = Chat { page: PAGE, psid: PSID, at }.text("m_phone", "599000111");
        told.shop.receives(messaging(PAGE, at, &[says]).to_string()).await;
        let line =
            |outcome, number| with(with(of(outcome, number), "psid", Value::Null), "phone", "599000111");
        assert!(told.line(line("shipped", "PH-1")).await["status"].as_u64().unwrap() < 300);
        assert!(told.line(line("shipped", "PH-2")).await["status"].as_u64().unwrap() < 300);
        assert_eq!(told.leaves().await, ["40.0"]);
    }
);

both!(
    async fn prices_of_pieces_are_told_only_where_they_sum_to_the_value(shop: Shop) {
        let told = Told::of(shop).await;
        let items = json!([{"sku": "A", "quantity": 2, "unit_price": "50.00"}]);
        told.taps(with(with(sale("100"), "order_id", "L-1"), "items", items)).await;
        told.taps(with(of("amended", "L-1"), "value", "80")).await;
        assert_eq!(told.leaves().await, ["80.0"]);
        let content = &told.shop.meta.accepted()[0]["custom_data"]["contents"][0];
        let price = content["item_price"].as_f64();
        assert!(price.is_none_or(|price| (price - 40.0).abs() < 0.001), "{content}");
    }
);
