//! Orders, each with its ledger and its conversions.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::crm::json;
use crate::domain::basic::identity::{OrderId, OutcomeId, PageId};
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::operator::Role;
use crate::domain::order::fold;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::legality::legal_moves;
use crate::domain::order::outcome::Source;
use crate::error::{Error, Result};
use crate::flow::{self, Reply, Sender};
use crate::store::aggregate::Scope;
use crate::store::cursor;
use crate::store::cursor::ListCursor;
use crate::store::order::OrderRow;
use crate::web::server::caller::{ANALYST, Authenticated, CRM, Caller, OPERATOR};
use crate::web::server::idempotency::{self, NamedRequest};
use crate::web::server::list::{Listed, Pagination};
use crate::web::server::problem;
use crate::web::server::read::{
    self, Id, IdempotencyKey, QueryParameters, RawBody, non_empty, one_of, truth,
};
use crate::web::server::state::App;
use crate::web::view::{ConversionView, EntryView, ItemView, OrderView, amount, items};

/// The query of the list of orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderFilter {
    /// Only orders of this Page.
    page_id: Option<String>,
    /// Only the order of this number, whichever of its numbers that is.
    order_id: Option<String>,
    /// Only orders in this state: confirmed, shipped, delivered, `part_returned`, returned, cancelled or none.
    state: Option<String>,
    /// `true`: only orders about which a person is asked: one of their facts is flagged, or they are perhaps another order.
    /// `false`: only the others.
    #[param(value_type = Option<bool>)]
    flagged: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// From 1 to 200; 50 if it is left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// An order of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderListed {
    #[serde(flatten)]
    order: OrderView,
    /// The id of its Page.
    page_id: String,
    /// The conversation in which it was sold.
    conversation_id: Option<String>,
    /// What was refunded of the payments.
    refunded: String,
    /// A person is asked about it: one of its facts is flagged, or it is perhaps another order.
    flagged: bool,
    /// Meta was told of this sale twice, before it was known to be one.
    told_twice: bool,
    /// When it was first reported.
    opened_at: String,
}

/// An order with its ledger and its conversions.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderEntries {
    #[serde(flatten)]
    order: OrderView,
    /// The id of its Page.
    page_id: String,
    /// The conversation in which it was sold.
    conversation_id: String,
    /// All its numbers, the first one first.
    numbers: Vec<String>,
    /// What was refunded of the payments.
    refunded: String,
    /// The value of what came back in part returns.
    returned: String,
    /// What the customer pays for delivery, part of the value.
    delivery_fee: String,
    /// The discount; the value is what is left after it.
    discount: String,
    /// What was sold.
    items: Vec<ItemView>,
    /// Why it was cancelled or returned.
    reason: Option<String>,
    /// The outcomes that a person may record for it now.
    legal: Vec<&'static str>,
    /// It is perhaps another order reported again: it tells Meta nothing until a person decides.
    parked: bool,
    /// The orders with which it is perhaps one sale: a person says `join` or `part`.
    perhaps_same_as: Vec<String>,
    /// Only the value says that what was told of it through several doors is one sale: `part` says that it is not.
    by_value: bool,
    /// Meta was told of this sale twice, before it was known to be one.
    told_twice: bool,
    /// The facts of its ledger, in their order.
    outcomes: Vec<EntryView>,
    /// Its conversions, sent or not.
    conversions: Vec<ConversionView>,
}

/// Lists orders, the one that was opened last first.
#[utoipa::path(
    get, path = "/v1/orders", operation_id = "listOrders", tag = "operator", params(OrderFilter),
    responses((status = 200, body = Listed<OrderListed>)),
    extensions(("x-roles" = json!(["operator", "crm", "analyst"]))),
)]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | CRM | ANALYST }>,
    QueryParameters(filter): QueryParameters<OrderFilter>,
) -> Result<Json<Listed<OrderListed>>> {
    let pagination = Pagination::read(filter.cursor, filter.limit)?;
    let state = one_of("state", filter.state, &fold::State::ALL.map(fold::State::as_str))?;
    let flagged = truth("flagged", filter.flagged)?;
    let number = non_empty(filter.order_id);
    let position = |row: &OrderRow| ListCursor { at: row.opened_at, id: row.id.0.clone() };
    let mut unit = app.services.store.read().await?;
    let mut rows = Vec::new();
    for page in &caller.pages(&mut unit, non_empty(filter.page_id).map(PageId)).await? {
        let Some(number) = &number else {
            let range = cursor::ListRange { page, after: &pagination.after, limit: pagination.limit() };
            rows.extend(unit.orders(range, state.clone(), flagged).await?);
            continue;
        };
        let Some((id, _)) = unit.order_named(page, number).await? else { continue };
        let is_listed = |row: &OrderRow| {
            pagination.is_ahead(&position(row))
                && state.as_ref().is_none_or(|state| row.state.as_str() == state)
                && flagged.is_none_or(|flagged| row.flagged == flagged)
        };
        rows.extend(unit.order(&id).await?.filter(is_listed));
    }
    Ok(Json(pagination.show(rows, position, listed)))
}

