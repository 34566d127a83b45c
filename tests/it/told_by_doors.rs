//! Sales that are told through several doors, late, twice or wrongly: the sequences that once went wrong, each with what
//! Meta must hear of it.

use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::order::fold::State as Standing;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::outcome::{Flag, Item, OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::domain::signal::policy::PurchaseOn;
use salesbridge::flow::{self, IdempotentRequest, Resolution, Sender};
use salesbridge::sandbox::Fault;
use salesbridge::sandbox::webhook::{Chat, messaging};

use crate::harness::{HOLD, PAGE, Shop, both, numbered, referred, same_as, say};
use crate::inbound_events::{imports, imports_all, line, line_of, told};

const CONFIRMED: OutcomeKind = OutcomeKind::Confirmed;
const CANCELLED: OutcomeKind = OutcomeKind::Cancelled;
const DELIVERED: OutcomeKind = OutcomeKind::Delivered;
const SHIPPED: OutcomeKind = OutcomeKind::Shipped;
const RETURNED: OutcomeKind = OutcomeKind::Returned;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn crm(kind: OutcomeKind, value: impl Into<Option<i64>>, number: &str, at: Timestamp) -> Tag {
    numbered(told(Source::Crm, kind, value, at), number)
}

fn courier(kind: OutcomeKind, value: impl Into<Option<i64>>, number: &str, at: Timestamp) -> Tag {
    numbered(told(Source::Courier, kind, value, at), number)
}

fn untimed(tag: Tag) -> Tag {
    Tag { occurred_at: None, ..tag }
}

fn item(sku: &str, quantity: i64, unit_price: i64) -> Item {
    Item { sku: Some(sku.to_owned()), name: None, quantity, unit_price, unit_cost: None }
}

impl Shop {
    async fn orders(&self, chat: &ConversationId) -> Vec<OrderLedger> {
        self.aggregate(chat).await.orders
    }

    /// Everything that is due leaves.
    async fn all_leaves(&self) -> Vec<String> {
        self.later(HOLD + Duration::from_mins(10));
        while self.delivers().await > 0 {}
        self.told()
    }

    /// Somebody of the shop wrote in Meta's inbox, some time ago.
    async fn operator_writes_at(&self, mid: &str, text: &str, at: Timestamp) {
        let echo = Chat { page: PAGE, psid: "2", at }.echo(mid, text);
        self.receives(messaging(PAGE, self.now(), &[echo]).to_string()).await;
    }
}

both!(
    async fn the_sentence_of_a_sale_that_the_crm_told_first_is_that_sale(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now() + MINUTE;
        shop.later(HOUR);
        let lines = vec![
            line_of("2", crm(CONFIRMED, 5500, "I1", at)),
            line_of("2", crm(DELIVERED, None, "I1", at + MINUTE)),
        ];
        imports_all(&shop, lines).await;
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 55 ₾", at - MINUTE / 2).await;
        assert_eq!(shop.orders(&chat).await.len(), 1);
        assert_eq!(shop.all_leaves().await, ["55.0"]);
    }
);

both!(
    async fn the_sentence_of_a_sale_that_was_called_off_since_tells_nothing(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now() + MINUTE;
        shop.later(HOUR);
        let lines = vec![
            line_of("2", crm(CONFIRMED, 5500, "I1", at)),
            line_of("2", crm(CANCELLED, None, "I1", at + 10 * MINUTE)),
        ];
        imports_all(&shop, lines).await;
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 55 ₾", at).await;
        assert_eq!(shop.orders(&chat).await[0].order.state, Standing::Cancelled);
        assert!(shop.all_leaves().await.is_empty());
    }
);

both!(
    async fn a_parcel_that_the_courier_told_first_is_the_sale_of_the_operator_and_of_the_crm(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.later(HOUR);
        imports_all(&shop, vec![line_of("2", courier(DELIVERED, None, "DD-1", shop.now()))]).await;
        shop.tags(&chat, &say(CONFIRMED, 7700)).await.unwrap();
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 7700, "DD-1", shop.now()))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].order.state), (1, Standing::Delivered));
        assert_eq!(shop.all_leaves().await, ["77.0"]);
    }
);

