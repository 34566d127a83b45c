//! The service as its parts are wired, on SQLite and on PostgreSQL, with the sandbox in Meta's place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod api_bad_input;
mod api_document;
mod api_once;
mod api_reading;
mod api_roles;
mod api_running;
mod api_tags;
mod batch;
mod books;
mod canaries;
mod changes;
mod config;
mod end;
mod harness;
mod hostile;
mod house;
mod http;
#[cfg(feature = "failpoints")]
mod kills;
mod lead;
mod legal_moves;
mod lifecycle;
mod link;
mod never_twice;
mod one_sale;
mod policy;
mod process;
mod recovery;
mod retry;
mod sales;
mod sandbox;
mod seeded;
mod serving;
mod signal;
mod throttle;
mod uplift;
