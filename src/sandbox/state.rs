//! The whole state of the stand-in: what it knows, what it has taken, which faults wait. It stands behind one lock, so
//! that a request is judged and taken, or refused, as a whole.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::fault::{Fault, FaultQueue, RetryHint};
use crate::sandbox::links::Links;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::reply::{Content, Reply};
use crate::sandbox::rules::Origin;
use crate::sandbox::{error_object, rules, signature};

/// The most events that one request may carry (Meta's documentation of the Conversions API).
const EVENTS_MAX: usize = 1000;

/// How far `appsecret_time` may be from the clock, in seconds; the five minutes are known from field reports.
const PROOF_AGE_MAX: u64 = 5 * 60;

/// Graph's words beside code 1 for a request that holds too much (Meta's documentation of error handling).
const TOO_MUCH_DATA: &str = "Please reduce the amount of data you're asking for, then retry your request";

/// The length to which [`Fault::LongAnswer`] pads an answer: more than a careful caller reads.
const LONG_ANSWER_BYTES: usize = 2 * 1024 * 1024;

/// A request with events that came in, and what it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The dataset that it names.
    pub dataset: String,
    /// The ids of its events, in order; empty if its body was not read.
    pub event_ids: Vec<String>,
    /// The software that says it sends them: a parameter beside `data` (Meta: "Conversions API", request parameters).
    pub partner_agent: Option<String>,
    /// The HTTP status of the answer; 0 when the connection was closed without one.
    pub status: u16,
}

/// Everything that the stand-in knows.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) links: Links,
    /// Token → the subcode of 190 with which it is refused.
    pub(super) dead_tokens: HashMap<String, i64>,
    /// Event id → the code and subcode with which every request that carries it is refused.
    pub(super) poison: HashMap<String, (i64, Option<i64>)>,
    /// The most events of a request that Graph can take at once; `None`: as many as Meta documents.
    pub(super) most_at_once: Option<usize>,
    pub(super) faults: FaultQueue,
    pub(super) proof: Proof,
    /// The number of newest events and requests that are kept; `None`: all.
    pub(super) keep: Option<usize>,
    /// Dataset and event, in the order in which they were taken.
    pub(super) accepted: VecDeque<(String, Value)>,
    /// The number of events that were ever taken.
    pub(super) accepted_count: u64,
    /// Dataset and event name → the number of events that were ever taken.
    pub(super) counts: BTreeMap<(String, String), u64>,
    pub(super) requests: VecDeque<RecordedRequest>,
    /// The last number that was given out by [`serial`](Self::serial).
    serial: u64,
}

/// The app's secret, and whether every call must prove by `appsecret_proof` that its caller knows it.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pub(super) app_secret: Option<String>,
    pub(super) is_required: bool,
}

impl State {
    /// A number that was not given out before, for trace ids and new objects.
    pub(super) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A new `fbtrace_id`.
    pub(super) fn trace(&mut self) -> String {
        format!("Sandbox{:08}", self.serial())
    }

    /// Lets a call pass whose token and `appsecret_proof` are good.
    ///
    /// # Errors
    /// 190 for the token, 104 for the proof; what their subcodes mean stands in `codes`.
    pub(super) fn admit(&self, now: Timestamp, call: &Call) -> Result<(), Refusal> {
        if call.token.is_empty() {
            return Err(Refusal::new(190, None, "An access token is required to request this resource."));
        }
        if let Some(subcode) = self.dead_tokens.get(&call.token) {
            return Err(Refusal::new(190, Some(*subcode), "Error validating access token"));
        }
        if !self.links.knows_token(&call.token) {
            return Err(Refusal::new(190, Some(467), "Invalid OAuth access token"));
        }
        let Some(secret) = &self.proof.app_secret else { return Ok(()) };
        let time = call.text("appsecret_time");
        let is_right = |given: &str| {
            let is_fresh = time.as_deref().is_none_or(|time| {
                time.parse().is_ok_and(|at: i64| now.seconds().abs_diff(at) <= PROOF_AGE_MAX)
            });
            is_fresh && given == signature::proof(secret, &call.token, time.as_deref())
        };
        match call.text("appsecret_proof") {
            None if !self.proof.is_required => Ok(()),
            Some(given) if is_right(&given) => Ok(()),
            None => Err(Refusal::new(104, None, "API calls from the server require an appsecret_proof")),
            Some(_) => Err(Refusal::new(104, None, "Invalid appsecret_proof provided")),
        }
    }

