//! A used-up quota: the dataset rests, for as long as Meta says, and before the limit is reached.

use std::time::Duration;

use salesbridge::domain::basic::identity::{DatasetId, PageId};
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::flow::ImportLine;
use salesbridge::sandbox::{Fault, RetryHint};

use crate::harness::{HOLD, Shop, both};
use crate::sales::{DATASET, line, told};

const SECOND: Duration = Duration::from_secs(1);
const SECOND_PAGE: &str = "3333333333";
const OTHER_PAGE: &str = "4444444444";
const OTHER_DATASET: &str = "9876543210987654";

/// A further Page, linked to a dataset, whose sales leave at once.
async fn joins(shop: &Shop, page: &str, dataset: &str) {
    shop.meta.link(page, dataset, "token-of-the-page");
    shop.set_page(|other| {
        (other.id, other.lane.dataset_id) = (PageId::from(page), DatasetId::from(dataset));
        other.policy.hold = Duration::ZERO;
    })
    .await;
}

async fn sells_on(shop: &Shop, page: &str, number: &str) {
    let sale = line(Some("7"), told(OutcomeKind::Confirmed, 2000, number));
    shop.imports([ImportLine { page: PageId::from(page), ..sale }]).await;
}

/// Nothing leaves until `pause` is over.
async fn rests_for(shop: &Shop, pause: Duration) {
    assert_eq!(shop.delivers().await, 0);
    shop.later(pause - SECOND);
    assert_eq!(shop.delivers().await, 0, "before {pause:?}");
    shop.later(SECOND);
}

both!(
    async fn a_told_pause_is_kept_to_the_second(shop: Shop) {
        shop.sells(2).await;
        shop.later(HOLD);
        for (retry, pause) in [
            (RetryHint::RetryAfter { seconds: 90 }, 90),
            (RetryHint::Usage { minutes: 3 }, 180),
            (RetryHint::RetryAfter { seconds: 7 }, 7),
        ] {
            for code in [4, 17, 613, 80_004] {
                shop.meta.fail_next(Fault::Throttled { code, retry });
                assert_eq!(shop.delivers().await, 1);
                assert_eq!(shop.stand().await, "2 ready try_again");
                rests_for(&shop, Duration::from_secs(pause)).await;
            }
        }
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "2 sent taken");
    }
);

both!(
    async fn an_untold_pause_is_a_minute_and_doubles_to_a_quarter_of_an_hour(shop: Shop) {
        let untold = Fault::Throttled { code: 4, retry: RetryHint::Nothing };
        let sale = |number: &str| line(Some("7"), told(OutcomeKind::Confirmed, 2000, number));
        shop.imports([sale("A-1")]).await;
        shop.later(HOLD);
        shop.meta.fail_next(Fault::Throttled { code: 4, retry: RetryHint::RetryAfter { seconds: 5 } });
        assert_eq!(shop.delivers().await, 1);
        rests_for(&shop, Duration::from_secs(5)).await;
        for seconds in [60, 120, 240, 480, 900, 900] {
            shop.meta.fail_next(untold);
            assert_eq!(shop.delivers().await, 1);
            rests_for(&shop, Duration::from_secs(seconds)).await;
        }
        assert_eq!(shop.delivers().await, 1);
        shop.imports([sale("A-2")]).await;
        shop.later(HOLD);
        shop.meta.fail_next(untold);
        assert_eq!(shop.delivers().await, 1);
        rests_for(&shop, Duration::from_mins(1)).await;
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.told(), ["20.0", "20.0"]);
    }
);

both!(
    async fn a_pause_is_shared_by_the_pages_of_a_dataset_and_by_no_other(shop: Shop) {
        joins(&shop, SECOND_PAGE, DATASET).await;
        joins(&shop, OTHER_PAGE, OTHER_DATASET).await;
        shop.sells(1).await;
        shop.later(HOLD);
        shop.meta.fail_next(Fault::Throttled { code: 4, retry: RetryHint::Nothing });
        assert_eq!(shop.delivers().await, 1);
        sells_on(&shop, SECOND_PAGE, "B-1").await;
        sells_on(&shop, OTHER_PAGE, "C-1").await;
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.meta.accepted_by(OTHER_DATASET).len(), 1);
        rests_for(&shop, Duration::from_mins(1)).await;
        assert_eq!(shop.delivers().await, 2);
        assert_eq!(shop.stand().await, "3 sent taken");
    }
);

both!(
    async fn a_pause_is_not_shortened_and_not_doubled_by_an_answer_that_was_out_with_it(shop: Shop) {
        joins(&shop, SECOND_PAGE, DATASET).await;
        shop.sells(1).await;
        shop.later(HOLD);
        sells_on(&shop, SECOND_PAGE, "B-1").await;
        for (first, second, pause) in
            [(Some(600), Some(10), 600), (None, None, 60), (None, None, 120), (Some(5), Some(600), 600)]
        {
            let (here, there) = (shop.opens().await, shop.opens_for(SECOND_PAGE).await);
            shop.settles(&here, Verdict::Throttled(first.map(Duration::from_secs))).await;
            shop.settles(&there, Verdict::Throttled(second.map(Duration::from_secs))).await;
            rests_for(&shop, Duration::from_secs(pause)).await;
        }
        assert_eq!(shop.delivers().await, 2);
    }
);

both!(
    async fn a_pause_ends_a_bisection(shop: Shop) {
        let events = shop.sells(8).await;
        shop.meta.poison(&events[2], 2_804_008);
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        shop.meta.fail_next(Fault::Throttled { code: 4, retry: RetryHint::Nothing });
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 2);
        rests_for(&shop, Duration::from_mins(1)).await;
        shop.delivers().await;
        assert_eq!(shop.stand().await, "1 rejected refused, 7 sent taken");
    }
);

both!(
    async fn a_quota_that_is_nearly_used_up_makes_the_dataset_rest(shop: Shop) {
        shop.set_policy(|policy| policy.hold = Duration::ZERO).await;
        for (percent, rests) in [(94, false), (95, true), (100, true)] {
            shop.imports([line(Some("7"), told(OutcomeKind::Confirmed, 2000, &format!("A-{percent}")))])
                .await;
            shop.meta.fail_next(Fault::NearlyUsedUp { percent });
            assert_eq!(shop.delivers().await, 1);
            shop.imports([line(Some("8"), told(OutcomeKind::Confirmed, 2000, &format!("B-{percent}")))])
                .await;
            if rests {
                rests_for(&shop, Duration::from_mins(1)).await;
            }
            assert_eq!(shop.delivers().await, 1, "{percent}");
        }
        assert_eq!(shop.stand().await, "6 sent taken");
    }
);
