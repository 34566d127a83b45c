//! The formats of the shop's other systems: what they send, read as domain types.

pub mod field;
pub mod json;
pub mod mapping;
pub mod tag_body;
