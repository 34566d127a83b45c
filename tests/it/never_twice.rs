//! What Meta perhaps took is never sent again by itself; what it certainly did not take is tried again.

use std::time::Duration;

use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::conversion::State;
use salesbridge::domain::signal::policy::Mode;
use salesbridge::sandbox::Fault;

use crate::harness::{HOLD, Shop, both, numbered, say};

both!(
    async fn a_lost_answer_is_unknown_and_never_sent_again(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.later(HOLD);
        shop.delivers().await;
        shop.later(HOLD);
        shop.delivers().await;
        let asked = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap_err();
        assert_eq!(asked.code, "perhaps_same_sale");
        let named = numbered(say(OutcomeKind::Confirmed, 5000), "S-1001");
        let known = shop.tags(&chat, &named).await.unwrap();
        assert_eq!((known.known, known.conversions[0].state), (true, State::Unknown));
        assert_eq!(shop.told().len(), 1);
    }
);

both!(
    async fn what_was_certainly_not_taken_is_tried_again(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.meta.fail_next(Fault::Graph { status: 400, code: 1, subcode: Some(99) });
        shop.meta.fail_next(Fault::Zero);
        shop.later(HOLD);
        for _ in 0..3 {
            shop.delivers().await;
            shop.later(HOLD);
        }
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn zero_three_times_is_unknown(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        for _ in 0..3 {
            shop.meta.fail_next(Fault::Zero);
        }
        for _ in 0..5 {
            shop.later(HOLD);
            shop.delivers().await;
        }
        assert_eq!(shop.meta.requests().len(), 3);
        assert!(shop.told().is_empty());
    }
);

both!(
    async fn poison_harms_no_neighbour(shop: Shop) {
        let mut poisoned = Vec::new();
        for number in 0..40 {
            let chat = shop.hears_from(&format!("{number}")).await;
            let tag = numbered(say(OutcomeKind::Confirmed, 1000 + number), &format!("A-{number}"));
            let tagged = shop.tags(&chat, &tag).await.unwrap();
            if number % 20 == 7 {
                shop.meta.poison(&tagged.conversions[0].event_id, 2_804_008);
                poisoned.push((chat, tag));
            }
        }
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told().len(), 38);
        // A bisection of 40 events asks at most twice for each level and each of the two poisoned: 2 * 2 * log2(40).
        assert!(shop.meta.requests().len() <= 2 * 22);
        for (chat, tag) in poisoned {
            let known = shop.tags(&chat, &tag).await.unwrap();
            assert_eq!(known.conversions[0].state, State::Rejected);
        }
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
    }
);

both!(
    async fn a_dead_token_burns_nothing_and_all_leaves_when_it_is_mended(shop: Shop) {
        for number in 0..5 {
            let chat = shop.hears_from(&format!("{number}")).await;
            shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 1000), &format!("A-{number}")))
                .await
                .unwrap();
        }
        shop.meta.kill_token("token-of-the-page");
        shop.later(HOLD);
        shop.delivers().await;
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.meta.requests().len(), 1);
        shop.meta.revive_token("token-of-the-page");
        shop.mend().await;
        shop.delivers().await;
        assert_eq!(shop.told().len(), 5);
    }
);

both!(
    async fn the_seven_days_are_exact_to_a_second(shop: Shop) {
        shop.set_page(|page| page.mode = Mode::Paused).await;
        // A minute less than Meta's 7 days, so that an event is not too old when it arrives.
        let age_max = Duration::from_mins(7 * 24 * 60 - 1);
        let late = shop.hears_from("1").await;
        shop.tags(&late, &numbered(say(OutcomeKind::Confirmed, 1000), "A-late")).await.unwrap();
        shop.later(Duration::from_secs(1));
        let just = shop.hears_from("2").await;
        shop.tags(&just, &numbered(say(OutcomeKind::Confirmed, 2000), "A-just")).await.unwrap();
        shop.later(age_max);
        shop.delivers().await;
        shop.set_page(|page| page.mode = Mode::Live).await;
        shop.delivers().await;
        assert_eq!(shop.told(), ["20.0"]);
        let known = shop.tags(&late, &numbered(say(OutcomeKind::Confirmed, 1000), "A-late")).await.unwrap();
        assert_eq!(known.conversions[0].state, State::Expired);
    }
);
