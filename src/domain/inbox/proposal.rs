//! The amount that the console proposes for a tag, read from what the operator wrote to the customer. A proposal is
//! never a fact: a person takes it or types another. So a reading that is sometimes wrong is good enough here; where
//! an amount is recorded without a person ([`crate::domain::inbox::sentence`]), the reading is stricter.

use crate::clock::Timestamp;
use crate::domain::basic::money::{Currency, MINOR_MAX, Money};
use crate::domain::conversation::inbound::Author;

/// A message of the thread, as far as a proposal needs it.
#[derive(Clone, Copy, Debug)]
pub struct WrittenMessage<'a> {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Who wrote it.
    pub author: Author,
    /// Its text, while it is kept.
    pub text: Option<&'a str>,
}

/// An amount with the message that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenAmount {
    /// The amount, in minor units.
    pub minor: i64,
    /// The whole text of the message.
    pub text: String,
}

/// The newest amount that an operator wrote at or after `since`, of `messages` in their order.
pub fn newest_amount<'a>(
    messages: impl DoubleEndedIterator<Item = WrittenMessage<'a>>,
    since: Timestamp,
    currency: Currency,
) -> Option<WrittenAmount> {
    let of_operators =
        messages.rev().filter(|message| message.author == Author::Operator && message.sent_at >= since);
    of_operators.filter_map(|message| message.text).find_map(|text| {
        let amount = last_amount(text, currency)?;
        Some(WrittenAmount { minor: amount.minor, text: text.to_owned() })
    })
}

/// The last amount in `text` next to a mark of the currency, as in `120 ₾`, `1 200,50 ლარი` or `GEL 35`. None if
/// there is none, or it is 0 or larger than any sale.
pub fn last_amount(text: &str, currency: Currency) -> Option<Money> {
    let lower = text.to_lowercase();
    let (marks, code) = (marks(currency.code()), currency.code().to_lowercase());
    let marks = || marks.iter().copied().chain(std::iter::once(code.as_str()));
    let numbers = numbers(&lower);
    let has_mark = |&&(start, end): &&(usize, usize)| {
        let (before, after) = (lower[..start].trim_end(), lower[end..].trim_start());
        let belongs_before = |mark: &str| follows_number(&lower, before.len() - mark.len());
        marks().any(|mark| after.starts_with(mark))
            || marks().any(|mark| before.ends_with(mark) && !belongs_before(mark))
    };
    let (start, end) = numbers.iter().rfind(has_mark)?;
    read(&lower[*start..*end], currency)
}

/// What people write for a currency besides its code, in lower case; the beginning of a word is enough.
fn marks(code: &str) -> &'static [&'static str] {
    match code {
        "GEL" => &["₾", "ლარ", "ლ.", "lari"],
        "USD" => &["$"],
        "EUR" => &["€"],
        _ => &[],
    }
}

/// Whether a number ends just before `at`, so that a mark at `at` belongs to that one: in `120 ₾ 5` to the 120.
fn follows_number(text: &str, at: usize) -> bool {
    text[..at].trim_end().ends_with(|letter: char| letter.is_ascii_digit())
}

/// The numbers in a text, as byte ranges (start, end): digits with points, commas, and a space before three more
/// digits.
fn numbers(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let three_digits = |at: usize| digit(at) && digit(at + 1) && digit(at + 2) && !digit(at + 3);
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !digit(at) {
            at += 1;
            continue;
        }
        let start = at;
        loop {
            while digit(at) {
                at += 1;
            }
            let (is_separator, width) = match bytes.get(at) {
                Some(b'.' | b',') => (digit(at + 1), 1),
                Some(b' ') => (three_digits(at + 1) && at - start <= 3, 1),
                // A no-break space in UTF-8.
                Some(0xc2) if bytes.get(at + 1) == Some(&0xa0) => (three_digits(at + 2), 2),
                _ => (false, 0),
            };
            if !is_separator {
                break;
            }
            at += width;
        }
        found.push((start, at));
    }
    found
}

/// Reads a number such as `1 200,50`: a last point or comma with no more digits behind it than the currency has
/// begins the minor units; every other separator only groups digits.
fn read(text: &str, currency: Currency) -> Option<Money> {
    let plain: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (major, minor) = match plain.rfind(['.', ',']) {
        Some(at) if plain.len() - at - 1 <= currency.digits() as usize => (&plain[..at], &plain[at + 1..]),
        _ => (plain.as_str(), ""),
    };
    let major: String = major.chars().filter(char::is_ascii_digit).collect();
    let decimal = if minor.is_empty() { major } else { format!("{major}.{minor}") };
    Money::parse(&decimal, currency).ok().filter(|money| money.minor > 0 && money.minor < MINOR_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_amount_beside_a_mark_is_proposed() {
        let gel = Currency::parse("GEL").unwrap();
        for (text, minor) in [
            ("ჩანთა 120 ₾, მიტანა 5₾", Some(500)),
            ("სულ 1 200,50 ლარი. ტელეფონი 555 12 34 56", Some(120_050)),
            ("1,200 ლარი", Some(120_000)),
            ("ფასი ₾35.5", Some(3550)),
            ("GEL 35", Some(3500)),
            ("35 gel", Some(3500)),
            ("120.50ლ. მიტანით", Some(12050)),
            ("შეკვეთა მიღებულია 89,90 ₾", Some(8990)),
            ("არის 3 ცალი", None),
            ("₾", None),
            ("0 ₾", None),
            ("დარეკეთ 555123456", None),
            ("", None),
        ] {
            assert_eq!(last_amount(text, gel).map(|money| money.minor), minor, "{text}");
        }
    }

    #[test]
    fn only_an_operators_word_of_this_chat_is_proposed() {
        let gel = Currency::parse("GEL").unwrap();
        let message = |second, author, text| WrittenMessage {
            sent_at: Timestamp::from_seconds(second),
            author,
            text: Some(text),
        };
        let messages = [
            message(1, Author::Operator, "10 ₾"),
            message(2, Author::Operator, "20 ₾"),
            message(3, Author::Operator, "thanks"),
            message(4, Author::Customer, "30 ₾"),
            message(5, Author::App, "40 ₾"),
        ];
        let since = |second| {
            let found = newest_amount(messages.into_iter(), Timestamp::from_seconds(second), gel);
            found.map(|found| found.minor)
        };
        assert_eq!((since(0), since(2), since(3)), (Some(2000), Some(2000), None));
    }

    #[test]
    fn no_text_breaks_it() {
        let gel = Currency::parse("GEL").unwrap();
        for text in ["1.", "1,,2₾", "9999999999999999999999 ₾", "İ₾1", "1\u{a0}000 ₾", "ლარ1ლარ", "1 2345 ₾"]
        {
            assert!(last_amount(text, gel).is_none_or(|money| money.minor > 0), "{text}");
        }
    }
}
