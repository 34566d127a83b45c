//! What someone says of a conversation, as its body reads: every field is judged by itself here, and named when
//! it can't be taken. Whether it may be said as things stand is decided below.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::conversation::customer::Customer;
use crate::domain::conversation::phone::Phone;
use crate::domain::operator::Role;
use crate::domain::order::outcome::{Details, Item, OutcomeKind, Source, Terms};
use crate::domain::order::tag::Tag;
use crate::error::{Error, Result};

/// How far ahead of our clock a time may lie; it is taken as now.
const AHEAD_MAX: Duration = Duration::from_mins(5);

/// 2010-01-01: no shop sold in Messenger before.
const EARLIEST: Timestamp = Timestamp::from_seconds(1_262_304_000);

/// The longest order number.
const NUMBER_MAX: usize = 64;
/// Characters of a sender's own id of a fact (`ref`) at most.
pub const REF_MAX: usize = 255;
/// The longest name, article number, reason, waybill and the like.
const WORDS_MAX: usize = 200;
/// The longest note.
const NOTE_MAX: usize = 4000;
/// The most lines of an order.
const ITEMS_MAX: usize = 500;
/// The most pieces of a line.
const PIECES_MAX: i64 = 100_000;

/// How an order can be paid.
const PAYMENTS: [&str; 4] = ["cod", "prepaid", "card", "instalment"];

/// Where a CRM's facts can come from.
const SOURCES: [Source; 4] = [Source::Crm, Source::Courier, Source::Bank, Source::Site];

/// What happened. Each kind takes what it needs.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"outcome": "confirmed", "order_id": "A-1001", "value": "125.50", "currency": "GEL",
    "delivery_fee": "5.00", "items": [{"sku": "BAG-1", "name": "Bag", "quantity": 1, "unit_price": "120.50"}],
    "payment": "cod", "customer": {"phone": "555 12 34 56"}}))]
pub struct TagBody {
    /// qualified, lost, confirmed, `cross_sold`, amended, cancelled, shipped, delivered, returned, paid, refunded.
    pub outcome: String,
    /// The shop's order number, 1 to 64 characters. Without it: of `confirmed` a new one is made, of others it is
    /// the only open order.
    pub order_id: Option<String>,
    /// The whole (confirmed, amended), the uplift (`cross_sold`), the part (returned), the sum (paid, refunded).
    pub value: Option<String>,
    /// `cross_sold`: the new whole instead of the uplift.
    pub total: Option<String>,
    /// ISO 4217; the Page's if it is left out.
    pub currency: Option<String>,
    /// What the customer pays for delivery, part of `value`.
    pub delivery_fee: Option<String>,
    /// What was taken off, already taken off `value`.
    pub discount: Option<String>,
    /// `paid`: what the courier or bank kept.
    pub fee: Option<String>,
    /// What was sold, or what came back.
    pub items: Option<Vec<ItemBody>>,
    /// cod, prepaid, card or instalment.
    pub payment: Option<String>,
    /// Who carries it.
    pub courier: Option<String>,
    /// The courier's number of the parcel.
    pub waybill: Option<String>,
    /// `confirmed`: another sale, although one is open.
    pub new_order: Option<bool>,
    /// When it happened: RFC 3339 with offset, or Unix seconds. Now, if it is left out.
    #[schema(value_type = Option<String>, example = "2026-11-22T14:05:00+04:00")]
    pub occurred_at: Option<When>,
    /// Why: compulsory for lost, cancelled, returned.
    pub reason: Option<String>,
    /// A remark, kept no longer than texts of messages.
    pub note: Option<String>,
    /// The sender's own id of the fact.
    pub r#ref: Option<String>,
    /// The version of the order that was looked at.
    pub if_version: Option<i64>,
    /// With keys of the role crm only: crm, courier, bank or site.
    pub source: Option<String>,
    /// Who buys.
    pub customer: Option<CustomerBody>,
}

