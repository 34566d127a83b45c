//! The operator API: find a conversation, tag it, take a tag back.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, Result};
use crate::flow::{self, Asked, Tagged};
use crate::vocabulary::arrival::Channel;
use crate::vocabulary::identity::{ConversationId, OutcomeId, PageId, Psid};
use crate::vocabulary::money::{Currency, Money};
use crate::vocabulary::outcome::{Details, Item, Kind, Source, Terms};
use crate::vocabulary::sale::Tag;

use super::App;

/// How far ahead of our clock a time may lie; it is taken as now.
const AHEAD_MAX: std::time::Duration = std::time::Duration::from_mins(5);

/// 2010-01-01: no shop sold in Messenger before.
const EARLIEST: Timestamp = Timestamp::from_seconds(1_262_304_000);

/// What a person says of a conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TagBody {
    outcome: String,
    order_id: Option<String>,
    value: Option<String>,
    total: Option<String>,
    currency: Option<String>,
    delivery_fee: Option<String>,
    discount: Option<String>,
    #[serde(default)]
    items: Vec<ItemBody>,
    #[serde(default)]
    new_order: bool,
    occurred_at: Option<String>,
    reason: Option<String>,
    r#ref: Option<String>,
    if_version: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemBody {
    sku: Option<String>,
    name: Option<String>,
    quantity: i64,
    unit_price: String,
}

/// Which conversation.
#[derive(Debug, Deserialize)]
pub struct Sought {
    page_id: String,
    psid: String,
}

/// The conversation of one person with one Page.
pub async fn find_conversation(
    State(app): State<App>,
    headers: HeaderMap,
    Query(sought): Query<Sought>,
) -> Result<axum::Json<Value>> {
    super::key::operator(&app, &headers, Some(&PageId(sought.page_id.clone()))).await?;
    let mut unit = app.house.store.read().await?;
    let found = unit.conversation_of(&PageId(sought.page_id), Channel::Messenger, &Psid(sought.psid)).await?;
    let data: Vec<Value> = found.iter().map(|id| json!({"id": id.as_str()})).collect();
    Ok(axum::Json(json!({"data": data, "next_cursor": null})))
}

/// Tags a conversation: 201, or 200 if the fact was already known.
pub async fn tag(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let id = ConversationId(id);
    let page = page_of(&app, &id).await?;
    let by = super::key::operator(&app, &headers, Some(&page.0)).await?;
    let body: TagBody = serde_json::from_slice(&body)
        // Not in serde's words, which quote what people wrote.
        .map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::invalid("invalid_body", format!("The body is no tag: see line {line}, column {column}."))
        })?;
    let tag = read_tag(&body, page.1, &app.house.clock)?;
    let tagged = flow::tag(&app.house, &id, &tag, &by, &Asked::plainly()).await?;
    Ok(answer(&tagged.now().ok_or_else(|| Error::internal("an answer of before"))?))
}

/// Takes a tag back.
pub async fn undo(State(app): State<App>, Path(id): Path<String>, headers: HeaderMap) -> Result<Response> {
    let id = OutcomeId(id);
    let mut unit = app.house.store.read().await?;
    let conversation = unit.conversation_of_outcome(&id).await?;
    drop(unit);
    let conversation = conversation.ok_or_else(|| Error::not_found("outcome"))?;
    let page = page_of(&app, &conversation).await?;
    let by = super::key::operator(&app, &headers, Some(&page.0)).await?;
    let undone = flow::undo(&app.house, &id, (&by, false), &Asked::plainly()).await?;
    Ok(answer(&undone.now().ok_or_else(|| Error::internal("an answer of before"))?))
}

async fn page_of(app: &App, id: &ConversationId) -> Result<(PageId, Currency)> {
    let mut unit = app.house.store.read().await?;
    let page = unit.page_of_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let currency = unit.page(&page).await?.ok_or_else(|| Error::not_found("Page"))?.currency;
    Ok((page, currency))
}

