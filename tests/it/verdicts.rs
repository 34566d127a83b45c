//! What an answer of Meta's means: what is perhaps taken, what one event holds up, and what a person decides of it.

use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::conversion::{Reason, State};
use salesbridge::domain::signal::policy::Mode;
use salesbridge::sandbox::{Fault, InjectedFault};
use serde_json::json;

use crate::console::Visitor;
use crate::harness::{HOLD, Shop, both, numbered, say};
use crate::sales::{at, line, told};

const PASSING: Fault = Fault::Graph { status: 500, code: 2, subcode: None };
const DAY: Duration = Duration::from_hours(24);

impl Shop {
    /// What is due is sent, in as many requests.
    async fn requests(&self) -> usize {
        self.later(HOLD);
        self.delivers().await
    }
}

both!(
    async fn an_error_without_a_code_is_unknown_and_the_page_goes_on(shop: Shop) {
        let faults = [(500, ""), (503, "Service temporarily unavailable"), (200, "")];
        for (index, (status, message)) in faults.into_iter().enumerate() {
            let psid = format!("{index}");
            let sale = told(OutcomeKind::Confirmed, 1000, &format!("G-{index}"));
            shop.imports([line(Some(&psid), sale)]).await;
            shop.meta.fail_next(Fault::Codeless { status, message });
            assert_eq!(shop.requests().await, 1);
            assert_eq!(shop.requests().await, 0, "{status} {message}");
        }
        assert_eq!(shop.fault().await, None);
        assert_eq!(shop.stand().await, "3 unknown answer_lost");
        shop.imports([line(Some("9"), told(OutcomeKind::Confirmed, 2000, "G-9"))]).await;
        assert_eq!(shop.requests().await, 1);
        assert_eq!(shop.told(), ["20.0"]);
    }
);

both!(
    async fn a_batch_that_meets_a_retryable_code_is_bisected_at_the_third_time(shop: Shop) {
        shop.sells(3).await;
        for _ in 0..2 {
            shop.meta.fail_next(PASSING);
            assert_eq!(shop.requests().await, 1);
            assert_eq!(shop.stand().await, "3 ready try_again");
        }
        shop.meta.fail_next(PASSING);
        assert_eq!(shop.requests().await, 3, "the batch, and its two halves at once");
        assert_eq!(shop.stand().await, "3 sent taken");
    }
);

both!(
    async fn other_faults_do_not_count_as_retryable_codes(shop: Shop) {
        shop.sells(2).await;
        for fault in [
            Fault::Throttled { code: 4, retry: salesbridge::sandbox::RetryHint::Nothing },
            Fault::Zero,
            PASSING,
        ] {
            shop.meta.fail_next(fault);
            assert_eq!(shop.requests().await, 1, "{fault:?}");
        }
        shop.meta.fail_next(PASSING);
        assert_eq!(shop.requests().await, 1);
    }
);

both!(
    async fn events_that_never_pass_hold_up_no_neighbour_wherever_they_lie(shop: Shop) {
        for (round, bad) in [vec![0], vec![3], vec![0, 2], vec![0, 1, 6, 7]].into_iter().enumerate() {
            shop.later(DAY / 12);
            let numbers: Vec<String> = (0..8).map(|index| format!("R{round}-{index}")).collect();
            shop.imports(numbers.iter().zip(1000..).map(|(number, value)| {
                line(Some(&format!("of-{number}")), told(OutcomeKind::Confirmed, value, number))
            }))
            .await;
            for index in &bad {
                shop.meta.poison_by_code(&crate::sales::purchase_id(&numbers[*index], 0), 1);
            }
            let before = shop.taken().len();
            let mut requests = 0;
            for _ in 0..3 {
                requests += shop.requests().await;
            }
            assert_eq!(shop.taken().len(), before + 8 - bad.len(), "{bad:?}");
            assert!(requests <= 20, "{requests} requests for {bad:?}");
            shop.meta.cure();
            while shop.requests().await > 0 {}
        }
        assert_eq!(shop.stand().await, "32 sent taken");
    }
);

both!(
    async fn an_event_that_never_passes_does_not_hold_up_those_that_come_later(shop: Shop) {
        let events = shop.sells(2).await;
        shop.meta.poison_by_code(&events[0], 341);
        for _ in 0..3 {
            shop.requests().await;
        }
        assert_eq!(shop.stand().await, "1 ready try_again, 1 sent taken");
        for index in 0..6 {
            // It is due together with the one that never passes.
            let sale = told(OutcomeKind::Confirmed, 2000, &format!("B-{index}"));
            shop.imports([line(Some(&format!("b-{index}")), sale)]).await;
            shop.requests().await;
        }
        shop.requests().await;
        shop.requests().await;
        assert_eq!(shop.stand().await, "1 ready try_again, 7 sent taken");
        shop.meta.cure();
        shop.requests().await;
        assert_eq!(shop.stand().await, "8 sent taken");
    }
);

