//! Values that every other type is made of: money, ids, spans of time, working hours.

pub mod hours;
pub mod identity;
pub mod money;
pub mod span;