    /// Answers a request that carries events, and records it; the next fault for the dataset shapes the answer.
    pub(super) fn events(&mut self, now: Timestamp, dataset: &str, call: &mut Call) -> Reply {
        let partner_agent = call.text("partner_agent");
        let batch = batch(call);
        let ids = batch.as_deref().unwrap_or_default().iter();
        let event_ids = ids.map(|event| event["event_id"].as_str().unwrap_or_default().to_owned()).collect();
        let fault = self.faults.next(dataset);
        // A fault either answers in place of Meta, or spoils Meta's own answer below.
        let reply = match fault.and_then(|fault| self.untaken_reply(fault)) {
            Some(reply) => reply,
            None => match batch.and_then(|events| self.judge(now, dataset, call, events)) {
                Err(refusal) => error_object::reply(&refusal, &self.trace()),
                Ok(events) => self.take(dataset, events, fault),
            },
        };
        let reply = match fault {
            Some(Fault::TakeAndLoseAnswer) => Reply::closed(),
            Some(Fault::CloseInAnswer) => {
                reply.map_content(|bytes| Content::Broken(bytes.slice(..bytes.len() / 2)))
            }
            Some(Fault::EndlessAnswer) => reply.map_content(|_| Content::Endless),
            Some(Fault::LongAnswer) => reply.map_content(|bytes| {
                let mut padded = bytes.to_vec();
                padded.resize(LONG_ANSWER_BYTES, b' ');
                Content::Whole(padded.into())
            }),
            Some(Fault::Hold) => Reply { is_held: true, ..reply },
            _ => reply,
        };
        let dataset = dataset.to_owned();
        self.record(RecordedRequest { dataset, event_ids, partner_agent, status: reply.status });
        reply
    }

    /// Whether the next request to `dataset` meets [`Fault::CloseBeforeBody`]; if so, it counts as met and recorded.
    pub(super) fn closes_before_body(&mut self, dataset: &str) -> bool {
        let closes = self.faults.peek(dataset) == Some(Fault::CloseBeforeBody);
        if closes {
            self.faults.next(dataset);
            let (dataset, event_ids) = (dataset.to_owned(), Vec::new());
            self.record(RecordedRequest { dataset, event_ids, partner_agent: None, status: 0 });
        }
        closes
    }

    fn record(&mut self, request: RecordedRequest) {
        self.requests.push_back(request);
        self.drop_oldest();
    }

    /// Drops the oldest events and requests beyond [`keep`](Self::keep).
    pub(super) fn drop_oldest(&mut self) {
        let Some(keep) = self.keep else { return };
        self.accepted.drain(..self.accepted.len().saturating_sub(keep));
        self.requests.drain(..self.requests.len().saturating_sub(keep));
    }

    /// The answer to a request of which a fault takes no event; `None` for a fault that takes them.
    fn untaken_reply(&mut self, fault: Fault) -> Option<Reply> {
        let refusal = |status, code, subcode, is_transient| Refusal {
            status,
            is_transient,
            ..Refusal::new(code, subcode, "A fault played on request")
        };
        let reply = match fault {
            Fault::Graph { status, code, subcode } => {
                error_object::reply(&refusal(status, code, subcode, false), &self.trace())
            }
            Fault::Transient { status, code, subcode } => {
                error_object::reply(&refusal(status, code, subcode, true), &self.trace())
            }
            Fault::Codeless { status, message: "" } => Reply::json(status, &json!({"error": {}})),
            Fault::Codeless { status, message } => {
                Reply::json(status, &json!({"error": {"message": message}}))
            }
            Fault::Throttled { code, retry } => {
                let mut reply = error_object::reply(&refusal(400, code, None, true), &self.trace());
                reply.headers.extend(retry_headers(retry));
                reply
            }
            Fault::Html503 => Reply::text(503, "text/html", "<html><body>Service Unavailable</body></html>"),
            Fault::Bare { status } => Reply::text(status, "text/plain", ""),
            Fault::Zero => received(0, &self.trace()),
            Fault::CloseBeforeBody => Reply::closed(),
            Fault::Count { .. }
            | Fault::NearlyUsedUp { .. }
            | Fault::TakeAndLoseAnswer
            | Fault::CloseInAnswer
            | Fault::EndlessAnswer
            | Fault::LongAnswer
            | Fault::Hold => return None,
        };
        Some(reply)
    }

