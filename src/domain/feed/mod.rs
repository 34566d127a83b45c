//! The change feed, which CRMs read: what a change says, and the cursors between changes.

pub mod change;
