//! Rows ↔ types: the only SQL. Each file holds the queries of one noun, one text for both databases.

pub mod conversation;
pub mod conversion;
pub mod key;
pub mod ledger;
pub mod lock;
pub mod page;
mod sql;

pub use sql::{Store, Unit};
