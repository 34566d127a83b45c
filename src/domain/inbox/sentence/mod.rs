//! The sentences that operators write anyway, as patterns: words of their own, `{value}` for the amount and
//! `{*}` for anything. A pattern is looked for anywhere in a message. What it reads in part is a person's to
//! complete, never guessed: another amount behind a pattern that ends with `{value}` leaves it open which one
//! is meant, unless a `{*}` at the end says that anything may follow.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::basic::money::Currency;
use crate::domain::order::outcome::OutcomeKind;
use words::{Number, Piece, pieces, sign_of};

/// The place of the amount, and the place of anything.
const VALUE: &str = "{value}";
const ANY: &str = "{*}";

/// A pattern has so many parts at most.
const PARTS_MAX: usize = 64;

/// A pattern of a Page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<PatternPart>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternPart {
    Literal(Piece),
    Any,
    /// An amount, with the currency written beside it or not.
    Value {
        signed: bool,
    },
}

/// What a pattern reads in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It is not there.
    Nothing,
    /// All of it: the amount in minor units, if the pattern has a place for one.
    Whole(Option<i64>),
    /// Its words are there, but not all that it needs.
    InPart(Open),
}

/// What a reading leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// No amount stands where one should.
    NoAmount,
    /// A number stands there that may be read in several ways, or is of another currency.
    UnclearAmount,
    /// Several amounts may be meant.
    SeveralAmounts,
    /// Sentences of several meanings are there.
    SeveralMeanings,
}

impl Open {
    /// The word in the API and in rows.
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
    /// Reads a pattern.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let next = [VALUE, ANY].into_iter().filter_map(|place| Some((rest.find(place)?, place))).min();
            let (literal, place) = next.map_or((rest, ""), |(at, place)| (&rest[..at], place));
            if literal.contains(['{', '}']) {
                return Err(format!("has a place that is none: only {VALUE} and {ANY} are"));
            }
            parts.extend(pieces(literal, None).into_iter().map(PatternPart::Literal));
            match place {
                VALUE => parts.push(PatternPart::Value { signed: false }),
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

    /// Reads a message of somebody who sells in `currency`.
    pub fn read(&self, text: &str, currency: Currency) -> Reading {
        self.read_pieces(&pieces(text, Some(currency)), currency)
    }

    fn read_pieces(&self, pieces: &[Piece], currency: Currency) -> Reading {
        let parts = with_signs(&self.0, currency);
        let Some(value) = parts.iter().position(|part| matches!(part, PatternPart::Value { .. })) else {
            return if is_in(&parts, pieces) { Reading::Whole(None) } else { Reading::Nothing };
        };
        let (before, behind) = (reached(&parts[..value], pieces), reached_back(&parts[value + 1..], pieces));
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
                let others = pieces[at + 1..].iter().filter_map(signed);
                for other in others {
                    is_unclear |= other.minor.is_none();
                    amounts.extend(other.minor);
                }
            }
        }
        match (amounts.len(), is_unclear) {
            (1, false) => Reading::Whole(amounts.first().copied()),
            (0, true) => Reading::InPart(Open::UnclearAmount),
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
                if is_in(&words, pieces) { Reading::InPart(Open::NoAmount) } else { Reading::Nothing }
            }
            _ => Reading::InPart(Open::SeveralAmounts),
        }
    }
}

fn signed(piece: &Piece) -> Option<&Number> {
    match piece {
        Piece::Number(number) if number.sign.is_some() => Some(number),
        _ => None,
    }
}

/// The parts with the currency beside the amount as a part of it.
fn with_signs(parts: &[PatternPart], currency: Currency) -> Vec<PatternPart> {
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
    let amount = PatternPart::Value { signed: behind || before };
    head.iter().cloned().chain([amount]).chain(tail.iter().cloned()).collect()
}

fn fits(part: &PatternPart, piece: &Piece) -> bool {
    match (part, piece) {
        (PatternPart::Literal(literal), piece) => literal == piece,
        (PatternPart::Any, _) => true,
        (PatternPart::Value { signed }, Piece::Number(number)) => !signed || number.sign.is_some(),
        (PatternPart::Value { .. }, _) => false,
    }
}

fn is_in(parts: &[PatternPart], pieces: &[Piece]) -> bool {
    reached(parts, pieces).contains(&true)
}

/// The places between pieces up to which all of `parts` can be read, from anywhere on.
fn reached(parts: &[PatternPart], pieces: &[Piece]) -> Vec<bool> {
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

/// The places from which on all of `parts` can be read.
fn reached_back(parts: &[PatternPart], pieces: &[Piece]) -> Vec<bool> {
    let parts: Vec<PatternPart> = parts.iter().rev().cloned().collect();
    let pieces: Vec<Piece> = pieces.iter().rev().cloned().collect();
    let mut places = reached(&parts, &pieces);
    places.reverse();
    places
}

/// A sentence of the Page, heard in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentenceMatch {
    /// What it says.
    pub kind: OutcomeKind,
    /// How much of it was read; never nothing.
    pub reading: Reading,
}

/// What a message says by the Page's sentences. What is no pattern is not heard.
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
        heard.extend(together(&readings).map(|reading| SentenceMatch { kind: *kind, reading }));
    }
    let is_whole = |heard: &&SentenceMatch| matches!(heard.reading, Reading::Whole(_));
    let mut whole = heard.iter().filter(is_whole);
    match (whole.next(), whole.next()) {
        (Some(only), None) => Some(*only),
        (Some(first), Some(_)) => {
            Some(SentenceMatch { kind: first.kind, reading: Reading::InPart(Open::SeveralMeanings) })
        }
        (None, _) => heard.first().copied(),
    }
}

/// What several patterns of one meaning read.
fn together(readings: &[Reading]) -> Option<Reading> {
    let amounts: BTreeSet<i64> = readings
        .iter()
        .filter_map(|reading| if let Reading::Whole(amount) = reading { *amount } else { None })
        .collect();
    match amounts.len() {
        0 => {}
        1 => return Some(Reading::Whole(amounts.first().copied())),
        _ => return Some(Reading::InPart(Open::SeveralAmounts)),
    }
    let whole = readings.iter().find(|reading| matches!(reading, Reading::Whole(_)));
    whole.or_else(|| readings.iter().find(|reading| **reading != Reading::Nothing)).copied()
}

#[cfg(test)]
mod tests;
