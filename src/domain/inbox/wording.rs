//! What a Page's own words can say: labels of Meta's inbox, and the sentences that operators write anyway.

use crate::domain::inbox::sentence::Pattern;
use crate::domain::order::outcome::OutcomeKind;

/// What a label can say: the facts that need no amount.
pub const LABELLED: [OutcomeKind; 7] = [
    OutcomeKind::Qualified,
    OutcomeKind::Lost,
    OutcomeKind::Confirmed,
    OutcomeKind::Cancelled,
    OutcomeKind::Shipped,
    OutcomeKind::Delivered,
    OutcomeKind::Returned,
];

/// Whether a sentence has words of its own, and only places that are known.
pub fn is_pattern(text: &str) -> bool {
    Pattern::parse(text).is_ok()
}
