//! The operators' console: pages rendered here, plain forms that work without a script, and one small script
//! for speed. It uses the same verbs as the API.

mod assets;
mod conversation;
mod deliveries;
mod face;
mod fields;
mod frame;
mod guard;
mod inbox;
mod live;
mod login;
mod mend;
mod moment;
mod people;
mod prices;
mod queue;
mod search;
mod settings;
mod tag;
mod today;
mod told;
mod waits;
mod words;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::error::{Error, Result};

use super::App;

/// The largest form or price list.
const FORM_LIMIT: usize = 1024 * 1024;

/// Every route of the console.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/console", get(login::home))
        .route("/console/login", get(login::show).post(login::log_in))
        .route("/console/first", get(login::show_first).post(login::begin))
        .route("/console/link/{secret}", get(login::show_link).post(login::use_link))
        .route("/console/logout", post(login::log_out))
        .route("/console/language", post(login::set_language))
        .route("/console/queue", get(queue::show))
        .route("/console/search", get(search::show))
        .route("/console/live", get(live::stream))
        .route("/console/faces/{id}", get(face::show))
        .route("/console/conversations/{id}", get(conversation::show))
        .route("/console/conversations/{id}/tag", post(tag::tag))
        .route("/console/conversations/{id}/snooze", post(tag::snooze))
        .route("/console/waiting/{id}", post(waits::settle))
        .route("/console/outcomes/{id}/undo", post(tag::undo))
        .route("/console/outcomes/{id}/accept", post(tag::accept))
        .route("/console/conversions/{id}/send", post(tag::send_now))
        .route("/console/conversions/{id}/retry", post(deliveries::retry))
        .route("/console/attempts/{id}/resolve", post(deliveries::resolve))
        .route("/console/deliveries", get(deliveries::show))
        .route("/console/today", get(today::show))
        .route("/console/pages", get(settings::list))
        .route("/console/pages/{id}", get(settings::show))
        .route("/console/pages/{id}/mode", post(settings::set_mode))
        .route("/console/pages/{id}/policy", post(settings::set_policy))
        .route("/console/pages/{id}/reasons", post(settings::set_reasons))
        .route("/console/pages/{id}/labels", post(inbox::set_labels))
        .route("/console/pages/{id}/sentences", post(inbox::set_sentence))
        .route("/console/pages/{id}/test", post(settings::set_test))
        .route("/console/pages/{id}/token", post(mend::set_token))
        .route("/console/pages/{id}/names", post(mend::allow_name))
        .route("/console/pages/{id}/prices", post(prices::take))
        .route("/console/people", get(people::show).post(people::invite))
        .route("/console/people/{id}/role", post(people::set_role))
        .route("/console/people/{id}/reset", post(people::reset))
        .route("/console/people/{id}/end", post(people::end))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(middleware::from_fn(guard::guarded))
        .route("/console/assets/{name}", get(assets::show))
}

/// A page.
fn page(template: &impl Template) -> Result<Response> {
    let html =
        template.render().map_err(|error| Error::internal("a page can't be rendered").caused_by(error))?;
    Ok(Html(html).into_response())
}

/// A page that says why something was not taken, with the status of that failure.
fn refused(error: &Error, mut page: Response) -> Response {
    let status = Error::new(error.kind, error.code, String::new()).into_response().status();
    *page.status_mut() = status;
    page
}
