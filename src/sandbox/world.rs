//! What the stand-in knows and what it has taken. All of it stands behind one lock, so that a request is
//! judged and taken, or refused, as a whole.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::sandbox::call::Call;
use crate::sandbox::fault::{Announced, Fault, Plays};
use crate::sandbox::links::Links;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::reply::{Content, Reply};
use crate::sandbox::{Seen, rules, signature};

/// Events that one request may carry.
const EVENTS_MAX: usize = 1000;

/// An `appsecret_time` is good for so many seconds.
const PROOF_SECONDS: u64 = 5 * 60;

/// The length of an answer that is longer than anybody reads.
const LONG_ANSWER_BYTES: usize = 2 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) links: Links,
    /// Token → the subcode of 190 with which it is refused.
    pub(super) dead_tokens: HashMap<String, i64>,
    /// Event id → the subcode with which it is refused.
    pub(super) poison: HashMap<String, i64>,
    pub(super) plays: Plays,
    pub(super) proof: Proof,
    /// So many events and requests are kept, the newest; `None`: all.
    pub(super) keep: Option<usize>,
    /// Dataset and event, in order.
    pub(super) accepted: VecDeque<(String, Value)>,
    pub(super) accepted_count: u64,
    /// Dataset and event name → how many were accepted.
    pub(super) counts: BTreeMap<(String, String), u64>,
    pub(super) seen: VecDeque<Seen>,
    serial: u64,
}

/// The app's secret, and whether every call must prove that its caller knows it.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pub(super) app_secret: Option<String>,
    pub(super) is_required: bool,
}

impl World {
    /// The next number of the world, for traces and new objects.
    pub(super) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// The next trace id.
    pub(super) fn trace(&mut self) -> String {
        format!("Sandbox{:08}", self.serial())
    }

    /// Whether the caller's token and proof are good.
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
                time.parse().is_ok_and(|at: i64| now.seconds().abs_diff(at) <= PROOF_SECONDS)
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

    /// Answers a request that carries events, with the next fault if there is one.
    pub(super) fn events(&mut self, now: Timestamp, dataset: &str, call: &mut Call) -> Reply {
        let batch = batch(call);
        let ids = batch.as_deref().unwrap_or_default().iter();
        let event_ids = ids.map(|event| event["event_id"].as_str().unwrap_or_default().to_owned()).collect();
        let fault = self.plays.next(dataset);
        let reply = match fault.and_then(|fault| self.spoil(fault)) {
            Some(reply) => reply,
            None => match batch.and_then(|events| self.judge(now, dataset, call, events)) {
                Err(refusal) => refusal.reply(&self.trace()),
                Ok(events) => self.take(dataset, events, fault),
            },
        };
        let reply = match fault {
            Some(Fault::TakeAndLoseAnswer) => Reply::closed(),
            Some(Fault::CloseInAnswer) => reply.cut(|bytes| Content::Broken(bytes.slice(..bytes.len() / 2))),
            Some(Fault::EndlessAnswer) => reply.cut(|_| Content::Endless),
            Some(Fault::LongAnswer) => reply.cut(|bytes| {
                let mut padded = bytes.to_vec();
                padded.resize(LONG_ANSWER_BYTES, b' ');
                Content::Whole(padded.into())
            }),
            Some(Fault::Hold) => Reply { is_held: true, ..reply },
            _ => reply,
        };
        self.see(dataset, event_ids, reply.status);
        reply
    }

    /// Whether the next request to `dataset` is to be closed before its body; if so, that has happened.
    pub(super) fn closes_before_body(&mut self, dataset: &str) -> bool {
        let closes = self.plays.peek(dataset) == Some(Fault::CloseBeforeBody);
        if closes {
            self.plays.next(dataset);
            self.see(dataset, Vec::new(), 0);
        }
        closes
    }

    fn see(&mut self, dataset: &str, event_ids: Vec<String>, status: u16) {
        self.seen.push_back(Seen { dataset: dataset.to_owned(), event_ids, status });
        self.forget();
    }

