//! What the handlers share.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRef;
use secrecy::SecretString;

use crate::flow::{InFlight, Intake, Services};
use crate::store::Store;
use crate::web::server::readiness::Readiness;

/// The largest webhook or request body in bytes, unless it is configured.
pub const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The state of the handlers; clones share it.
#[derive(Clone, Debug)]
pub struct App(Arc<AppState>);

/// The contents of an [`App`].
#[derive(Clone, Debug)]
pub struct AppState {
    /// What the verbs work with: store, clock, ids, the phone key.
    pub services: Services,
    /// The app secret, by which Meta signs webhooks; without it the webhook answers 503.
    pub app_secret: Option<SecretString>,
    /// The verify token, which Meta shows at its handshake.
    pub verify_token: Option<SecretString>,
    /// The queue of webhook bodies on their way into the intake log.
    pub intake: Intake,
    /// The requests in flight, by Idempotency-Key.
    pub in_flight: InFlight,
    /// Whether this process takes requests.
    pub readiness: Readiness,
    /// The largest webhook or request body, in bytes.
    pub body_limit: usize,
}

impl From<AppState> for App {
    fn from(state: AppState) -> Self {
        Self(Arc::new(state))
    }
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

impl FromRef<App> for Services {
    fn from_ref(app: &App) -> Self {
        app.services.clone()
    }
}

impl FromRef<App> for (Readiness, Store) {
    fn from_ref(app: &App) -> Self {
        (app.readiness.clone(), app.services.store.clone())
    }
}
