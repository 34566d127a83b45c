//! From a due conversion to a settled one.

pub mod lease;
pub mod recover;
pub mod resolve;
pub mod settle;
