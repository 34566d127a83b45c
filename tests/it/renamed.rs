//! What changes around a sale: the phone becomes known later, a sender goes by another name, the Page sells in another
//! currency.

use std::time::Duration;

use salesbridge::domain::basic::identity::KeyId;
use salesbridge::domain::basic::money::Currency;
use salesbridge::flow::manage::keys;
use salesbridge::sandbox::webhook::{Chat, messaging};
use serde_json::{Value, json};

use crate::api::Api;
use crate::harness::{PAGE, Shop, both};
use crate::sequences::Told;

impl Told {
    async fn customer_writes(&self, psid: &str, mid: &str, text: &str) {
        let at = self.shop.services.clock.now();
        let item = Chat { page: PAGE, psid, at }.text(mid, text);
        self.shop.receives(messaging(PAGE, at, &[item]).to_string()).await;
    }

    async fn line_by(&self, key: &Api, mut body: Value) -> Value {
        body["page_id"] = json!(PAGE);
        key.post("/v1/outcomes", json!({"outcomes": [body]}).to_string()).await.body["results"][0].clone()
    }

    /// A CRM with a key of its own.
    async fn sender(&self, name: &str) -> Api {
        let secret = keys::create(&self.shop.services, "crm", name, None).await.unwrap();
        self.crm.with_secret(&secret)
    }

    async fn revokes(&self, name: &str) {
        let keys = self.shop.services.store.look().await.unwrap().keys().await.unwrap();
        let id: KeyId = keys.into_iter().find(|key| key.name == name).unwrap().id;
        keys::revoke(&self.shop.services, &id).await.unwrap();
    }
}

both!(
    async fn an_order_from_before_the_chat_joins_it_as_soon_as_the_customer_gives_the_phone(shop: Shop) {
        let told = Told::of(shop).await;
        for (number, value) in [("A-1", "40.00"), ("A-2", "50.00")] {
            let customer = json!({"phone": "599000111"});
            let body = json!({"outcome": "confirmed", "order_id": number, "value": value, "customer": customer, "psid": null});
            assert_eq!(told.line(body).await["status"], 201);
        }
        assert!(told.orders().await.is_empty());
        told.customer_writes("2000000000000001", "m_phone", "My number is 599 00 01 11").await;
        let orders = told.orders().await;
        let values: Vec<&Value> = orders.iter().map(|order| &order["value"]).collect();
        assert_eq!(values, ["40.00", "50.00"]);
        let again =
            told.line(json!({"outcome": "shipped", "order_id": "A-1", "phone": "599000111", "psid": null}));
        assert_eq!(again.await["status"], 201);
        assert_eq!(told.leaves().await, ["40.0", "50.0"]);
    }
);

both!(
    async fn an_order_joins_the_chat_whichever_of_phone_and_order_comes_first(shop: Shop) {
        let told = Told::of(shop).await;
        let order = |number: &str| json!({"outcome": "confirmed", "order_id": number, "value": "40.00", "psid": null});
        // The order, then its phone on another line, then the customer.
        assert_eq!(told.line(order("A-1")).await["status"], 201);
        let shipped = json!({"outcome": "shipped", "order_id": "A-1", "phone": "599000111", "psid": null});
        assert_eq!(told.line(shipped).await["status"], 201);
        told.customer_writes("2000000000000001", "m_phone", "599000111").await;
        assert_eq!(told.orders().await.len(), 1);
        // The customer, then the order with the phone among what the sender knows of them.
        let mut late = order("A-2");
        late["customer"] = json!({"phone": "599000111"});
        assert_eq!(told.line(late).await["status"], 201);
        assert_eq!(told.orders().await.len(), 2);
    }
);

both!(
    async fn a_phone_that_two_people_gave_joins_nothing(shop: Shop) {
        let told = Told::of(shop).await;
        told.customer_writes("2000000000000009", "m_other", "599000111").await;
        let customer = json!({"phone": "599000111"});
        let body = json!({"outcome": "confirmed", "order_id": "A-1", "value": "40.00", "customer": customer, "psid": null});
        assert_eq!(told.line(body).await["status"], 201);
        told.customer_writes("2000000000000001", "m_phone", "599000111").await;
        assert!(told.orders().await.is_empty());
    }
);