both!(
    async fn a_crm_that_tells_late_and_without_a_time_tells_of_the_same_sale(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 5500)).await.unwrap();
        shop.later(HOUR);
        shop.tags(&chat, &say(DELIVERED, None)).await.unwrap();
        shop.later(HOUR);
        imports_all(&shop, vec![line_of("2", untimed(crm(CONFIRMED, 5500, "N", shop.now())))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].by_value.len()), (1, 1));
        assert_eq!(shop.all_leaves().await, ["55.0"]);
    }
);

both!(
    async fn what_was_told_wrongly_and_taken_back_is_used_up_by_what_is_said_next(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let wrong = shop.tags(&chat, &say(CONFIRMED, 120_500)).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["1205.0"]);
        shop.undoes(&wrong.outcome_id).await.unwrap();
        let right = shop.tags(&chat, &numbered(say(CONFIRMED, 12_050), "I4")).await.unwrap();
        assert_eq!(right.conversions[0].state, State::Sent, "the answer says what Meta knows");
        assert_eq!(shop.all_leaves().await, ["1205.0"]);
    }
);

both!(
    async fn a_cancel_of_which_nothing_else_is_known_is_that_of_the_only_sale(shop: Shop) {
        shop.with_sentences().await;
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        shop.later(HOUR);
        imports_all(&shop, vec![line_of("2", courier(CANCELLED, None, "T-1", shop.now()))]).await;
        shop.operator_writes_at("e_1", "შეკვეთა მიღებულია: 50 ₾", at).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].order.state), (1, Standing::Cancelled));
        assert!(shop.all_leaves().await.is_empty());
    }
);

both!(
    async fn a_number_is_one_number_however_it_is_written(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        for written in ["a7", " A7", "A7 ", "A7\u{a0}", "A\u{200b}7", "\u{feff}a7", "A7\n"] {
            imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 5000, written, at))]).await;
        }
        for written in ["Cafe\u{301}-1", "CAFÉ-1"] {
            imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 6000, written, at))]).await;
        }
        assert_eq!(shop.orders(&chat).await.len(), 2);
        let mut heard = shop.all_leaves().await;
        heard.sort();
        assert_eq!(heard, ["50.0", "60.0"]);
    }
);

both!(
    async fn an_order_of_which_every_piece_came_back_tells_nothing(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        let returns: [fn(&mut Tag); 4] = [
            |tag| tag.terms.items = vec![item("BAG", 1, 12_050)],
            |tag| tag.terms.items = vec![item("BAG", 1, 0)],
            |tag| tag.terms.value = Some(12_050),
            |_| {},
        ];
        for (place, change) in returns.into_iter().enumerate() {
            let number = format!("R-{place}");
            let mut sold = crm(CONFIRMED, 12_550, &number, at);
            sold.terms.items = vec![item("BAG", 1, 12_050)];
            sold.terms.delivery_fee = Some(500);
            let mut back = referred(courier(RETURNED, None, &number, at + 2 * MINUTE), &format!("b-{place}"));
            change(&mut back);
            let shipped = courier(SHIPPED, None, &number, at + MINUTE);
            imports_all(&shop, [sold, shipped, back].map(|tag| line_of("2", tag)).to_vec()).await;
            let order = shop.orders(&chat).await.pop().unwrap();
            assert_eq!(order.order.state, Standing::Returned, "{place}");
        }
        assert!(shop.all_leaves().await.is_empty());
    }
);

