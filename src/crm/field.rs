//! Reads single fields of other systems' bodies and files as domain types: money, currency, times, phone numbers, texts.
//! What can't be taken is a 422 that names the field by its JSON pointer.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::crm::tag_body::WrittenTime;
use crate::domain::basic::identity::PersonId;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::conversation::phone::Phone;
use crate::domain::order::number::trimmed;
use crate::error::{Error, Result};

/// How far a sender's clock may be ahead of ours; a time within this is taken as now.
const AHEAD_MAX: Duration = Duration::from_mins(5);

/// 2010-01-01: no shop sold in Messenger before.
const EARLIEST: Timestamp = Timestamp::from_seconds(1_262_304_000);

/// Characters of a name, article number, reason, waybill and the like, at most.
pub const TEXT_MAX: usize = 200;

/// A time that was read from a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadTime {
    /// The time, not after our clock.
    pub at: Timestamp,
    /// The sender's clock was ahead, so that the time was set to ours.
    pub clamped: bool,
}

/// Reads a currency code; without one it is the Page's.
///
/// # Errors
/// 422 that names the field.
pub fn currency(code: Option<&String>, of_page: Currency) -> Result<Currency> {
    match filled(code) {
        None => Ok(of_page),
        Some(code) => Currency::parse(code)
            .ok_or_else(|| Error::field("/currency", "It must be an ISO 4217 code such as \"GEL\".")),
    }
}

/// Reads an amount, in minor units.
///
/// # Errors
/// 422 that names the field.
pub fn money(pointer: impl Into<String>, text: &str, currency: Currency) -> Result<i64> {
    Money::parse(text, currency)
        .map(|money| money.minor)
        .map_err(|why| Error::field(pointer, format!("It {why}.")))
}

/// Reads `occurred_at`: not before 2010, and at most 5 minutes ahead of our clock.
///
/// # Errors
/// 422 that names the field.
pub fn time(written: &WrittenTime, now: Timestamp) -> Result<ReadTime> {
    let wrong = |detail: &str| Error::field("/occurred_at", detail);
    let at = match written {
        WrittenTime::Seconds(seconds) => Timestamp::from_seconds(*seconds),
        WrittenTime::Text(text) => Timestamp::parse(text)
            .map_err(|_| wrong("It must be RFC 3339 with an offset, or whole Unix seconds."))?,
    };
    if at < EARLIEST || at > now + AHEAD_MAX {
        return Err(wrong("It lies before 2010 or in the future: check the clock of the sender."));
    }
    Ok(ReadTime { at: at.min(now), clamped: at > now })
}

/// Reads a phone number; one without `+` is of the Page's `country`.
///
/// # Errors
/// 422 that names the field.
pub fn phone(pointer: &str, text: &str, country: &str) -> Result<Phone> {
    Phone::parse(text, country).ok_or_else(|| {
        Error::field(pointer, "It must be a valid number of the Page's country, or begin with +.")
    })
}

/// Reads a PSID: 5 to 20 digits, as Meta gives them. A spreadsheet may have rounded it, as the error says.
///
/// # Errors
/// 422 that names the field.
pub fn person(pointer: &str, text: &str) -> Result<PersonId> {
    let text = trimmed(text);
    let is_psid = (5..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_psid.then(|| PersonId(text.to_owned())).ok_or_else(|| {
        Error::field(pointer, "It must be 5 to 20 digits, as Meta gives them: keep the column as text.")
    })
}

/// The text, unless it is missing or only white space.
pub fn filled(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.trim().is_empty())
}

/// Reads a text of at most `most` characters without white space at its ends; `None` if nothing is left.
///
/// # Errors
/// 422 that names the field.
pub fn optional_text(pointer: &str, text: Option<&String>, most: usize) -> Result<Option<String>> {
    match filled(text) {
        Some(text) if text.chars().count() > most => {
            Err(Error::field(pointer, format!("It must have at most {most} characters.")))
        }
        text => Ok(text.map(|text| text.trim().to_owned())),
    }
}

/// Reads a text of at most [`TEXT_MAX`] characters that must be there.
///
/// # Errors
/// 422 that names the field.
pub fn text(pointer: &str, text: &String) -> Result<String> {
    optional_text(pointer, Some(text), TEXT_MAX)?
        .ok_or_else(|| Error::field(pointer, "It must not be empty."))
}

/// Reads an order number or a sender's own id, without white space and invisible characters at its ends. An empty one is
/// a fault, not none.
///
/// # Errors
/// 422 that names the field.
pub fn name(pointer: &str, text: Option<&String>, most: usize) -> Result<Option<String>> {
    let text = text.map(|text| trimmed(text));
    match text {
        Some(text) if text.is_empty() || text.chars().count() > most => {
            Err(Error::field(pointer, format!("It must have 1 to {most} characters.")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_a_little_ahead_is_set_back_and_marked() {
        let now = Timestamp::from_seconds(1_795_424_400);
        let ahead = |seconds: i64| time(&WrittenTime::Seconds(1_795_424_400 + seconds), now);
        assert_eq!(ahead(300).unwrap(), ReadTime { at: now, clamped: true });
        assert!(ahead(301).is_err());
        let before = WrittenTime::Text("2026-11-23T10:00:00+04:00".to_owned());
        assert!(!time(&before, now).unwrap().clamped);
    }
}