both!(
    async fn a_sender_under_a_new_name_repeats_and_takes_back_what_it_told(shop: Shop) {
        let told = Told::of(shop).await;
        let old = told.sender("bitrix").await;
        let psid = "2000000000000001";
        let confirmed = json!({"outcome": "confirmed", "order_id": "B-1", "value": "100.00", "psid": psid, "occurred_at": told.ago(5)});
        assert_eq!(told.line_by(&old, confirmed).await["status"], 201);
        let paid = json!({"outcome": "paid", "order_id": "B-1", "value": "30.00", "ref": "p-1", "occurred_at": told.ago(1)});
        assert_eq!(told.line_by(&old, paid.clone()).await["status"], 201);
        // Beside the old key another name is another sender.
        let other = told.sender("another").await;
        assert_eq!(told.line_by(&other, paid.clone()).await["status"], 201);
        let taken_back = other.post("/v1/outcomes/ref:p-1/undo", "").await;
        assert_eq!(taken_back.status, 201);
        // With the old key gone, the new one is heir to what it told.
        told.revokes("bitrix").await;
        let new = told.sender("amocrm").await;
        assert_eq!(told.line_by(&new, paid.clone()).await["status"], 200);
        assert_eq!(told.orders().await[0]["paid"], "30.00");
        // A ref that means another fact there is its own.
        let own = json!({"outcome": "paid", "order_id": "B-1", "value": "20.00", "ref": "p-1", "occurred_at": told.ago(0)});
        assert_eq!(told.line_by(&new, own).await["status"], 201);
        assert_eq!(told.orders().await[0]["paid"], "50.00");
    }
);

both!(
    async fn another_senders_refs_touch_nothing_of_one_that_is_gone(shop: Shop) {
        let told = Told::of(shop).await;
        let old = told.sender("bitrix").await;
        let psid = "2000000000000001";
        let sale = |value: &str, minutes: u64| {
            json!({"outcome": "confirmed", "value": value, "psid": psid, "ref": "17", "order_id": format!("N-{minutes}"),
                   "occurred_at": told.ago(minutes)})
        };
        assert_eq!(told.line_by(&old, sale("50.00", 600)).await["status"], 201);
        told.revokes("bitrix").await;
        let new = told.sender("amocrm").await;
        assert_eq!(told.line_by(&new, sale("50.00", 3)).await["status"], 201);
        assert_eq!(new.post("/v1/outcomes/ref:17/undo", "").await.status, 201);
        // Once more is the same undo, and not one of what the other had told.
        assert_eq!(new.post("/v1/outcomes/ref:17/undo", "").await.status, 200);
        let orders = told.orders().await;
        let values: Vec<&Value> = orders.iter().map(|order| &order["value"]).collect();
        assert_eq!(values.iter().filter(|value| **value == &json!("50.00")).count(), 1, "{values:?}");
    }
);

both!(
    async fn a_sender_that_is_renamed_keeps_its_refs_and_its_order_numbers(shop: Shop) {
        let told = Told::of(shop).await;
        let key = told.sender("bitrix").await;
        let psid = "2000000000000001";
        let sale = |number: &str, minutes: u64| {
            json!({"outcome": "confirmed", "order_id": number, "value": "100.00", "psid": psid,
                   "ref": format!("c-{number}"), "occurred_at": told.ago(minutes)})
        };
        assert_eq!(told.line_by(&key, sale("B-1", 8)).await["status"], 201);
        let refused = keys::rename(&told.shop.services, "bitrix", "nino").await.unwrap_err();
        assert_eq!(refused.code, "name_taken");
        assert!(keys::rename(&told.shop.services, "nobody", "amocrm").await.is_err());
        keys::rename(&told.shop.services, "bitrix", "amocrm").await.unwrap();
        assert_eq!(told.line_by(&key, sale("B-1", 8)).await["status"], 200);
        // Two numbers of one sender are two sales, whatever they are worth.
        assert_eq!(told.line_by(&key, sale("B-2", 3)).await["status"], 201);
        assert_eq!(told.orders().await.len(), 2);
        assert_eq!(key.post("/v1/outcomes/ref:c-B-1/undo", "").await.status, 201);
        assert_eq!(told.leaves().await, ["100.0"]);
    }
);