both!(
    async fn of_a_discounted_order_a_line_takes_its_share_with_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        let mut sold = crm(CONFIRMED, 9000, "DR-1", at);
        sold.terms.items = vec![item("A", 1, 10_000), item("B", 1, 5000)];
        sold.terms.discount = Some(6000);
        let mut back = referred(crm(RETURNED, None, "DR-1", at + MINUTE), "r1");
        back.terms.items = vec![item("A", 1, 10_000)];
        imports_all(&shop, vec![line_of("2", sold), line_of("2", back)]).await;
        let order = shop.orders(&chat).await.remove(0).order;
        assert_eq!((order.state, order.returned), (Standing::PartReturned, 6000));
        assert_eq!(shop.all_leaves().await, ["30.0"]);
        let contents = &shop.meta.accepted()[0]["custom_data"]["contents"];
        assert_eq!((contents.as_array().unwrap().len(), &contents[0]["id"]), (1, &"B".into()));
        assert!(contents[0].get("item_price").is_none(), "50.00 would not agree with 30.00");
    }
);

both!(
    async fn a_cost_and_a_deposit_are_not_the_price(shop: Shop) {
        shop.set_policy(|policy| policy.purchase_on = PurchaseOn::Paid).await;
        let chat = shop.hears_from("2").await;
        let at = shop.now();
        let mut cost = referred(courier(OutcomeKind::Paid, 0, "P-1", at + MINUTE), "p-1");
        cost.terms.fee = Some(700);
        let deposit = referred(crm(OutcomeKind::Paid, 100, "P-1", at + 2 * MINUTE), "p-2");
        let lines = vec![crm(CONFIRMED, 10_000, "P-1", at), cost, deposit];
        imports_all(&shop, lines.into_iter().map(|tag| line_of("2", tag)).collect()).await;
        assert!(shop.all_leaves().await.is_empty());
        let rest = referred(courier(OutcomeKind::Paid, 9900, "P-1", shop.now()), "p-3");
        imports_all(&shop, vec![line_of("2", rest)]).await;
        assert_eq!(shop.all_leaves().await, ["100.0"]);
        assert_eq!(shop.orders(&chat).await[0].order.paid, 10_000);
    }
);

both!(
    async fn an_order_that_was_shipped_first_gets_its_value_and_person_from_the_operator(shop: Shop) {
        for (psid, number, by_psid, names_it) in
            [("21", "K1", true, true), ("22", "K2", true, false), ("23", "K3", false, true)]
        {
            let chat = shop.hears_from(psid).await;
            let shipped = untimed(crm(SHIPPED, None, number, shop.now()));
            let shipped = if by_psid { line_of(psid, shipped) } else { line(shipped) };
            imports_all(&shop, vec![shipped]).await;
            let sold = say(CONFIRMED, 2000);
            let sold = if names_it { numbered(sold, number) } else { sold };
            let tagged = shop.tags(&chat, &sold).await.unwrap();
            let order = tagged.order.unwrap();
            assert_eq!((order.order.state, order.order.value), (Standing::Shipped, Some(2000)), "{number}");
            assert!(order.has_number(number), "{number}");
        }
        assert_eq!(shop.all_leaves().await, ["20.0"; 3]);
    }
);

both!(
    async fn a_parcel_without_a_value_may_be_priced(shop: Shop) {
        for (psid, first, kind) in
            [("21", SHIPPED, CONFIRMED), ("22", SHIPPED, OutcomeKind::Amended), ("23", DELIVERED, CONFIRMED)]
        {
            let chat = shop.hears_from(psid).await;
            let number = format!("DE-{psid}");
            imports_all(&shop, vec![line_of(psid, crm(first, None, &number, shop.now()))]).await;
            shop.later(MINUTE);
            let priced = shop.tags(&chat, &numbered(say(kind, 6000), &number)).await.unwrap();
            assert_eq!(priced.order.unwrap().order.value, Some(6000), "{psid}");
        }
        assert_eq!(shop.all_leaves().await, ["60.0"; 3]);
    }
);

