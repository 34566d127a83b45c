//! Webhooks of other systems: raw bytes whose sender is checked before anything is read in them.

pub mod meta;
