//! The verdict on a request with events: a pure function of the answer's status, headers and body. Meta takes or refuses a
//! request as a whole (Meta's documentation of the Conversions API).

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::domain::signal::attempt::{GraphAnswer, Verdict};

/// Characters that are kept of Meta's words. They may repeat what we sent, so they are shown and never logged.
const WORDS_MAX: usize = 300;

/// The percent of a quota from which on a dataset rests (nothing is sent to it); at 100 Meta refuses every call (Meta's
/// documentation of rate limits).
const USAGE_MAX: f64 = 95.0;

/// How long a dataset rests when a quota is nearly used up and no header says for how long.
const REST_DEFAULT: Duration = Duration::from_mins(1);

/// The longest pause, whatever a header says: a wrong one must not hold events until Meta takes them no more.
const PAUSE_MAX: Duration = Duration::from_hours(24);

/// Graph's words for a request that is too large for it, beside code 1: "Please reduce the amount of data you're asking
/// for, then retry your request".
const TOO_MUCH_DATA: &str = "reduce the amount of data";

/// Meta's words for an event about a Page, an admin of it or a person of the EEA, the UK or Japan: "Messaging Event Within
/// Messaging Restrictive Region" (a partner's documentation; its code is not known).
const RESTRICTED_REGION: &str = "restrictive region";

/// Members of the usage headers, each a percentage of the quota; the largest one counts.
const SHARES: [&str; 3] = ["call_count", "total_cputime", "total_time"];

/// Reads the answer to a request with `count` events.
pub fn read(status: u16, headers: &HeaderMap, body: &[u8], count: usize) -> GraphAnswer {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let error = json.as_ref().and_then(|json| json.get("error")).filter(|error| error.is_object());
    let mut answer = GraphAnswer {
        verdict: Verdict::Unknown,
        http_status: Some(status),
        code: None,
        subcode: None,
        words: None,
        // At the top of a success, within the object of an error.
        fbtrace_id: json
            .as_ref()
            .and_then(|json| json.get("fbtrace_id"))
            .or_else(|| error.and_then(|error| error.get("fbtrace_id")))
            .and_then(Value::as_str)
            .map(cut),
        rest: rest(headers),
    };
    if let Some(error) = error {
        answer.code = error.get("code").and_then(integer);
        answer.subcode = error.get("error_subcode").and_then(integer);
        answer.words = ["error_user_msg", "message", "error_user_title"]
            .into_iter()
            .filter_map(|key| error.get(key).and_then(Value::as_str))
            .find(|text| !text.is_empty())
            .map(cut);
        let is_transient = error.get("is_transient").and_then(Value::as_bool).unwrap_or(false);
        let texts = ["message", "error_user_title", "error_user_msg"];
        let says = |words: &str| {
            let mut texts = texts.iter().filter_map(|key| error.get(*key).and_then(Value::as_str));
            texts.any(|text| text.to_lowercase().contains(words))
        };
        answer.verdict = match answer.code {
            // Without a code it is not Graph that says so: it may have taken the events.
            None => Verdict::Unknown,
            Some(1) if says(TOO_MUCH_DATA) => Verdict::TooMuch,
            Some(_) if says(RESTRICTED_REGION) => Verdict::RegionRefused,
            code => of_error(status, headers, code, answer.subcode, is_transient),
        };
    } else if (200..300).contains(&status) {
        let received = json.as_ref().and_then(|json| json.get("events_received")).and_then(integer);
        answer.verdict = match received.and_then(|received| usize::try_from(received).ok()) {
            Some(received) if received == count => Verdict::Sent,
            Some(0) => Verdict::Zero,
            _ => Verdict::Unknown,
        };
        if answer.verdict == Verdict::Unknown {
            answer.words = Some(match received {
                Some(received) => format!("Meta counted {received} of {count} events"),
                None => "the answer has no readable count of events".to_owned(),
            });
        }
    } else {
        answer.words = Some(format!("HTTP {status} without an error object of Graph"));
    }
    answer
}

