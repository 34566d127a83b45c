//! Live updates: a page is notified that something changed, and loads itself again. The stream carries no content.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::flow::manage::operators;
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// How often the database is queried for a change.
const LOOK: Duration = Duration::from_secs(1);

/// After this many queries without a change a comment is sent, so that a lost connection is noticed.
const QUIET_LOOKS: u32 = 15;

/// The most streams at the same time in one process.
const LISTENERS_MAX: usize = 256;

static LISTENERS: std::sync::LazyLock<std::sync::Arc<Semaphore>> =
    std::sync::LazyLock::new(|| std::sync::Arc::new(Semaphore::new(LISTENERS_MAX)));

/// A stream of server-sent events; it ends with the session.
pub async fn stream(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    let Ok(permit) = std::sync::Arc::clone(&LISTENERS).try_acquire_owned() else {
        return Err(Error::unavailable("too_many_listeners", "Too many pages listen: this one is not live."));
    };
    let (sender, body) = Channel::<Bytes, Infallible>::new(4);
    tokio::spawn(send_changes(app, visitor, sender, permit));
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((kind, Body::new(body)).into_response())
}

/// Sends an event at each change, until the session or the process ends or the connection is closed.
async fn send_changes(
    app: App,
    visitor: Visitor,
    mut sender: Sender<Bytes, Infallible>,
    _permit: OwnedSemaphorePermit,
) {
    let session = operators::hash(&visitor.secret);
    let mut known = None;
    let mut quiet = QUIET_LOOKS;
    while let Ok(Some(stamp)) = look(&app, &session).await {
        let changed = known.as_ref().is_some_and(|known| *known != stamp);
        known = Some(stamp);
        quiet += 1;
        let message = match changed {
            true => Some("event: changed\ndata:\n\n"),
            false if quiet > QUIET_LOOKS => Some(":\n\n"),
            false => None,
        };
        if let Some(message) = message {
            quiet = 0;
            if sender.send_data(Bytes::from_static(message.as_bytes())).await.is_err() {
                return;
            }
        }
        app.services.clock.sleep(LOOK).await;
    }
}

/// The stamp of everything that pages show; `None` once the session is over or the process stops.
async fn look(app: &App, session: &str) -> Result<Option<String>> {
    if !app.readiness.is_up() {
        return Ok(None);
    }
    let mut unit = app.services.store.read().await?;
    if unit.operator_in_session(session, app.services.clock.now()).await?.is_none() {
        return Ok(None);
    }
    unit.stamp().await.map(Some)
}
