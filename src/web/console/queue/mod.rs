//! The queue of conversations that wait for a tag, and the search, which shows what it finds in the same rows.

pub mod page;
mod row;
pub mod search;
