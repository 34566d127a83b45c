//! What happened, as tags: by a person or an outside system, one or many at a time, and how they are undone.
//!
//! A tag's way: [`outcome::tag`] → [`batch`] (SQLite) or a unit of work of its own → [`adopt::load`] → [`record`]:
//! decide, append to the ledger, apply what follows, answer.

pub mod adopt;
pub mod batch;
pub mod import;
pub mod outcome;
pub mod payout;
pub mod record;
pub mod sales;
pub mod undo;
