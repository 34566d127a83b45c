//! What is certainly not taken is tried again; what is perhaps taken is unknown, until a policy or a person
//! says otherwise.

use std::time::Duration;

use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::domain::signal::policy::OnUnknown;
use salesbridge::flow::Resolution;
use salesbridge::http_client;
use salesbridge::meta::events::graph::Graph;
use salesbridge::sandbox::Fault;
use salesbridge::worker::deliver::{self, Stop};

use crate::harness::{HOLD, Shop, both, numbered, same_as, say};
use crate::sales::{line, told};

const LOST: (State, Reason) = (State::Unknown, Reason::AnswerLost);
const AGAIN: (State, Reason) = (State::Ready, Reason::TryAgain);

both!(
    async fn after_a_retryable_error_an_event_is_tried_again_and_taken_once(shop: Shop) {
        let faults = [
            Fault::Graph { status: 500, code: 1, subcode: Some(99) },
            Fault::Graph { status: 400, code: 2, subcode: None },
            Fault::Graph { status: 200, code: 341, subcode: None },
            Fault::Graph { status: 503, code: 5000, subcode: None },
            Fault::Transient { status: 400, code: 100, subcode: None },
            Fault::Transient { status: 500, code: 987_654, subcode: None },
            Fault::Zero,
        ];
        for (index, fault) in faults.into_iter().enumerate() {
            let chat = shop.hears_from(&format!("{index}")).await;
            shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), &format!("A-{index}")))
                .await
                .unwrap();
            shop.later(HOLD);
            shop.meta.fail_next(fault);
            assert_eq!(shop.delivers().await, 1, "{fault:?}");
            assert_eq!(shop.purchase_stands(&chat).await, AGAIN, "{fault:?}");
            shop.later(Duration::from_secs(4));
            assert_eq!(shop.delivers().await, 0, "{fault:?}");
            shop.later(Duration::from_secs(1));
            assert_eq!(shop.delivers().await, 1, "{fault:?}");
            assert_eq!(shop.taken().len(), index + 1, "{fault:?}");
        }
    }
);

both!(
    async fn tries_that_fail_for_certain_come_less_and_less_often(shop: Shop) {
        shop.sells(1).await;
        shop.later(HOLD);
        for seconds in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
            shop.meta.fail_next(Fault::Transient { status: 500, code: 2, subcode: None });
            assert_eq!(shop.delivers().await, 1);
            shop.later(Duration::from_secs(seconds - 1));
            assert_eq!(shop.delivers().await, 0, "before {seconds} s");
            shop.later(Duration::from_secs(1));
        }
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "1 sent taken");
    }
);

both!(
    async fn a_line_that_fails_before_the_first_byte_of_the_body_is_tried_again(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(HOLD);
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let speaks_no_tls = shop.meta.url().replace("http://", "https://");
        for url in [format!("http://{closed}"), speaks_no_tls] {
            let graph = Graph::new(http_client::client().unwrap(), url, "v26.0".to_owned());
            assert_eq!(deliver::drain(&shop.services, &graph, &Stop::default()).await.unwrap(), 1);
            assert_eq!(shop.purchase_stands(&chat).await, AGAIN);
            shop.later(HOLD);
        }
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn what_is_perhaps_taken_is_unknown_and_not_sent_again(shop: Shop) {
        let faults = [
            Fault::TakeAndLoseAnswer,
            Fault::CloseInAnswer,
            Fault::EndlessAnswer,
            Fault::LongAnswer,
            Fault::Html503,
            Fault::Bare { status: 500 },
            Fault::Bare { status: 502 },
            Fault::Bare { status: 200 },
            Fault::Count { count: 1 },
            Fault::Count { count: 3 },
        ];
        for (index, fault) in faults.into_iter().enumerate() {
            let chat = shop.hears_from(&format!("{index}")).await;
            for number in ["A", "B"] {
                let mut sale = numbered(say(OutcomeKind::Confirmed, 5000), &format!("{number}-{index}"));
                sale.new_order = true;
                shop.tags(&chat, &sale).await.unwrap();
            }
            shop.later(HOLD);
            shop.meta.fail_next(fault);
            assert_eq!(shop.delivers().await, 1, "{fault:?}");
            for row in shop.conversions(&chat).await {
                assert_eq!((row.state, row.reason), LOST, "{fault:?}");
            }
            shop.later(HOLD);
            assert_eq!(shop.delivers().await, 0, "{fault:?}");
        }
        assert_eq!(shop.attempts().await.len(), 10);
    }
);

both!(
    async fn zero_for_the_third_time_makes_no_neighbour_unknown(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        shop.later(HOLD);
        for _ in 0..2 {
            shop.meta.fail_next(Fault::Zero);
            assert_eq!(shop.delivers().await, 1);
            shop.later(HOLD);
        }
        let other = shop.hears_from("3").await;
        shop.tags(&other, &numbered(say(OutcomeKind::Confirmed, 7000), "A-2")).await.unwrap();
        shop.sends(&shop.purchase(&other).await.id).await.unwrap();
        shop.meta.fail_next(Fault::Zero);
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.purchase_stands(&chat).await, LOST);
        assert_eq!(shop.purchase_stands(&other).await, AGAIN);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["70.0"]);
    }
);

