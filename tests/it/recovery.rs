//! What a crash, a stall or a fact that comes while a request is out leaves behind.

use std::time::Duration;

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::order::fold;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::domain::signal::policy::OnUnknown;
use salesbridge::flow;
use salesbridge::sandbox::Fault;
use salesbridge::store::conversion::LEASE;

use crate::harness::{HOLD, PAGE, Shop, both, numbered, say};

const LAPSED: Duration = LEASE.saturating_add(Duration::from_millis(1));

both!(
    async fn an_attempt_that_was_open_at_the_end_is_unknown_at_once_when_one_process_restarts(shop: Shop) {
        shop.sells(2).await;
        shop.later(HOLD);
        shop.opens().await;
        assert_eq!(flow::recover(&shop.services).await.unwrap(), 0);
        assert_eq!(flow::recover_alone(&shop.services).await.unwrap(), 1);
        assert_eq!(shop.stand().await, "2 unknown answer_lost");
        assert_eq!(flow::recover_alone(&shop.services).await.unwrap(), 0);
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
    }
);

both!(
    async fn an_attempt_whose_sender_is_gone_is_unknown_within_a_minute(shop: Shop) {
        shop.sells(2).await;
        shop.later(HOLD);
        shop.opens().await;
        shop.later(LEASE - Duration::from_millis(1));
        assert_eq!(flow::recover(&shop.services).await.unwrap(), 0);
        shop.later(Duration::from_millis(1));
        assert_eq!(flow::recover(&shop.services).await.unwrap(), 1);
        assert!(LEASE < Duration::from_mins(1));
        assert_eq!(shop.stand().await, "2 unknown answer_lost");
        assert_eq!(shop.delivers().await, 0);
    }
);

both!(
    async fn what_was_only_leased_is_sent_after_all(shop: Shop) {
        let page = PageId::from(PAGE);
        shop.sells(2).await;
        shop.later(HOLD);
        flow::release(&shop.services).await.unwrap();
        flow::lease(&shop.services, &page).await.unwrap().unwrap();
        assert_eq!(shop.delivers().await, 0);
        shop.later(LAPSED);
        flow::lease(&shop.services, &page).await.unwrap().unwrap();
        assert_eq!(flow::recover_alone(&shop.services).await.unwrap(), 0);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "2 sent taken");
    }
);

both!(
    async fn a_stale_senders_verdict_settles_its_own_unknowns(shop: Shop) {
        shop.sells(2).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        shop.later(LAPSED);
        assert_eq!(flow::recover(&shop.services).await.unwrap(), 1);
        shop.settles(&batch, Verdict::Sent).await;
        assert_eq!(shop.stand().await, "2 sent taken");
        shop.settles(&batch, Verdict::NotTaken).await;
        assert_eq!(shop.stand().await, "2 sent taken");
    }
);

both!(
    async fn a_stale_senders_verdict_saves_from_being_sent_again(shop: Shop) {
        shop.set_policy(|policy| policy.on_unknown = OnUnknown::Resend).await;
        shop.sells(2).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        shop.later(LAPSED);
        assert_eq!(flow::recover(&shop.services).await.unwrap(), 1);
        assert_eq!(shop.stand().await, "2 ready try_again");
        shop.settles(&batch, Verdict::Unknown).await;
        assert_eq!(shop.stand().await, "2 ready try_again");
        shop.settles(&batch, Verdict::Sent).await;
        assert_eq!(shop.stand().await, "2 sent taken");
        assert_eq!(shop.delivers().await, 0);
    }
);

both!(
    async fn a_stale_senders_verdict_is_refused_once_a_newer_attempt_carries_the_events(shop: Shop) {
        shop.set_policy(|policy| policy.on_unknown = OnUnknown::Resend).await;
        shop.sells(2).await;
        shop.later(HOLD);
        let stale = shop.opens().await;
        shop.later(LAPSED);
        assert_eq!(flow::recover(&shop.services).await.unwrap(), 1);
        let newer = shop.opens().await;
        for verdict in [Verdict::Refused, Verdict::NotTaken, Verdict::LinkBroken] {
            shop.settles(&stale, verdict).await;
            assert_eq!(shop.stand().await, "2 sending due");
        }
        shop.settles(&newer, Verdict::Sent).await;
        assert_eq!(shop.stand().await, "2 sent taken");
    }
);

