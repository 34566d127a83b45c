//! Meta's formats and Meta's Graph: nothing outside of this module knows them.

pub mod graph;
pub mod labels;
pub mod payload;
pub mod profile;
pub mod signature;
pub mod verdict;
pub mod webhook;
