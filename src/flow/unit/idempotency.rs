//! A request's effect and its answer are one unit: the same request again gets the first answer, and has no
//! second effect.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::idempotency::{Name, Stored};

/// How long an answer is kept.
pub(in crate::flow) const ANSWER_RETENTION: Duration = Duration::from_hours(24);

/// How the name of a fact begins whose sender gave it none.
pub const KEY_REF_PREFIX: &str = "idem:";

/// An answer as the web gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// The name of a request that may come again: its key, route and Idempotency-Key, with its body as a hash.
/// While it lives, the same request is still running.
#[derive(Debug)]
pub struct Claim {
    /// Whose.
    pub key_id: String,
    /// The route with its ids.
    pub route: String,
    /// The Idempotency-Key.
    pub word: String,
    /// SHA-256 of the body, in hex.
    pub body_hash: String,
    _running: Option<Running>,
}

/// The requests of this process that are still running, by name.
pub type InFlight = Arc<Mutex<HashSet<[String; 3]>>>;

#[derive(Debug)]
struct Running {
    names: InFlight,
    name: [String; 3],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// What a request asks besides its verb: whether it may have been answered before, and how its answer reads.
#[derive(Clone, Debug)]
pub struct IdempotentRequest<T> {
    /// The request's name, if it has one.
    pub claim: Option<Arc<Claim>>,
    /// How the answer reads.
    pub render: fn(&T) -> Reply,
}

/// What came of a request.
#[derive(Debug)]
pub enum Idempotent<T> {
    /// It was done now.
    Done(T),
    /// It was done before, and this was said.
    Replayed(Reply),
}

impl<T> Idempotent<T> {
    /// What was done now; none for an answer of before.
    pub fn now(self) -> Option<T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Replayed(_) => None,
        }
    }
}

/// What is compared of a request's body.
pub fn body_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

impl Claim {
    /// Begins a request of this name.
    ///
    /// # Errors
    /// 409 while the same request is still running.
    pub fn begin(names: &InFlight, [key_id, route, word]: [String; 3], body: &[u8]) -> Result<Self> {
        let name = [key_id.clone(), route.clone(), word.clone()];
        if !names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone()) {
            return Err(Error::conflict(
                "still_running",
                "A request with this Idempotency-Key is still running: wait, then send it again.",
            ));
        }
        let running = Some(Running { names: Arc::clone(names), name });
        Ok(Self { key_id, route, word, body_hash: body_hash(body), _running: running })
    }

    /// The promise of one line of this request.
    #[must_use]
    pub fn line(&self, number: usize) -> Self {
        Self {
            key_id: self.key_id.clone(),
            route: self.route.clone(),
            word: format!("{}#{number}", self.word),
            body_hash: self.body_hash.clone(),
            _running: None,
        }
    }

    /// The name of a fact whose sender gave it none: one request says one fact.
    pub fn as_reference(&self) -> String {
        format!("{KEY_REF_PREFIX}{}:{}:{}", self.key_id, self.route, self.word)
    }

    fn name(&self) -> Name<'_> {
        Name { key_id: &self.key_id, route: &self.route, word: &self.word }
    }

    /// The answer that was given before.
    ///
    /// # Errors
    /// 422 when the body was another one.
    pub async fn answer(&self, unit: &mut Unit, now: Timestamp) -> Result<Option<Reply>> {
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

    /// Keeps the answer beside its effect.
    ///
    /// # Errors
    /// Contended when the same request was quicker elsewhere: begun again, it finds that answer.
    pub async fn keep(&self, unit: &mut Unit, reply: &Reply, now: Timestamp) -> Result<()> {
        let stored = Stored {
            body_hash: self.body_hash.clone(),
            status: i64::from(reply.status),
            answer: reply.body.clone(),
        };
        if unit.store_answer(self.name(), &stored, now, now - ANSWER_RETENTION).await? {
            return Ok(());
        }
        let message = "The same request was answered elsewhere at this moment";
        Err(Error::new(crate::error::ErrorKind::Contended, "answered_elsewhere", message))
    }
}

impl<T> IdempotentRequest<T> {
    /// A request without a name, whose answer nobody keeps.
    pub fn unkeyed() -> Self {
        Self { claim: None, render: |_| Reply { status: 200, body: String::new() } }
    }

    /// The answer that was given before.
    pub(in crate::flow) async fn before(&self, unit: &mut Unit, now: Timestamp) -> Result<Option<Reply>> {
        match &self.claim {
            Some(claim) => claim.answer(unit, now).await,
            None => Ok(None),
        }
    }

    /// Keeps the answer beside its effect.
    pub(in crate::flow) async fn keep(&self, unit: &mut Unit, done: &T, now: Timestamp) -> Result<()> {
        match &self.claim {
            Some(claim) => claim.keep(unit, &(self.render)(done), now).await,
            None => Ok(()),
        }
    }
}
