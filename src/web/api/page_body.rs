//! What is to change of a Page, as its body reads.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use utoipa::ToSchema;

use crate::domain::basic::hours::WorkingHours;
use crate::domain::basic::span;
use crate::domain::inbox::{label, sentence};
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{HOLD_MAX, LeadOn, Mode, OnUnknown, PurchaseOn};
use crate::error::{Error, Result};
use crate::flow::PageChange;

/// The most labels, sentences or reasons of a list.
const LIST_MAX: usize = 200;

/// The longest label, sentence or reason.
const WORDS_MAX: usize = 200;

/// The longest token or test event code.
const TOKEN_MAX: usize = 4096;

/// What is to change of a Page; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[expect(clippy::option_option, reason = "left out, null and given are three things")]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"mode": "live", "signals": {"hold": "30m"}, "labels": {"Order": "confirmed"}}))]
pub struct PageBody {
    /// live, shadow or paused.
    mode: Option<String>,
    /// The signal policy; a change becomes its next version.
    signals: Option<SignalsBody>,
    /// Labels of Meta's inbox, and what each says. All of them anew.
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    labels: Option<Map<String>>,
    /// Whether a label is taken off once it was heard, so that the next order can carry it.
    take_off_labels: Option<bool>,
    /// What operators write anyway, by the outcome that it says. All of them anew.
    #[schema(value_type = Option<std::collections::HashMap<String, Vec<String>>>)]
    sentences: Option<Map<Vec<String>>>,
    /// The reasons to choose from; a list that is left out stays.
    reasons: Option<ReasonsBody>,
    /// The event names that stay refused; any other is tried anew.
    refused_names: Option<Vec<String>>,
    /// Any token, even the same one, lets a Page go on that was stopped for its token. It is never shown.
    access_token: Option<String>,
    /// Meta's test event code; null for none.
    #[serde(default, deserialize_with = "or_null")]
    #[schema(value_type = Option<String>)]
    test_event_code: Option<Option<String>>,
    /// A time such as 72h.
    silent_after: Option<String>,
    /// Such as `Mon-Sat 10:00-20:00`; null for none.
    #[serde(default, deserialize_with = "or_null")]
    #[schema(value_type = Option<String>)]
    working_hours: Option<Option<String>>,
}

/// The signal policy.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalsBody {
    /// confirmed, shipped, delivered or paid.
    purchase_on: Option<String>,
    /// A time such as 30m, at most 6d.
    hold: Option<String>,
    /// `first_message`, contact, qualified or off.
    lead_on: Option<String>,
    /// Whether the life of an order is told too.
    lifecycle: Option<bool>,
    /// revenue.
    value: Option<String>,
    /// keep or resend.
    on_unknown: Option<String>,
}

/// The reasons to choose from.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonsBody {
    lost: Option<Vec<String>>,
    cancelled: Option<Vec<String>>,
    returned: Option<Vec<String>>,
    not_a_sale: Option<Vec<String>>,
}

