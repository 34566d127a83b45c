//! Outcomes, orders and conversions as JSON: the same in every answer of the API, and in the problem that a conflict is.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, Flag, FollowUpEntry};
use crate::domain::order::terms::Item;
use crate::domain::signal::conversion::Conversion;
use crate::flow::{KEY_REF_PREFIX, Tagged};
use crate::store::conversion::ConversionRow;
use crate::store::order::OrderRow;

/// An amount as the API writes it.
pub fn amount(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).to_string()
}

/// A time as the API writes it, where there is one.
pub fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// An entry of the ledger, as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomeView {
    /// Our id of the entry.
    pub id: String,
    /// What happened; `undo` or `accept` for an entry about another one.
    #[schema(example = "confirmed")]
    pub kind: &'static str,
    /// The first number of its order.
    #[schema(example = "A-1001")]
    pub order_id: Option<String>,
    /// The amount, as a decimal string; of `cross_sold` the uplift.
    #[schema(example = "125.50")]
    pub value: Option<String>,
    /// `cross_sold`: the new total of the order, where the sender gave it; `value` is the uplift that follows from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<String>,
    /// The currency of the amounts, ISO 4217.
    #[schema(example = "GEL")]
    pub currency: &'static str,
    /// When it happened.
    pub occurred_at: String,
    /// When it was recorded.
    pub recorded_at: String,
    /// The source by which it came: console, api, label, sentence, service, crm, courier, bank or site.
    #[schema(example = "api")]
    pub source: &'static str,
    /// Who says it happened: the name of a person or an API key.
    #[schema(example = "nino")]
    pub actor: String,
    /// Why it does not move its order until a person accepts it.
    pub flag: Option<&'static str>,
    /// The entry that this one undoes or accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The sender's clock was ahead of ours: the time was set to ours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub clamped: bool,
}

impl OutcomeView {
    /// The view of a fact; `ledger` is that of its order, if it has one.
    pub fn of(fact: &Fact, ledger: Option<&OrderLedger>) -> Self {
        let money = |minor: Option<i64>| minor.map(|minor| amount(minor, fact.terms.currency));
        let order = ledger.map(|ledger| &ledger.order);
        let flag = order.and_then(|order| order.flag_of(&fact.id));
        Self {
            id: fact.id.0.clone(),
            kind: fact.kind.as_str(),
            order_id: ledger.and_then(|ledger| ledger.numbers.first()).cloned(),
            value: money(order.map_or(fact.terms.value, |order| order.value_of(fact))),
            total: money(fact.terms.total),
            currency: fact.terms.currency.code(),
            occurred_at: fact.occurred_at.to_string(),
            recorded_at: fact.recorded_at.to_string(),
            source: fact.source.as_str(),
            actor: fact.actor.clone(),
            flag: flag.map(Flag::as_str),
            about: None,
            clamped: fact.details.clamped,
        }
    }
}

/// A line of what was sold, or of what came back.
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemView {
    /// The shop's article number.
    pub sku: Option<String>,
    /// What the shop calls it.
    pub name: Option<String>,
    /// The number of pieces.
    pub quantity: i64,
    /// Price of one piece.
    pub unit_price: String,
    /// What one piece costs the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_cost: Option<String>,
}

/// Items as the API writes them.
pub fn items(items: &[Item], currency: Currency) -> Vec<ItemView> {
    let view = |item: &Item| ItemView {
        sku: item.sku.clone(),
        name: item.name.clone(),
        quantity: item.quantity,
        unit_price: amount(item.unit_price, currency),
        unit_cost: item.unit_cost.map(|minor| amount(minor, currency)),
    };
    items.iter().map(view).collect()
}

/// A fact with all its fields.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryView {
    #[serde(flatten)]
    outcome: OutcomeView,
    /// The sender's own id of the fact.
    r#ref: Option<String>,
    /// Why the chat was lost, or the order cancelled or returned.
    reason: Option<String>,
    /// A person's note beside it, as far as it is kept.
    note: Option<String>,
    /// What the customer pays for delivery.
    delivery_fee: Option<String>,
    /// What was deducted.
    discount: Option<String>,
    /// What the courier or bank kept.
    fee: Option<String>,
    /// What was sold, or what came back.
    items: Vec<ItemView>,
    /// How it is paid.
    payment: Option<String>,
    /// Who carries it.
    courier: Option<String>,
    /// The courier's number of the parcel.
    waybill: Option<String>,
    /// Whether it was undone.
    undone: bool,
    /// Whether it was flagged, because it contradicts another fact, and a person accepted it.
    accepted: bool,
    /// The entry that undid it: who did, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_by: Option<FollowUpView>,
    /// The entry that accepted it: who did, and when. Undoing that entry takes the acceptance back.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_by: Option<FollowUpView>,
}

/// An entry that undid or accepted a fact.
#[derive(Debug, Serialize, ToSchema)]
pub struct FollowUpView {
    /// Our id of the entry.
    id: String,
    /// When it was recorded.
    recorded_at: String,
    /// The source by which it came.
    source: &'static str,
    /// The name of the person or API key that asked for it.
    actor: String,
}

impl FollowUpView {
    fn of(entry: &FollowUpEntry) -> Self {
        Self {
            id: entry.id.0.clone(),
            recorded_at: entry.recorded_at.to_string(),
            source: entry.source.as_str(),
            actor: entry.actor.clone(),
        }
    }
}