/// The verdict on an answer with an error object. A fault of the link comes first: some of its codes also stand for other
/// things, and no event may be rejected for it.
fn of_error(
    status: u16,
    headers: &HeaderMap,
    code: Option<i64>,
    subcode: Option<i64>,
    is_transient: bool,
) -> Verdict {
    if is_link_fault(code, subcode) {
        return Verdict::LinkBroken;
    }
    match (code, subcode) {
        // Rate limits: of the app, a user, a Page, custom ones, business use cases.
        (Some(4 | 17 | 32 | 613 | 80_000..=80_014), _) => Verdict::Throttled(pause(headers)),
        _ if status == 429 => Verdict::Throttled(pause(headers)),
        // Disturbances that pass.
        (Some(1 | 2 | 341 | 5000), _) => Verdict::NotTaken,
        _ if is_transient => Verdict::NotTaken,
        (Some(100), Some(2_804_003)) => Verdict::TooOld,
        (Some(100), Some(2_804_066)) => Verdict::NameRefused,
        (Some(100), _) => Verdict::Refused,
        // A code that is not documented: rejecting events for it might lose sales, so the lane pauses and a person is told.
        _ => Verdict::LinkBroken,
    }
}

/// Whether the fault is one of the link between Page, token and dataset, for which no event is to blame. The codes are
/// those of Meta's documentation of error handling; the subcodes 2804xxx are known from field reports.
fn is_link_fault(code: Option<i64>, subcode: Option<i64>) -> bool {
    matches!(code, Some(3 | 10 | 102 | 104 | 190 | 200..=299 | 368 | 803))
        || (code == Some(100) && subcode == Some(33))
        || matches!(subcode, Some(2_804_065 | 2_804_116 | 2_804_118 | 2_804_131..=2_804_133))
}

/// What a person should do about a refusal for the region, which no code tells.
pub const REGION_ADVICE: &str = "Meta takes no messaging events about Pages, their admins or people in the EEA, the UK \
     or Japan; nothing of the sale can be corrected.";

/// What a person should do about an error of Graph, as one sentence for the console and the API.
pub fn advice(code: Option<i64>, subcode: Option<i64>) -> &'static str {
    match (code, subcode) {
        (_, Some(2_804_065 | 2_804_118)) => {
            "Use the dataset that is linked to this Page, or link this one to it in Events Manager."
        }
        (_, Some(2_804_116 | 2_804_131..=2_804_133)) => {
            "Link the Page to this dataset in Events Manager; until then Meta takes no events for it."
        }
        (Some(100), Some(33)) => "Check the dataset id, and that the token may use that dataset.",
        (Some(100), Some(2_804_003)) => "The event is older than 7 days; Meta takes it no more.",
        (Some(100), Some(2_804_066)) => "This dataset does not take the event's name; choose another event.",
        (Some(100), Some(2_804_073)) => "The person is not known to this Page; check the Page of the sale.",
        (Some(100), _) => "Meta refuses this event; read its words and correct the sale.",
        (Some(190 | 102), _) => "The token is no longer valid: make a new one in Events Manager.",
        (Some(104), _) => "Use a token of the dataset, or switch off \"Require App Secret\" for the app.",
        (Some(10), Some(1_893_063)) => {
            "Meta has restricted the Page for a while: see its Page quality, wait, then give the token again."
        }
        (Some(3), _) => "The token's app lacks a capability: use a token made in Events Manager.",
        (Some(10 | 200..=299), _) => "The token lacks a permission: make one that may send to this dataset.",
        (Some(368), _) => "Meta has blocked the account for a while: see its Account Quality page.",
        (Some(803), _) => "Meta does not know this dataset: check its id.",
        (Some(4 | 17 | 32 | 613 | 80_000..=80_014), _) => {
            "Wait: the quota is used up and sending goes on by itself."
        }
        (Some(1 | 2 | 341 | 5000), _) => "Wait: Meta has a disturbance and sending goes on by itself.",
        _ => "An error we do not know: read Meta's words, and give its support the fbtrace_id.",
    }
}

/// How long Meta asks us to wait: by `retry-after`, or until the last of the quotas is there again. `None` if no header
/// says.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let retry_after = headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse::<u64>().ok())
        .map(Duration::from_secs);
    retry_after
        .or_else(|| quotas(headers).into_iter().filter_map(|quota| quota.regained_in).max())
        .map(|pause| pause.min(PAUSE_MAX))
}

/// How long the dataset rests, although the request passed, because a quota is nearly used up; `None` if none is.
fn rest(headers: &HeaderMap) -> Option<Duration> {
    let near = quotas(headers).into_iter().filter(|quota| quota.percent >= USAGE_MAX);
    near.map(|quota| quota.regained_in.unwrap_or(REST_DEFAULT).min(PAUSE_MAX)).max()
}

/// The state of one quota, as a header of the answer says.
struct Quota {
    /// The share that is used, in percent; 100 if Meta asks to wait already.
    percent: f64,
    /// The time until it is there again, if Meta says so.
    regained_in: Option<Duration>,
}

