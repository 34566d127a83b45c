//! Returns, payments and contradictions.

use super::{CANCELLED, CONFIRMED, DELIVERED, HOUR, MINUTE, RETURNED, SHIPPED, courier, crm, item};
use crate::harness::{Shop, both, numbered, referred, say};
use crate::inbound_events::{imports_all, line_of};
use salesbridge::domain::order::fold::State as Standing;
use salesbridge::domain::order::ledger::OrderLedger;
use salesbridge::domain::order::outcome::{Flag, OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::domain::signal::policy::PurchaseOn;
use salesbridge::flow::{self, IdempotentRequest, Sender};
use std::time::Duration;

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
