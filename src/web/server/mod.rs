//! What every request passes through, whatever it asks for: connections, bodies, callers, parameters, answers.

pub mod body;
pub mod caller;
pub mod idempotency;
pub mod list;
pub mod metrics;
pub mod openapi;
pub mod problem;
pub mod read;
pub mod readiness;
pub mod request_id;
pub mod serve;
pub mod state;