both!(
    async fn what_was_said_in_the_wrong_thread_may_be_said_in_the_right_one(shop: Shop) {
        let (wrong, right) = (shop.hears_from("21").await, shop.hears_from("22").await);
        let tag = numbered(say(CONFIRMED, 5000), "W-1");
        let slip = shop.tags(&wrong, &tag).await.unwrap();
        assert_eq!(shop.tags(&right, &tag).await.unwrap_err().code, "order_belongs_elsewhere");
        shop.undoes(&slip.outcome_id).await.unwrap();
        shop.tags(&right, &tag).await.unwrap();
        imports_all(&shop, vec![line(crm(SHIPPED, None, "W-1", shop.now() + MINUTE))]).await;
        assert_eq!(shop.all_leaves().await, ["50.0"]);
        assert_eq!(shop.meta.accepted()[0]["user_data"]["page_scoped_user_id"], "22");
        assert_eq!(shop.orders(&right).await[0].order.state, Standing::Shipped);
    }
);

both!(
    async fn a_label_without_a_value_and_the_crm_with_one_are_one_order(shop: Shop) {
        shop.with_labels(false).await;
        let chat = shop.hears_from("2").await;
        shop.labels("add", "501").await;
        assert_eq!(shop.orders(&chat).await.len(), 1);
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 4500, "L-1", shop.now() + MINUTE))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[0].order.value), (1, Some(4500)));
        assert_eq!(shop.all_leaves().await, ["45.0"]);
    }
);

both!(
    async fn an_order_that_is_on_again_is_told_up_to_what_it_is_worth(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let added =
            |value, reference: &str| referred(numbered(say(OutcomeKind::CrossSold, value), "A-1"), reference);
        shop.tags(&chat, &numbered(say(CONFIRMED, 10_000), "A-1")).await.unwrap();
        shop.tags(&chat, &added(2000, "r-1")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["120.0"]);
        shop.tags(&chat, &numbered(say(CANCELLED, None), "A-1")).await.unwrap();
        shop.tags(&chat, &same_as(say(CONFIRMED, 12_000), "A-1")).await.unwrap();
        shop.tags(&chat, &added(5000, "r-2")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["120.0", "50.0"]);
    }
);

both!(
    async fn an_uplift_wakes_with_its_order(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &numbered(say(CONFIRMED, 10_000), "A-1")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["100.0"]);
        let added = referred(numbered(say(OutcomeKind::CrossSold, 2000), "A-1"), "r-1");
        shop.tags(&chat, &added).await.unwrap();
        shop.tags(&chat, &numbered(say(CANCELLED, None), "A-1")).await.unwrap();
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        shop.tags(&chat, &same_as(say(CONFIRMED, 15_000), "A-1")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["100.0", "20.0"]);
    }
);

both!(
    async fn after_an_attempt_that_was_certainly_not_taken_the_ledger_counts(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &numbered(say(CONFIRMED, 120_500), "A-1")).await.unwrap();
        shop.meta.fail_next(Fault::Graph { status: 400, code: 2, subcode: None });
        shop.later(HOLD);
        shop.delivers().await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 12_050), "A-1")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["120.5"]);
    }
);

both!(
    async fn a_date_that_was_wrong_and_a_refusal_do_not_end_a_sale(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let old = Tag { occurred_at: Some(shop.now() - 200 * HOUR), ..numbered(say(CONFIRMED, 5000), "A-1") };
        let slip = shop.tags(&chat, &old).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.purchase_stands(&chat).await, (State::Expired, Reason::TooOld));
        shop.undoes(&slip.outcome_id).await.unwrap();
        shop.tags(&chat, &numbered(say(CONFIRMED, 5000), "A-1")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["50.0"]);
        let chat = shop.hears_from("3").await;
        let slip = shop.tags(&chat, &numbered(say(CONFIRMED, 6000), "B-1")).await.unwrap();
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.purchase_stands(&chat).await, (State::Rejected, Reason::Refused));
        shop.undoes(&slip.outcome_id).await.unwrap();
        shop.tags(&chat, &numbered(say(CONFIRMED, 6000), "B-1")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["50.0", "60.0"]);
    }
);

