//! HTTP in: Meta's webhook, the API, and the operators' console. No SQL and no rules.
//!
//! `server` is what every request passes through; `view` renders domain types as JSON; `hooks`, `api` and `console` use
//! both, and `router` knows all of them.

mod api;
mod console;
mod hooks;
mod router;
mod server;
mod view;

pub use router::{openapi, router, router_for_operations};
pub use server::readiness::Readiness;
pub use server::serve::{Limits, serve};
pub use server::state::{App, AppState, BODY_LIMIT};