/// A line of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    /// The shop's article number; a line without one is not told to Meta.
    sku: Option<String>,
    /// What the shop calls it.
    name: Option<String>,
    /// Pieces, from 1.
    quantity: i64,
    /// Price of one piece.
    unit_price: String,
    /// What one piece costs the shop; with keys of the role crm only.
    unit_cost: Option<String>,
}

/// Who buys, as far as it is known.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    /// Kept as a keyed hash only.
    phone: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    city: Option<String>,
    /// The shop's own id of them.
    external_id: Option<String>,
}

impl fmt::Debug for CustomerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerBody(…)")
    }
}

/// A moment as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum When {
    /// RFC 3339.
    Text(String),
    /// Unix seconds.
    Seconds(i64),
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = When;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("RFC 3339 with an offset, or whole Unix seconds")
            }
            fn visit_str<E>(self, text: &str) -> Result<When, E> {
                Ok(When::Text(text.to_owned()))
            }
            fn visit_i64<E>(self, seconds: i64) -> Result<When, E> {
                Ok(When::Seconds(seconds))
            }
            fn visit_u64<E>(self, seconds: u64) -> Result<When, E> {
                Ok(When::Seconds(i64::try_from(seconds).unwrap_or(i64::MAX)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Who says it, of which Page, and when it is.
#[derive(Clone, Copy, Debug)]
pub struct TagContext<'a> {
    /// The role of the key.
    pub role: Role,
    /// The Page's currency.
    pub currency: Currency,
    /// The Page's country.
    pub country: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// Reads a tag.
///
/// # Errors
/// 422 with a pointer to the field that can't be taken.
pub fn read(body: &TagBody, setting: TagContext<'_>) -> Result<Tag> {
    let kind = OutcomeKind::parse(&body.outcome).ok_or_else(|| {
        let kinds: Vec<&str> = OutcomeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Error::field("/outcome", format!("It must be one of {}.", kinds.join(", ")))
    })?;
    takes(kind, body, setting.role)?;
    let currency = currency(body.currency.as_ref(), setting.currency)?;
    let amount = |field: &'static str, text: &Option<String>| {
        text.as_ref().map(|text| money(field, text, currency)).transpose()
    };
    let items = body.items.as_deref().unwrap_or_default();
    if items.len() > ITEMS_MAX {
        return Err(Error::field("/items", format!("There must be at most {ITEMS_MAX}.")));
    }
    let terms = Terms {
        currency,
        value: amount("/value", &body.value)?,
        total: amount("/total", &body.total)?,
        delivery_fee: amount("/delivery_fee", &body.delivery_fee)?,
        discount: amount("/discount", &body.discount)?,
        fee: amount("/fee", &body.fee)?,
        items: items
            .iter()
            .enumerate()
            .map(|(index, item)| read_item(index, item, currency, setting.role))
            .collect::<Result<_>>()?,
    };
    let (occurred_at, clamped) = match moment(body.occurred_at.as_ref(), setting.now)? {
        None => (None, false),
        Some((at, clamped)) => (Some(at), clamped),
    };
    Ok(Tag {
        kind,
        source: read_source(body.source.as_ref(), setting.role)?,
        order_number: named("/order_id", body.order_id.as_ref(), NUMBER_MAX)?,
        new_order: body.new_order.unwrap_or(false),
        terms,
        occurred_at,
        reference: named("/ref", body.r#ref.as_ref(), REF_MAX)?,
        if_version: body.if_version,
        details: Details {
            payment: read_payment(body.payment.as_ref())?,
            courier: words("/courier", body.courier.as_ref(), WORDS_MAX)?,
            waybill: words("/waybill", body.waybill.as_ref(), WORDS_MAX)?,
            clamped,
        },
        reason: words("/reason", body.reason.as_ref(), WORDS_MAX)?,
        note: words("/note", body.note.as_ref(), NOTE_MAX)?,
        customer: body.customer.as_ref().map(|body| read_customer(body, setting.country)).transpose()?,
    })
}

/// Reads a currency; `of_page` if none is given.
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

/// Reads a moment, and whether the sender's clock was ahead of ours.
///
/// # Errors
/// 422 that names the field.
pub fn moment(when: Option<&When>, now: Timestamp) -> Result<Option<(Timestamp, bool)>> {
    when.map(|when| read_time(when, now)).transpose()
}

/// Reads a word that must be there.
///
/// # Errors
/// 422 that names the field.
pub fn word(field: &str, text: &String) -> Result<String> {
    words(field, Some(text), WORDS_MAX)?.ok_or_else(|| Error::field(field, "It must not be empty."))
}

/// Whether a kind has what it needs, and nothing that it can't take.
fn takes(kind: OutcomeKind, body: &TagBody, role: Role) -> Result<()> {
    let refuse = |field: &str, message: String| Err(Error::field(field, message));
    let word = kind.as_str();
    if kind.is_of_conversation() && body.order_id.is_some() {
        return refuse("/order_id", format!("\"{word}\" is said of a conversation and has no order."));
    }
    for (field, is_given, only) in [
        ("/total", body.total.is_some(), OutcomeKind::CrossSold),
        ("/fee", body.fee.is_some(), OutcomeKind::Paid),
        ("/new_order", body.new_order == Some(true), OutcomeKind::Confirmed),
    ] {
        if is_given && kind != only {
            return refuse(field, format!("It goes with \"{}\" only.", only.as_str()));
        }
    }
    if body.total.is_some() && body.value.is_some() {
        return refuse("/total", "Give either the uplift as value, or the new whole as total.".to_owned());
    }
    let has_items = body.items.as_ref().is_some_and(|items| !items.is_empty());
    let has_value = body.value.is_some() || body.total.is_some() || has_items;
    match kind {
        // Another system may not know it yet: the Purchase is held until somebody says it.
        OutcomeKind::Confirmed if role == Role::Crm => Ok(()),
        OutcomeKind::Confirmed | OutcomeKind::Amended if !has_value => {
            refuse("/value", "Say what the order is worth, or give its items.".to_owned())
        }
        OutcomeKind::CrossSold if !has_value => {
            refuse("/value", "Say what was added, as value, total or items.".to_owned())
        }
        OutcomeKind::Paid | OutcomeKind::Refunded if body.value.is_none() => {
            refuse("/value", "Say how much it was.".to_owned())
        }
        _ => Ok(()),
    }
}

/// Reads an amount, in minor units.
///
/// # Errors
/// 422 that names the field.
pub fn money(field: impl Into<String>, text: &str, currency: Currency) -> Result<i64> {
    Money::parse(text, currency)
        .map(|money| money.minor)
        .map_err(|why| Error::field(field, format!("It {why}.")))
}

fn read_item(index: usize, item: &ItemBody, currency: Currency, role: Role) -> Result<Item> {
    let at = |field: &str| format!("/items/{index}/{field}");
    if !(1..=PIECES_MAX).contains(&item.quantity) {
        return Err(Error::field(at("quantity"), format!("It must be from 1 to {PIECES_MAX}.")));
    }
    if item.unit_cost.is_some() && role != Role::Crm {
        return Err(Error::field(at("unit_cost"), "It is taken from keys of the role crm only."));
    }
    let cost = item.unit_cost.as_ref().map(|text| money(at("unit_cost"), text, currency));
    Ok(Item {
        sku: words(&at("sku"), item.sku.as_ref(), WORDS_MAX)?,
        name: words(&at("name"), item.name.as_ref(), WORDS_MAX)?,
        quantity: item.quantity,
        unit_price: money(at("unit_price"), &item.unit_price, currency)?,
        unit_cost: cost.transpose()?,
    })
}

fn read_source(word: Option<&String>, role: Role) -> Result<Source> {
    let Some(word) = filled(word) else {
        return Ok(if role == Role::Crm { Source::Crm } else { Source::Api });
    };
    if role != Role::Crm {
        return Err(Error::field("/source", "It is taken from keys of the role crm only."));
    }
    let source = SOURCES.into_iter().find(|source| source.as_str() == word);
    source.ok_or_else(|| Error::field("/source", "It must be crm, courier, bank or site."))
}

fn read_payment(word: Option<&String>) -> Result<Option<String>> {
    match filled(word) {
        Some(word) if !PAYMENTS.contains(&word.as_str()) => {
            Err(Error::field("/payment", format!("It must be one of {}.", PAYMENTS.join(", "))))
        }
        word => Ok(word.cloned()),
    }
}

fn read_customer(body: &CustomerBody, country: &str) -> Result<Customer> {
    let phone =
        filled(body.phone.as_ref()).map(|text| phone("/customer/phone", text, country)).transpose()?;
    let said =
        |field: &str, text: &Option<String>| words(&format!("/customer/{field}"), text.as_ref(), WORDS_MAX);
    Ok(Customer {
        phone,
        email: said("email", &body.email)?,
        first_name: said("first_name", &body.first_name)?,
        last_name: said("last_name", &body.last_name)?,
        city: said("city", &body.city)?,
        external_id: said("external_id", &body.external_id)?,
    })
}

/// Reads a phone number that was given in `field`; `country` is the Page's.
///
/// # Errors
/// 422 that names the field.
pub fn phone(field: &str, text: &str, country: &str) -> Result<Phone> {
    Phone::parse(text, country).ok_or_else(|| {
        Error::field(field, "It must be a valid number of the Page's country, or begin with +.")
    })
}

/// A text that is there and is more than space.
fn filled(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.trim().is_empty())
}

/// Words of a person or of another system; blank ones say nothing.
fn words(field: &str, text: Option<&String>, most: usize) -> Result<Option<String>> {
    match filled(text) {
        Some(text) if text.chars().count() > most => {
            Err(Error::field(field, format!("It must have at most {most} characters.")))
        }
        text => Ok(text.cloned()),
    }
}

/// A name of something, kept as it is.
fn named(field: &str, text: Option<&String>, most: usize) -> Result<Option<String>> {
    match text {
        Some(text) if text.trim().is_empty() || text.chars().count() > most => {
            Err(Error::field(field, format!("It must have 1 to {most} characters.")))
        }
        text => Ok(text.cloned()),
    }
}

/// The moment, and whether it was set to ours.
fn read_time(when: &When, now: Timestamp) -> Result<(Timestamp, bool)> {
    let wrong = |detail: &str| Error::field("/occurred_at", detail);
    let at = match when {
        When::Seconds(seconds) => Timestamp::from_seconds(*seconds),
        When::Text(text) => Timestamp::parse(text)
            .map_err(|_| wrong("It must be RFC 3339 with an offset, or whole Unix seconds."))?,
    };
    if at < EARLIEST || at > now + AHEAD_MAX {
        return Err(wrong("It lies before 2010 or in the future: check the clock of the sender."));
    }
    Ok((at.min(now), at > now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str, role: Role) -> Option<String> {
        let currency = Currency::parse("GEL").unwrap();
        let now = Timestamp::from_seconds(1_795_424_400);
        let setting = TagContext { role, currency, country: "GE", now };
        let read = crate::crm::json::read::<TagBody>(body.as_bytes()).and_then(|body| read(&body, setting));
        read.err().and_then(|error| error.fields.first().map(|field| field.pointer.clone()))
    }

    #[test]
    fn every_fault_names_its_field() {
        for (body, pointer) in [
            (r#"{"outcome":"sold"}"#, "/outcome"),
            (r#"{"outcome":"confirmed"}"#, "/value"),
            (r#"{"outcome":"confirmed","value":"-1"}"#, "/value"),
            (r#"{"outcome":"confirmed","value":"1e400"}"#, "/value"),
            (r#"{"outcome":"confirmed","value":1e400}"#, "/value"),
            (r#"{"outcome":"confirmed","value":125.5}"#, "/value"),
            (r#"{"outcome":"confirmed","value":"1","value":"2"}"#, "/value"),
            (r#"{"outcome":"confirmed","value":"1","currency":"XXL"}"#, "/currency"),
            (r#"{"outcome":"confirmed","value":"1","colour":"red"}"#, "/colour"),
            (r#"{"outcome":"confirmed","value":"1","customer":{"age":7}}"#, "/customer/age"),
            (r#"{"outcome":"confirmed","value":"1","customer":{"phone":"12"}}"#, "/customer/phone"),
            (r#"{"outcome":"confirmed","items":[{"quantity":0,"unit_price":"1"}]}"#, "/items/0/quantity"),
            (r#"{"outcome":"confirmed","items":[{"quantity":1,"unit_price":"a"}]}"#, "/items/0/unit_price"),
            (r#"{"outcome":"confirmed","items":[{"quantity":1}]}"#, "/items/0/unit_price"),
            (r#"{"outcome":"confirmed","value":"1","payment":"gold"}"#, "/payment"),
            (r#"{"outcome":"confirmed","value":"1","source":"crm"}"#, "/source"),
            (r#"{"outcome":"confirmed","value":"1","note":"a\u0000b"}"#, "/note"),
            (r#"{"outcome":"confirmed","value":"1","occurred_at":3600}"#, "/occurred_at"),
            (r#"{"outcome":"confirmed","value":"1","occurred_at":99999999999999999999}"#, "/occurred_at"),
            (r#"{"outcome":"confirmed","value":"1","occurred_at":"2027-01-01T00:00:00Z"}"#, "/occurred_at"),
            (r#"{"outcome":"confirmed","value":"1","occurred_at":"2026-01-01"}"#, "/occurred_at"),
            (r#"{"outcome":"confirmed","value":"1","fee":"1"}"#, "/fee"),
            (r#"{"outcome":"confirmed","value":"1","total":"1"}"#, "/total"),
            (r#"{"outcome":"qualified","order_id":"A"}"#, "/order_id"),
            (r#"{"outcome":"shipped","order_id":""}"#, "/order_id"),
            (r#"{"outcome":"shipped","new_order":true}"#, "/new_order"),
            (r#"{"outcome":"paid"}"#, "/value"),
            (r#"{"value":"1"}"#, "/outcome"),
            (r#"{"outcome":7}"#, "/outcome"),
        ] {
            assert_eq!(fault(body, Role::Operator).as_deref(), Some(pointer), "{body}");
        }
        let long = format!(r#"{{"outcome":"shipped","order_id":"{}"}}"#, "a".repeat(65));
        assert_eq!(fault(&long, Role::Operator).as_deref(), Some("/order_id"));
    }

    #[test]
    fn what_belongs_to_a_crm_is_taken_from_one() {
        let body = r#"{"outcome":"confirmed","source":"site","items":[{"quantity":1,"unit_price":"1","unit_cost":"0.5"}]}"#;
        assert_eq!(fault(body, Role::Crm), None);
        assert_eq!(
            fault(r#"{"outcome":"paid","value":"1","source":"api"}"#, Role::Crm).as_deref(),
            Some("/source")
        );
    }

    #[test]
    fn a_clock_that_is_a_little_ahead_is_set_back_and_marked() {
        let now = Timestamp::from_seconds(1_795_424_400);
        let ahead = When::Seconds(1_795_424_400 + 300);
        assert_eq!(read_time(&ahead, now).unwrap(), (now, true));
        assert!(read_time(&When::Seconds(1_795_424_400 + 301), now).is_err());
        let before = When::Text("2026-11-23T10:00:00+04:00".to_owned());
        assert!(!read_time(&before, now).unwrap().1);
    }
}
