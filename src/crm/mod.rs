//! The formats of the shop's other systems.

pub mod json;
pub mod mapping;
