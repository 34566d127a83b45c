//! The words of the trade as types, and every decision as a pure function of them: no async, no I/O.

pub mod basic;
pub mod conversation;
pub mod feed;
pub mod inbox;
pub mod operator;
pub mod order;
pub mod page_setting;
pub mod retry;
pub mod signal;
