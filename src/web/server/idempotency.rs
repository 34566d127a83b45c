//! The same request again gets the first answer: what an Idempotency-Key promises.

use std::future::Future;
use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Claim, Idempotent, IdempotentRequest, Reply};
use crate::web::server::caller::Caller;
use crate::web::server::problem;
use crate::web::server::state::App;

/// Marks an answer that was given before.
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));

/// Names a request, if it came with an Idempotency-Key. `route` holds its ids.
///
/// # Errors
/// 409 while the same request is still running.
pub fn request<T>(
    app: &App,
    (caller, word, route): (&Caller, Option<String>, String),
    body: &[u8],
    render: fn(&T) -> Reply,
) -> Result<IdempotentRequest<T>> {
    let begin = |word| Claim::begin(&app.names, [caller.key_id.0.clone(), route, word], body);
    Ok(IdempotentRequest { claim: word.map(begin).transpose()?.map(Arc::new), render })
}

/// Answers as before, or with what `work` comes to. A refusal is kept as well, unless another time it may be
/// none.
pub async fn answer<T>(
    app: &App,
    request: &IdempotentRequest<T>,
    work: impl Future<Output = Result<Idempotent<T>>>,
) -> Response {
    match before(app, request).await {
        Ok(Some(reply)) => return replayed(reply),
        Ok(None) => {}
        Err(error) => return problem::response(problem::reply(app, error).await),
    }
    match work.await {
        Ok(Idempotent::Done(done)) => problem::response((request.render)(&done)),
        Ok(Idempotent::Replayed(reply)) => replayed(reply),
        Err(error) => {
            let is_final = matches!(
                error.kind,
                ErrorKind::Malformed | ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Forbidden
            );
            let is_kept = is_final && error.code != "idempotency_key_reused";
            let reply = problem::reply(app, error).await;
            if is_kept {
                keep(app, request.claim.as_deref(), &reply).await;
            }
            problem::response(reply)
        }
    }
}

async fn before<T>(app: &App, request: &IdempotentRequest<T>) -> Result<Option<Reply>> {
    match &request.claim {
        None => Ok(None),
        Some(claim) => claim.replay(&mut app.services.store.look().await?, app.services.clock.now()).await,
    }
}

/// Keeps a refusal. It had no effect, so nothing is lost if it can't be kept.
pub async fn keep(app: &App, claim: Option<&Claim>, reply: &Reply) {
    let Some(claim) = claim else { return };
    let kept = async {
        let mut unit = app.services.store.begin("keep_refusal").await?;
        claim.store(&mut unit, reply, app.services.clock.now()).await?;
        unit.commit().await
    };
    match kept.await {
        Err(error) if error.kind != ErrorKind::Contended => {
            tracing::warn!("A refusal can't be kept: {error}");
        }
        _ => {}
    }
}

/// An answer that was given before.
pub fn replayed(reply: Reply) -> Response {
    let mut response = problem::response(reply);
    response.headers_mut().insert(REPLAYED.0, REPLAYED.1);
    response
}

/// A value as the body of an answer.
pub fn reply(status: u16, body: &impl serde::Serialize) -> Reply {
    match serde_json::to_string(body) {
        Ok(body) => Reply { status, body },
        Err(error) => problem::plain(&Error::internal("an answer can't be written").caused_by(error)),
    }
}