impl EntryView {
    /// A fact of an order, or of a chat.
    pub fn of(fact: &Fact, ledger: Option<&OrderLedger>, note: Option<String>) -> Self {
        let money = |minor: Option<i64>| minor.map(|minor| amount(minor, fact.terms.currency));
        let named_by_sender = |name: &&String| !name.starts_with(KEY_REF_PREFIX);
        Self {
            outcome: OutcomeView::of(fact, ledger),
            r#ref: fact.reference.as_ref().filter(named_by_sender).cloned(),
            reason: fact.reason.clone(),
            note,
            delivery_fee: money(fact.terms.delivery_fee),
            discount: money(fact.terms.discount),
            fee: money(fact.terms.fee),
            items: items(&fact.terms.items, fact.terms.currency),
            payment: fact.details.payment.clone(),
            courier: fact.details.courier.clone(),
            waybill: fact.details.waybill.clone(),
            undone: fact.undone,
            accepted: fact.accepted,
            undone_by: fact.follow_ups.undo.as_deref().map(FollowUpView::of),
            accepted_by: fact.follow_ups.acceptance.as_deref().map(FollowUpView::of),
        }
    }
}

/// An order in its present state.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// Our id of the order.
    pub id: String,
    /// Its first number.
    #[schema(example = "A-1001")]
    pub order_id: Option<String>,
    /// The state that its facts fold into.
    #[schema(example = "confirmed")]
    pub state: &'static str,
    /// Its value, as a decimal string.
    #[schema(example = "125.50")]
    pub value: Option<String>,
    /// The payments that arrived for it, as a decimal string.
    #[schema(example = "0.00")]
    pub paid: String,
    /// The currency of its amounts, ISO 4217.
    #[schema(example = "GEL")]
    pub currency: &'static str,
    /// Grows with each entry; `if_version` compares it.
    #[schema(example = 1)]
    pub version: i64,
}

impl OrderView {
    /// An order with its ledger.
    pub fn of(ledger: &OrderLedger) -> Self {
        let order = &ledger.order;
        Self {
            id: ledger.id.0.clone(),
            order_id: ledger.numbers.first().cloned(),
            state: order.state.as_str(),
            value: order.value.map(|minor| amount(minor, order.currency)),
            paid: amount(order.paid, order.currency),
            currency: order.currency.code(),
            version: ledger.version,
        }
    }

    /// The view of an order's row.
    pub fn of_row(row: &OrderRow) -> Self {
        Self {
            id: row.id.0.clone(),
            order_id: row.number.clone(),
            state: row.state.as_str(),
            value: row.value.map(|minor| amount(minor, row.currency)),
            paid: amount(row.paid, row.currency),
            currency: row.currency.code(),
            version: row.version,
        }
    }
}

/// A conversion: one event for Meta.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversionView {
    /// Our id of the conversion.
    pub id: String,
    /// The event's name at Meta.
    #[schema(example = "Purchase")]
    pub event_name: &'static str,
    /// The event's id at Meta, the same for ever.
    #[schema(example = "6302d0976def42406a0fab44af2c9b16")]
    pub event_id: String,
    /// When the fact happened.
    pub event_time: String,
    /// The state of the conversion.
    #[schema(example = "held")]
    pub state: &'static str,
    /// The reason of that state.
    #[schema(example = "hold")]
    pub reason: &'static str,
    /// What the event is worth, as a decimal string.
    #[schema(example = "120.50")]
    pub value: Option<String>,
    /// When it may leave.
    pub leaves_at: String,
    /// Whether Meta has it: `yes`, `no`, or `perhaps` while it is being sent or after its answer was lost.
    #[schema(example = "no")]
    pub meta_knows: &'static str,
}

impl ConversionView {
    /// A conversion with the currency of its order.
    pub fn of(row: &Conversion, currency: Currency) -> Self {
        Self {
            id: row.id.0.clone(),
            event_name: row.name.as_str(),
            event_id: row.event_id.clone(),
            event_time: row.event_time.to_string(),
            state: row.state.as_str(),
            reason: row.reason.as_str(),
            value: row.value.map(|minor| amount(minor, currency)),
            leaves_at: row.leaves_at.to_string(),
            meta_knows: row.state.meta_knows(),
        }
    }

    /// The view of a conversion's row.
    pub fn of_row(row: &ConversionRow) -> Self {
        Self {
            id: row.id.0.clone(),
            event_name: row.name.as_str(),
            event_id: row.event_id.clone(),
            event_time: row.event_time.to_string(),
            state: row.state.as_str(),
            reason: row.reason.as_str(),
            value: row.value.map(|minor| amount(minor, row.currency)),
            leaves_at: row.leaves_at.to_string(),
            meta_knows: row.state.meta_knows(),
        }
    }
}

/// The answer to a tag, an undo or an acceptance.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaggedView {
    outcome: OutcomeView,
    /// The order afterwards; a fact about a chat has none.
    order: Option<OrderView>,
    /// The conversions of the order or chat afterwards, sent or not.
    conversions: Vec<ConversionView>,
}

impl TaggedView {
    /// The view of a recorded tag or follow-up.
    pub fn of(tagged: &Tagged) -> Self {
        let Tagged { outcome_id, fact, follow_up, order, conversions, .. } = tagged;
        let currency = order.as_ref().map_or(fact.terms.currency, |ledger| ledger.order.currency);
        let mut outcome = OutcomeView::of(fact, order.as_ref());
        if let Some(entry) = follow_up {
            outcome.id.clone_from(&outcome_id.0);
            outcome.about = Some(entry.about.0.clone());
            outcome.kind = entry.kind.as_str();
            outcome.occurred_at = entry.recorded_at.to_string();
            outcome.recorded_at = entry.recorded_at.to_string();
            outcome.source = entry.source.as_str();
            outcome.actor.clone_from(&entry.actor);
            outcome.clamped = false;
        }
        Self {
            outcome,
            order: order.as_ref().map(OrderView::of),
            conversions: conversions.iter().map(|row| ConversionView::of(row, currency)).collect(),
        }
    }
}
