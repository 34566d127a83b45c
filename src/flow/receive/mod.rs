//! From a webhook's body to conversations.

pub mod intake;
pub mod profile;
pub mod project;
