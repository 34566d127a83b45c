//! Orders. Facts (`outcome`) stand in a `ledger` and `fold` into an order's state; `matching` decides which orders are
//! one sale. A `tag` comes in: `which_order` it is about, what its `tag_terms` are, and so the `tag_decision`.

mod contradiction;
pub mod fold;
pub mod follow_up;
mod groups;
pub mod ledger;
pub mod legality;
pub mod matching;
pub mod number;
pub mod offered_moves;
pub mod order_state;
pub mod outcome;
mod pair;
pub mod payout;
pub mod reason;
pub mod returns;
pub mod tag;
pub mod tag_decision;
pub mod tag_refusal;
mod tag_terms;
pub mod tagged;
pub mod telling;
pub mod terms;
pub mod typed_tag;
mod which_order;