both!(
    async fn resend_sends_what_was_lost_once_more_and_only_once(shop: Shop) {
        shop.set_policy(|policy| policy.on_unknown = OnUnknown::Resend).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(HOLD);
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        for _ in 0..3 {
            shop.delivers().await;
            shop.later(HOLD);
        }
        assert_eq!(shop.told(), ["50.0", "50.0"]);
        assert_eq!(shop.purchase_stands(&chat).await, LOST);
        assert_eq!(shop.attempts().await.len(), 2);
    }
);

both!(
    async fn what_is_cancelled_before_it_is_sent_again_stays_unknown(shop: Shop) {
        shop.set_policy(|policy| policy.on_unknown = OnUnknown::Resend).await;
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(HOLD);
        let batch = shop.opens().await;
        shop.settles(&batch, Verdict::Unknown).await;
        assert_eq!(shop.purchase_stands(&chat).await, AGAIN);
        shop.tags(&chat, &numbered(say(OutcomeKind::Cancelled, None), "S-1001")).await.unwrap();
        assert_eq!(shop.purchase_stands(&chat).await, LOST);
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        shop.tags(&chat, &same_as(say(OutcomeKind::Confirmed, 5000), "S-1001")).await.unwrap();
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        assert_eq!(shop.purchase_stands(&chat).await, LOST);
    }
);

both!(
    async fn what_waits_to_be_sent_again_never_ends_as_one_that_did_not_leave(shop: Shop) {
        shop.set_policy(|policy| policy.on_unknown = OnUnknown::Resend).await;
        let chat = shop.hears_from("2").await;
        for second in [Verdict::TooOld, Verdict::LinkBroken] {
            let mut sale = say(OutcomeKind::Confirmed, 5000);
            sale.new_order = true;
            let sale = shop.tags(&chat, &sale).await.unwrap();
            shop.later(HOLD);
            let batch = shop.opens().await;
            shop.settles(&batch, Verdict::Unknown).await;
            let batch = shop.opens().await;
            shop.settles(&batch, second).await;
            shop.mend().await;
            // Too old by our own clock comes to the same.
            shop.later(Duration::from_hours(8 * 24));
            shop.delivers().await;
            let row = shop.conversions(&chat).await;
            let row = row.iter().find(|row| row.id == sale.conversions[0].id).unwrap();
            assert_eq!((row.state, row.reason), LOST, "{second:?}");
        }
        assert!(shop.meta.requests().is_empty());
    }
);

both!(
    async fn a_person_settles_an_unknown_attempt_as_sent(shop: Shop) {
        let events = shop.sells(2).await;
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.stand().await, "2 unknown answer_lost");
        let attempt = shop.attempts().await.remove(0);
        assert_eq!(shop.resolves(&attempt, Resolution::Sent).await.unwrap(), 2);
        assert_eq!(shop.stand().await, "2 sent taken");
        let again = shop.resolves(&attempt, Resolution::Resend).await.unwrap_err();
        assert_eq!(again.code, "not_unknown");
        shop.later(HOLD);
        assert_eq!(shop.delivers().await, 0);
        assert_eq!(shop.taken(), events);
    }
);

both!(
    async fn a_person_has_an_unknown_attempt_sent_again(shop: Shop) {
        shop.sells(2).await;
        shop.meta.fail_next(Fault::Html503);
        shop.meta.fail_next(Fault::Html503);
        shop.later(HOLD);
        for round in 0..2 {
            assert_eq!(shop.delivers().await, 1);
            assert_eq!(shop.stand().await, "2 unknown answer_lost");
            let attempt = shop.attempts().await.remove(round);
            assert_eq!(shop.resolves(&attempt, Resolution::Resend).await.unwrap(), 2);
            assert_eq!(shop.stand().await, "2 ready try_again");
        }
        // Meta may have it already, so that a cancel can't say any more that it never left.
        shop.imports([line(None, told(OutcomeKind::Cancelled, None, "A-0"))]).await;
        assert_eq!(shop.stand().await, "1 ready try_again, 1 unknown answer_lost");
        assert_eq!(shop.delivers().await, 1);
        assert_eq!(shop.stand().await, "1 sent taken, 1 unknown answer_lost");
        assert_eq!(shop.told(), ["10.01"]);
    }
);

both!(
    async fn a_sender_that_must_stop_writes_unknown_before_it_ends(shop: Shop) {
        shop.sells(1).await;
        shop.later(HOLD);
        shop.meta.fail_next(Fault::Hold);
        let graph =
            Graph::new(http_client::client().unwrap(), shop.meta.url().to_owned(), "v26.0".to_owned());
        let stop = Stop::default();
        let (requests, ()) = tokio::join!(deliver::drain(&shop.services, &graph, &stop), async {
            shop.meta.held().await;
            stop.soon.cancel();
            stop.now.cancel();
        });
        assert_eq!(requests.unwrap(), 1);
        assert_eq!(shop.stand().await, "1 unknown answer_lost");
        shop.meta.release();
    }
);
