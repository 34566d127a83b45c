//! Orders: the facts that are told of them, what these fold into, which tellings are one sale, and what a tag means.

pub mod fold;
pub mod follow_up;
pub mod ledger;
pub mod matching;
pub mod outcome;
pub mod payout;
pub mod reason;
pub mod tag;
pub mod tag_decision;
pub mod tag_refusal;
mod tag_terms;
pub mod tagged;
mod which_order;
