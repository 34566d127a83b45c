//! Faults of the link between Page, token and dataset: the Page waits for a person, and nothing is burnt.

use std::time::Duration;

use salesbridge::domain::basic::identity::DatasetId;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::domain::signal::conversion::{EventName, Reason, State};
use salesbridge::domain::signal::policy::LeadOn;
use salesbridge::meta::events::verdict::advice;
use salesbridge::sandbox::Fault;

use crate::console::Visitor;
use crate::harness::{HOLD, PAGE, Shop, both};
use crate::sales::{DATASET, line, stands, told};

const FAULTS: [(i64, Option<i64>); 21] = [
    (3, None),
    (10, None),
    (10, Some(1_893_063)),
    (102, None),
    (104, None),
    (190, Some(463)),
    (190, None),
    (200, None),
    (294, None),
    (299, None),
    (368, None),
    (803, None),
    (100, Some(33)),
    (100, Some(2_804_065)),
    (100, Some(2_804_116)),
    (100, Some(2_804_118)),
    (100, Some(2_804_131)),
    (100, Some(2_804_132)),
    (100, Some(2_804_133)),
    (100, Some(2_804_066)),
    (987_654, None),
];

both!(
    async fn a_fault_of_the_link_pauses_the_page_with_advice_and_keeps_its_rows_ready(shop: Shop) {
        shop.sells(3).await;
        shop.later(HOLD);
        for ((code, subcode), status) in FAULTS.into_iter().zip([400, 200, 500].into_iter().cycle()) {
            shop.meta.fail_next(Fault::Graph { status, code, subcode });
            assert_eq!(shop.delivers().await, 1, "{code}/{subcode:?}");
            assert_eq!(shop.fault().await.as_deref(), Some(advice(Some(code), subcode)));
            assert_eq!(shop.stand().await, "3 ready try_again", "{code}/{subcode:?}");
            shop.later(HOLD);
            assert_eq!(shop.delivers().await, 0, "{code}/{subcode:?}");
            shop.mend().await;
        }
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "3 sent taken");
        assert_eq!(shop.taken().len(), 3);
    }
);

both!(
    async fn a_fault_of_the_link_shows_until_when_the_oldest_event_can_leave(shop: Shop) {
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        shop.meta.kill_token("token-of-the-page");
        shop.sells(2).await;
        shop.later(HOLD);
        shop.delivers().await;
        let text = admin.get("/console/queue").await.text;
        assert!(text.contains("sending stopped. The token is no longer valid"), "{text}");
        assert!(text.contains("can&#39;t be sent any more after 30\u{a0}Nov, 12:59."), "{text}");
        let api = shop.api("analyst").await;
        let until = async || api.get("/v1/pages").await.body["data"][0]["fault_until"].clone();
        assert!(until().await.as_str().unwrap().starts_with("2026-11-30T08:59:"), "{}", until().await);
        shop.mend().await;
        assert!(until().await.is_null());
        assert!(!admin.get("/console/queue").await.text.contains("sending stopped"));
    }
);

both!(
    async fn an_unlinked_page_waits_until_it_is_linked_again(shop: Shop) {
        shop.sells(3).await;
        shop.meta.unlink(PAGE);
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 1);
        assert!(shop.fault().await.unwrap().contains("Events Manager"));
        assert_eq!(shop.stand().await, "3 ready try_again");
        shop.meta.link(PAGE, DATASET, "token-of-the-page");
        shop.mend().await;
        shop.delivers().await;
        assert_eq!(shop.stand().await, "3 sent taken");
    }
);

both!(
    async fn a_token_that_was_mended_while_a_request_was_out_is_not_blamed_for_the_old_one(shop: Shop) {
        shop.sells(1).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        shop.meta.link(PAGE, DATASET, "token-anew");
        shop.set_page(|page| page.lane.token = "token-anew".to_owned().into()).await;
        shop.settles(&batch, Verdict::LinkBroken).await;
        assert_eq!(shop.fault().await, None);
        shop.delivers().await;
        assert_eq!(shop.stand().await, "1 sent taken");
    }
);

both!(
    async fn a_name_that_the_dataset_refuses_is_remembered_until_somebody_clears_that(shop: Shop) {
        let leads = |page: &mut salesbridge::store::page::Page| {
            (page.policy.lead_on, page.policy.hold) = (LeadOn::FirstMessage, Duration::ZERO);
        };
        shop.set_page(leads).await;
        let chat = shop.writes("1", "m_1", "hello").await;
        shop.writes("2", "m_2", "hello").await;
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_066) });
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.fault().await, None);
        assert_eq!(shop.stand().await, "2 suppressed name_refused");
        let before = shop.find(&chat, EventName::LeadSubmitted, 0).await;
        let next = shop.writes("3", "m_3", "hello").await;
        let row = shop.find(&next, EventName::LeadSubmitted, 0).await;
        assert_eq!(stands(&row), (State::Suppressed, Reason::NameRefused));
        assert_eq!(shop.delivers().await, 0);
        let mut unit = shop.services.store.begin("test").await.unwrap();
        unit.allow_name(&DatasetId::from(DATASET), EventName::LeadSubmitted).await.unwrap();
        unit.commit().await.unwrap();
        shop.later(Duration::from_secs(1));
        for (psid, mid) in [("1", "m_4"), ("2", "m_5"), ("3", "m_6")] {
            shop.writes(psid, mid, "still there?").await;
        }
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "3 sent taken");
        let woken = shop.find(&chat, EventName::LeadSubmitted, 0).await;
        assert_eq!((&woken.id, &woken.event_id), (&before.id, &before.event_id));
        assert!(shop.taken().contains(&before.event_id));
    }
);

both!(
    async fn a_refused_name_stops_no_event_of_another_name(shop: Shop) {
        shop.set_policy(|policy| policy.lead_on = LeadOn::FirstMessage).await;
        shop.meta.refuse_name(DATASET, "LeadSubmitted");
        for index in 0..20 {
            let (psid, number) = (format!("{index}"), format!("A-{index}"));
            shop.writes(&psid, &format!("m_{index}"), "hello").await;
            shop.imports([line(Some(&psid), told(OutcomeKind::Confirmed, 1000, &number))]).await;
        }
        shop.later(HOLD);
        let requests = shop.delivers().await;
        assert!(requests <= 14, "once the name is known, the others of it are not asked for: {requests}");
        assert_eq!(shop.fault().await, None);
        assert_eq!(shop.stand().await, "20 sent taken, 20 suppressed name_refused");
        assert!(shop.names().iter().all(|name| name == "Purchase"));
    }
);

both!(
    async fn a_refused_purchase_among_other_names_is_a_fault_of_the_link(shop: Shop) {
        shop.set_policy(|policy| policy.lead_on = LeadOn::FirstMessage).await;
        shop.meta.refuse_name(DATASET, "Purchase");
        shop.sells(4).await;
        shop.writes("of-A-0", "m_0", "hello").await;
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.fault().await.as_deref(), Some(advice(Some(100), Some(2_804_066))));
        let burnt = "select state from conversion where state not in ('ready', 'sent')";
        assert!(shop.asks(burnt).await.is_empty());
        assert!(shop.asks("select event_name from refused_name").await.is_empty());
    }
);
