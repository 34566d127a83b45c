//! Lanes: what stops a link stops all Pages that share it, mending it once mends all of them, and no other lane is
//! touched.

use std::time::Duration;

use salesbridge::domain::basic::identity::{DatasetId, PageId};
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::conversion::EventName;
use salesbridge::domain::signal::policy::LeadOn;
use salesbridge::flow::{self, ImportLine, PageChange};
use salesbridge::sandbox::{Fault, RetryHint};
use salesbridge::store::page::Page;

use crate::harness::{HOLD, PAGE, Shop, both};
use crate::sales::{DATASET, line, told};

const TOKEN: &str = "token-of-the-page";
const TOKEN_ANEW: &str = "token-anew";
const SECOND_PAGE: &str = "3333333333";
const OTHER_DATASET: &str = "9876543210987654";

/// A second Page, which Meta has linked as it is set.
async fn joins(shop: &Shop, dataset: &str, token: &str) {
    shop.meta.link(SECOND_PAGE, dataset, token);
    let mut page = Page { id: PageId::from(SECOND_PAGE), ..shop.page(PAGE).await };
    page.lane.dataset_id = DatasetId::from(dataset);
    page.lane.token = token.to_owned().into();
    shop.puts(&page).await;
}

/// A sale on a Page.
async fn sells_on(shop: &Shop, page: &str, number: &str) {
    let sale = line(Some("7"), told(OutcomeKind::Confirmed, 2000, number));
    shop.imports([ImportLine { page: PageId::from(page), ..sale }]).await;
}

/// One sale on each of the two Pages, both due.
async fn sells_on_both(shop: &Shop, number: &str) {
    sells_on(shop, PAGE, &format!("A-{number}")).await;
    sells_on(shop, SECOND_PAGE, &format!("B-{number}")).await;
    shop.later(HOLD);
}

/// Somebody gives a Page another token.
async fn mends(shop: &Shop, page: &str, token: &str) {
    let change = PageChange { access_token: Some(token.to_owned().into()), ..PageChange::default() };
    flow::change_page(&shop.services, &PageId::from(page), &change).await.unwrap();
}

/// Whether each of the two Pages is on a lane with a fault.
async fn faults(shop: &Shop) -> [bool; 2] {
    [shop.page(PAGE).await, shop.page(SECOND_PAGE).await].map(|page| page.lane.fault.is_some())
}

async fn lanes(shop: &Shop) -> usize {
    shop.asks("select id from lane").await.len()
}

fn are_different(mut ids: Vec<String>) -> bool {
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() == all
}

both!(
    async fn a_broken_token_stops_both_pages_of_a_lane_and_a_new_one_on_either_mends_both(shop: Shop) {
        joins(&shop, DATASET, TOKEN).await;
        assert_eq!(lanes(&shop).await, 1);
        for (broken, anew, mended) in [(TOKEN, TOKEN_ANEW, SECOND_PAGE), (TOKEN_ANEW, "token-again", PAGE)] {
            sells_on_both(&shop, anew).await;
            let before = shop.taken().len();
            shop.meta.kill_token(broken);
            assert!(shop.delivers().await >= 1);
            assert_eq!(faults(&shop).await, [true, true]);
            shop.later(HOLD);
            assert_eq!(shop.delivers().await, 0);
            shop.meta.link(PAGE, DATASET, anew);
            shop.meta.link(SECOND_PAGE, DATASET, anew);
            mends(&shop, mended, anew).await;
            assert_eq!((faults(&shop).await, lanes(&shop).await), ([false, false], 1));
            assert_eq!(shop.delivers().await, 2);
            assert_eq!(shop.taken().len(), before + 2);
        }
        assert_eq!(shop.stand().await, "4 sent taken");
        assert!(are_different(shop.taken()));
    }
);

both!(
    async fn a_fault_that_one_page_meets_stops_its_neighbour_while_the_same_token_mends_both(shop: Shop) {
        joins(&shop, DATASET, TOKEN).await;
        sells_on(&shop, PAGE, "A-1").await;
        shop.later(HOLD);
        shop.meta.fail_next(Fault::Graph { status: 400, code: 190, subcode: None });
        assert_eq!(shop.delivers().await, 1);
        sells_on(&shop, SECOND_PAGE, "B-1").await;
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        mends(&shop, SECOND_PAGE, TOKEN).await;
        assert_eq!(shop.delivers().await, 2);
        assert_eq!(shop.stand().await, "2 sent taken");
    }
);

