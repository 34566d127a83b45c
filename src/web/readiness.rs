//! Whether this process wants work: the word for load balancers, which falls as soon as it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::error::{Error, Result};
use crate::store::Store;

/// Whether the process wants work; clones are one word.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    stopping: Arc<AtomicBool>,
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

    /// `GET /readyz`: 200 while work is wanted and the database answers, else 503 with the reason.
    pub fn route(self, store: Store) -> Router {
        Router::new().route("/readyz", get(ready)).with_state((self, store))
    }
}

async fn ready(State((readiness, store)): State<(Readiness, Store)>) -> Result<&'static str> {
    if !readiness.is_up() {
        return Err(Error::unavailable("stopping", "This process is stopping: ask another one."));
    }
    store.read().await?.commit().await?;
    Ok("ready")
}
