//! The queue of conversations that wait for a tag, and the search, which shows its findings as the queue does.

pub mod page;
mod row;
pub mod search;
