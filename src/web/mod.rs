//! HTTP in: Meta's webhook and the API. No SQL and no rules; a failure's kind becomes a status here and nowhere
//! else.

mod attempt;
mod body;
mod caller;
mod change;
mod console;
mod conversation;
mod conversion;
mod import;
mod list;
mod metrics;
mod once;
mod openapi;
mod order;
mod outcome;
mod page;
mod page_body;
mod payout;
mod problem;
mod read;
mod readiness;
mod request;
mod serve;
mod tag_body;
mod view;
mod webhook;

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef};
use axum::routing::get;
use axum::{Router, middleware};
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use openapi::openapi;
pub use readiness::Readiness;
pub use serve::{Limits, serve};

use crate::error::{Error, Kind};
use crate::flow::{House, Intake, Names};
use crate::store::Store;

/// The largest webhook or request body, unless it is set otherwise.
pub const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What the handlers need; clones, of which each request takes some, lead to the same.
#[derive(Clone, Debug)]
pub struct App(Arc<Needs>);

/// What is in an [`App`].
#[derive(Clone, Debug)]
pub struct Needs {
    /// The verbs' needs.
    pub house: House,
    /// What Meta signs webhooks with; without it the webhook answers 503.
    pub app_secret: Option<SecretString>,
    /// What Meta shows at its handshake.
    pub verify_token: Option<SecretString>,
    /// The way in for webhooks.
    pub intake: Intake,
    /// The requests that are running, by Idempotency-Key.
    pub names: Names,
    /// Whether this process wants work.
    pub readiness: Readiness,
    /// The largest webhook or request body, in bytes.
    pub body_limit: usize,
}

impl From<Needs> for App {
    fn from(needs: Needs) -> Self {
        Self(Arc::new(needs))
    }
}

impl Deref for App {
    type Target = Needs;

    fn deref(&self) -> &Needs {
        &self.0
    }
}

impl FromRef<App> for House {
    fn from_ref(app: &App) -> Self {
        app.house.clone()
    }
}

impl FromRef<App> for (Readiness, Store) {
    fn from_ref(app: &App) -> Self {
        (app.readiness.clone(), app.house.store.clone())
    }
}

/// Every route, with its description.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::begun())
        .routes(routes!(webhook::handshake, webhook::receive))
        .routes(routes!(conversation::list))
        .routes(routes!(conversation::show))
        .routes(routes!(outcome::tag))
        .routes(routes!(outcome::undo))
        .routes(routes!(outcome::accept))
        .routes(routes!(import::take))
        .routes(routes!(change::follow))
        .routes(routes!(payout::book))
        .routes(routes!(payout::list))
        .routes(routes!(order::list))
        .routes(routes!(order::show))
        .routes(routes!(conversion::list))
        .routes(routes!(conversion::show))
        .routes(routes!(conversion::send))
        .routes(routes!(conversion::retry))
        .routes(routes!(attempt::list))
        .routes(routes!(attempt::resolve))
        .routes(routes!(page::list))
        .routes(routes!(page::change))
        .routes(routes!(readiness::alive))
        .routes(routes!(readiness::ready))
        .routes(routes!(metrics::show))
        .routes(routes!(openapi::document))
        .routes(routes!(openapi::docs))
}

/// Every route.
pub fn router(app: App) -> Router {
    let (router, _) = api().split_for_parts();
    router
        .merge(console::routes())
        .fallback(|| async {
            Error::new(Kind::NotFound, "no_such_route", "There is nothing here: see /docs.")
        })
        .method_not_allowed_fallback(|| async {
            Error::new(
                Kind::WrongMethod,
                "wrong_method",
                "This can't be done here: see the allow header and /docs.",
            )
        })
        .layer(DefaultBodyLimit::max(app.body_limit))
        .layer(middleware::from_fn_with_state(app.clone(), request::named))
        .with_state(app)
}

/// What is served beside, for whoever runs it, and nothing of the shop's.
pub fn beside(readiness: Readiness, house: House) -> Router {
    let metrics = Router::new().route("/metrics", get(metrics::show)).with_state(house.clone());
    readiness.route(house.store).route("/healthz", get(readiness::alive)).merge(metrics)
}
