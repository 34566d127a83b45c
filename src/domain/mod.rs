//! The domain: the words of the trade as types, and every decision as a pure function of them. No async, no I/O, no
//! clock: times and ids come in as parameters.

pub mod basic;
pub mod conversation;
pub mod feed;
pub mod inbox;
pub mod operator;
pub mod order;
pub mod page_setting;
pub mod retry;
pub mod signal;