both!(
    async fn one_event_that_meta_never_takes_holds_up_no_neighbour(shop: Shop) {
        for psid in ["21", "22", "23"] {
            let chat = shop.hears_from(psid).await;
            let tag = numbered(say(CONFIRMED, 1000), &format!("A-{psid}"));
            let tagged = shop.tags(&chat, &tag).await.unwrap();
            if psid == "22" {
                shop.meta.poison_by_code(&tagged.conversions[0].event_id, 1);
            }
        }
        for _ in 0..8 {
            shop.later(HOLD);
            while shop.delivers().await > 0 {}
        }
        assert_eq!(shop.told(), ["10.0", "10.0"]);
    }
);

both!(
    async fn an_unknown_that_is_too_old_ends_as_expired_and_the_answer_says_so(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 5000)).await.unwrap();
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.later(HOLD);
        shop.delivers().await;
        let attempt = shop.attempts().await.remove(0);
        shop.later(Duration::from_hours(8 * 24));
        let resolved =
            flow::resolve(&shop.services, &attempt, Resolution::Resend, &IdempotentRequest::unkeyed())
                .await
                .unwrap()
                .done()
                .unwrap();
        assert_eq!((resolved.conversions, resolved.again.ready, resolved.again.too_old), (1, 0, 1));
        assert_eq!(shop.purchase_stands(&chat).await, (State::Expired, Reason::TooOld));
    }
);

both!(
    async fn a_cancel_of_a_slow_clock_is_seen_and_holds_the_purchase(shop: Shop) {
        for (psid, before) in [("21", Duration::from_secs(2)), ("22", 10 * MINUTE)] {
            let chat = shop.hears_from(psid).await;
            let number = format!("C-{psid}");
            shop.later(HOUR);
            imports_all(&shop, vec![line_of(psid, crm(CANCELLED, None, &number, shop.now() - before))]).await;
            shop.tags(&chat, &numbered(say(CONFIRMED, 5000), &number)).await.unwrap();
            let order = shop.orders(&chat).await.remove(0);
            assert_eq!(order.order.flags[0].1, Flag::Contradiction);
            assert_eq!(shop.purchase_stands(&chat).await, (State::Held, Reason::Contradiction));
            assert_eq!(shop.queue(&chat).await, "waiting");
        }
        assert!(shop.all_leaves().await.is_empty());
        // Somebody accepts the one cancel; the sender of the other takes it back.
        let (one, two) = (shop.conversation("21").await.unwrap(), shop.conversation("22").await.unwrap());
        let flagged = |orders: Vec<OrderLedger>| orders[0].order.flags[0].0.clone();
        let sender = Sender::person("nino", Source::Api);
        let id = flagged(shop.orders(&one).await);
        flow::accept(&shop.services, &id, sender, &IdempotentRequest::unkeyed()).await.unwrap();
        let id = flagged(shop.orders(&two).await);
        flow::undo(&shop.services, &id, sender, &IdempotentRequest::unkeyed()).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["50.0"]);
        assert_eq!(shop.purchase_stands(&one).await, (State::Suppressed, Reason::Cancelled));
        assert_eq!(shop.queue(&two).await, "done");
    }
);

both!(
    async fn what_contradicts_is_flagged_and_not_silent(shop: Shop) {
        let at = shop.now();
        let cases: [(&str, Vec<Tag>, usize); 4] = [
            (
                "21",
                vec![
                    crm(CONFIRMED, 5500, "F-1", at),
                    crm(SHIPPED, None, "F-1", at + MINUTE),
                    crm(RETURNED, None, "F-1", at + 2 * MINUTE),
                    courier(DELIVERED, None, "F-1", at + 3 * MINUTE),
                ],
                1,
            ),
            (
                "22",
                vec![
                    crm(CONFIRMED, 5500, "F-2", at),
                    courier(DELIVERED, None, "F-2", at + MINUTE),
                    crm(CANCELLED, None, "F-2", at + 2 * MINUTE),
                ],
                1,
            ),
            (
                "23",
                vec![
                    crm(CONFIRMED, 5500, "F-3", at),
                    referred(crm(OutcomeKind::Paid, 5500, "F-3", at + MINUTE), "p-1"),
                    referred(courier(OutcomeKind::Paid, 5500, "F-3", at + 2 * MINUTE), "p-2"),
                ],
                1,
            ),
            (
                "24",
                vec![
                    crm(CONFIRMED, 5500, "F-4", at),
                    referred(crm(OutcomeKind::Paid, 1000, "F-4", at + MINUTE), "p-3"),
                    referred(crm(OutcomeKind::Refunded, 50_000, "F-4", at + 2 * MINUTE), "p-4"),
                ],
                1,
            ),
        ];
        for (psid, tags, flags) in cases {
            let chat = shop.hears_from(psid).await;
            imports_all(&shop, tags.into_iter().map(|tag| line_of(psid, tag)).collect()).await;
            let order = shop.orders(&chat).await.remove(0);
            assert_eq!(order.order.flags.len(), flags, "{psid}: {:?}", order.order.flags);
            assert_eq!(shop.queue(&chat).await, "waiting", "{psid}");
        }
    }
);

