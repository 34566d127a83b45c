//! Idempotency-Keys over HTTP: the same request again gets the first answer. The verb looks that answer up and stores it,
//! in its own unit of work; here are the request's name, the HTTP, and refusals that come before any verb runs.

use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, Claim, Idempotent, IdempotentRequest, Reply};
use crate::web::server::caller::Caller;
use crate::web::server::problem;
use crate::web::server::state::App;

/// The header of an answer that is a stored one.
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));

/// The code of the 422 for a key that came with another body before.
const KEY_REUSED: &str = "idempotency_key_reused";

/// A request with the key and route by which it is recognised when it comes again.
#[derive(Debug)]
pub struct NamedRequest<'a> {
    /// The caller whose API key it came with.
    pub caller: &'a Caller,
    /// Its Idempotency-Key, if it came with one.
    pub key: Option<String>,
    /// Its route with the ids in it, such as `outcomes/7/undo`.
    pub route: String,
    /// Its body, whose hash is compared.
    pub body: &'a [u8],
}

impl NamedRequest<'_> {
    /// Claims the Idempotency-Key while the request runs; `render` writes the answer that is stored beside the effect.
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

/// The answer to a request: what its verb did now, or the stored answer. A refusal is an answer too, and is stored if
/// another try would get the same.
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

/// The answer to a request that was refused, perhaps before its verb could look for a stored answer.
async fn refused(app: &App, claim: Option<&Claim>, error: Error) -> Response {
    let is_reused = error.code == KEY_REUSED;
    // A conflict or a fault of ours may be gone at another try.
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

/// Stores the answer to a request of several units of work, such as an import; each stored its own effects.
pub async fn keep(app: &App, claim: &Claim, reply: &Reply) {
    // If another replica stored an answer first, it is the same: the effects are stored with answers of their own.
    drop(first_answer(app, claim, reply, true).await);
}

/// The stored answer to the same request; if there is none, stores `reply` where it `is_final`. A failing database is
/// only logged: a refusal had no effect, and an import's lines have answers of their own.
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
