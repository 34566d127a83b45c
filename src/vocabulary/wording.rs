//! What a Page's own words can say: labels of Meta's inbox, and the sentences that operators write anyway.

use super::outcome::Kind;

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

/// The part of a sentence that is the amount, and the part that may be anything.
const PLACES: [&str; 2] = ["{value}", "{*}"];

/// Whether a sentence has words of its own, and only places that are known.
pub fn is_pattern(text: &str) -> bool {
    let once = text.matches(PLACES[0]).count() <= 1;
    let words = PLACES.iter().fold(text.to_owned(), |text, place| text.replace(place, " "));
    once && words.chars().any(char::is_alphanumeric) && !words.contains(['{', '}'])
}
