//! The service as its parts are wired, on SQLite and on PostgreSQL, with the sandbox in Meta's place.

mod harness;
mod legal_moves;
mod never_twice;
mod one_sale;
mod signal;
