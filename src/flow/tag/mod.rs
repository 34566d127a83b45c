//! What happened: said by a person or told from outside, one at a time or many, and taken back.
//!
//! A tag's way: [`outcome::tag`] → [`batch`] (SQLite) or a unit of work of its own → [`adopt::load`] → [`record`]:
//! decide, append to the ledger, apply what follows, answer.

pub mod adopt;
pub mod batch;
pub mod import;
pub mod outcome;
pub mod payout;
pub mod record;
pub mod undo;
