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
pub mod lock;
mod migrate;
pub mod page;
pub mod policy;
mod sql;
mod writer;

pub use sql::{Store, Unit};
