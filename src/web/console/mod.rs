//! The operators' console: pages rendered here, plain forms that work without a script, and one small script
//! for speed. It uses the same verbs as the API.

mod assets;
mod choice;
mod conversation;
mod customer;
mod deliveries;
mod flash;
mod form;
mod formatting;
mod guard;
mod layout;
mod live;
mod login;
mod operators;
mod path;
mod presenter;
mod queue;
mod settings;
mod text;
mod today;
mod visitor;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::web::server::state::App;

/// The largest form or price list, in bytes.
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
        .route("/console/queue", get(queue::page::show))
        .route("/console/search", get(queue::search::show))
        .route("/console/live", get(live::stream))
        .route("/console/faces/{id}", get(conversation::picture::show))
        .route("/console/conversations/{id}", get(conversation::page::show))
        .route("/console/conversations/{id}/tag", post(conversation::actions::tag))
        .route("/console/conversations/{id}/snooze", post(conversation::actions::snooze))
        .route("/console/waiting/{id}", post(conversation::actions::decide))
        .route("/console/outcomes/{id}/undo", post(conversation::actions::undo))
        .route("/console/outcomes/{id}/accept", post(conversation::actions::accept))
        .route("/console/orders/{id}/join", post(conversation::actions::join))
        .route("/console/orders/{id}/part", post(conversation::actions::part))
        .route("/console/conversions/{id}/send", post(conversation::actions::send_now))
        .route("/console/conversions/{id}/retry", post(deliveries::retry))
        .route("/console/attempts/{id}/resolve", post(deliveries::resolve))
        .route("/console/deliveries", get(deliveries::show))
        .route("/console/today", get(today::show))
        .route("/console/pages", get(settings::list::show))
        .route("/console/pages/{id}", get(settings::page::show))
        .route("/console/pages/{id}/mode", post(settings::actions::set_mode))
        .route("/console/pages/{id}/policy", post(settings::actions::set_policy))
        .route("/console/pages/{id}/reasons", post(settings::actions::set_reasons))
        .route("/console/pages/{id}/labels", post(settings::actions::set_labels))
        .route("/console/pages/{id}/sentences", post(settings::actions::set_sentence))
        .route("/console/pages/{id}/test", post(settings::actions::set_test))
        .route("/console/pages/{id}/token", post(settings::actions::set_token))
        .route("/console/pages/{id}/names", post(settings::actions::allow_name))
        .route("/console/pages/{id}/prices", post(settings::actions::set_prices))
        .route("/console/people", get(operators::show).post(operators::invite))
        .route("/console/people/{id}/role", post(operators::set_role))
        .route("/console/people/{id}/reset", post(operators::reset))
        .route("/console/people/{id}/end", post(operators::end))
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(middleware::from_fn(guard::guarded))
        .route("/console/assets/{name}", get(assets::show))
}
