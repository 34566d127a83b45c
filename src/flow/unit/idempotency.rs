//! Idempotency: a request's effect and its answer are stored in one unit of work, so that the same request again gets
//! the first answer and has no second effect.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Unit;
use crate::store::idempotency::{RequestName, StoredAnswer};

/// Retention of stored answers.
pub(in crate::flow) const ANSWER_RETENTION: Duration = Duration::from_hours(24);

/// Prefix of the `ref` that a fact gets whose sender gave none: the Idempotency-Key of its request follows.
pub const KEY_REF_PREFIX: &str = "idem:";

/// A rendered HTTP answer, as it is sent and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, as JSON.
    pub body: String,
}

/// The claim of a running request on its Idempotency-Key: while it lives, the same request is answered 409.
#[derive(Debug)]
pub struct Claim {
    /// The API key that the request came with.
    pub key_id: String,
    /// The route with its ids.
    pub route: String,
    /// The Idempotency-Key, as the request brought it.
    pub key: String,
    /// SHA-256 of the raw body, in hex.
    pub body_hash: String,
    _in_flight: Option<InFlightEntry>,
}

/// The requests of this process that are in flight: API key, route and Idempotency-Key of each.
pub type InFlight = Arc<Mutex<HashSet<[String; 3]>>>;

/// An entry among the requests in flight; dropping it removes it.
#[derive(Debug)]
struct InFlightEntry {
    requests: InFlight,
    request: [String; 3],
}

impl Drop for InFlightEntry {
    fn drop(&mut self) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request);
    }
}

/// An idempotent request as its verb sees it: the claim by which a stored answer is found, and how its answer is
/// rendered.
#[derive(Clone, Debug)]
pub struct IdempotentRequest<T> {
    /// The claim on its Idempotency-Key, if it came with one.
    pub claim: Option<Arc<Claim>>,
    /// Renders the answer, which is stored beside the effect.
    pub render: fn(&T) -> Reply,
}

/// The result of an idempotent request.
#[derive(Debug)]
pub enum Idempotent<T> {
    /// It took effect now.
    Done(T),
    /// It took effect before: its first answer.
    Replayed(Reply),
}

impl<T> Idempotent<T> {
    /// The result of an effect that happened now; `None` for a replayed answer.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Replayed(_) => None,
        }
    }
}

/// SHA-256 of a raw body in hex: a repeated Idempotency-Key must come with the same one.
pub fn body_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

impl Claim {
    /// Claims an Idempotency-Key for a request.
    ///
    /// # Errors
    /// 409 while the same request is in flight.
    pub fn begin(in_flight: &InFlight, [key_id, route, key]: [String; 3], body: &[u8]) -> Result<Self> {
        let request = [key_id.clone(), route.clone(), key.clone()];
        if !in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(request.clone()) {
            return Err(Error::conflict(
                "still_running",
                "A request with this Idempotency-Key is still running: wait, then send it again.",
            ));
        }
        let entry = InFlightEntry { requests: Arc::clone(in_flight), request };
        Ok(Self { key_id, route, key, body_hash: body_hash(body), _in_flight: Some(entry) })
    }

    /// The claim of one line of a request with many: each line is answered and replayed by itself.
    #[must_use]
    pub fn line(&self, number: usize) -> Self {
        Self {
            key_id: self.key_id.clone(),
            route: self.route.clone(),
            key: format!("{}#{number}", self.key),
            body_hash: self.body_hash.clone(),
            _in_flight: None,
        }
    }

    /// The `ref` of a fact whose sender gave none: one use of the Idempotency-Key is one fact. The key may be used again
    /// once its answer is no longer kept, so the time of this use is part of it.
    pub fn as_reference(&self, now: Timestamp) -> String {
        format!("{KEY_REF_PREFIX}{}:{}:{}:{}", self.key_id, self.route, self.key, now.millis())
    }

    fn name(&self) -> RequestName<'_> {
        RequestName { key_id: &self.key_id, route: &self.route, key: &self.key }
    }

    /// The stored answer of the same request.
    ///
    /// # Errors
    /// 422 when its body was another one.
    pub async fn replay(&self, unit: &mut Unit, now: Timestamp) -> Result<Option<Reply>> {
        let Some(stored) = unit.stored_answer(self.name(), now - ANSWER_RETENTION).await? else {
            return Ok(None);
        };
        if stored.body_hash != self.body_hash {
            return Err(Error::invalid(
                "idempotency_key_reused",
                "This Idempotency-Key was used with another body: use a new key for a new request.",
            ));
        }
        let status = u16::try_from(stored.status).unwrap_or(200);
        Ok(Some(Reply { status, body: stored.answer }))
    }

    /// Stores the answer beside its effect.
    ///
    /// # Errors
    /// Contended when another replica stored an answer to the same request first: run again, the unit of work finds it.
    pub async fn store(&self, unit: &mut Unit, reply: &Reply, now: Timestamp) -> Result<()> {
        let stored = StoredAnswer {
            body_hash: self.body_hash.clone(),
            status: i64::from(reply.status),
            answer: reply.body.clone(),
        };
        if unit.store_answer(self.name(), &stored, now, now - ANSWER_RETENTION).await? {
            return Ok(());
        }
        let message = "The same request was answered elsewhere at this moment";
        Err(Error::new(ErrorKind::Contended, "answered_elsewhere", message))
    }
}

impl<T> IdempotentRequest<T> {
    /// A request without an Idempotency-Key: nothing is replayed and no answer stored.
    pub fn unkeyed() -> Self {
        Self { claim: None, render: |_| Reply { status: 200, body: String::new() } }
    }

    /// The stored answer of the same request, if it came before.
    ///
    /// # Errors
    /// 422 when its body was another one.
    pub(in crate::flow) async fn replay(&self, unit: &mut Unit, now: Timestamp) -> Result<Option<Reply>> {
        match &self.claim {
            Some(claim) => claim.replay(unit, now).await,
            None => Ok(None),
        }
    }

    /// Stores the answer beside its effect, if the request came with an Idempotency-Key.
    pub(in crate::flow) async fn store(&self, unit: &mut Unit, done: &T, now: Timestamp) -> Result<()> {
        match &self.claim {
            Some(claim) => claim.store(unit, &(self.render)(done), now).await,
            None => Ok(()),
        }
    }
}
