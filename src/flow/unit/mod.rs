//! The unit of work: what every verb runs in, and what the verbs share.

pub mod feed_signal;
pub mod graph_call;
pub mod idempotency;
pub mod run;
pub mod services;
pub mod tag_queue;
