//! What a tag, an undo or an acceptance came to: the entry, the order as it now stands, and what Meta knows or
//! will know of it.

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, Flag, FollowUp, Source};
use crate::domain::signal::conversion::Conversion;

/// The result of a tag, an undo or an acceptance, for its answer.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// The entry of the ledger: the fact itself, or the entry that undid or accepted it.
    pub outcome_id: OutcomeId,
    /// The fact that the entry is, or is about.
    pub fact: Fact,
    /// How the entry was recorded, where it is about a fact.
    pub follow_up: Option<FollowUpEntry>,
    /// Why the fact moves nothing until a person accepts it.
    pub flag: Option<Flag>,
    /// The entry stood in the ledger before: nothing was added.
    pub known: bool,
    /// The order as it now stands; a fact about a chat has none.
    pub order: Option<OrderLedger>,
    /// The conversions of the order (of a chat: its leads) as they now stand.
    pub conversions: Vec<Conversion>,
}

/// An entry about a fact, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUpEntry {
    /// Whether it takes the fact back or accepts it.
    pub kind: FollowUp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// From which source.
    pub source: Source,
    /// Who said so.
    pub actor: String,
}
