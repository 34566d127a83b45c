//! Confirmation sentences: what operators write to customers anyway, as patterns of a Page, such as `total {value} ₾`.
//! `{value}` stands for the amount and `{*}` for anything; a pattern is looked for anywhere in a message.
//!
//! Nothing is guessed. A message that holds the words but no clear amount is read *in part*, and a person completes it.
//! That is so too when more amounts stand behind a pattern that ends with `{value}`, since any of them may be meant; a
//! `{*}` at the end says that they don't matter.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::basic::money::Currency;
use crate::domain::order::outcome::OutcomeKind;
use words::{Number, Piece, pieces, sign_of};

/// The placeholder for the amount.
const VALUE: &str = "{value}";

/// The placeholder for anything, also for nothing.
const ANY: &str = "{*}";

/// The most parts of a pattern: words, numbers and placeholders.
const PARTS_MAX: usize = 64;

/// A pattern, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<PatternPart>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternPart {
    /// This very word, number or quotation.
    Literal(Piece),
    /// Any pieces, also none.
    Any,
    /// A number; `has_currency`: only one with a currency beside it.
    Value { has_currency: bool },
}

/// What a pattern reads in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The pattern is not there.
    Nothing,
    /// The whole pattern is there, with the amount in minor units if the pattern has a `{value}`.
    Whole(Option<i64>),
    /// The pattern's words are there; this is left open.
    PartlyRead(Open),
}

/// What a reading leaves open, for a person to complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// There is no amount where one should be.
    NoAmount,
    /// The number there may be read in several ways, or is of another currency.
    UnclearAmount,
    /// There are several amounts, and any of them may be meant.
    SeveralAmounts,
    /// There are sentences of several kinds of outcome.
    SeveralMeanings,
}

impl Open {
    /// The name in the API and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAmount => "no_amount",
            Self::UnclearAmount => "unclear_amount",
            Self::SeveralAmounts => "several_amounts",
            Self::SeveralMeanings => "several_meanings",
        }
    }
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let next = [VALUE, ANY].into_iter().filter_map(|place| Some((rest.find(place)?, place))).min();
            let (literal, place) = next.map_or((rest, ""), |(at, place)| (&rest[..at], place));
            if literal.contains(['{', '}']) {
                return Err(format!("has a placeholder that is unknown: there are only {VALUE} and {ANY}"));
            }
            parts.extend(pieces(literal, None).into_iter().map(PatternPart::Literal));
            match place {
                VALUE => parts.push(PatternPart::Value { has_currency: false }),
                ANY if parts.last() != Some(&PatternPart::Any) => parts.push(PatternPart::Any),
                _ => {}
            }
            rest = &rest[literal.len() + place.len()..];
        }
        let is_word = |part: &PatternPart| match part {
            PatternPart::Literal(Piece::Word(word)) => {
                sign_of(word, None).is_none() && word.chars().any(char::is_alphanumeric)
            }
            PatternPart::Literal(_) => true,
            PatternPart::Any | PatternPart::Value { .. } => false,
        };
        if parts.iter().filter(|part| matches!(part, PatternPart::Value { .. })).count() > 1 {
            return Err(format!("has {VALUE} more than once"));
        }
        if !parts.iter().any(is_word) {
            return Err("needs words of its own".to_owned());
        }
        if parts.len() > PARTS_MAX {
            return Err(format!("has more than {PARTS_MAX} words"));
        }
        Ok(Self(parts))
    }

    /// Reads a message of a Page that sells in `currency`.
    pub fn read(&self, text: &str, currency: Currency) -> Reading {
        self.read_pieces(&pieces(text, Some(currency)), currency)
    }

    fn read_pieces(&self, pieces: &[Piece], currency: Currency) -> Reading {
        let parts = with_currency_in_value(&self.0, currency);
        let Some(value) = parts.iter().position(|part| matches!(part, PatternPart::Value { .. })) else {
            return if is_in(&parts, pieces) { Reading::Whole(None) } else { Reading::Nothing };
        };
        let (before, behind) = (ends_of(&parts[..value], pieces), starts_of(&parts[value + 1..], pieces));
        let is_last = value + 1 == parts.len();
        let (mut amounts, mut is_unclear) = (BTreeSet::new(), false);
        for (at, piece) in pieces.iter().enumerate() {
            let Piece::Number(number) = piece else { continue };
            if !(before[at] && behind[at + 1] && fits(&parts[value], piece)) {
                continue;
            }
            is_unclear |= number.minor.is_none();
            amounts.extend(number.minor);
            if is_last {
                let others = pieces[at + 1..].iter().filter_map(with_currency);
                for other in others {
                    is_unclear |= other.minor.is_none();
                    amounts.extend(other.minor);
                }
            }
        }
        match (amounts.len(), is_unclear) {
            (1, false) => Reading::Whole(amounts.first().copied()),
            (0, true) => Reading::PartlyRead(Open::UnclearAmount),
            (0, false) => {
                let words: Vec<PatternPart> = parts
                    .iter()
                    .map(|part| {
                        if matches!(part, PatternPart::Value { .. }) {
                            PatternPart::Any
                        } else {
                            part.clone()
                        }
                    })
                    .collect();
                if is_in(&words, pieces) { Reading::PartlyRead(Open::NoAmount) } else { Reading::Nothing }
            }
            _ => Reading::PartlyRead(Open::SeveralAmounts),
        }
    }
}

/// A number that has a currency beside it.
fn with_currency(piece: &Piece) -> Option<&Number> {
    match piece {
        Piece::Number(number) if number.sign.is_some() => Some(number),
        _ => None,
    }
}

