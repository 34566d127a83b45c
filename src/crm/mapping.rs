//! Maps a body ([`TagBody`]) to a tag: a field that can't be taken, whatever the order's state, is named here. Whether that
//! state allows the tag is decided in `domain`.

use crate::clock::Timestamp;
use crate::crm::field::{self, TEXT_MAX, filled, optional_text};
use crate::crm::tag_body::{CustomerBody, ItemBody, TagBody};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::customer::Customer;
use crate::domain::operator::Role;
use crate::domain::order::outcome::{OutcomeKind, Source};
use crate::domain::order::tag::{ORDER_NUMBER_MAX, REFERENCE_MAX, Tag};
use crate::domain::order::terms::{Details, Item, Terms};
use crate::error::{Error, Result};

/// Characters of a note, at most.
const NOTE_MAX: usize = 4000;

/// Lines of an order, at most.
const ITEMS_MAX: usize = 500;

/// Pieces of a line, at most.
const PIECES_MAX: i64 = 100_000;

/// How an order can be paid; `cod` is cash on delivery.
const PAYMENTS: [&str; 4] = ["cod", "prepaid", "card", "instalment"];

/// Where a CRM's facts can come from; `crm` if it names none.
const SOURCES: [Source; 4] = [Source::Crm, Source::Courier, Source::Bank, Source::Site];

/// What a body's meaning depends on: who sends it, of which Page, and when.
#[derive(Clone, Copy, Debug)]
pub struct TagContext<'a> {
    /// The role of the sender's key.
    pub role: Role,
    /// The Page's currency.
    pub currency: Currency,
    /// The Page's country, as its ISO 3166 code.
    pub country: &'a str,
    /// The time of our clock.
    pub now: Timestamp,
}

/// Reads the tag that a body says.
///
/// # Errors
/// 422 with a pointer to the field that can't be taken.
pub fn read(body: &TagBody, context: TagContext<'_>) -> Result<Tag> {
    let kind = OutcomeKind::parse(&body.outcome).ok_or_else(|| {
        let kinds: Vec<&str> = OutcomeKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Error::field("/outcome", format!("It must be one of {}.", kinds.join(", ")))
    })?;
    check_fields(kind, body, context.role)?;
    let currency = field::currency(body.currency.as_ref(), context.currency)?;
    let amount = |pointer: &'static str, text: &Option<String>| {
        text.as_ref().map(|text| field::money(pointer, text, currency)).transpose()
    };
    let items = body.items.as_deref().unwrap_or_default();
    if items.len() > ITEMS_MAX {
        return Err(Error::field("/items", format!("There must be at most {ITEMS_MAX}.")));
    }
    let terms = Terms {
        currency,
        written_in: body.currency.is_none().then_some(currency),
        value: amount("/value", &body.value)?,
        total: amount("/total", &body.total)?,
        delivery_fee: amount("/delivery_fee", &body.delivery_fee)?,
        discount: amount("/discount", &body.discount)?,
        fee: amount("/fee", &body.fee)?,
        items: items
            .iter()
            .enumerate()
            .map(|(index, item)| read_item(index, item, currency, context.role))
            .collect::<Result<_>>()?,
    };
    let time = body.occurred_at.as_ref().map(|written| field::time(written, context.now)).transpose()?;
    Ok(Tag {
        kind,
        source: read_source(body.source.as_ref(), context.role)?,
        order_number: field::name("/order_id", body.order_id.as_ref(), ORDER_NUMBER_MAX)?,
        new_order: body.new_order.unwrap_or(false),
        same_as: field::name("/same_as", body.same_as.as_ref(), ORDER_NUMBER_MAX)?,
        terms,
        occurred_at: time.map(|time| time.at),
        reference: field::name("/ref", body.r#ref.as_ref(), REFERENCE_MAX)?,
        if_version: body.if_version,
        details: Details {
            payment: read_payment(body.payment.as_ref())?,
            courier: optional_text("/courier", body.courier.as_ref(), TEXT_MAX)?,
            waybill: optional_text("/waybill", body.waybill.as_ref(), TEXT_MAX)?,
            clamped: time.is_some_and(|time| time.clamped),
        },
        reason: optional_text("/reason", body.reason.as_ref(), TEXT_MAX)?,
        note: optional_text("/note", body.note.as_ref(), NOTE_MAX)?,
        customer: body.customer.as_ref().map(|body| read_customer(body, context.country)).transpose()?,
    })
}

