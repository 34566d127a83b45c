//! Joins that are made for one screen.

pub mod day_summary;
pub mod metrics;
pub mod queue;
pub mod search;