/// Shows an order with its ledger and its conversions.
#[utoipa::path(
    get, path = "/v1/orders/{id}", operation_id = "getOrder", tag = "operator",
    params(("id" = String, Path, description = "Our id of the order")),
    responses((status = 200, body = OrderEntries)),
    extensions(("x-roles" = json!(["operator", "crm", "analyst"]))),
)]
pub async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | CRM | ANALYST }>,
    Id(id): Id,
) -> Result<Json<OrderEntries>> {
    let missing = || Error::not_found("order");
    let mut unit = app.services.store.read().await?;
    let row = unit.order(&OrderId(id)).await?.ok_or_else(missing)?;
    caller.sees(&row.page_id, "order")?;
    let conversation = row.conversation_id.ok_or_else(missing)?;
    let aggregate = unit.aggregates(Scope::Conversation(&conversation)).await?.pop();
    let aggregate = aggregate.ok_or_else(missing)?;
    let ledger = aggregate.orders.iter().find(|ledger| ledger.id == row.id).ok_or_else(missing)?;
    // A note is a person's own words, which an analyst must not see.
    let notes = if caller.role == Role::Analyst { Vec::new() } else { unit.notes(&conversation).await? };
    Ok(Json(entries(&aggregate, ledger, &notes)))
}

/// The body of a join.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinBody {
    /// Our id of the other order.
    into: String,
}

/// Decides that two orders are one sale: 200 with the order that both now are. It is final.
#[utoipa::path(
    post, path = "/v1/orders/{id}/join", operation_id = "joinOrders", tag = "operator",
    params(("id" = String, Path, description = "Our id of the order")),
    request_body = JoinBody,
    responses((status = 200, body = OrderView)),
    extensions(("x-roles" = json!(["operator"]))),
)]
pub async fn join(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR }>,
    Id(id): Id,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: format!("orders/{id}/join"), body: &body };
    let request = named.claim(&app, decided)?;
    let verb = Box::pin(async {
        let order = OrderId(id);
        may_see(&app, &caller, &order, "order").await?;
        let into = OrderId(json::read::<JoinBody>(&body)?.into);
        if may_see(&app, &caller, &into, "order").await.is_err() {
            return Err(Error::field("/into", "There is no such order."));
        }
        let sender = Sender::person(&caller.name, Source::Api);
        flow::join_orders(&app.services, &order, &into, sender, &request).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

/// Decides that an order is a sale of its own: 200 with the order. It is final.
#[utoipa::path(
    post, path = "/v1/orders/{id}/part", operation_id = "partOrder", tag = "operator",
    params(("id" = String, Path, description = "Our id of the order")),
    responses((status = 200, body = OrderView)),
    extensions(("x-roles" = json!(["operator"]))),
)]
pub async fn part(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR }>,
    Id(id): Id,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: format!("orders/{id}/part"), body: &body };
    let request = named.claim(&app, decided)?;
    let verb = Box::pin(async {
        let order = OrderId(id);
        may_see(&app, &caller, &order, "order").await?;
        read::empty_body(&body)?;
        flow::part_order(&app.services, &order, Sender::person(&caller.name, Source::Api), &request).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

/// The answer to a decision about two sales.
fn decided(order: &OrderLedger) -> Reply {
    problem::json(200, &OrderView::of(order))
}

async fn may_see(app: &App, caller: &Caller, id: &OrderId, noun: &'static str) -> Result<()> {
    let row = app.services.store.look().await?.order(id).await?;
    caller.sees(&row.ok_or_else(|| Error::not_found(noun))?.page_id, noun)
}

/// An order of a conversation, with its ledger and its conversions.
pub fn entries(
    aggregate: &ConversationAggregate,
    ledger: &OrderLedger,
    notes: &[(OutcomeId, String)],
) -> OrderEntries {
    let order = &ledger.order;
    let currency = order.currency;
    OrderEntries {
        order: OrderView::of(ledger),
        page_id: aggregate.thread.page_id.0.clone(),
        conversation_id: aggregate.thread.id.0.clone(),
        numbers: ledger.numbers.clone(),
        refunded: amount(order.refunded, currency),
        returned: amount(order.returned, currency),
        delivery_fee: amount(order.delivery_fee, currency),
        discount: amount(order.discount, currency),
        items: items(&order.items, currency),
        reason: order.reason.clone(),
        legal: legal_moves(Some(order)).iter().map(|kind| kind.as_str()).collect(),
        parked: ledger.doubt.is_parked,
        perhaps_same_as: ledger.doubt.with.iter().map(|id| id.0.clone()).collect(),
        by_value: !ledger.by_value.is_empty(),
        told_twice: ledger.is_told_twice,
        outcomes: ledger
            .facts
            .iter()
            .map(|fact| EntryView::of(fact, Some(ledger), note_of(notes, &fact.id)))
            .collect(),
        conversions: aggregate
            .conversions_of(ledger)
            .iter()
            .map(|row| ConversionView::of(row, currency))
            .collect(),
    }
}

/// The note beside an entry.
pub fn note_of(notes: &[(OutcomeId, String)], id: &OutcomeId) -> Option<String> {
    notes.iter().find(|(about, _)| about == id).map(|(_, text)| text.clone())
}

fn listed(row: OrderRow) -> OrderListed {
    OrderListed {
        order: OrderView::of_row(&row),
        page_id: row.page_id.0,
        conversation_id: row.conversation_id.map(|id| id.0),
        refunded: amount(row.refunded, row.currency),
        flagged: row.flagged,
        told_twice: row.told_twice,
        opened_at: row.opened_at.to_string(),
    }
}
