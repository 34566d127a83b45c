//! HTTP in: Meta's webhook and the operator API. No SQL and no rules; a failure's kind becomes a status here
//! and nowhere else.

mod body;
mod change;
mod key;
mod outcome;
mod problem;
mod readiness;
mod serve;
mod webhook;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use secrecy::SecretString;

pub use readiness::Readiness;
pub use serve::{Limits, serve};

use crate::flow::{House, Intake};

/// The largest webhook or request body.
pub const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What the handlers need.
#[derive(Clone, Debug)]
pub struct App {
    /// The verbs' needs.
    pub house: House,
    /// What Meta signs webhooks with; without it the webhook answers 503.
    pub app_secret: Option<SecretString>,
    /// What Meta shows at its handshake.
    pub verify_token: Option<SecretString>,
    /// The way in for webhooks.
    pub intake: Intake,
}

/// Every route.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/webhooks/meta", get(webhook::handshake).post(webhook::receive))
        .route("/v1/conversations", get(outcome::find_conversation))
        .route("/v1/conversations/{id}/outcomes", post(outcome::tag))
        .route("/v1/outcomes/{id}/undo", post(outcome::undo))
        .route("/v1/changes", get(change::follow))
        .route("/healthz", get(|| async { "ok" }))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app)
}
