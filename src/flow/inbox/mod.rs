//! What is said in Meta's inbox, and the queue of those who answer.

pub mod label;
pub mod label_sync;
pub mod pending;
pub mod sentence;
pub mod snooze;
