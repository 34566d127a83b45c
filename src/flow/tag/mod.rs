//! What happened: said by a person or told from outside, one at a time or many, and taken back.

pub mod batch;
pub mod import;
pub mod payout;
pub mod record;
pub mod undo;