/// Every quota that the headers name (Meta's documentation of rate limits): the app's, those of the business use cases
/// with minutes to wait, and the ad account's with seconds.
fn quotas(headers: &HeaderMap) -> Vec<Quota> {
    let mut found = Vec::new();
    if let Some(usage) = header_json(headers, "x-app-usage") {
        found.push(Quota { percent: largest_share(&usage), regained_in: None });
    }
    let businesses = header_json(headers, "x-business-use-case-usage");
    for usages in businesses.iter().filter_map(Value::as_object).flat_map(serde_json::Map::values) {
        for usage in usages.as_array().into_iter().flatten() {
            let minutes = usage.get("estimated_time_to_regain_access").and_then(Value::as_u64).unwrap_or(0);
            let regained_in = (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60)));
            let percent = if regained_in.is_some() { 100.0 } else { largest_share(usage) };
            found.push(Quota { percent, regained_in });
        }
    }
    if let Some(usage) = header_json(headers, "x-ad-account-usage") {
        let percent = usage.get("acc_id_util_pct").and_then(Value::as_f64).unwrap_or(0.0);
        let seconds = usage.get("reset_time_duration").and_then(Value::as_u64).unwrap_or(0);
        let regained_in = (seconds > 0 && percent >= USAGE_MAX).then(|| Duration::from_secs(seconds));
        found.push(Quota { percent, regained_in });
    }
    found
}

/// The largest percentage; 0 without any.
fn largest_share(usage: &Value) -> f64 {
    SHARES.into_iter().filter_map(|share| usage.get(share).and_then(Value::as_f64)).fold(0.0, f64::max)
}

/// The JSON of a header; `None` also if it can't be read.
fn header_json(headers: &HeaderMap, name: &str) -> Option<Value> {
    serde_json::from_slice(headers.get(name)?.as_bytes()).ok()
}

