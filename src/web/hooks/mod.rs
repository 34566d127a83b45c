//! Webhooks of other systems.

pub mod meta;
