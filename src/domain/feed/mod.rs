//! What CRMs read.

pub mod change;
