//! What the settings of a Page accept, whoever writes them: the API, a form of the console, or the configuration file.
//! What is wrong is said as the end of a sentence that begins with "It must be"; who reads the text names the field.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::basic::hours::WorkingHours;
use crate::domain::basic::span;
use crate::domain::inbox::label::LABEL_KINDS;
use crate::domain::inbox::sentence::Pattern;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::signal::policy::{HOLD_MAX, LeadOn, Mode, OnUnknown, PurchaseOn};

/// Labels, reasons of one list, or sentences of one kind, at most.
pub const LIST_MAX: usize = 200;

/// Characters of a label, sentence or reason, at most.
pub const ENTRY_MAX: usize = 200;

/// Characters of a token or test event code, at most.
const CODE_MAX: usize = 4096;

/// The patterns of a Page's own sentences, by the kind of fact that they say.
pub type Sentences = BTreeMap<OutcomeKind, Vec<String>>;

/// A setting that is written as one text.
#[derive(Clone, Copy, Debug)]
pub struct Setting<T> {
    /// What it must be, in words.
    pub expected: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> Setting<T> {
    /// Reads the text; none if it is not what is expected.
    pub fn read(&self, text: &str) -> Option<T> {
        (self.read)(text)
    }
}

/// Whether anything leaves for Meta.
pub const MODE: Setting<Mode> = Setting { expected: "live, shadow or paused", read: Mode::parse };

/// When an order becomes a Purchase.
pub const PURCHASE_ON: Setting<PurchaseOn> =
    Setting { expected: "confirmed, shipped, delivered or paid", read: PurchaseOn::parse };

/// How long a person can still stop a Purchase.
pub const HOLD: Setting<Duration> = Setting {
    expected: "a time such as \"30m\", at most 6 days",
    read: |text| span::parse(text).filter(|hold| *hold <= HOLD_MAX),
};

/// [`HOLD`] in whole seconds, as the console's form sends it.
pub const HOLD_SECONDS: Setting<Duration> = Setting {
    expected: "a number of seconds, at most 6 days",
    read: |text| text.parse().ok().map(Duration::from_secs).filter(|hold| *hold <= HOLD_MAX),
};

/// What makes a contact a lead.
pub const LEAD_ON: Setting<LeadOn> =
    Setting { expected: "first_message, contact, qualified or off", read: LeadOn::parse };

/// What to do when it can't be known whether Meta took an event.
pub const ON_UNKNOWN: Setting<OnUnknown> = Setting { expected: "keep or resend", read: OnUnknown::parse };

/// How long a customer says nothing until their chat is lost.
pub const SILENT_AFTER: Setting<Duration> = Setting {
    expected: "a time such as \"72h\"",
    read: |text| span::parse(text).filter(|span| !span.is_zero()),
};

/// When somebody answers.
pub const WORKING_HOURS: Setting<WorkingHours> =
    Setting { expected: "such as \"Mon-Sat 10:00-20:00\"", read: |text| WorkingHours::parse(text).ok() };

/// A token for the dataset.
pub const ACCESS_TOKEN: Setting<String> = Setting { expected: "a token of Meta's", read: code };

/// The code under which Meta takes events as tests.
pub const TEST_EVENT_CODE: Setting<String> = Setting { expected: "a code of Meta's", read: code };

/// A sentence that operators write anyway, as a pattern.
pub const PATTERN: Setting<String> = Setting {
    expected: "words with at most one {value} for the amount and any number of {*} for anything",
    read: |text| {
        let is_pattern = text.chars().count() <= ENTRY_MAX && Pattern::parse(text).is_ok();
        is_pattern.then(|| text.to_owned())
    },
};

fn code(text: &str) -> Option<String> {
    let is_plain = (1..=CODE_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain.then(|| text.to_owned())
}

/// The kind that a label stands for; none for a kind that needs an amount.
pub fn labelled_kind(text: &str) -> Option<OutcomeKind> {
    OutcomeKind::parse(text).filter(|kind| LABEL_KINDS.contains(kind))
}

/// The kinds that a label can stand for, in words.
pub fn labelled_kinds() -> String {
    format!("one of {}", LABEL_KINDS.map(OutcomeKind::as_str).join(", "))
}

/// Reads the map of labels: names, each with the word of its kind.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn labels(
    written: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, OutcomeKind>, String> {
    let mut labels = BTreeMap::new();
    for (name, word) in written {
        if name.trim().is_empty() || name.chars().count() > ENTRY_MAX {
            return Err(format!("A label must have 1 to {ENTRY_MAX} characters."));
        }
        let kind = labelled_kind(&word).ok_or_else(|| format!("A label must say {}.", labelled_kinds()))?;
        if labels.insert(name, kind).is_some() {
            return Err("Each label must be there once.".to_owned());
        }
    }
    if labels.len() > LIST_MAX {
        return Err(format!("There must be at most {LIST_MAX}."));
    }
    Ok(labels)
}

/// Reads a list of the shop's own words, such as reasons: without the space around each.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn list(written: &[String]) -> Result<Vec<String>, String> {
    let words: Vec<String> = written.iter().map(|words| words.trim().to_owned()).collect();
    let fits = |words: &String| (1..=ENTRY_MAX).contains(&words.chars().count());
    if words.len() > LIST_MAX || !words.iter().all(fits) {
        return Err(format!("It must be at most {LIST_MAX} texts of 1 to {ENTRY_MAX} characters."));
    }
    Ok(words)
}

/// Reads the patterns of one kind.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn patterns(written: &[String]) -> Result<Vec<String>, String> {
    let patterns = list(written)?;
    if patterns.iter().any(|pattern| PATTERN.read(pattern).is_none()) {
        return Err(format!("Each must be {}.", PATTERN.expected));
    }
    Ok(patterns)
}

