//! HTTP in: Meta's webhook and the API. No SQL and no rules; a failure's kind becomes a status here and nowhere
//! else.

mod api;
mod console;
mod hooks;
mod server;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use server::openapi::openapi;
pub use server::readiness::Readiness;
pub use server::serve::{Limits, serve};
pub use server::state::{App, AppState, BODY_LIMIT};

use crate::error::{Error, ErrorKind};
use crate::flow::Services;

use api::{attempt, change, conversation, conversion, import, order, outcome, page, payout};
use hooks::meta as hook;
use server::{metrics, openapi, readiness, request_id};

/// Every route, with its description.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::begun())
        .routes(routes!(hook::handshake, hook::receive))
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
            Error::new(ErrorKind::NotFound, "no_such_route", "There is nothing here: see /docs.")
        })
        .method_not_allowed_fallback(|| async {
            Error::new(
                ErrorKind::WrongMethod,
                "wrong_method",
                "This can't be done here: see the allow header and /docs.",
            )
        })
        .layer(DefaultBodyLimit::max(app.body_limit))
        .layer(middleware::from_fn_with_state(app.clone(), request_id::named))
        .with_state(app)
}

/// What is served beside, for whoever runs it, and nothing of the shop's.
pub fn beside(readiness: Readiness, services: Services) -> Router {
    let metrics = Router::new().route("/metrics", get(metrics::show)).with_state(services.clone());
    readiness.route(services.store).route("/healthz", get(readiness::alive)).merge(metrics)
}
