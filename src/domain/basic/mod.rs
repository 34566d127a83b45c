//! Values that everything else is made of.

pub mod hours;
pub mod identity;
pub mod money;
pub mod span;