    /// Returns the events if every one may be taken.
    ///
    /// # Errors
    /// The refusal of the call, or of the first event that breaks a rule.
    fn judge(
        &self,
        now: Timestamp,
        dataset: &str,
        call: &Call,
        events: Vec<Value>,
    ) -> Result<Vec<Value>, Refusal> {
        self.admit(now, call)?;
        if !self.links.may_touch(&call.token, dataset) {
            let message = format!(
                "Unsupported post request. Object with ID '{dataset}' does not exist or cannot be loaded"
            );
            // 100/33 stands for both: the dataset does not exist, or the token has no access to it.
            return Err(Refusal::new(100, Some(33), message));
        }
        if events.is_empty() || events.len() > EVENTS_MAX {
            return Err(Refusal::new(100, None, "(#100) data must hold 1 to 1000 events"));
        }
        if self.most_at_once.is_some_and(|most| events.len() > most) {
            return Err(Refusal { status: 500, ..Refusal::new(1, None, TOO_MUCH_DATA) });
        }
        for (place, event) in events.iter().enumerate() {
            let poison = event["event_id"].as_str().and_then(|id| self.poison.get(id));
            if let Some((code, subcode)) = poison {
                return Err(Refusal::new(*code, *subcode, "Invalid parameter"));
            }
            if let Some(refusal) = rules::refuse(event, Origin { place, dataset, now }, &self.links) {
                return Err(refusal);
            }
        }
        Ok(events)
    }

    /// Takes the events and answers how many; a fault may take only some, or add a header.
    fn take(&mut self, dataset: &str, mut events: Vec<Value>, fault: Option<Fault>) -> Reply {
        let mut reported = events.len();
        if let Some(Fault::Count { count }) = fault {
            events.truncate(count);
            reported = count;
        }
        for event in events {
            let name = event["event_name"].as_str().unwrap_or_default().to_owned();
            *self.counts.entry((dataset.to_owned(), name)).or_default() += 1;
            self.accepted_count += 1;
            self.accepted.push_back((dataset.to_owned(), event));
        }
        let mut reply = received(reported, &self.trace());
        if let Some(Fault::NearlyUsedUp { percent }) = fault {
            reply.headers.push(app_usage(percent));
        }
        reply
    }
}

/// The events of a request's `data`. The list and each event may also be JSON inside of a text, as Meta's SDKs write
/// it.
fn batch(call: &mut Call) -> Result<Vec<Value>, Refusal> {
    if call.is_malformed {
        return Err(Refusal::new(100, None, "(#100) The body is not a JSON object"));
    }
    let read = |value: Value| match value {
        Value::String(text) => serde_json::from_str(&text).ok(),
        value => Some(value),
    };
    match read(call.take("data")) {
        Some(Value::Array(events)) => events
            .into_iter()
            .map(read)
            .collect::<Option<_>>()
            .ok_or_else(|| Refusal::new(100, None, "(#100) An item of data is not JSON")),
        _ => Err(Refusal::new(100, None, "(#100) The parameter data is required")),
    }
}

/// A success: HTTP 200 with the number of events that Meta says it has received.
fn received(count: usize, trace: &str) -> Reply {
    Reply::json(200, &json!({"events_received": count, "messages": [], "fbtrace_id": trace}))
}

/// The header `x-app-usage`, whose values are percent of the app's quota.
fn app_usage(percent: u8) -> (&'static str, String) {
    let usage = json!({"call_count": percent, "total_time": percent, "total_cputime": percent});
    ("x-app-usage", usage.to_string())
}

fn retry_headers(retry: RetryHint) -> Vec<(&'static str, String)> {
    match retry {
        RetryHint::Nothing => Vec::new(),
        RetryHint::RetryAfter { seconds } => vec![("retry-after", seconds.to_string())],
        RetryHint::Usage { minutes } => {
            let usage = json!({"66782684": [{
                "type": "ads_management", "call_count": 100, "total_cputime": 100, "total_time": 100,
                "estimated_time_to_regain_access": minutes, "ads_api_access_tier": "development_access",
            }]});
            vec![app_usage(100), ("x-business-use-case-usage", usage.to_string())]
        }
    }
}
