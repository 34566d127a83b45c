//! Liveness and readiness, for load balancers. Readiness falls as soon as the process is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::Store;

/// Whether the process takes requests; clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    stopping: Arc<AtomicBool>,
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// Whether the process takes requests.
    ready: bool,
    /// Each reason why it does not.
    reasons: Vec<Why>,
}

/// A reason why the process is not ready.
#[derive(Debug, Serialize, ToSchema)]
pub struct Why {
    /// A stable word for scripts.
    #[schema(example = "stopping")]
    code: &'static str,
    /// A sentence for people that says what to do.
    detail: &'static str,
}

impl Readiness {
    /// Makes the process not ready, for good.
    pub fn fall(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the process still takes requests.
    pub fn is_up(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    /// `GET /readyz`: 200 while the process takes requests and the database answers, else 503 with the reasons.
    pub fn route(self, store: Store) -> Router {
        Router::new().route("/readyz", get(ready)).with_state((self, store))
    }
}

/// Whether the process is alive; queries nothing.
#[utoipa::path(
    get, path = "/healthz", operation_id = "health", tag = "health", security(()),
    responses((status = 200, description = "It lives", content_type = "text/plain", body = String)),
)]
pub async fn alive() -> &'static str {
    "ok"
}

/// Whether the process takes requests and the database answers.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readiness", tag = "health", security(()),
    responses((status = 200, body = Ready), (status = 503, description = "No work is wanted", body = Ready)),
)]
pub async fn ready(State((readiness, store)): State<(Readiness, Store)>) -> Response {
    let mut reasons = Vec::new();
    if !readiness.is_up() {
        reasons.push(Why { code: "stopping", detail: "This process is stopping: ask another one." });
    }
    if let Err(error) = answers(&store).await {
        tracing::warn!("The database does not answer: {error}");
        reasons.push(Why { code: "database", detail: "The database does not answer: look at the log." });
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready: reasons.is_empty(), reasons })).into_response()
}

async fn answers(store: &Store) -> crate::error::Result<()> {
    let mut unit = store.read().await?;
    unit.page_ids().await?;
    unit.commit().await
}
