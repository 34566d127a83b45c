//! **salesbridge** listens to a Page's Messenger conversations, lets people say what was really sold, and
//! reports it to Meta's Conversions API, once and on time.
//!
//! ```text
//! web   work         HTTP in · background                     no SQL, no rules
//! flow               the verbs, each one atomic unit          the only writers
//! store meta         rows ↔ types (the only SQL) · Meta's formats, limits, calls
//! vocabulary         types, states, pure decisions            no async, no I/O
//! floor 0            error, clock, id, egress, telemetry, failpoint
//! ```
//! Each floor looks only down; `store` and `meta` do not know each other. [`sandbox`] stands in for Meta and
//! shares nothing with [`meta`], so that it can disagree with us.

pub mod clock;
pub mod config;
pub mod egress;
pub mod error;
pub mod failpoint;
pub mod flow;
pub mod id;
pub mod meta;
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod vocabulary;
pub mod web;
pub mod work;