/// Members of an object, each given once.
struct Map<T>(BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Map<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Map<T>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = given.next_entry::<String, T>()? {
                    if members.contains_key(&name) {
                        return Err(A::Error::custom(format!("duplicate field `{name}`")));
                    }
                    members.insert(name, value);
                }
                Ok(Map(members))
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// Tells a member that is null from one that is left out.
#[expect(clippy::option_option, reason = "left out, null and given are three things")]
fn or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a change.
///
/// # Errors
/// 422 with a pointer to the field that can't be taken.
pub fn read(body: PageBody) -> Result<PageChange> {
    let signals = body.signals.unwrap_or_default();
    if signals.value.is_some_and(|value| value != "revenue") {
        return Err(Error::field("/signals/value", "It must be revenue."));
    }
    let reasons = body.reasons.unwrap_or_default();
    let hold = |text: &str| span::parse(text).filter(|hold| *hold <= HOLD_MAX);
    let silent = |text: &str| span::parse(text).filter(|span| !span.is_zero());
    Ok(PageChange {
        mode: key("/mode", body.mode, "live, shadow or paused", Mode::parse)?,
        purchase_on: key(
            "/signals/purchase_on",
            signals.purchase_on,
            "confirmed, shipped, delivered or paid",
            PurchaseOn::parse,
        )?,
        hold: key("/signals/hold", signals.hold, "a time such as 30m, at most 6 days", hold)?,
        lead_on: key(
            "/signals/lead_on",
            signals.lead_on,
            "first_message, contact, qualified or off",
            LeadOn::parse,
        )?,
        lifecycle: signals.lifecycle,
        on_unknown: key("/signals/on_unknown", signals.on_unknown, "keep or resend", OnUnknown::parse)?,
        labels: body.labels.map(labels).transpose()?,
        take_off_labels: body.take_off_labels,
        sentences: body.sentences.map(sentences).transpose()?,
        lost: list("/reasons/lost", reasons.lost)?,
        cancelled: list("/reasons/cancelled", reasons.cancelled)?,
        returned: list("/reasons/returned", reasons.returned)?,
        not_a_sale: list("/reasons/not_a_sale", reasons.not_a_sale)?,
        refused_names: body.refused_names.map(names).transpose()?,
        access_token: key("/access_token", body.access_token, "a token of Meta's", code)?.map(Into::into),
        test_event_code: or_none(
            "/test_event_code",
            body.test_event_code,
            "a code of Meta's, or null",
            code,
        )?,
        silent_after: key("/silent_after", body.silent_after, "a time such as 72h", silent)?,
        working_hours: or_none(
            "/working_hours",
            body.working_hours,
            "such as \"Mon-Sat 10:00-20:00\", or null",
            |text| WorkingHours::parse(text).ok(),
        )?,
    })
}

fn key<T>(
    field: &str,
    text: Option<String>,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let read =
        |text: String| parse(&text).ok_or_else(|| Error::field(field, format!("It must be {expected}.")));
    text.map(read).transpose()
}

#[expect(clippy::option_option, reason = "left out, null and given are three things")]
fn or_none<T>(
    field: &str,
    text: Option<Option<String>>,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<Option<T>>> {
    text.map(|text| key(field, text, expected, &parse)).transpose()
}

fn code(text: &str) -> Option<String> {
    let plain = (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

fn labels(Map(labels): Map<String>) -> Result<BTreeMap<String, OutcomeKind>> {
    if labels.len() > LIST_MAX {
        return Err(Error::field("/labels", format!("There must be at most {LIST_MAX}.")));
    }
    let can_be = label::LABEL_KINDS.map(OutcomeKind::as_str).join(", ");
    let label = |(label, key): (String, String)| {
        if label.trim().is_empty() || label.chars().count() > WORDS_MAX {
            return Err(Error::field("/labels", format!("A label must have 1 to {WORDS_MAX} characters.")));
        }
        let kind = OutcomeKind::parse(&key).filter(|kind| label::LABEL_KINDS.contains(kind));
        kind.map(|kind| (label, kind))
            .ok_or_else(|| Error::field("/labels", format!("A label must say one of {can_be}.")))
    };
    labels.into_iter().map(label).collect()
}

fn sentences(Map(sentences): Map<Vec<String>>) -> Result<BTreeMap<OutcomeKind, Vec<String>>> {
    let sentence = |(key, patterns): (String, Vec<String>)| {
        let field = format!("/sentences/{key}");
        let kind =
            OutcomeKind::parse(&key).ok_or_else(|| Error::field(&field, "There is no such outcome."))?;
        let patterns = list(&field, Some(patterns))?.unwrap_or_default();
        if patterns.iter().any(|pattern| !sentence::is_pattern(pattern)) {
            let expected = "words with at most one {value} for the amount and any number of {*} for anything";
            return Err(Error::field(&field, format!("Each must be {expected}.")));
        }
        Ok((kind, patterns))
    };
    sentences.into_iter().map(sentence).collect()
}

fn list(field: &str, words: Option<Vec<String>>) -> Result<Option<Vec<String>>> {
    let Some(words) = words else { return Ok(None) };
    let words: Vec<String> = words.iter().map(|key| key.trim().to_owned()).collect();
    let is_fine = |key: &String| !key.is_empty() && key.chars().count() <= WORDS_MAX;
    if words.len() > LIST_MAX || !words.iter().all(is_fine) {
        let message = format!("It must be at most {LIST_MAX} texts of 1 to {WORDS_MAX} characters.");
        return Err(Error::field(field, message));
    }
    Ok(Some(words))
}

fn names(names: Vec<String>) -> Result<HashSet<EventName>> {
    let name = |name: String| {
        EventName::parse(&name).ok_or_else(|| {
            Error::field("/refused_names", "Each must be the name of an event, such as LeadSubmitted.")
        })
    };
    names.into_iter().map(name).collect()
}