/// Refuses a body that lacks what its kind needs, or has what another kind alone takes.
fn check_fields(kind: OutcomeKind, body: &TagBody, role: Role) -> Result<()> {
    let refuse = |field: &str, message: String| Err(Error::field(field, message));
    let word = kind.as_str();
    if kind.is_of_conversation() && body.order_id.is_some() {
        return refuse("/order_id", format!("\"{word}\" is said of a conversation and has no order."));
    }
    for (field, is_there, only) in [
        ("/total", body.total.is_some(), OutcomeKind::CrossSold),
        ("/fee", body.fee.is_some(), OutcomeKind::Paid),
        ("/new_order", body.new_order == Some(true), OutcomeKind::Confirmed),
        ("/same_as", body.same_as.is_some(), OutcomeKind::Confirmed),
    ] {
        if is_there && kind != only {
            return refuse(field, format!("It goes with \"{}\" only.", only.as_str()));
        }
    }
    if body.same_as.is_some() && body.new_order == Some(true) {
        return refuse(
            "/same_as",
            "It is either the same sale or another one: give one of the two.".to_owned(),
        );
    }
    if body.total.is_some() && body.value.is_some() {
        return refuse("/total", "Give either the uplift as value, or the new whole as total.".to_owned());
    }
    let has_items = body.items.as_ref().is_some_and(|items| !items.is_empty());
    let has_value = body.value.is_some() || body.total.is_some() || has_items;
    match kind {
        // Another system may not know the value yet: the Purchase is held until somebody states it.
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

fn read_item(index: usize, item: &ItemBody, currency: Currency, role: Role) -> Result<Item> {
    let at = |field: &str| format!("/items/{index}/{field}");
    if !(1..=PIECES_MAX).contains(&item.quantity) {
        return Err(Error::field(at("quantity"), format!("It must be from 1 to {PIECES_MAX}.")));
    }
    if item.unit_cost.is_some() && role != Role::Crm {
        return Err(Error::field(at("unit_cost"), "It is taken from keys of the role crm only."));
    }
    let cost = item.unit_cost.as_ref().map(|text| field::money(at("unit_cost"), text, currency));
    Ok(Item {
        sku: optional_text(&at("sku"), item.sku.as_ref(), TEXT_MAX)?,
        name: optional_text(&at("name"), item.name.as_ref(), TEXT_MAX)?,
        quantity: item.quantity,
        unit_price: field::money(at("unit_price"), &item.unit_price, currency)?,
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
        filled(body.phone.as_ref()).map(|text| field::phone("/customer/phone", text, country)).transpose()?;
    let text = |field: &str, text: &Option<String>| {
        optional_text(&format!("/customer/{field}"), text.as_ref(), TEXT_MAX)
    };
    Ok(Customer {
        phone,
        email: text("email", &body.email)?,
        first_name: text("first_name", &body.first_name)?,
        last_name: text("last_name", &body.last_name)?,
        city: text("city", &body.city)?,
        external_id: text("external_id", &body.external_id)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str, role: Role) -> Option<String> {
        let currency = Currency::parse("GEL").unwrap();
        let now = Timestamp::from_seconds(1_795_424_400);
        let context = TagContext { role, currency, country: "GE", now };
        let read = crate::crm::json::read::<TagBody>(body.as_bytes()).and_then(|body| read(&body, context));
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
}
