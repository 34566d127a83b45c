//! A stand-in for Meta: takes events under Meta's documented rules, answers with Meta's documented errors,
//! sends signed webhooks, and plays faults on request. A house of its own: it shares nothing with `meta`, so
//! that it can disagree.
//!
//! A request goes `server` → `call` (read) → `graph` (which call it is) → `state`, which judges events by `rules` and
//! `links` and takes them, or plays a `fault`; a refusal becomes Graph's `error_object`, and every answer a `reply`.
//! `control` offers what [`Sandbox`] can do over HTTP, for people with curl.

mod call;
mod codes;
mod control;
mod error_object;
mod fault;
mod gate;
mod graph;
mod handle;
mod known_error;
mod links;
mod refusal;
mod reply;
mod rules;
mod run;
mod server;
mod signature;
mod state;
pub mod webhook;

pub use crate::sandbox::fault::{Fault, InjectedFault, RetryHint};
pub use crate::sandbox::handle::Sandbox;
pub use crate::sandbox::run::run;
pub use crate::sandbox::state::RecordedRequest;