/// A whole number; Graph writes some as strings.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The first characters of a text, without NUL, which PostgreSQL does not store.
fn cut(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn verdict(status: u16, body: &str) -> Verdict {
        read(status, &HeaderMap::new(), body.as_bytes(), 2).verdict
    }

    #[test]
    fn answers_without_an_error() {
        for (status, body, expected) in [
            (200, r#"{"events_received":2,"messages":[],"fbtrace_id":"A"}"#, Verdict::Sent),
            (200, r#"{"events_received":0}"#, Verdict::Zero),
            (200, r#"{"events_received":1}"#, Verdict::Unknown),
            (200, r#"{"events_received":-1}"#, Verdict::Unknown),
            (200, "{}", Verdict::Unknown),
            (200, "<html>", Verdict::Unknown),
            (500, r#"{"events_received":2}"#, Verdict::Unknown),
            (502, "bad gateway", Verdict::Unknown),
            (429, "", Verdict::Unknown),
            (302, "", Verdict::Unknown),
            (400, r#"{"error":"text"}"#, Verdict::Unknown),
            // An error object without a code is not Graph's word.
            (500, r#"{"error":{}}"#, Verdict::Unknown),
            (503, r#"{"error":{"message":"Service temporarily unavailable"}}"#, Verdict::Unknown),
            (200, r#"{"error":{}}"#, Verdict::Unknown),
            (500, r#"{"error":{"is_transient":true}}"#, Verdict::Unknown),
            (
                400,
                r#"{"error":{"code":1,"message":"Please reduce the amount of data you're asking for"}}"#,
                Verdict::TooMuch,
            ),
            (
                400,
                r#"{"error":{"code":100,"error_user_title":"Messaging Event Within Messaging Restrictive Region"}}"#,
                Verdict::RegionRefused,
            ),
        ] {
            assert_eq!(verdict(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn errors_of_graph_whatever_the_status() {
        for (code, subcode, transient, expected) in [
            (190, 463, false, Verdict::LinkBroken),
            (190, 0, true, Verdict::LinkBroken),
            (3, 0, false, Verdict::LinkBroken),
            (10, 0, false, Verdict::LinkBroken),
            (10, 1_893_063, false, Verdict::LinkBroken),
            (200, 0, false, Verdict::LinkBroken),
            (299, 0, false, Verdict::LinkBroken),
            (368, 0, false, Verdict::LinkBroken),
            (803, 0, false, Verdict::LinkBroken),
            (100, 33, false, Verdict::LinkBroken),
            (100, 2_804_065, true, Verdict::LinkBroken),
            (100, 2_804_132, false, Verdict::LinkBroken),
            (4, 0, false, Verdict::Throttled(None)),
            (613, 0, true, Verdict::Throttled(None)),
            (80_014, 0, false, Verdict::Throttled(None)),
            (80_015, 0, false, Verdict::LinkBroken),
            (1, 99, false, Verdict::NotTaken),
            (2, 0, false, Verdict::NotTaken),
            (100, 0, true, Verdict::NotTaken),
            (100, 2_804_003, false, Verdict::TooOld),
            (100, 2_804_066, false, Verdict::NameRefused),
            (100, 2_804_009, false, Verdict::Refused),
            (987_654, 0, false, Verdict::LinkBroken),
        ] {
            let body = format!(
                r#"{{"error":{{"message":"m","code":{code},"error_subcode":{subcode},"is_transient":{transient},"fbtrace_id":"T"}}}}"#
            );
            for status in [200, 400, 500] {
                assert_eq!(verdict(status, &body), expected, "{status} {body}");
            }
            let answer = read(400, &HeaderMap::new(), body.as_bytes(), 2);
            assert_eq!((answer.code, answer.subcode), (Some(code), Some(subcode)));
            assert_eq!((answer.words.as_deref(), answer.fbtrace_id.as_deref()), (Some("m"), Some("T")));
            assert!(!advice(answer.code, answer.subcode).is_empty());
        }
    }

    #[test]
    fn pauses_and_rests_are_those_of_the_headers() {
        let body = br#"{"error":{"code":4}}"#;
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-business-use-case-usage",
            HeaderValue::from_static(r#"{"6":[{"estimated_time_to_regain_access":3}]}"#),
        );
        assert_eq!(read(400, &headers, body, 1).verdict, Verdict::Throttled(Some(Duration::from_mins(3))));
        headers.insert("retry-after", HeaderValue::from_static("7"));
        assert_eq!(read(400, &headers, body, 1).verdict, Verdict::Throttled(Some(Duration::from_secs(7))));
        let odd = br#"{"error":{"code":987654}}"#;
        assert!(matches!(read(429, &headers, odd, 1).verdict, Verdict::Throttled(_)));
        headers.insert("retry-after", HeaderValue::from_static("18446744073709551615"));
        assert_eq!(read(400, &headers, body, 1).verdict, Verdict::Throttled(Some(PAUSE_MAX)));
    }

    #[test]
    fn a_quota_that_is_nearly_used_up_makes_rest() {
        for (name, usage, expected) in [
            ("x-app-usage", r#"{"call_count":94.9,"total_time":1,"total_cputime":94}"#, None),
            ("x-app-usage", r#"{"call_count":1,"total_time":95,"total_cputime":1}"#, Some(60)),
            (
                "x-business-use-case-usage",
                r#"{"6":[{"call_count":94,"estimated_time_to_regain_access":0}]}"#,
                None,
            ),
            (
                "x-business-use-case-usage",
                r#"{"6":[{"call_count":1}],"7":[{"call_count":1},{"total_cputime":96,"total_time":3}]}"#,
                Some(60),
            ),
            (
                "x-business-use-case-usage",
                r#"{"6":[{"call_count":1,"estimated_time_to_regain_access":5}]}"#,
                Some(300),
            ),
            ("x-ad-account-usage", r#"{"acc_id_util_pct":9.67,"reset_time_duration":100}"#, None),
            ("x-ad-account-usage", r#"{"acc_id_util_pct":95.5,"reset_time_duration":100}"#, Some(100)),
            ("x-ad-account-usage", r#"{"acc_id_util_pct":100}"#, Some(60)),
            ("x-ad-account-usage", "[1]", None),
            ("x-app-usage", "no JSON", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(usage));
            let answer = read(200, &headers, br#"{"events_received":1}"#, 1);
            assert_eq!(answer.verdict, Verdict::Sent);
            assert_eq!(answer.rest, expected.map(Duration::from_secs), "{name}: {usage}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-ad-account-usage",
            HeaderValue::from_static(r#"{"acc_id_util_pct":100,"reset_time_duration":240}"#),
        );
        let throttled = read(400, &headers, br#"{"error":{"code":17}}"#, 1);
        assert_eq!(throttled.verdict, Verdict::Throttled(Some(Duration::from_mins(4))));
    }

    #[test]
    fn words_are_cut() {
        let body = format!(r#"{{"error":{{"code":100,"message":"{}"}}}}"#, "ღ".repeat(1000));
        let answer = read(400, &HeaderMap::new(), body.as_bytes(), 1);
        assert_eq!(answer.words.unwrap().chars().count(), 300);
    }
}