/// `sentences` with one more pattern; a pattern that is there stays as it is.
///
/// # Errors
/// A sentence that says that the list is full.
pub fn switch_on(sentences: &Sentences, kind: OutcomeKind, pattern: String) -> Result<Sentences, String> {
    let mut sentences = sentences.clone();
    let patterns = sentences.entry(kind).or_default();
    if !patterns.contains(&pattern) {
        patterns.push(pattern);
    }
    if patterns.len() > LIST_MAX {
        return Err(format!("There must be at most {LIST_MAX}."));
    }
    Ok(sentences)
}

/// `sentences` without a pattern.
pub fn switch_off(sentences: &Sentences, kind: OutcomeKind, pattern: &str) -> Sentences {
    let mut sentences = sentences.clone();
    if let Some(patterns) = sentences.get_mut(&kind) {
        patterns.retain(|known| known != pattern);
    }
    sentences.retain(|_, patterns| !patterns.is_empty());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_at_most_six_days_however_it_is_written() {
        assert_eq!(HOLD.read("6d"), Some(HOLD_MAX));
        assert_eq!(HOLD_SECONDS.read("518400"), Some(HOLD_MAX));
        assert!(HOLD.read("7d").is_none() && HOLD_SECONDS.read("518401").is_none());
        assert!(HOLD.read("1800").is_none() && HOLD_SECONDS.read("30m").is_none());
    }

    #[test]
    fn codes_are_plain_ascii_without_space() {
        assert_eq!(TEST_EVENT_CODE.read("TEST123"), Some("TEST123".to_owned()));
        for text in ["", "two words", "ტესტი", &"a".repeat(CODE_MAX + 1)] {
            assert!(ACCESS_TOKEN.read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_label_stands_once_and_for_a_kind_without_an_amount() {
        let pair = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
        assert_eq!(labels([pair("Order", "confirmed")]).unwrap()["Order"], OutcomeKind::Confirmed);
        for wrong in [
            vec![pair(" ", "confirmed")],
            vec![pair(&"a".repeat(ENTRY_MAX + 1), "confirmed")],
            vec![pair("Paid", "paid")],
            vec![pair("Order", "sold")],
            vec![pair("Order", "confirmed"), pair("Order", "lost")],
        ] {
            assert!(labels(wrong.clone()).is_err(), "{wrong:?}");
        }
        let many = (0..=LIST_MAX).map(|number| pair(&number.to_string(), "lost"));
        assert!(labels(many).is_err());
    }

    #[test]
    fn lists_are_trimmed_and_hold_no_empty_entry() {
        assert_eq!(list(&[" price ".to_owned()]), Ok(vec!["price".to_owned()]));
        assert!(list(&[" ".to_owned()]).is_err() && list(&vec!["a".to_owned(); LIST_MAX + 1]).is_err());
        assert!(
            patterns(&["agreed {value}".to_owned()]).is_ok() && patterns(&["{value}".to_owned()]).is_err()
        );
    }

    #[test]
    fn a_sentence_is_switched_on_once_and_off_again() {
        let on = switch_on(&Sentences::new(), OutcomeKind::Confirmed, "agreed {value}".to_owned()).unwrap();
        assert_eq!(switch_on(&on, OutcomeKind::Confirmed, "agreed {value}".to_owned()).unwrap(), on);
        assert_eq!(switch_off(&on, OutcomeKind::Lost, "agreed {value}"), on);
        assert!(switch_off(&on, OutcomeKind::Confirmed, "agreed {value}").is_empty());
    }
}
