//! The result of a tag, an undo or an acceptance, as its answer shows it: the entry, the order as it now is, and its
//! conversions, which say what Meta knows already or will be told.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, Flag, FollowUpEntry};
use crate::domain::signal::conversion::Conversion;

/// The result of a tag, an undo or an acceptance.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// The entry that this request led to: the fact itself, or the follow-up that undid or accepted it.
    pub outcome_id: OutcomeId,
    /// The fact that was tagged, undone or accepted, as it is now.
    pub fact: Fact,
    /// The follow-up, for an undo or an acceptance; `None` for a tag.
    pub follow_up: Option<FollowUpEntry>,
    /// Why the fact moves nothing until a person accepts it; `None` if it counts.
    pub flag: Option<Flag>,
    /// The entry was in the ledger before, and nothing was added: the answer is 200 instead of 201.
    pub known: bool,
    /// The order with what followed; `None` for a fact about a chat.
    pub order: Option<OrderLedger>,
    /// The conversions of the order, or for a chat its leads, with what followed.
    pub conversions: Vec<Conversion>,
}
