//! Tags from Meta's inbox: what operators say there by labels and sentences, and which of it becomes a pending tag
//! that waits for a person.

pub mod label;
pub mod pending;
pub mod proposal;
pub mod sentence;