    /// Drops the oldest of what is kept.
    pub(super) fn forget(&mut self) {
        let Some(keep) = self.keep else { return };
        self.accepted.drain(..self.accepted.len().saturating_sub(keep));
        self.seen.drain(..self.seen.len().saturating_sub(keep));
    }

    /// The answer of a fault that takes nothing.
    fn spoil(&mut self, fault: Fault) -> Option<Reply> {
        let played = |status, code, subcode, is_transient| Refusal {
            status,
            is_transient,
            ..Refusal::new(code, subcode, "A fault played on request")
        };
        match fault {
            Fault::Graph { status, code, subcode } => {
                Some(played(status, code, subcode, false).reply(&self.trace()))
            }
            Fault::Transient { status, code, subcode } => {
                Some(played(status, code, subcode, true).reply(&self.trace()))
            }
            Fault::Throttled { code, told } => {
                let mut reply = played(400, code, None, true).reply(&self.trace());
                reply.headers.extend(usage(told));
                Some(reply)
            }
            Fault::Html503 => {
                Some(Reply::text(503, "text/html", "<html><body>Service Unavailable</body></html>"))
            }
            Fault::Bare { status } => Some(Reply::text(status, "text/plain", "")),
            Fault::Zero => Some(received(0, &self.trace())),
            Fault::CloseBeforeBody => Some(Reply::closed()),
            Fault::Count { .. }
            | Fault::NearlyUsedUp { .. }
            | Fault::TakeAndLoseAnswer
            | Fault::CloseInAnswer
            | Fault::EndlessAnswer
            | Fault::LongAnswer
            | Fault::Hold => None,
        }
    }

    /// Whether all events may be taken; else the refusal of the first bad one.
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
            return Err(Refusal::new(100, Some(33), message));
        }
        if events.is_empty() || events.len() > EVENTS_MAX {
            return Err(Refusal::new(100, None, "(#100) data must hold 1 to 1000 events"));
        }
        for (place, event) in events.iter().enumerate() {
            let poison = event["event_id"].as_str().and_then(|id| self.poison.get(id));
            if let Some(subcode) = poison {
                return Err(Refusal::new(100, Some(*subcode), "Invalid parameter"));
            }
            if let Some(refusal) = rules::refuse(place, event, dataset, &self.links, now) {
                return Err(refusal);
            }
        }
        Ok(events)
    }

    fn take(&mut self, dataset: &str, mut events: Vec<Value>, fault: Option<Fault>) -> Reply {
        let mut told = events.len();
        if let Some(Fault::Count { count }) = fault {
            events.truncate(count);
            told = count;
        }
        for event in events {
            let name = event["event_name"].as_str().unwrap_or_default().to_owned();
            *self.counts.entry((dataset.to_owned(), name)).or_default() += 1;
            self.accepted_count += 1;
            self.accepted.push_back((dataset.to_owned(), event));
        }
        let mut reply = received(told, &self.trace());
        if let Some(Fault::NearlyUsedUp { percent }) = fault {
            reply.headers.push(app_usage(percent));
        }
        reply
    }
}

/// The events of a request. Each may be an object or, as the SDKs write it, the text of one.
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

fn received(count: usize, trace: &str) -> Reply {
    Reply::json(200, &json!({"events_received": count, "messages": [], "fbtrace_id": trace}))
}

fn app_usage(percent: u8) -> (&'static str, String) {
    let usage = json!({"call_count": percent, "total_time": percent, "total_cputime": percent});
    ("x-app-usage", usage.to_string())
}

fn usage(told: Announced) -> Vec<(&'static str, String)> {
    match told {
        Announced::Nothing => Vec::new(),
        Announced::RetryAfter { seconds } => vec![("retry-after", seconds.to_string())],
        Announced::Usage { minutes } => {
            let line = json!({"66782684": [{
                "type": "ads_management", "call_count": 100, "total_cputime": 100, "total_time": 100,
                "estimated_time_to_regain_access": minutes, "ads_api_access_tier": "development_access",
            }]});
            vec![app_usage(100), ("x-business-use-case-usage", line.to_string())]
        }
    }
}
