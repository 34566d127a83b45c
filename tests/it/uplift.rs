//! Cross-sells, amendments and part returns: inside the Purchase before it leaves, beside it afterwards; and
//! what becomes of both when the order falls and rises again.

use std::time::Duration;

use salesbridge::domain::basic::identity::ConversationId;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::domain::signal::conversion::{EventName, Reason, State};
use salesbridge::domain::signal::policy::{Mode, PurchaseOn};
use salesbridge::flow::{self, Resolution, Tagged};
use salesbridge::sandbox::Fault;

use crate::harness::{HOLD, Shop, both, numbered, referred, same_as, say};
use crate::sales::{line, purchase_id, stands, told};

const WAITS: (State, Reason) = (State::Held, Reason::WaitsForPurchase);
const HELD: (State, Reason) = (State::Held, Reason::Hold);

async fn confirms(shop: &Shop, chat: &ConversationId, value: i64) -> Tagged {
    let sold = say(OutcomeKind::Confirmed, value);
    let is_there = !shop.aggregate(chat).await.orders.is_empty();
    let sold = if is_there { same_as(sold, "A-1") } else { numbered(sold, "A-1") };
    shop.tags(chat, &sold).await.unwrap()
}

async fn adds(shop: &Shop, chat: &ConversationId, value: i64, reference: &str) -> Tagged {
    let sold = referred(numbered(say(OutcomeKind::CrossSold, value), "A-1"), reference);
    shop.tags(chat, &sold).await.unwrap()
}

async fn says(shop: &Shop, chat: &ConversationId, kind: OutcomeKind) -> Tagged {
    shop.tags(chat, &numbered(say(kind, None), "A-1")).await.unwrap()
}

async fn uplift_stands(shop: &Shop, chat: &ConversationId, number: i64) -> (State, Reason) {
    stands(&shop.find(chat, EventName::Purchase, number).await)
}

async fn leaves(shop: &Shop) -> Vec<String> {
    shop.later(HOLD);
    while shop.delivers().await > 0 {}
    shop.told()
}

both!(
    async fn what_is_added_before_the_purchase_exists_is_part_of_it(shop: Shop) {
        shop.set_policy(|policy| policy.purchase_on = PurchaseOn::Delivered).await;
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        adds(&shop, &chat, 1550, "r-1").await;
        assert_eq!(shop.stand().await, "");
        says(&shop, &chat, OutcomeKind::Delivered).await;
        assert_eq!(leaves(&shop).await, ["65.5"]);
    }
);

both!(
    async fn what_is_added_inside_the_hold_does_not_restart_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        shop.later(HOLD - Duration::from_secs(1));
        adds(&shop, &chat, 1550, "r-1").await;
        let undone = adds(&shop, &chat, 900, "r-2").await;
        shop.undoes(&undone.outcome_id).await.unwrap();
        // A value that came late is guarded for 10 minutes.
        shop.later(Duration::from_secs(1));
        assert_eq!(shop.delivers().await, 0);
        shop.later(Duration::from_mins(10));
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.told(), ["65.5"]);
        assert_eq!(leaves(&shop).await, ["65.5"]);
    }
);

both!(
    async fn each_later_uplift_is_a_purchase_of_its_own_over_the_uplift_alone(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        leaves(&shop).await;
        let mut sold = referred(numbered(say(OutcomeKind::CrossSold, 1550), "A-1"), "r-1");
        sold.terms.delivery_fee = Some(50);
        shop.tags(&chat, &sold).await.unwrap();
        adds(&shop, &chat, 700, "r-2").await;
        assert_eq!(uplift_stands(&shop, &chat, 1).await, HELD);
        assert_eq!(leaves(&shop).await, ["50.0", "15.0", "7.0"]);
        assert_eq!(shop.taken(), [0, 1, 2].map(|number| purchase_id("A-1", number)));
        for event in shop.meta.accepted() {
            assert_eq!(event["custom_data"]["order_id"], "A-1");
        }
    }
);

