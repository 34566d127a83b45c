//! The API: one file per noun, with its handlers and the JSON that it reads and writes.

pub mod attempt;
pub mod change;
pub mod conversation;
pub mod conversion;
pub mod import;
pub mod order;
pub mod outcome;
pub mod page;
pub mod page_body;
pub mod payout;
