//! The body of `PATCH /v1/pages/{id}`. `domain::page_setting` decides what each setting accepts.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use utoipa::ToSchema;

use crate::domain::order::outcome::OutcomeKind;
use crate::domain::page_setting::{self, Sentences, Setting};
use crate::domain::signal::conversion::EventName;
use crate::error::{Error, Result};
use crate::flow::PageChange;

/// The settings to change; one that is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[expect(clippy::option_option, reason = "left out, null and given are three things")]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"mode": "live", "signals": {"hold": "30m"}, "labels": {"Order": "confirmed"}}))]
pub struct PageBody {
    /// live, shadow or paused.
    mode: Option<String>,
    /// The signal policy; a change becomes its next version.
    signals: Option<SignalsBody>,
    /// The labels of Meta's inbox, each with the outcome that it means. Replaces all of them.
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    labels: Option<Map<String>>,
    /// Whether a label is taken off once its tag is recorded, so that the next order can carry it.
    take_off_labels: Option<bool>,
    /// Patterns of what operators write anyway, by the outcome that they mean. Replaces all of them.
    #[schema(value_type = Option<std::collections::HashMap<String, Vec<String>>>)]
    sentences: Option<Map<Vec<String>>>,
    /// The reasons that people choose from; a list that is left out stays.
    reasons: Option<ReasonsBody>,
    /// The event names that stay refused; any other is allowed again.
    refused_names: Option<Vec<String>>,
    /// The access token. Any, even the same one, clears a fault of the Page's lane. It is never shown.
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
    /// Whether the events of an order's life, such as `OrderShipped`, are sent too.
    lifecycle: Option<bool>,
    /// `revenue`: the order's value less the delivery fee.
    value: Option<String>,
    /// keep or resend.
    on_unknown: Option<String>,
}

/// The reasons that people choose from.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonsBody {
    lost: Option<Vec<String>>,
    cancelled: Option<Vec<String>>,
    returned: Option<Vec<String>>,
    not_a_sale: Option<Vec<String>>,
}

/// An object whose members are each given at most once.
struct Map<T>(BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Map<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members_of: A) -> Result<Map<T>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = members_of.next_entry::<String, T>()? {
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

/// Reads a member so that null (`Some(None)`) differs from one that is left out (`None`).
#[expect(clippy::option_option, reason = "left out, null and given are three things")]
fn or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a change of a Page.
///
/// # Errors
/// 422 with a pointer to the field that can't be taken.
pub fn read(body: PageBody) -> Result<PageChange> {
    let signals = body.signals.unwrap_or_default();
    if signals.value.is_some_and(|value| value != "revenue") {
        return Err(Error::field("/signals/value", "It must be revenue."));
    }
    let reasons = body.reasons.unwrap_or_default();
    Ok(PageChange {
        mode: one("/mode", body.mode, &page_setting::MODE)?,
        purchase_on: one("/signals/purchase_on", signals.purchase_on, &page_setting::PURCHASE_ON)?,
        hold: one("/signals/hold", signals.hold, &page_setting::HOLD)?,
        lead_on: one("/signals/lead_on", signals.lead_on, &page_setting::LEAD_ON)?,
        lifecycle: signals.lifecycle,
        on_unknown: one("/signals/on_unknown", signals.on_unknown, &page_setting::ON_UNKNOWN)?,
        labels: body.labels.map(labels).transpose()?,
        take_off_labels: body.take_off_labels,
        sentences: body.sentences.map(sentences).transpose()?,
        lost: list("/reasons/lost", reasons.lost)?,
        cancelled: list("/reasons/cancelled", reasons.cancelled)?,
        returned: list("/reasons/returned", reasons.returned)?,
        not_a_sale: list("/reasons/not_a_sale", reasons.not_a_sale)?,
        refused_names: body.refused_names.map(event_names).transpose()?,
        access_token: one("/access_token", body.access_token, &page_setting::ACCESS_TOKEN)?.map(Into::into),
        test_event_code: one_or_null(
            "/test_event_code",
            body.test_event_code,
            &page_setting::TEST_EVENT_CODE,
        )?,
        silent_after: one("/silent_after", body.silent_after, &page_setting::SILENT_AFTER)?,
        working_hours: one_or_null("/working_hours", body.working_hours, &page_setting::WORKING_HOURS)?,
    })
}

fn one<T>(pointer: &str, text: Option<String>, setting: &Setting<T>) -> Result<Option<T>> {
    let wrong = || Error::field(pointer, format!("It must be {}.", setting.expected));
    text.map(|text| setting.read(&text).ok_or_else(wrong)).transpose()
}

#[expect(clippy::option_option, reason = "left out, null and given are three things")]
fn one_or_null<T>(
    pointer: &str,
    text: Option<Option<String>>,
    setting: &Setting<T>,
) -> Result<Option<Option<T>>> {
    let wrong = || Error::field(pointer, format!("It must be {}, or null.", setting.expected));
    let read = |text: Option<String>| text.map(|text| setting.read(&text).ok_or_else(wrong)).transpose();
    text.map(read).transpose()
}

fn labels(Map(labels): Map<String>) -> Result<BTreeMap<String, OutcomeKind>> {
    page_setting::labels(labels).map_err(|why| Error::field("/labels", why))
}

fn sentences(Map(sentences): Map<Vec<String>>) -> Result<Sentences> {
    let patterns = |(word, patterns): (String, Vec<String>)| {
        let pointer = format!("/sentences/{word}");
        let kind =
            OutcomeKind::parse(&word).ok_or_else(|| Error::field(&pointer, "There is no such outcome."))?;
        let patterns = page_setting::patterns(&patterns).map_err(|why| Error::field(&pointer, why))?;
        Ok((kind, patterns))
    };
    sentences.into_iter().map(patterns).collect()
}

fn list(pointer: &str, words: Option<Vec<String>>) -> Result<Option<Vec<String>>> {
    let read = |words: Vec<String>| page_setting::list(&words).map_err(|why| Error::field(pointer, why));
    words.map(read).transpose()
}

fn event_names(names: Vec<String>) -> Result<HashSet<EventName>> {
    let name = |name: String| {
        EventName::parse(&name).ok_or_else(|| {
            Error::field("/refused_names", "Each must be the name of an event, such as LeadSubmitted.")
        })
    };
    names.into_iter().map(name).collect()
}