both!(
    async fn what_is_added_while_the_purchase_is_out_waits_for_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        adds(&shop, &chat, 1550, "r-1").await;
        assert_eq!(uplift_stands(&shop, &chat, 1).await, WAITS);
        let waiting = shop.find(&chat, EventName::Purchase, 1).await;
        assert_eq!(shop.sends(&waiting.id).await.unwrap_err().code, "wrong_state");
        shop.settles(&batch, Verdict::Sent).await;
        assert_eq!(leaves(&shop).await, ["15.5"]);
    }
);

both!(
    async fn an_uplift_joins_a_purchase_that_was_certainly_not_taken(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        adds(&shop, &chat, 1550, "r-1").await;
        shop.settles(&batch, Verdict::Refused).await;
        adds(&shop, &chat, 700, "r-2").await;
        assert_eq!(shop.stand().await, "1 held hold");
        assert_eq!(leaves(&shop).await, ["72.5"]);
        assert_eq!(shop.taken(), [purchase_id("A-1", 0)]);
    }
);

both!(
    async fn an_uplift_beside_an_unknown_purchase_leaves(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        leaves(&shop).await;
        adds(&shop, &chat, 1550, "r-1").await;
        assert_eq!(leaves(&shop).await, ["50.0", "15.5"]);
    }
);

both!(
    async fn an_uplift_that_is_due_waits_again_when_its_purchase_is_to_be_sent_again(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        shop.meta.fail_next(Fault::Html503);
        leaves(&shop).await;
        adds(&shop, &chat, 1550, "r-1").await;
        shop.later(HOLD);
        flow::release(&shop.services).await.unwrap();
        assert_eq!(uplift_stands(&shop, &chat, 1).await, (State::Ready, Reason::Due));
        let attempt = shop.attempts().await.remove(0);
        shop.resolves(&attempt, Resolution::Resend).await.unwrap();
        assert_eq!(uplift_stands(&shop, &chat, 1).await, WAITS);
        assert_eq!(leaves(&shop).await, ["50.0", "15.5"]);
    }
);

both!(
    async fn an_undone_uplift_that_left_is_used_up_before_another_is_told(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        leaves(&shop).await;
        let first = adds(&shop, &chat, 1550, "r-1").await;
        leaves(&shop).await;
        shop.undoes(&first.outcome_id).await.unwrap();
        adds(&shop, &chat, 1200, "r-2").await;
        assert_eq!(leaves(&shop).await, ["50.0", "15.5"]);
        adds(&shop, &chat, 700, "r-3").await;
        // 69 less the 65.50 that Meta knows.
        assert_eq!(leaves(&shop).await, ["50.0", "15.5", "3.5"]);
        assert_eq!(shop.taken()[2], purchase_id("A-1", 2));
    }
);

both!(
    async fn an_uplift_undone_inside_its_hold_gives_its_place_to_the_next(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        leaves(&shop).await;
        let first = adds(&shop, &chat, 1550, "r-1").await;
        shop.undoes(&first.outcome_id).await.unwrap();
        assert_eq!(uplift_stands(&shop, &chat, 1).await, (State::Suppressed, Reason::Undone));
        adds(&shop, &chat, 1200, "r-2").await;
        assert_eq!(leaves(&shop).await, ["50.0", "12.0"]);
        assert_eq!(shop.taken()[1], purchase_id("A-1", 1));
    }
);

both!(
    async fn amendments_and_part_returns_count_until_an_attempt_may_have_been_taken(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 120_500).await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 12_050), "A-1")).await.unwrap();
        let part = |value, reference: &str| {
            line(None, referred(told(OutcomeKind::Returned, value, "A-1"), reference))
        };
        shop.imports([line(None, told(OutcomeKind::Delivered, None, "A-1")), part(2050, "b-1")]).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        shop.imports([part(1000, "b-2")]).await;
        shop.settles(&batch, Verdict::NotTaken).await;
        shop.imports([part(500, "b-3")]).await;
        assert_eq!(leaves(&shop).await, ["85.0"]);
        shop.imports([part(500, "b-4")]).await;
        assert_eq!(leaves(&shop).await, ["85.0"]);
        assert_eq!(shop.stand().await, "1 sent taken");
    }
);

