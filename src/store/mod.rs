//! Rows ↔ types: the only SQL. Each file holds the queries of one noun, one text for both databases.

pub mod answer;
pub mod attempt;
pub mod change;
pub mod conversation;
pub mod conversion;
pub mod dossier;
pub mod inbox;
pub mod key;
pub mod ledger;
pub mod list;
pub mod lock;
mod migrate;
pub mod page;
mod page_change;
pub mod payout;
pub mod person;
pub mod policy;
pub mod show;
mod sql;
pub mod tally;
mod writer;

pub use sql::{Store, Unit};
