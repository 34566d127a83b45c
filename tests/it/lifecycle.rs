//! The life of an order, where the policy tells it: only of an order that Meta knows.

use std::time::Duration;

use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::domain::signal::conversion::{EventName, Reason, State};
use salesbridge::domain::signal::policy::PurchaseOn;

use crate::harness::{HOLD, Shop, both, numbered, say};
use crate::sales::{line, stands, told};

async fn tells(shop: &Shop, purchase_on: PurchaseOn, hold: Duration) {
    shop.set_policy(|policy| {
        (policy.lifecycle, policy.purchase_on, policy.hold) = (true, purchase_on, hold);
    })
    .await;
}

async fn says(shop: &Shop, chat: &ConversationId, kind: OutcomeKind) {
    let value = (kind == OutcomeKind::Confirmed).then_some(5000);
    shop.later(Duration::from_secs(1));
    shop.tags(chat, &numbered(say(kind, value), "A-1")).await.unwrap();
}

/// Until nothing is left to send; gives the names so far.
async fn names(shop: &Shop) -> String {
    while shop.delivers().await > 0 {}
    shop.names().join(" ")
}

both!(
    async fn an_order_is_told_from_its_creation_to_its_return(shop: Shop) {
        tells(&shop, PurchaseOn::Delivered, Duration::ZERO).await;
        let chat = shop.hears_from("2").await;
        says(&shop, &chat, OutcomeKind::Confirmed).await;
        assert_eq!(names(&shop).await, "OrderCreated");
        says(&shop, &chat, OutcomeKind::Shipped).await;
        assert_eq!(names(&shop).await, "OrderCreated OrderShipped");
        says(&shop, &chat, OutcomeKind::Delivered).await;
        let delivered = names(&shop).await;
        assert!(delivered.starts_with("OrderCreated OrderShipped "), "{delivered}");
        assert_eq!(shop.meta.accepted().len(), 4);
        says(&shop, &chat, OutcomeKind::Returned).await;
        assert_eq!(names(&shop).await, format!("{delivered} OrderReturned"));
        for event in shop.meta.accepted() {
            let is_sale = event["event_name"] == "Purchase";
            let members = event["custom_data"].as_object().unwrap();
            assert_eq!(members["order_id"], "A-1");
            assert_eq!((members.len() > 1, members.contains_key("value")), (is_sale, is_sale));
        }
    }
);

both!(
    async fn an_order_is_created_only_when_its_purchase_comes_later(shop: Shop) {
        tells(&shop, PurchaseOn::Confirmed, Duration::ZERO).await;
        let chat = shop.hears_from("2").await;
        says(&shop, &chat, OutcomeKind::Confirmed).await;
        assert_eq!(names(&shop).await, "Purchase");
        says(&shop, &chat, OutcomeKind::Cancelled).await;
        assert_eq!(names(&shop).await, "Purchase OrderCanceled");
        tells(&shop, PurchaseOn::Shipped, Duration::ZERO).await;
        shop.imports([line(Some("3"), told(OutcomeKind::Shipped, None, "A-2"))]).await;
        let told = shop.conversation("3").await.unwrap();
        assert!(shop.conversions(&told).await.iter().all(|row| row.name != EventName::OrderCreated));
    }
);

both!(
    async fn without_lifecycle_nothing_of_it_is_told(shop: Shop) {
        shop.set_policy(|policy| policy.hold = Duration::ZERO).await;
        let chat = shop.hears_from("2").await;
        for kind in
            [OutcomeKind::Confirmed, OutcomeKind::Shipped, OutcomeKind::Delivered, OutcomeKind::Returned]
        {
            says(&shop, &chat, kind).await;
            shop.delivers().await;
        }
        assert_eq!(names(&shop).await, "Purchase");
    }
);

both!(
    async fn a_cancel_inside_the_hold_tells_meta_nothing_at_all(shop: Shop) {
        for (index, on) in [PurchaseOn::Confirmed, PurchaseOn::Paid].into_iter().enumerate() {
            tells(&shop, on, HOLD).await;
            let chat = shop.hears_from(&format!("{index}")).await;
            let number = format!("A-{index}");
            shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), &number)).await.unwrap();
            shop.tags(&chat, &numbered(say(OutcomeKind::Cancelled, None), &number)).await.unwrap();
            let row = shop.find(&chat, EventName::OrderCanceled, 0).await;
            assert_eq!(stands(&row), (State::Suppressed, Reason::PurchaseNotSent));
        }
        shop.later(2 * HOLD);
        assert_eq!(shop.delivers().await, 0);
        assert!(shop.meta.requests().is_empty());
    }
);

both!(
    async fn a_step_before_the_purchase_left_wakes_with_it_under_a_new_hold(shop: Shop) {
        tells(&shop, PurchaseOn::Confirmed, HOLD).await;
        let chat = shop.hears_from("2").await;
        says(&shop, &chat, OutcomeKind::Confirmed).await;
        says(&shop, &chat, OutcomeKind::Shipped).await;
        let shipped = shop.find(&chat, EventName::OrderShipped, 0).await;
        assert_eq!(stands(&shipped), (State::Suppressed, Reason::PurchaseNotSent));
        shop.later(HOLD);
        assert_eq!(names(&shop).await, "Purchase");
        let woken = shop.find(&chat, EventName::OrderShipped, 0).await;
        assert_eq!((&woken.id, &woken.event_id), (&shipped.id, &shipped.event_id));
        assert_eq!(stands(&woken), (State::Held, Reason::Hold));
        assert_eq!(woken.leaves_at, shop.services.clock.now() + HOLD);
        shop.later(HOLD);
        assert_eq!(names(&shop).await, "Purchase OrderShipped");
    }
);

both!(
    async fn a_cancel_while_the_purchase_is_out_is_told_if_meta_may_have_it(shop: Shop) {
        tells(&shop, PurchaseOn::Confirmed, HOLD).await;
        for (index, (verdict, told)) in
            [(Verdict::NotTaken, 0), (Verdict::Unknown, 1), (Verdict::Sent, 1)].into_iter().enumerate()
        {
            let (chat, number) = (shop.hears_from(&format!("{index}")).await, format!("A-{index}"));
            shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), &number)).await.unwrap();
            shop.later(HOLD);
            let batch = shop.opens().await;
            shop.tags(&chat, &numbered(say(OutcomeKind::Cancelled, None), &number)).await.unwrap();
            let row = shop.find(&chat, EventName::OrderCanceled, 0).await;
            assert_eq!(stands(&row), (State::Suppressed, Reason::PurchaseNotSent));
            shop.settles(&batch, verdict).await;
            shop.later(HOLD);
            assert_eq!(shop.delivers().await, told, "{verdict:?}");
        }
        assert_eq!(names(&shop).await, "OrderCanceled OrderCanceled");
    }
);

both!(
    async fn a_cancel_that_is_undone_inside_its_hold_is_not_told(shop: Shop) {
        tells(&shop, PurchaseOn::Confirmed, HOLD).await;
        let chat = shop.hears_from("2").await;
        says(&shop, &chat, OutcomeKind::Confirmed).await;
        shop.later(HOLD);
        assert_eq!(names(&shop).await, "Purchase");
        let cancelled = shop.tags(&chat, &numbered(say(OutcomeKind::Cancelled, None), "A-1")).await.unwrap();
        shop.undoes(&cancelled.outcome_id).await.unwrap();
        shop.later(HOLD);
        assert_eq!(names(&shop).await, "Purchase");
        let row = shop.find(&chat, EventName::OrderCanceled, 0).await;
        assert_eq!(stands(&row), (State::Suppressed, Reason::Undone));
    }
);
