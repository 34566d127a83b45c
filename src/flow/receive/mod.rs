//! From a webhook to conversations.

pub mod intake;
pub mod profile;
pub mod project;
