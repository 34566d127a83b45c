//! What an Idempotency-Key promises, as HTTP: the same request again gets the first answer. Who looks that answer up is the
//! verb, in its own unit of work; here is what surrounds it, and the refusals that come before any verb runs.

use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, Claim, Idempotent, IdempotentRequest, Reply};
use crate::web::server::caller::Caller;
use crate::web::server::problem;
use crate::web::server::state::App;

/// Marks an answer that was given before.
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));

/// The code of the refusal of a key that came with another body.
const KEY_REUSED: &str = "idempotency_key_reused";

/// A request with the name under which it may come again.
#[derive(Debug)]
pub struct NamedRequest<'a> {
    /// Whose key it came with.
    pub caller: &'a Caller,
    /// Its Idempotency-Key, if it came with one.
    pub key: Option<String>,
    /// Its route with the ids in it, such as `outcomes/7/undo`.
    pub route: String,
    /// Its body, of which the hash is compared.
    pub body: &'a [u8],
}

impl NamedRequest<'_> {
    /// Claims the name while the request runs; `render` writes the answer that is kept beside the effect.
    ///
    /// # Errors
    /// 409 while the same request is still running.
    pub fn claim<T>(self, app: &App, render: fn(&T) -> Reply) -> Result<IdempotentRequest<T>> {
        let claim = match self.key {
            Some(key) => {
                let name = [self.caller.key_id.0.clone(), self.route, key];
                Some(Arc::new(Claim::begin(&app.in_flight, name, self.body)?))
            }
            None => None,
        };
        Ok(IdempotentRequest { claim, render })
    }
}

/// The answer to a request: what its verb did now, or the answer of before. A refusal is an answer too, and is kept if it
/// would be the same another time.
pub async fn answer<T>(
    app: &App,
    request: &IdempotentRequest<T>,
    verb: impl Future<Output = Result<Idempotent<T>>>,
) -> Response {
    match verb.await {
        Ok(Idempotent::Done(done)) => problem::response((request.render)(&done)),
        Ok(Idempotent::Replayed(reply)) => replayed(reply),
        Err(error) => refused(app, request.claim.as_deref(), error).await,
    }
}

/// The answer to a request that was refused, perhaps before its verb could look for the answer of before.
async fn refused(app: &App, claim: Option<&Claim>, error: Error) -> Response {
    let is_reused = error.code == KEY_REUSED;
    let is_final = matches!(
        error.kind,
        ErrorKind::Malformed | ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Forbidden
    );
    let reply = problem::reply(app, error).await;
    let Some(claim) = claim.filter(|_| !is_reused) else { return problem::response(reply) };
    match first_answer(app, claim, &reply, is_final).await {
        Ok(Some(first)) => replayed(first),
        Ok(None) => problem::response(reply),
        Err(reused) => problem::response(problem::plain(&reused)),
    }
}

/// Keeps the answer to a request of several units of work, each of which keeps its own effects.
pub async fn keep(app: &App, claim: &Claim, reply: &Reply) {
    // Who was quicker gave the same answer: the effects are kept beside their own.
    drop(first_answer(app, claim, reply, true).await);
}

/// The answer that the same request got before; else `reply` is kept if it `is_final`. Nothing is lost if it can't be kept:
/// a refusal had no effect, and lines have their own answers.
async fn first_answer(app: &App, claim: &Claim, reply: &Reply, is_final: bool) -> Result<Option<Reply>> {
    match flow::first_answer(&app.services, claim, reply, is_final).await {
        Err(error) if error.code != KEY_REUSED => {
            tracing::warn!("An answer can't be kept: {error}");
            Ok(None)
        }
        first => first,
    }
}

fn replayed(reply: Reply) -> Response {
    let mut response = problem::response(reply);
    response.headers_mut().insert(REPLAYED.0, REPLAYED.1);
    response
}
