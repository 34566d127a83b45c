//! Rows ↔ types: the only SQL. Each file holds the queries of one noun, one text for both databases.

pub mod answer;
pub mod attempt;
pub mod change;
pub mod conversation;
pub mod conversion;
pub mod dossier;
pub mod inbox;
mod inbox_file;
pub mod key;
mod known;
pub mod label;
pub mod ledger;
pub mod list;
pub mod lock;
pub mod message;
mod migrate;
pub mod page;
mod page_change;
pub mod payout;
pub mod people;
pub mod person;
pub mod policy;
pub mod product;
mod profile;
pub mod queue;
mod sheet;
pub mod show;
mod sql;
pub mod tally;
pub mod today;
pub mod waiting;
mod writer;

pub use sql::{Store, Unit};
