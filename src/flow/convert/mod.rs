//! What follows from a fact: orders as they now fold, conversions, the queue, changes for the feed.

pub mod apply;
pub mod conversions;
pub mod loaded;
pub mod preview;
pub mod silence;
