//! What Meta is told, and what not.

use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::domain::signal::policy::Mode;

use crate::harness::{HOLD, Shop, both, numbered, referred, say};

both!(
    async fn a_purchase_reaches_the_dataset_once_after_its_hold(shop: Shop) {
        let chat = shop.hears_from("2222222222222222").await;
        let tagged = shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 12050), "A-1001")).await.unwrap();
        assert_eq!((tagged.conversions[0].state, tagged.conversions[0].reason), (State::Held, Reason::Hold));
        assert_eq!(shop.delivers().await, 0);
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.delivers().await, 0);
        let event = &shop.meta.accepted()[0];
        assert_eq!(event["event_id"], "6302d0976def42406a0fab44af2c9b16");
        assert_eq!(event["custom_data"]["value"].to_string(), "120.5");
        assert_eq!(event["user_data"]["page_scoped_user_id"], "2222222222222222");
    }
);

both!(
    async fn cancel_inside_the_hold_tells_meta_nothing(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let cancelled = shop.tags(&chat, &say(OutcomeKind::Cancelled, None)).await.unwrap();
        assert_eq!(
            (cancelled.conversions[0].state, cancelled.conversions[0].reason),
            (State::Suppressed, Reason::Cancelled)
        );
        shop.later(HOLD);
        shop.delivers().await;
        assert!(shop.meta.requests().is_empty());
    }
);

both!(
    async fn cancel_stops_what_was_ready_while_its_page_was_paused(shop: Shop) {
        shop.set_page(|page| page.mode = Mode::Paused).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(HOLD * 2 * 24 * 3);
        shop.delivers().await;
        let cancelled = shop.tags(&chat, &say(OutcomeKind::Cancelled, None)).await.unwrap();
        assert_eq!(cancelled.conversions[0].state, State::Suppressed);
        shop.set_page(|page| page.mode = Mode::Live).await;
        shop.delivers().await;
        assert!(shop.meta.requests().is_empty());
    }
);

both!(
    async fn tag_undo_tag_again_is_one_event(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let first = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        let undone = shop.undoes(&first.outcome_id).await.unwrap();
        assert_eq!(
            (undone.conversions[0].state, undone.conversions[0].reason),
            (State::Suppressed, Reason::Undone)
        );
        let twice = shop.undoes(&first.outcome_id).await.unwrap();
        assert_eq!((twice.outcome_id, twice.known), (undone.outcome_id, true));
        let again = shop.tags(&chat, &say(OutcomeKind::Confirmed, 6000)).await.unwrap();
        assert_eq!(again.conversions[0].event_id, first.conversions[0].event_id);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["60.0"]);
        shop.undoes(&again.outcome_id).await.unwrap();
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 6000)).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["60.0"]);
    }
);

both!(
    async fn cross_sell_inside_the_hold_is_one_purchase_of_the_sum(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.tags(&chat, &referred(say(OutcomeKind::CrossSold, 1550), "r-1")).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["65.5"]);
    }
);

both!(
    async fn cross_sell_after_it_is_the_uplift_alone(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        let sold = shop.tags(&chat, &referred(say(OutcomeKind::CrossSold, 1550), "r-1")).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0", "15.5"]);
        shop.undoes(&sold.outcome_id).await.unwrap();
        shop.tags(&chat, &referred(say(OutcomeKind::CrossSold, 1550), "r-2")).await.unwrap();
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0", "15.5"]);
    }
);

both!(
    async fn shadow_computes_and_sends_nothing(shop: Shop) {
        shop.set_page(|page| page.mode = Mode::Shadow).await;
        let chat = shop.hears_from("2").await;
        let tagged = shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        assert_eq!(
            (tagged.conversions[0].state, tagged.conversions[0].reason),
            (State::Suppressed, Reason::Shadow)
        );
        shop.set_page(|page| page.mode = Mode::Live).await;
        shop.later(HOLD);
        shop.delivers().await;
        assert!(shop.meta.requests().is_empty());
    }
);
