//! The API, a file for each noun.

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
pub mod view;