both!(
    async fn an_outage_does_not_become_a_flood(shop: Shop) {
        shop.sells(200).await;
        shop.meta.inject(InjectedFault { fault: PASSING, dataset: None, times: None });
        let mut requests = 0;
        for _ in 0..48 {
            requests += shop.requests().await;
        }
        assert!((48..=48 + 16 * 20).contains(&requests), "{requests}");
        assert_eq!(shop.stand().await, "200 ready try_again");
        shop.meta.lift(None);
        assert_eq!(shop.requests().await, 1);
        assert_eq!(shop.stand().await, "200 sent taken");
    }
);

both!(
    async fn too_much_data_is_halved_at_once(shop: Shop) {
        shop.sells(8).await;
        shop.meta.take_at_once(2);
        assert_eq!(shop.requests().await, 1 + 2 + 4);
        assert_eq!(shop.stand().await, "8 sent taken");
        assert_eq!(shop.taken().len(), 8);
    }
);

both!(
    async fn too_much_data_in_one_event_waits_and_burns_nothing(shop: Shop) {
        shop.sells(2).await;
        shop.meta.take_at_once(0);
        assert_eq!(shop.requests().await, 3);
        assert_eq!(shop.stand().await, "2 ready try_again");
        shop.meta.take_at_once(1000);
        shop.requests().await;
        assert_eq!(shop.stand().await, "2 sent taken");
    }
);

both!(
    async fn a_refusal_for_the_region_is_a_reason_of_its_own_and_hits_one_event_alone(shop: Shop) {
        let events = shop.sells(5).await;
        shop.meta.restrict("of-A-3");
        shop.requests().await;
        assert_eq!(shop.fault().await, None);
        assert_eq!(shop.stand().await, "1 rejected region_refused, 4 sent taken");
        assert!(!shop.taken().contains(&events[3]));
        let api = shop.api("admin").await;
        let row = &api.get("/v1/conversions?state=rejected").await.body["data"][0];
        assert_eq!(row["reason"], "region_refused");
        let attempt = &api.get("/v1/attempts?verdict=region_refused").await.body["data"][0];
        assert!(attempt["advice"].as_str().unwrap().contains("Japan"), "{attempt}");
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let list = admin.get("/console/deliveries?state=rejected").await.text;
        assert!(list.contains("Meta takes no such event about people of this region"), "{list}");
    }
);

/// Three sales in one attempt whose answer was lost: one is too old by now, one was cancelled since.
async fn three_unknown(shop: &Shop) {
    let now = shop.services.clock.now();
    let sale = |index: usize, moment: Timestamp| {
        let sale = at(told(OutcomeKind::Confirmed, 5000, &format!("A-{index}")), moment);
        line(Some(&format!("of-A-{index}")), sale)
    };
    shop.imports([sale(0, now - 5 * DAY), sale(1, now), sale(2, now)]).await;
    shop.meta.fail_next(Fault::TakeAndLoseAnswer);
    assert_eq!(shop.requests().await, 1);
    assert_eq!(shop.stand().await, "3 unknown answer_lost");
    shop.later(3 * DAY);
    shop.imports([line(None, told(OutcomeKind::Cancelled, None, "A-1"))]).await;
}

