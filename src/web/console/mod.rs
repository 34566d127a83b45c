//! The operators' console: pages rendered here, plain forms that work without a script, and one small script
//! for speed. It uses the same verbs as the API.

mod assets;
mod conversation;
mod deliveries;
mod form;
mod formatting;
mod guard;
mod layout;
mod live;
mod login;
mod operators;
mod presenter;
mod queue;
mod settings;
mod text;
mod today;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::web::server::state::App;

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
        .route("/console/search", get(queue::search::show))
        .route("/console/live", get(live::stream))
        .route("/console/faces/{id}", get(conversation::picture::show))
        .route("/console/conversations/{id}", get(conversation::show))
        .route("/console/conversations/{id}/tag", post(conversation::tag::tag))
        .route("/console/conversations/{id}/snooze", post(conversation::tag::snooze))
        .route("/console/waiting/{id}", post(conversation::pending::settle))
        .route("/console/outcomes/{id}/undo", post(conversation::tag::undo))
        .route("/console/outcomes/{id}/accept", post(conversation::tag::accept))
        .route("/console/conversions/{id}/send", post(conversation::tag::send_now))
        .route("/console/conversions/{id}/retry", post(deliveries::retry))
        .route("/console/attempts/{id}/resolve", post(deliveries::resolve))
        .route("/console/deliveries", get(deliveries::show))
        .route("/console/today", get(today::show))
        .route("/console/pages", get(settings::list))
        .route("/console/pages/{id}", get(settings::show))
        .route("/console/pages/{id}/mode", post(settings::set_mode))
        .route("/console/pages/{id}/policy", post(settings::set_policy))
        .route("/console/pages/{id}/reasons", post(settings::set_reasons))
        .route("/console/pages/{id}/labels", post(settings::inbox::set_labels))
        .route("/console/pages/{id}/sentences", post(settings::inbox::set_sentence))
        .route("/console/pages/{id}/test", post(settings::set_test))
        .route("/console/pages/{id}/token", post(settings::lane::set_token))
        .route("/console/pages/{id}/names", post(settings::lane::allow_name))
        .route("/console/pages/{id}/prices", post(settings::prices::take))
        .route("/console/people", get(operators::show).post(operators::invite))
        .route("/console/people/{id}/role", post(operators::set_role))
        .route("/console/people/{id}/reset", post(operators::reset))
        .route("/console/people/{id}/end", post(operators::end))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(middleware::from_fn(guard::guarded))
        .route("/console/assets/{name}", get(assets::show))
}