/// The parts of a pattern in which a currency beside `{value}` has become a condition on the amount, so that `{value} ₾`
/// also finds `₾120` and `120 GEL`.
fn with_currency_in_value(parts: &[PatternPart], currency: Currency) -> Vec<PatternPart> {
    let code = currency.code().to_lowercase();
    let is_sign = |part: Option<&PatternPart>| match part {
        Some(PatternPart::Literal(Piece::Word(word))) => {
            *word == code || sign_of(word, Some(currency)).is_some_and(|sign| sign == code)
        }
        _ => false,
    };
    let Some(value) = parts.iter().position(|part| matches!(part, PatternPart::Value { .. })) else {
        return parts.to_vec();
    };
    let behind = is_sign(parts.get(value + 1));
    let before = !behind && value.checked_sub(1).is_some_and(|at| is_sign(parts.get(at)));
    let (mut head, mut tail) = (&parts[..value], &parts[value + 1..]);
    if behind {
        tail = &tail[1..];
    }
    if before {
        head = &head[..value - 1];
    }
    let amount = PatternPart::Value { has_currency: behind || before };
    head.iter().cloned().chain([amount]).chain(tail.iter().cloned()).collect()
}

/// Whether one piece of a message fits one part of a pattern.
fn fits(part: &PatternPart, piece: &Piece) -> bool {
    match (part, piece) {
        (PatternPart::Literal(literal), piece) => literal == piece,
        (PatternPart::Any, _) => true,
        (PatternPart::Value { has_currency }, Piece::Number(number)) => {
            !has_currency || number.sign.is_some()
        }
        (PatternPart::Value { .. }, _) => false,
    }
}

/// Whether `parts` stand anywhere in the message, one behind the other.
fn is_in(parts: &[PatternPart], pieces: &[Piece]) -> bool {
    ends_of(parts, pieces).contains(&true)
}

/// For each place between the pieces of a message (0 is before the first), whether all of `parts` can be read so that
/// they end there; they may begin anywhere.
fn ends_of(parts: &[PatternPart], pieces: &[Piece]) -> Vec<bool> {
    let mut places = vec![true; pieces.len() + 1];
    for part in parts {
        if *part == PatternPart::Any {
            let mut reached = false;
            for place in &mut places {
                reached |= *place;
                *place = reached;
            }
        } else {
            for at in (0..pieces.len()).rev() {
                places[at + 1] = places[at] && fits(part, &pieces[at]);
            }
            places[0] = false;
        }
    }
    places
}

/// For each place between the pieces, whether all of `parts` can be read so that they begin there: [`ends_of`], backwards.
fn starts_of(parts: &[PatternPart], pieces: &[Piece]) -> Vec<bool> {
    let parts: Vec<PatternPart> = parts.iter().rev().cloned().collect();
    let pieces: Vec<Piece> = pieces.iter().rev().cloned().collect();
    let mut places = ends_of(&parts, &pieces);
    places.reverse();
    places
}

/// A sentence of the Page that was found in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentenceMatch {
    /// The outcome that it stands for.
    pub kind: OutcomeKind,
    /// How much of it is there; never [`Reading::Nothing`].
    pub reading: Reading,
}

/// What a message says by the sentences of a Page, which sells in `currency`; `None` if none of them is there. Sentences
/// of several kinds are left to a person. What does not parse as a pattern is skipped: settings refuse it.
pub fn hear(
    sentences: &BTreeMap<OutcomeKind, Vec<String>>,
    text: &str,
    currency: Currency,
) -> Option<SentenceMatch> {
    let pieces = pieces(text, Some(currency));
    let mut heard: Vec<SentenceMatch> = Vec::new();
    for (kind, patterns) in sentences {
        let patterns = patterns.iter().filter_map(|pattern| Pattern::parse(pattern).ok());
        let readings: Vec<Reading> = patterns.map(|pattern| pattern.read_pieces(&pieces, currency)).collect();
        heard.extend(combined(&readings).map(|reading| SentenceMatch { kind: *kind, reading }));
    }
    let is_whole = |heard: &&SentenceMatch| matches!(heard.reading, Reading::Whole(_));
    let mut whole = heard.iter().filter(is_whole);
    match (whole.next(), whole.next()) {
        (Some(only), None) => Some(*only),
        (Some(first), Some(_)) => {
            Some(SentenceMatch { kind: first.kind, reading: Reading::PartlyRead(Open::SeveralMeanings) })
        }
        (None, _) => heard.first().copied(),
    }
}

/// The reading of several patterns of one kind in the same message: the amount if they agree on one.
fn combined(readings: &[Reading]) -> Option<Reading> {
    let amounts: BTreeSet<i64> = readings
        .iter()
        .filter_map(|reading| if let Reading::Whole(amount) = reading { *amount } else { None })
        .collect();
    match amounts.len() {
        0 => {}
        1 => return Some(Reading::Whole(amounts.first().copied())),
        _ => return Some(Reading::PartlyRead(Open::SeveralAmounts)),
    }
    let whole = readings.iter().find(|reading| matches!(reading, Reading::Whole(_)));
    whole.or_else(|| readings.iter().find(|reading| **reading != Reading::Nothing)).copied()
}

/// Whether a text is a pattern: it has words of its own, and no unknown placeholder.
pub fn is_pattern(text: &str) -> bool {
    Pattern::parse(text).is_ok()
}

#[cfg(test)]
mod tests;
