//! Conversions: the events for Meta, sent or not, and what a person may do with them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::{IntoParams, ToSchema};

use crate::domain::basic::identity::{ConversionId, PageId};
use crate::domain::operator::Role;
use crate::domain::signal::conversion::State as ConversionState;
use crate::error::{Error, Result};
use crate::flow::{self, ReleasedConversion, Reply};
use crate::store::conversion::ConversionRow;
use crate::store::cursor;
use crate::store::cursor::ListCursor;
use crate::web::api::attempt::AttemptView;
use crate::web::server::caller::{ADMIN, ANALYST, Authenticated, Caller, OPERATOR};
use crate::web::server::idempotency::{self, NamedRequest};
use crate::web::server::list::{Listed, Pagination};
use crate::web::server::problem;
use crate::web::server::read::{self, Id, IdempotencyKey, QueryParameters, RawBody, non_empty, one_of};
use crate::web::server::state::App;
use crate::web::view::ConversionView;

/// The query of the list of conversions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConversionFilter {
    /// Only conversions in this state: held, ready, sending, sent, suppressed, rejected, expired or unknown.
    state: Option<String>,
    /// Only conversions of this Page.
    page_id: Option<String>,
    /// Only conversions of the order of this number.
    order_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// From 1 to 200; 50 if it is left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// A conversion of the list, with what it belongs to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversionListed {
    #[serde(flatten)]
    conversion: ConversionView,
    /// The id of its Page.
    page_id: String,
    /// The conversation that it belongs to.
    conversation_id: Option<String>,
    /// The first number of its order.
    order_id: Option<String>,
    /// The currency of its value.
    currency: &'static str,
    /// Meta's message or ours about its state.
    detail: Option<String>,
    /// When it was made.
    made_at: String,
}

/// A conversion with every attempt.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversionDetail {
    #[serde(flatten)]
    conversion: ConversionListed,
    /// The requests that carried it, the first one first.
    attempts: Vec<AttemptView>,
    /// The payload as it is sent, once an attempt froze it; without what identifies people, for an analyst.
    #[schema(value_type = Option<Object>)]
    payload: Option<Box<RawValue>>,
}

/// A conversion after a person released or retried it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReleasedView {
    conversion: ConversionView,
    /// The first number of its order.
    order_id: Option<String>,
}

/// Lists conversions, the newest first.
#[utoipa::path(
    get, path = "/v1/conversions", operation_id = "listConversions", tag = "running", params(ConversionFilter),
    responses((status = 200, body = Listed<ConversionListed>)),
    extensions(("x-roles" = json!(["operator", "analyst"]))),
)]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | ANALYST }>,
    QueryParameters(filter): QueryParameters<ConversionFilter>,
) -> Result<Json<Listed<ConversionListed>>> {
    let pagination = Pagination::read(filter.cursor, filter.limit)?;
    let state = one_of("state", filter.state, &ConversionState::ALL.map(ConversionState::as_str))?;
    let number = non_empty(filter.order_id);
    let position = |row: &ConversionRow| ListCursor { at: row.made_at, id: row.id.0.clone() };
    let mut unit = app.services.store.read().await?;
    let mut rows = Vec::new();
    for page in &caller.pages(&mut unit, non_empty(filter.page_id).map(PageId)).await? {
        let Some(number) = &number else {
            let range = cursor::ListRange { page, after: &pagination.after, limit: pagination.limit() };
            rows.extend(unit.conversions(range, state.clone()).await?);
            continue;
        };
        let Some((order, _)) = unit.order_named(page, number).await? else { continue };
        let is_listed = |row: &ConversionRow| {
            pagination.is_ahead(&position(row))
                && state.as_ref().is_none_or(|state| row.state.as_str() == state)
        };
        rows.extend(unit.conversions_of_order(&order).await?.into_iter().filter(is_listed));
    }
    Ok(Json(pagination.show(rows, position, |row| listed(row, caller.role))))
}

