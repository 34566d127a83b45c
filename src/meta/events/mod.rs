//! Events for Meta: how they are written, sent, and what an answer means.

pub mod graph;
pub mod payload;
pub mod verdict;
