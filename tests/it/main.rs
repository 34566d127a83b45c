//! The service as its parts are wired, on SQLite and on PostgreSQL, with the sandbox in Meta's place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::unchecked_time_subtraction,
    clippy::duration_suboptimal_units,
    clippy::cast_possible_wrap,
    clippy::similar_names,
    clippy::assigning_clones,
    clippy::ref_option,
    reason = "a test says its times and counts in the plainest words"
)]

mod any_order;
mod api;
mod api_bad_input;
mod api_document;
mod api_once;
mod api_reading;
mod api_roles;
mod api_running;
mod api_tags;
mod architecture;
mod batch;
mod books;
mod browser;
mod canaries;
mod changes;
mod chats;
mod config;
mod console;
mod console_faces;
mod console_inbox;
mod console_people;
mod console_queue;
mod console_roles;
mod console_settings;
mod console_speed;
mod console_tags;
#[cfg(feature = "failpoints")]
mod end;
mod flags;
mod follows_ledger;
#[path = "../fuzz/mod.rs"]
mod fuzz;
mod harness;
mod hostile;
mod http;
mod inbound_events;
mod inbox;
mod keep_text;
#[cfg(feature = "failpoints")]
mod kills;
mod labels;
mod lanes;
mod lead;
mod legal_moves;
mod lifecycle;
mod link;
mod loads;
mod never_twice;
mod one_purchase;
mod one_sale;
mod other_number;
mod phones;
mod plans;
mod policy;
mod process;
mod recovery;
mod renamed;
mod retry;
mod sales;
mod sandbox;
mod seeded;
mod sentences;
mod sequences;
mod serving;
mod signal;
mod throttle;
mod together;
mod told_at_most;
mod told_by_doors;
mod truth;
mod undo;
mod units;
mod uplift;
mod verdicts;
mod year;
