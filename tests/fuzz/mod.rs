//! What comes from outside, bent at random: nothing of it may panic, and what is said of it must hold.
//!
//! A mutation fuzzer within the tests, on stable Rust: cargo-fuzz wants a nightly compiler and a build of its own,
//! which a fresh machine and CI do not have. Each test runs for a moment; `tests/fuzz/run` gives a minute to each.
//! An input that once did harm is kept in `corpus`, and comes first in every run.

mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use salesbridge::clock::{Clock, Timestamp};
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::flow::manage::keys;
use salesbridge::meta::events::verdict;
use salesbridge::meta::{signature, webhook};
use serde_json::Value;

use crate::harness::Shop;
use crate::hostile::service_of;
use crate::seeded::{Chance, seed};

/// How long a target is tried, unless `SALESBRIDGE_TEST_FUZZ` says how many seconds.
const FOR: Duration = Duration::from_millis(400);

/// Inputs in the corpus of a target, and what is made of them until the time is over.
struct Inputs {
    folder: PathBuf,
    corpus: Vec<Vec<u8>>,
    first: usize,
    chance: Chance,
    until: Timestamp,
    tried: usize,
}

impl Inputs {
    fn of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        let corpus = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        let asked = std::env::var("SALESBRIDGE_TEST_FUZZ").ok();
        let span = asked.map_or(FOR, |seconds| Duration::from_secs(seconds.parse().unwrap()));
        Self {
            folder,
            corpus,
            first: 0,
            chance: Chance::new(seed()),
            until: Clock::system().now() + span,
            tried: 0,
        }
    }

    /// The next input: first the corpus as it is. `None` when the time is over.
    fn next(&mut self) -> Option<Vec<u8>> {
        self.tried += 1;
        if let Some(known) = self.corpus.get(self.first) {
            self.first += 1;
            return Some(known.clone());
        }
        (Clock::system().now() < self.until).then(|| mutate::mutated(&self.corpus, &mut self.chance))
    }

    /// Runs `check` on every input; one that does harm is shown, and written down beside the corpus.
    fn all(mut self, mut check: impl FnMut(&[u8], &mut Chance)) {
        let mut chance = Chance::new(seed() + 1);
        while let Some(input) = self.next() {
            if let Err(harm) = catch_unwind(AssertUnwindSafe(|| check(&input, &mut chance))) {
                self.keeps(&input);
                std::panic::resume_unwind(harm);
            }
        }
        println!("{}: {} inputs", self.folder.display(), self.tried);
    }

    fn keeps(&self, input: &[u8]) {
        let file = self.folder.join(format!("harm-{}", seed()));
        std::fs::write(&file, input).unwrap();
        println!("{} did harm: keep it in the corpus", file.display());
    }
}

#[test]
fn a_webhook_is_read_or_refused() {
    Inputs::of("webhook").all(|input, _| {
        let read = webhook::read(input);
        assert_eq!(read, webhook::read(input), "it is read differently the second time");
    });
}

#[test]
fn only_the_right_signature_verifies() {
    Inputs::of("signature").all(|input, chance| {
        let body: Vec<u8> = (0..chance.below(50)).map(|_| chance.byte()).collect();
        let right = signature::sign(b"app_secret_test", &body);
        let shown = String::from_utf8_lossy(input);
        let verified = signature::verify(b"app_secret_test", Some(&shown), &body);
        assert_eq!(verified, *shown == right, "{shown}");
        assert!(signature::verify(b"app_secret_test", Some(&right), &body));
        assert!(!signature::verify(b"another", Some(&right), &body));
    });
}

/// Headers that Graph sends, some of them out of order.
fn headers(chance: &mut Chance, input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ["retry-after", "x-app-usage", "x-business-use-case-usage", "x-ad-account-usage"] {
        let texts: [&[u8]; 5] = [
            b"30",
            br#"{"call_count":99,"total_time":1e308,"total_cputime":-1}"#,
            br#"{"1":[{"estimated_time_to_regain_access":18446744073709551615,"call_count":100}]}"#,
            br#"{"acc_id_util_pct":100,"reset_time_duration":1e99}"#,
            input,
        ];
        if let (true, Ok(value)) = (chance.one_in(3), HeaderValue::from_bytes(chance.pick::<&[u8]>(&texts))) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

#[test]
fn an_answer_of_graph_comes_to_a_verdict() {
    Inputs::of("graph").all(|input, chance| {
        let status = *chance.pick(&[200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 502, 503]);
        let count = 1 + chance.below(1000);
        let answer = verdict::read(status, &headers(chance, input), input, count);
        assert!(answer.words.is_none_or(|words| words.chars().count() <= 300));
        let json: Option<Value> = serde_json::from_slice(input).ok();
        let received = json.as_ref().and_then(|json| json.get("events_received"));
        let received = received.and_then(|number| number.as_u64().or_else(|| number.as_str()?.parse().ok()));
        let is_sent = answer.verdict == Verdict::Sent;
        assert!(!is_sent || (status < 300 && received == Some(count as u64)), "{status} is no proof");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_answered_one_by_one() {
    let shop = Shop::on_sqlite().await;
    let service = TowerToHyperService::new(service_of(&shop));
    let crm = keys::create(&shop.services, "crm", "crm", None).await.unwrap();
    let mut inputs = Inputs::of("api");
    while let Some(input) = inputs.next() {
        let shown = String::from_utf8_lossy(&input).into_owned();
        let request = Request::post("/v1/outcomes").header("authorization", format!("Bearer {crm}"));
        let request = request.body(Body::from(input.clone())).unwrap();
        // A panic of a handler is one of this test: it runs within.
        let answer = service.call(request).await.unwrap();
        let status = answer.status().as_u16();
        let told = answer.into_body().collect().await.unwrap().to_bytes();
        let told: Value = serde_json::from_slice(&told).unwrap();
        let lines = told["results"].as_array();
        let of_lines = lines.into_iter().flatten().filter_map(|line| line["status"].as_u64());
        if !matches!(status, 200 | 400 | 413 | 422) || of_lines.clone().any(|status| status >= 500) {
            inputs.keeps(&input);
            panic!("{shown} was answered {status}: {told}");
        }
    }
    println!("{}: {} inputs", inputs.folder.display(), inputs.tried);
}