both!(
    async fn a_lost_lease_ends_a_bisection(shop: Shop) {
        shop.sells(4).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        let halves = shop.settles(&batch, Verdict::Refused).await;
        assert_eq!(halves.len(), 2);
        shop.later(LAPSED);
        let taken_over = shop.opens().await;
        assert_eq!(taken_over.texts.len(), 4);
        for half in &halves {
            assert!(flow::open(&shop.services, &PageId::from(PAGE), half).await.unwrap().is_none());
        }
        assert_eq!(shop.stand().await, "4 sending due");
        shop.settles(&taken_over, Verdict::Sent).await;
        assert_eq!(shop.stand().await, "4 sent taken");
    }
);

both!(
    async fn each_half_of_a_bisection_renews_its_lease(shop: Shop) {
        shop.sells(2).await;
        shop.later(HOLD);
        let batch = shop.opens().await;
        let halves = shop.settles(&batch, Verdict::Refused).await;
        shop.later(LEASE - Duration::from_secs(1));
        let page = PageId::from(PAGE);
        let first = flow::open(&shop.services, &page, &halves[0]).await.unwrap().unwrap();
        shop.later(LEASE - Duration::from_secs(1));
        assert_eq!(flow::recover(&shop.services).await.unwrap(), 0);
        shop.settles(&first, Verdict::Refused).await;
        // The other half was not touched for longer than a lease.
        assert!(flow::open(&shop.services, &page, &halves[1]).await.unwrap().is_none());
        shop.delivers().await;
        assert_eq!(shop.stand().await, "1 rejected refused, 1 sent taken");
    }
);

both!(
    async fn a_cancel_while_the_request_is_out_is_taken_at_once_and_the_verdict_decides(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        shop.later(HOLD);
        shop.meta.fail_next(Fault::Hold);
        let (requests, ()) = tokio::join!(shop.delivers(), async {
            shop.meta.held().await;
            let cancelled =
                shop.tags(&chat, &numbered(say(OutcomeKind::Cancelled, None), "A-1")).await.unwrap();
            assert_eq!(cancelled.order.unwrap().order.state, fold::State::Cancelled);
            assert_eq!(cancelled.conversions[0].state, State::Sending);
            shop.meta.release();
        });
        assert_eq!(requests, 1);
        assert_eq!(shop.purchase_stands(&chat).await, (State::Sent, Reason::Taken));
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn after_a_cancel_while_the_request_was_out_every_verdict_is_followed(shop: Shop) {
        for (index, (verdict, expected)) in [
            (Verdict::NotTaken, (State::Suppressed, Reason::Cancelled)),
            (Verdict::Throttled(None), (State::Suppressed, Reason::Cancelled)),
            (Verdict::Unknown, (State::Unknown, Reason::AnswerLost)),
            // It was certainly not taken, so it follows the ledger.
            (Verdict::Refused, (State::Suppressed, Reason::Cancelled)),
            (Verdict::Sent, (State::Sent, Reason::Taken)),
        ]
        .into_iter()
        .enumerate()
        {
            let (chat, number) = (shop.hears_from(&format!("{index}")).await, format!("A-{index}"));
            shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), &number)).await.unwrap();
            shop.later(HOLD);
            let batch = shop.opens().await;
            shop.tags(&chat, &numbered(say(OutcomeKind::Cancelled, None), &number)).await.unwrap();
            assert_eq!(shop.purchase_stands(&chat).await, (State::Sending, Reason::Due));
            shop.settles(&batch, verdict).await;
            assert_eq!(shop.purchase_stands(&chat).await, expected);
            shop.later(HOLD);
            assert_eq!(shop.delivers().await, 0);
        }
    }
);
