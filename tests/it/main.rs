//! The service as its parts are wired, on SQLite and on PostgreSQL, with the sandbox in Meta's place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batch;
mod config;
mod harness;
mod http;
mod lead;
mod legal_moves;
mod lifecycle;
mod link;
mod never_twice;
mod one_sale;
mod policy;
mod recovery;
mod retry;
mod sales;
mod sandbox;
mod serving;
mod signal;
mod throttle;
mod uplift;
