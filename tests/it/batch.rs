//! Up to a thousand events in one request: what is bad among them is found and harms no other.

use std::collections::BTreeSet;

use salesbridge::sandbox::Fault;

use crate::harness::{HOLD, Shop, both};

const BATCH: usize = 1000;

async fn poisoned(shop: &Shop, bad: usize) {
    let events = shop.sells(BATCH).await;
    // Few lie apart from each other, many in a row.
    let (first, every) = if bad < 100 { (BATCH / bad / 2, BATCH / bad) } else { (BATCH - bad, 1) };
    let poison: BTreeSet<&String> = events.iter().skip(first).step_by(every).collect();
    assert_eq!(poison.len(), bad);
    for event in &poison {
        shop.meta.poison(event, 2_804_008);
    }
    shop.later(HOLD);
    let requests = shop.delivers().await;
    assert!(requests <= 22 * bad, "{requests} requests for {bad} bad events");
    let taken = shop.taken();
    let good: BTreeSet<&String> = events.iter().filter(|event| !poison.contains(event)).collect();
    assert_eq!(taken.len(), BATCH - bad);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>(), good);
    assert_eq!(shop.stand().await, format!("{bad} rejected refused, {} sent taken", BATCH - bad));
    let told = "select cast(count(*) as text) from conversion join attempt on attempt.id = conversion.attempt_id
                 where state = 'rejected' and code = 100 and subcode = 2804008 and message <> '' and detail = message";
    assert_eq!(shop.asks(told).await, [bad.to_string()]);
    shop.later(HOLD);
    assert_eq!(shop.delivers().await, 0);
}

both!(
    async fn one_bad_event_among_a_thousand_is_rejected_alone(shop: Shop) {
        poisoned(&shop, 1).await;
    }
);

both!(
    async fn two_bad_events_among_a_thousand_are_rejected_alone(shop: Shop) {
        poisoned(&shop, 2).await;
    }
);

both!(
    async fn ten_bad_events_among_a_thousand_are_rejected_alone(shop: Shop) {
        poisoned(&shop, 10).await;
    }
);

both!(
    async fn five_hundred_bad_events_among_a_thousand_are_rejected_alone(shop: Shop) {
        poisoned(&shop, BATCH / 2).await;
    }
);

both!(
    async fn an_event_that_meta_finds_too_old_expires_beside_bad_and_good_ones(shop: Shop) {
        let events = shop.sells(40).await;
        shop.meta.poison(&events[3], 2_804_008);
        shop.meta.poison(&events[4], 2_804_003);
        shop.meta.poison(&events[30], 2_804_003);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.stand().await, "2 expired too_old, 1 rejected refused, 37 sent taken");
        assert_eq!(shop.taken().len(), 37);
    }
);

both!(
    async fn a_dead_link_is_not_bisected_and_burns_nothing(shop: Shop) {
        let events = shop.sells(BATCH).await;
        shop.meta.poison(&events[7], 2_804_008);
        shop.meta.poison(&events[400], 2_804_003);
        shop.meta.kill_token("token-of-the-page");
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        assert_eq!(shop.stand().await, "1000 ready try_again");
        assert_eq!(shop.asks("select distinct cast(tries as text) from conversion").await, ["1"]);
        shop.meta.revive_token("token-of-the-page");
        shop.mend().await;
        shop.delivers().await;
        assert_eq!(shop.stand().await, "1 expired too_old, 1 rejected refused, 998 sent taken");
        assert_eq!(shop.taken().len(), 998);
    }
);

both!(
    async fn a_link_that_dies_in_the_middle_of_a_bisection_ends_it(shop: Shop) {
        shop.sells(8).await;
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        shop.meta.fail_next(Fault::Graph { status: 400, code: 190, subcode: Some(463) });
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 2);
        assert_eq!(shop.stand().await, "8 ready try_again");
        shop.mend().await;
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "8 sent taken");
    }
);
