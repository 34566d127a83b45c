//! Meta's formats and Meta's Graph: nothing outside of this module knows them.

pub mod events;
pub mod labels;
pub mod profile;
pub mod signature;
pub mod webhook;
