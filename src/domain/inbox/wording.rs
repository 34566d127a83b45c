//! What a Page's own words can say: labels of Meta's inbox, and the sentences that operators write anyway.

use crate::domain::inbox::sentence::Pattern;
use crate::domain::order::outcome::Kind;

/// What a label can say: the facts that need no amount.
pub const LABELLED: [Kind; 7] = [
    Kind::Qualified,
    Kind::Lost,
    Kind::Confirmed,
    Kind::Cancelled,
    Kind::Shipped,
    Kind::Delivered,
    Kind::Returned,
];

/// Whether a sentence has words of its own, and only places that are known.
pub fn is_pattern(text: &str) -> bool {
    Pattern::parse(text).is_ok()
}
