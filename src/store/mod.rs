//! Rows ↔ types: the only SQL. Each file holds the queries of one noun, one text for both databases.

pub mod aggregate;
mod aggregate_rows;
pub mod attempt;
pub mod change;
pub mod conversation;
pub mod conversion;
pub mod customer;
pub mod db;
pub mod idempotency;
pub mod intake_log;
pub mod key;
pub mod label;
pub mod list;
pub mod message;
pub mod operator;
pub mod outcome;
pub mod page;
mod page_change;
pub mod payout;
pub mod pending;
pub mod policy;
pub mod product;
mod profile;
pub mod read;
pub mod show;

pub use db::{Store, Unit};