both!(
    async fn with_tokens_of_their_own_a_fault_stops_one_page_and_a_throttle_both(shop: Shop) {
        joins(&shop, DATASET, TOKEN_ANEW).await;
        assert_eq!(lanes(&shop).await, 2);
        sells_on_both(&shop, "1").await;
        shop.meta.kill_token(TOKEN);
        assert_eq!(shop.delivers().await, 2);
        assert_eq!(faults(&shop).await, [true, false]);
        assert_eq!(shop.stand().await, "1 ready try_again, 1 sent taken");
        shop.meta.revive_token(TOKEN);
        mends(&shop, PAGE, TOKEN).await;
        assert_eq!(shop.delivers().await, 1);

        sells_on(&shop, PAGE, "A-2").await;
        shop.later(HOLD);
        shop.meta.fail_next(Fault::Throttled { code: 4, retry: RetryHint::RetryAfter { seconds: 90 } });
        assert_eq!(shop.delivers().await, 1);
        let now = shop.services.clock.now();
        assert!(!shop.page(SECOND_PAGE).await.lane.is_open(now));
        shop.set_page(|page| page.policy.hold = Duration::ZERO).await;
        sells_on(&shop, SECOND_PAGE, "B-2").await;
        assert_eq!(shop.delivers().await, 0);
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 2);
        assert_eq!(shop.stand().await, "4 sent taken");
        assert!(are_different(shop.taken()));
    }
);

both!(
    async fn a_name_that_a_dataset_refuses_is_suppressed_on_all_its_lanes(shop: Shop) {
        shop.set_page(|page| {
            (page.policy.lead_on, page.policy.hold) = (LeadOn::FirstMessage, Duration::ZERO);
        })
        .await;
        joins(&shop, DATASET, TOKEN_ANEW).await;
        shop.meta.refuse_name(DATASET, "LeadSubmitted");
        shop.writes("1", "m_1", "hello").await;
        assert_eq!(shop.delivers().await, 1);
        for page in [PAGE, SECOND_PAGE] {
            let mut unit = shop.services.store.read().await.unwrap();
            let page = unit.page(&PageId::from(page)).await.unwrap().unwrap();
            assert!(unit.rules(&page).await.unwrap().refused.contains(&EventName::LeadSubmitted));
        }
        assert_eq!((faults(&shop).await, shop.delivers().await), ([false, false], 0));
    }
);

both!(
    async fn a_page_that_moves_to_another_dataset_leaves_its_neighbour_alone(shop: Shop) {
        joins(&shop, DATASET, TOKEN).await;
        let before = shop.page(PAGE).await.lane.id;
        joins(&shop, OTHER_DATASET, TOKEN).await;
        assert_eq!((shop.page(PAGE).await.lane.id, lanes(&shop).await), (before.clone(), 2));
        sells_on_both(&shop, "1").await;
        assert_eq!(shop.delivers().await, 2);
        let sent = [DATASET, OTHER_DATASET].map(|dataset| shop.meta.accepted_by(dataset).len());
        assert_eq!(sent, [1, 1]);
        // Back again, it shares the lane that is there, and nobody needs the other one.
        joins(&shop, DATASET, TOKEN).await;
        assert_eq!((shop.page(SECOND_PAGE).await.lane.id, lanes(&shop).await), (before, 1));
    }
);

both!(
    async fn lanes_that_are_given_the_same_token_become_one(shop: Shop) {
        joins(&shop, DATASET, TOKEN_ANEW).await;
        sells_on_both(&shop, "1").await;
        shop.meta.link(PAGE, DATASET, TOKEN_ANEW);
        mends(&shop, PAGE, TOKEN_ANEW).await;
        let here = shop.page(PAGE).await.lane.id;
        assert_eq!((shop.page(SECOND_PAGE).await.lane.id, lanes(&shop).await), (here, 1));
        assert_eq!(shop.delivers().await, 2);
        assert_eq!(shop.stand().await, "2 sent taken");
    }
);