both!(
    async fn a_purchase_that_comes_back_is_the_same_one_with_a_new_payload_and_a_new_hold(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        let first = shop.purchase(&chat).await;
        shop.later(HOLD / 2);
        let cancelled = says(&shop, &chat, OutcomeKind::Cancelled).await;
        shop.undoes(&cancelled.outcome_id).await.unwrap();
        let woken = shop.purchase(&chat).await;
        assert_eq!((stands(&woken), woken.leaves_at), (HELD, shop.services.clock.now() + HOLD));
        says(&shop, &chat, OutcomeKind::Cancelled).await;
        shop.later(HOLD);
        confirms(&shop, &chat, 6000).await;
        let woken = shop.purchase(&chat).await;
        assert_eq!((&woken.id, &woken.event_id), (&first.id, &first.event_id));
        assert_eq!((stands(&woken), woken.leaves_at), (HELD, shop.services.clock.now() + HOLD));
        assert_eq!(woken.event_time, shop.services.clock.now());
        assert_eq!(leaves(&shop).await, ["60.0"]);
    }
);

both!(
    async fn a_purchase_that_was_tried_and_fell_comes_back_with_what_is_true_then(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        adds(&shop, &chat, 1550, "r-1").await;
        shop.settles(&batch, Verdict::NotTaken).await;
        says(&shop, &chat, OutcomeKind::Cancelled).await;
        assert_eq!(shop.stand().await, "1 suppressed cancelled");
        assert!(leaves(&shop).await.is_empty());
        confirms(&shop, &chat, 8000).await;
        assert_eq!(leaves(&shop).await, ["80.0"]);
        assert_eq!(shop.taken(), [purchase_id("A-1", 0)]);
    }
);

both!(
    async fn a_return_in_full_inside_the_hold_stops_the_purchase_and_its_undo_wakes_it(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        says(&shop, &chat, OutcomeKind::Shipped).await;
        let returned = says(&shop, &chat, OutcomeKind::Returned).await;
        assert_eq!(shop.purchase_stands(&chat).await, (State::Suppressed, Reason::Returned));
        shop.undoes(&returned.outcome_id).await.unwrap();
        assert_eq!(leaves(&shop).await, ["50.0"]);
    }
);

both!(
    async fn an_order_gives_one_base_purchase_in_its_life(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        leaves(&shop).await;
        let cancelled = says(&shop, &chat, OutcomeKind::Cancelled).await;
        assert_eq!(stands(&cancelled.conversions[0]), (State::Sent, Reason::Taken));
        let again = confirms(&shop, &chat, 9000).await;
        assert_eq!(again.conversions.len(), 1);
        assert_eq!(stands(&again.conversions[0]), (State::Sent, Reason::Taken));
        assert_eq!(leaves(&shop).await, ["50.0"]);
    }
);

both!(
    async fn an_uplift_that_comes_back_while_the_page_is_in_shadow_does_not_leave(shop: Shop) {
        let chat = shop.hears_from("2").await;
        confirms(&shop, &chat, 5000).await;
        leaves(&shop).await;
        let first = adds(&shop, &chat, 1550, "r-1").await;
        shop.undoes(&first.outcome_id).await.unwrap();
        shop.set_page(|page| page.mode = Mode::Shadow).await;
        adds(&shop, &chat, 1200, "r-2").await;
        shop.set_page(|page| page.mode = Mode::Live).await;
        assert_eq!(leaves(&shop).await, ["50.0"]);
    }
);
