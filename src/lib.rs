//! **salesbridge** listens to a Page's Messenger conversations, lets people say what was really sold, and
//! reports it to Meta's Conversions API, once and on time.
//!
//! ```text
//! main config        commands, wiring, signals · configuration text → vocabulary types
//! web   work         HTTP in · background                                  no SQL, no rules
//! flow               the verbs, each one atomic unit                       the only writers
//! store meta         rows ↔ types (the only SQL) · Meta's formats, limits, calls
//! vocabulary         types, states, pure decisions                         no async, no I/O
//! floor 0            error, clock, id, egress, telemetry, failpoint
//! ```
//! A webhook goes `web::webhook` → [`flow::Intake`] (durable, then 200) → [`flow::project`]; a tag goes
//! `web` → [`flow::tag`] → [`vocabulary::sale`] decides → [`vocabulary::signal`] says what Meta is told →
//! `store` writes all of it or nothing; [`work::deliver`] claims, opens an attempt before the first byte, sends,
//! and [`flow::settle`] writes the verdict.
//!
//! Each floor looks only down; `store` and `meta` do not know each other. [`sandbox`] stands in for Meta and
//! shares nothing with [`meta`], so that it can disagree with us.

pub mod clock;
pub mod command;
pub mod config;
pub mod crm;
pub mod domain;
pub mod error;
pub mod failpoint;
pub mod flow;
pub mod http_client;
pub mod id;
pub mod meta;
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod worker;
