//! The service as its parts are wired, on SQLite and on PostgreSQL, with the sandbox in Meta's place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod changes;
mod config;
mod harness;
mod http;
mod legal_moves;
mod never_twice;
mod one_sale;
mod sandbox;
mod serving;
mod signal;