both!(
    async fn what_is_said_of_an_order_without_a_currency_is_in_the_orders(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(json!({"outcome": "confirmed", "order_id": "A-1", "value": "120.50"})).await;
        told.shop.set_page(|page| page.currency = Currency::parse("JPY").unwrap()).await;
        told.shop.later(Duration::from_secs(1));
        let answer = told.says(json!({"outcome": "amended", "order_id": "A-1", "value": "90"})).await;
        assert_eq!((answer.status, &answer.body["order"]["value"]), (201, &json!("90.00")));
        assert_eq!(answer.body["order"]["currency"], "GEL");
        let paid =
            told.line(json!({"outcome": "paid", "order_id": "A-1", "value": "90", "ref": "p-1"})).await;
        assert_eq!((&paid["outcome"]["value"], &paid["outcome"]["flag"]), (&json!("90.00"), &Value::Null));
        let stated = told.line(
            json!({"outcome": "refunded", "order_id": "A-1", "value": "90", "currency": "JPY", "ref": "r-1"}),
        );
        assert_eq!(stated.await["outcome"]["flag"], "other_currency");
        let wrong = told
            .says(json!({"outcome": "amended", "order_id": "A-1", "value": "80", "currency": "JPY"}))
            .await;
        assert_eq!((wrong.status, wrong.text.contains("The order is in GEL")), (422, true));
        // A new order is in the Page's.
        let new = told
            .taps(json!({"outcome": "confirmed", "order_id": "A-2", "value": "700", "new_order": true}))
            .await;
        assert_eq!(new["order"]["currency"], "JPY");
        assert_eq!(told.leaves().await, ["90.0", "700"]);
    }
);

both!(
    async fn an_amount_without_a_currency_is_in_the_orders_whichever_came_first(shop: Shop) {
        let told = Told::of(shop).await;
        let at = |minute: u64| (told.shop.services.clock.now() - Duration::from_mins(minute)).to_string();
        let sold = |number: &str| json!({"outcome": "confirmed", "order_id": number, "value": "50.00", "currency": "USD", "occurred_at": at(9)});
        let paid = |number: &str, sum: &str| {
            json!({"outcome": "paid", "order_id": number, "value": sum, "ref": format!("p-{number}"), "source": "courier",
                   "occurred_at": at(1)})
        };
        for line in [sold("A-1"), paid("A-1", "50.00"), paid("A-2", "50.00"), sold("A-2")] {
            assert_eq!(told.line(line).await["status"], 201);
        }
        for number in ["A-1", "A-2"] {
            let orders = told.orders().await;
            let order = orders.iter().find(|order| order["order_id"] == number).unwrap();
            assert_eq!((&order["currency"], &order["paid"]), (&json!("USD"), &json!("50.00")), "{order}");
            for entry in order["outcomes"].as_array().unwrap() {
                assert_eq!((&entry["currency"], &entry["flag"]), (&json!("USD"), &Value::Null), "{order}");
            }
        }
        // An amount that is none in the order's currency stays as it was written, and is flagged, also in either order.
        let sold = |number: &str| json!({"outcome": "confirmed", "order_id": number, "value": "700", "currency": "JPY", "occurred_at": at(9)});
        for line in [sold("B-1"), paid("B-1", "70.50"), paid("B-2", "70.50"), sold("B-2")] {
            assert_eq!(told.line(line).await["status"], 201);
        }
        for number in ["B-1", "B-2"] {
            let orders = told.orders().await;
            let order = orders.iter().find(|order| order["order_id"] == number).unwrap();
            let entry =
                order["outcomes"].as_array().unwrap().iter().find(|entry| entry["kind"] == "paid").unwrap();
            let seen = (&order["currency"], &entry["currency"], &entry["flag"]);
            assert_eq!(seen, (&json!("JPY"), &json!("GEL"), &json!("other_currency")), "{order}");
        }
    }
);
