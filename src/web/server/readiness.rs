//! Whether this process lives, and whether it wants work: the words for load balancers. The second falls as
//! soon as the process is told to stop.

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

/// Whether the process wants work; clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    stopping: Arc<AtomicBool>,
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// Whether the process wants work.
    ready: bool,
    /// Each reason why it does not.
    reasons: Vec<Why>,
}

/// Why no work is wanted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Why {
    /// A stable word for scripts.
    #[schema(example = "stopping")]
    code: &'static str,
    /// A sentence for people that says what to do.
    detail: &'static str,
}

impl Readiness {
    /// From now on no more work is wanted.
    pub fn fall(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether work is still wanted.
    pub fn is_up(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    /// `GET /readyz`: 200 while work is wanted and the database answers, else 503 with the reasons.
    pub fn route(self, store: Store) -> Router {
        Router::new().route("/readyz", get(ready)).with_state((self, store))
    }
}

/// Whether the process lives; asks nobody else.
#[utoipa::path(
    get, path = "/healthz", operation_id = "health", tag = "health", security(()),
    responses((status = 200, description = "It lives", content_type = "text/plain", body = String)),
)]
pub async fn alive() -> &'static str {
    "ok"
}

/// Whether the process wants work, and the database answers.
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