both!(
    async fn a_ref_that_comes_again_with_another_fact_is_refused_and_names_the_first(shop: Shop) {
        let at = shop.now();
        let deal =
            |kind, number: &str, value: Option<i64>| referred(crm(kind, value, number, at), "deal-727");
        let lines = vec![
            line_of("2", deal(CONFIRMED, "727", Some(8000))),
            line_of("2", deal(CONFIRMED, "727", Some(8000))),
            line_of("2", deal(CANCELLED, "727", None)),
            line_of("2", deal(CONFIRMED, "728", Some(8000))),
            line_of("2", deal(CONFIRMED, "727", Some(9000))),
        ];
        let statuses: Vec<u16> = imports(&shop, lines).await.into_iter().map(|(status, _)| status).collect();
        assert_eq!(statuses, [200, 200, 409, 409, 409]);
        let chat = shop.conversation("2").await.unwrap();
        assert_eq!(shop.orders(&chat).await[0].facts.len(), 1);
    }
);

both!(
    async fn value_and_lines_that_do_not_agree_tell_no_price(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let mut sold = numbered(say(CONFIRMED, 10_000), "A-1");
        sold.terms.items = vec![item("BAG", 2, 5000)];
        shop.tags(&chat, &sold).await.unwrap();
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 8000), "A-1")).await.unwrap();
        assert_eq!(shop.all_leaves().await, ["80.0"]);
        let contents = &shop.meta.accepted()[0]["custom_data"]["contents"];
        assert_eq!((&contents[0]["quantity"], contents[0].get("item_price")), (&2.into(), None));
    }
);

both!(
    async fn of_two_in_doubt_one_leaves_until_somebody_answers(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(CONFIRMED, 5500)).await.unwrap();
        imports_all(&shop, vec![line_of("2", crm(CONFIRMED, 6000, "N-1", shop.now() + HOUR / 2))]).await;
        let orders = shop.orders(&chat).await;
        assert_eq!((orders.len(), orders[1].doubt.is_parked), (2, true));
        assert_eq!(shop.queue(&chat).await, "waiting");
        assert_eq!(shop.all_leaves().await, ["55.0"]);
        let sender = Sender::person("nino", Source::Api);
        let request = IdempotentRequest::unkeyed();
        flow::join_orders(&shop.services, &orders[1].id, &orders[0].id, sender, &request).await.unwrap();
        assert_eq!(shop.orders(&chat).await.len(), 1);
        assert_eq!(shop.all_leaves().await, ["55.0"]);
    }
);

both!(
    async fn a_chat_that_never_was_a_sale_stops_its_lead(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.writes("2", "m_phone", "599 11 22 33").await;
        shop.set_page(|page| page.reasons.not_a_sale = vec!["changed her mind".to_owned()]).await;
        let lost = shop.tags(&chat, &say(OutcomeKind::Lost, None)).await.unwrap();
        assert_eq!(lost.fact.reason.as_deref(), Some("changed her mind"));
        shop.later(HOLD);
        shop.delivers().await;
        assert!(shop.meta.accepted().is_empty());
        assert_eq!(shop.stand().await, "1 suppressed undone");
    }
);