both!(
    async fn settling_as_resend_says_what_went_out_again_and_what_could_not(shop: Shop) {
        three_unknown(&shop).await;
        let api = shop.api("admin").await;
        let unknown = api.get("/v1/attempts?verdict=unknown").await.body["data"][0].clone();
        let path = format!("/v1/attempts/{}/resolve", unknown["id"].as_str().unwrap());
        let settled = api.post_once(&path, r#"{"as":"resend"}"#, "one").await;
        let expected = json!({"id": unknown["id"], "resolved_as": "resend", "conversions": 3, "sent_again": 1,
                              "not_sent_again": 2, "too_old": 1, "called_off": 1});
        assert_eq!((settled.status, &settled.body), (200, &expected));
        assert_eq!(shop.stand().await, "1 expired too_old, 1 ready try_again, 1 unknown answer_lost");
        assert_eq!(api.post_once(&path, r#"{"as":"resend"}"#, "one").await.text, settled.text);
        assert_eq!(shop.requests().await, 1);
        assert_eq!(shop.told().len(), 4);
        // What was called off is unknown still, so that it can be said after all that Meta took it.
        let settled = api.post(&path, r#"{"as":"sent"}"#).await;
        assert_eq!((&settled.body["conversions"], &settled.body["not_sent_again"]), (&json!(1), &json!(0)));
        assert_eq!(shop.stand().await, "1 expired too_old, 2 sent taken");
        api.post(&path, r#"{"as":"resend"}"#).await.is_problem(409);
        assert_eq!(shop.requests().await, 0);
    }
);

both!(
    async fn the_console_says_what_went_out_again_and_what_could_not(shop: Shop) {
        three_unknown(&shop).await;
        let attempt = shop.attempts().await.remove(0);
        let admin = Visitor::of_role(&shop, "giorgi", Role::Admin, None).await;
        let path = format!("/console/attempts/{attempt}/resolve");
        let back = "/console/deliveries?state=unknown";
        let settled = admin.post(&path, &[("as", "resend"), ("back", back)]).await;
        let there = settled.location();
        assert_eq!(there, "/console/deliveries?state=unknown&again=1&too_old=1&called_off=1");
        let text = admin.get(there).await.text;
        let said = "Sent again: 1 · older than 7 days and can&#39;t be sent any more: 1 · called off since and not \
                    sent again: 1";
        assert!(text.contains(said), "{text}");
        assert!(text.contains(&format!("value=\"{back}\"")), "the line is shown once");
        admin.post("/console/language", &[("language", "ka"), ("back", "/console")]).await;
        assert!(admin.get(there).await.text.contains("ისევ იგზავნება: 1 · 7 დღეზე ძველია"));
        let settled = admin.post(&path, &[("as", "sent"), ("back", back)]).await;
        assert!(settled.location().ends_with("&taken=1"));
    }
);

both!(
    async fn an_unknown_older_than_seven_days_is_never_sent_nor_woken(shop: Shop) {
        let chat = shop.hears_from("2").await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.requests().await;
        shop.later(8 * DAY);
        let attempt = shop.attempts().await.remove(0);
        shop.resolves(&attempt, salesbridge::flow::Resolution::Resend).await.unwrap();
        assert_eq!(shop.purchase_stands(&chat).await, (State::Expired, Reason::TooOld));
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 6000), "A-1")).await.unwrap();
        assert_eq!(shop.requests().await, 0);
        assert_eq!(shop.told(), ["50.0"], "Meta took it, although nobody knew");
    }
);

both!(
    async fn more_than_one_percent_of_unknowns_is_an_alarm(shop: Shop) {
        let api = shop.api("operator").await.nobody();
        let reads = async |line: &str| {
            let text = api.get("/metrics").await.text;
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        };
        shop.sells(99).await;
        shop.requests().await;
        shop.imports([line(Some("7"), told(OutcomeKind::Confirmed, 2000, "B-1"))]).await;
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.requests().await;
        reads("salesbridge_conversions_unknown_day_ratio 0.01").await;
        reads("salesbridge_conversions_unknown_alarm 0").await;
        let nino = Visitor::of_role(&shop, "nino", Role::Operator, None).await;
        assert!(!nino.get("/console/today").await.text.contains("is an alarm"));
        shop.imports([line(Some("8"), told(OutcomeKind::Confirmed, 2000, "B-2"))]).await;
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.requests().await;
        reads("salesbridge_conversions_unknown_alarm 1").await;
        let today = nino.get("/console/today").await.text;
        assert!(today.contains("was lost for 2.0 % of the last day"), "{today}");
        shop.later(DAY);
        reads("salesbridge_conversions_unknown_alarm 0").await;
    }
);

both!(
    async fn a_page_that_was_paused_meanwhile_sends_again_when_it_is_live(shop: Shop) {
        shop.sells(1).await;
        shop.meta.fail_next(Fault::Html503);
        shop.requests().await;
        shop.set_page(|page| page.mode = Mode::Paused).await;
        let attempt = shop.attempts().await.remove(0);
        shop.resolves(&attempt, salesbridge::flow::Resolution::Resend).await.unwrap();
        assert_eq!(shop.requests().await, 0);
        shop.set_page(|page| page.mode = Mode::Live).await;
        assert_eq!(shop.requests().await, 1);
        assert_eq!(shop.stand().await, "1 sent taken");
    }
);
