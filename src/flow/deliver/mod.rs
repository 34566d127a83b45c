//! From a due conversion to a settled one.

pub mod claim;
pub mod recover;
pub mod resolve;
pub mod settle;
