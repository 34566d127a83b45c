//! The change feed.

pub mod number;