/// Shows a conversion with its attempts and its payload.
#[utoipa::path(
    get, path = "/v1/conversions/{id}", operation_id = "getConversion", tag = "running",
    params(("id" = String, Path, description = "Our id of the conversion")),
    responses((status = 200, body = ConversionDetail)),
    extensions(("x-roles" = json!(["operator", "analyst"]))),
)]
pub async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | ANALYST }>,
    Id(id): Id,
) -> Result<Json<ConversionDetail>> {
    let id = ConversionId(id);
    let mut unit = app.services.store.read().await?;
    let row = unit.conversion(&id).await?.ok_or_else(|| Error::not_found("conversion"))?;
    caller.sees(&row.page_id, "conversion")?;
    let attempts = unit.attempts_of(&id).await?;
    let payload = unit.payload(&id).await?;
    Ok(Json(ConversionDetail {
        conversion: listed(row, caller.role),
        attempts: attempts.into_iter().map(|row| AttemptView::of(row, caller.role)).collect(),
        payload: payload.map(|text| shown(text, caller.role)).transpose()?,
    }))
}

/// Releases a held conversion before its hold is over.
#[utoipa::path(
    post, path = "/v1/conversions/{id}/send", operation_id = "sendConversion", tag = "running",
    params(("id" = String, Path, description = "Our id of the conversion")),
    responses((status = 200, body = ReleasedView)),
    extensions(("x-roles" = json!(["operator"]))),
)]
pub async fn send(
    State(app): State<App>,
    Authenticated(caller): Authenticated<OPERATOR>,
    Id(id): Id,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: format!("conversions/{id}/send"), body: &body };
    let request = named.claim(&app, released)?;
    let verb = Box::pin(async {
        let id = conversion_of(&app, &caller, id, &body).await?;
        flow::send_now(&app.services, &id, &request).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

/// Tries a rejected conversion again: the same event, its payload built anew.
#[utoipa::path(
    post, path = "/v1/conversions/{id}/retry", operation_id = "retryConversion", tag = "running",
    params(("id" = String, Path, description = "Our id of the conversion")),
    responses((status = 200, body = ReleasedView)),
    extensions(("x-roles" = json!([]))),
)]
pub async fn retry(
    State(app): State<App>,
    Authenticated(caller): Authenticated<ADMIN>,
    Id(id): Id,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: format!("conversions/{id}/retry"), body: &body };
    let request = named.claim(&app, released)?;
    let verb = Box::pin(async {
        let id = conversion_of(&app, &caller, id, &body).await?;
        flow::retry(&app.services, &id, &request).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

/// The conversion of the id in the path, if the caller may see it. The body must be empty.
async fn conversion_of(app: &App, caller: &Caller, id: String, body: &[u8]) -> Result<ConversionId> {
    let id = ConversionId(id);
    let page = app.services.store.look().await?.page_of_conversion(&id).await?;
    caller.sees(&page.ok_or_else(|| Error::not_found("conversion"))?, "conversion")?;
    read::empty_body(body)?;
    Ok(id)
}

fn listed(row: ConversionRow, role: Role) -> ConversionListed {
    ConversionListed {
        conversion: ConversionView::of_row(&row),
        page_id: row.page_id.0,
        conversation_id: row.conversation_id.map(|id| id.0),
        order_id: row.number,
        currency: row.currency.code(),
        detail: row.detail.filter(|_| role != Role::Analyst),
        made_at: row.made_at.to_string(),
    }
}

fn released(done: &ReleasedConversion) -> Reply {
    let view = ReleasedView {
        conversion: ConversionView::of(&done.conversion, done.currency),
        order_id: done.order_number.clone(),
    };
    problem::json(200, &view)
}

/// The payload as a role may see it; numbers keep their spelling.
fn shown(text: String, role: Role) -> Result<Box<RawValue>> {
    let unreadable = |error: serde_json::Error| Error::internal("a payload can't be read").caused_by(error);
    if role != Role::Analyst {
        return RawValue::from_string(text).map_err(unreadable);
    }
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&text).map_err(unreadable)?;
    members.remove("user_data");
    members.remove("event_id");
    if let Some(data) = members.remove("custom_data") {
        let mut data: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(data.get()).map_err(unreadable)?;
        data.remove("order_id");
        members.insert("custom_data".to_owned(), to_raw_value(&data).map_err(unreadable)?);
    }
    to_raw_value(&members).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_analyst_sees_nobody_in_a_payload() {
        let text = r#"{"event_id":"e","user_data":{"page_scoped_user_id":"2"},"custom_data":{"value":120.50,"order_id":"A"}}"#;
        let seen = shown(text.to_owned(), Role::Analyst).unwrap();
        assert_eq!(seen.get(), r#"{"custom_data":{"value":120.50}}"#);
        assert_eq!(shown(text.to_owned(), Role::Admin).unwrap().get(), text);
    }
}
