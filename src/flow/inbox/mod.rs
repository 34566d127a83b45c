//! Tags from Meta's inbox, by label or by sentence, and the queue of conversations that wait for a tag.

pub mod label;
pub mod label_sync;
pub mod pending;
pub mod sentence;
pub mod snooze;
