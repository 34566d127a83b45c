//! Every route, and the `OpenAPI` document that describes those of the API.

use std::sync::LazyLock;

use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{Error, ErrorKind};
use crate::flow::Services;
use crate::web::api::{attempt, change, conversation, conversion, import, order, outcome, page, payout};
use crate::web::console;
use crate::web::hooks::meta;
use crate::web::server::readiness::{self, Readiness};
use crate::web::server::state::App;
use crate::web::server::{metrics, openapi as description, request_id};

/// The routes that are described: all but the console's.
fn described_routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(description::base())
        .routes(routes!(meta::handshake, meta::receive))
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
        .routes(routes!(order::join))
        .routes(routes!(order::part))
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
        .routes(routes!(document))
        .routes(routes!(docs))
}

/// Every route of the service.
pub fn router(app: App) -> Router {
    let (router, _) = described_routes().split_for_parts();
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

/// The routes of a port of its own for whoever runs the service: health, readiness and metrics, and nothing of the shop's.
pub fn router_for_operations(readiness: Readiness, services: Services) -> Router {
    let metrics = Router::new().route("/metrics", get(metrics::show)).with_state(services.clone());
    readiness.route(services.store).route("/healthz", get(readiness::alive)).merge(metrics)
}

static DOCUMENT: LazyLock<String> = LazyLock::new(openapi);

/// The `OpenAPI` 3.1 document of the API, as JSON.
pub fn openapi() -> String {
    let (_, document) = described_routes().split_for_parts();
    description::finish(document)
}

/// The `OpenAPI` document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "openapi", tag = "health", security(()),
    responses((status = 200, description = "This document", body = Object)),
)]
async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// The `OpenAPI` document as a page for people.
#[utoipa::path(
    get, path = "/docs", operation_id = "docs", tag = "health", security(()),
    responses((status = 200, description = "A page", content_type = "text/html", body = String)),
)]
async fn docs() -> impl IntoResponse {
    static PAGE: LazyLock<String> = LazyLock::new(|| description::page(&DOCUMENT));
    static SECURITY_POLICY: LazyLock<String> = LazyLock::new(description::page_security_policy);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, SECURITY_POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE.as_str())
}
