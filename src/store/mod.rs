//! Rows ↔ types: the only SQL. Each file holds the rows and queries of one noun, one text for both databases; joins
//! that are made for one screen are in `read`.

pub mod aggregate;
pub mod attempt;
pub mod change;
pub mod chat;
pub mod conversation;
pub mod conversion;
pub mod cursor;
pub mod customer;
pub mod db;
pub mod idempotency;
pub mod intake_log;
pub mod key;
pub mod label;
pub mod lane;
pub mod message;
pub mod operator;
pub mod order;
pub mod outcome;
pub mod page;
pub mod payout;
pub mod pending;
pub mod policy;
pub mod product;
pub mod read;
pub mod recipient;
pub mod referral;

pub use db::{Store, Unit};
