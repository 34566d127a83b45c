//! What leaves after an undo, a cancel, a failure or a refusal.

use super::{CANCELLED, CONFIRMED, HOUR};
use crate::harness::{HOLD, Shop, both, numbered, referred, same_as, say};
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::flow::{self, IdempotentRequest, Resolution};
use salesbridge::sandbox::Fault;
use std::time::Duration;

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
