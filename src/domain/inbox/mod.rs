//! What operators say in Meta's inbox instead of here: labels, sentences, and what of it waits for a person.

pub mod label;
pub mod pending;
pub mod proposal;
pub mod sentence;