fn read_tag(body: &TagBody, currency: Currency, clock: &Clock) -> Result<Tag> {
    let kind = Kind::parse(&body.outcome).filter(|kind| !kind.is_of_conversation());
    let kind =
        kind.ok_or_else(|| Error::field("/outcome", "It is no outcome of an order, such as \"confirmed\"."))?;
    let currency = match &body.currency {
        None => currency,
        Some(code) => Currency::parse(code)
            .ok_or_else(|| Error::field("/currency", "It must be an ISO 4217 code such as \"GEL\"."))?,
    };
    let amount = |field: &'static str, text: &Option<String>| {
        let read = |text: &String| Money::parse(text, currency).map(|money| money.minor);
        text.as_ref().map(read).transpose().map_err(|why| Error::field(field, format!("It {why}.")))
    };
    if body
        .order_id
        .as_ref()
        .is_some_and(|number| number.is_empty() || number.chars().count() > 64 || number.contains('\0'))
    {
        return Err(Error::field("/order_id", "It must have 1 to 64 characters."));
    }
    if body
        .r#ref
        .as_ref()
        .is_some_and(|name| name.is_empty() || name.chars().count() > 255 || name.contains('\0'))
    {
        return Err(Error::field("/ref", "It must have 1 to 255 characters."));
    }
    let value = amount("/value", &body.value)?;
    if kind == Kind::Confirmed && value.is_none() && body.items.is_empty() {
        return Err(Error::field("/value", "Say what the order is worth, or give its items."));
    }
    let item = |(index, item): (usize, &ItemBody)| {
        let at = |field: &str| format!("/items/{index}/{field}");
        if !(1..=100_000).contains(&item.quantity) {
            return Err(Error::field(at("quantity"), "It must be from 1 to 100000."));
        }
        let price = Money::parse(&item.unit_price, currency);
        let unit_price = price.map_err(|why| Error::field(at("unit_price"), format!("It {why}.")))?.minor;
        let (sku, name) = (item.sku.clone(), item.name.clone());
        Ok(Item { sku, name, quantity: item.quantity, unit_price, unit_cost: None })
    };
    let terms = Terms {
        currency,
        value,
        delivery_fee: amount("/delivery_fee", &body.delivery_fee)?,
        discount: amount("/discount", &body.discount)?,
        fee: None,
        items: body.items.iter().enumerate().map(item).collect::<Result<_>>()?,
    };
    Ok(Tag {
        kind,
        source: Source::Api,
        order_number: body.order_id.clone(),
        new_order: body.new_order,
        terms,
        total: amount("/total", &body.total)?,
        occurred_at: body.occurred_at.as_deref().map(|text| read_time(text, clock.now())).transpose()?,
        reference: body.r#ref.clone(),
        if_version: body.if_version,
        details: Details::default(),
        reason: body.reason.clone(),
        note: None,
    })
}

fn read_time(text: &str, now: Timestamp) -> Result<Timestamp> {
    let wrong = |detail: &str| Error::field("/occurred_at", detail);
    let at = Timestamp::parse(text).map_err(|_| wrong("It must be RFC 3339 with an offset."))?;
    if at < EARLIEST || at > now + AHEAD_MAX {
        return Err(wrong("It lies before 2010 or in the future: check the clock of the sender."));
    }
    Ok(at.min(now))
}

fn answer(tagged: &Tagged) -> Response {
    let Tagged { outcome_id, known, order, conversions, .. } = tagged;
    let currency = order.as_ref().map_or(tagged.fact.terms.currency, |order| order.order.currency);
    let money = |minor: Option<i64>| minor.map(|minor| Money::new(minor, currency).to_string());
    let conversions: Vec<Value> = conversions
        .iter()
        .map(|row| {
            json!({"id": row.id.as_str(), "event_name": row.name.as_str(), "event_id": row.event_id,
                   "state": row.state.as_str(), "reason": row.reason.as_str(), "value": money(row.value),
                   "leaves_at": row.leaves_at.to_string()})
        })
        .collect();
    let body = json!({
        "outcome": {"id": outcome_id.as_str(), "order_id": order.as_ref().and_then(|order| order.numbers.first())},
        "order": order.as_ref().map(|order| json!({
            "id": order.id.as_str(), "order_id": order.numbers.first(), "state": order.order.state.as_str(),
            "value": money(order.order.value), "paid": money(Some(order.order.paid)),
            "currency": currency.code(), "version": order.version})),
        "conversions": conversions,
    });
    let status = if *known { StatusCode::OK } else { StatusCode::CREATED };
    (status, axum::Json(body)).into_response()
}
