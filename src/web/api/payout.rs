//! Couriers' payouts: one sum for many parcels, settled by the bank's line.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Timestamp;
use crate::crm::json;
use crate::crm::mapping::{self, When};
use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::Currency;
use crate::domain::order::payout::{Booked, Payout};
use crate::error::{Error, Result};
use crate::flow::{self, Reply};
use crate::store::cursor::{self, ListCursor};
use crate::web::api::view::{amount, times};
use crate::web::server::caller::{ANALYST, Authenticated, CRM};
use crate::web::server::idempotency;
use crate::web::server::list::{Listed, Pagination};
use crate::web::server::read::{IdempotencyKey, QueryParameters, Raw, given};
use crate::web::server::state::App;

/// A payout.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutBody {
    /// The Page whose parcels it covers.
    page_id: String,
    /// The courier's name.
    courier: String,
    /// The courier's number of the remittance.
    r#ref: String,
    /// ISO 4217; the Page's if it is left out.
    currency: Option<String>,
    /// What the courier took.
    gross: String,
    /// What the courier kept of it.
    fee: Option<String>,
    /// When it was paid out. Now, if it is left out.
    #[schema(value_type = Option<String>)]
    occurred_at: Option<When>,
    /// The bank's line by which it arrived.
    bank_line: Option<String>,
}

/// A payout in the books.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutView {
    id: String,
    page_id: String,
    courier: String,
    r#ref: String,
    currency: String,
    gross: String,
    fee: String,
    occurred_at: String,
    bank_line: Option<String>,
    /// When the bank's line was told; it adds to no order's `paid`.
    settled_at: Option<String>,
}

impl PayoutView {
    fn of(booked: &Booked) -> Self {
        let payout = &booked.payout;
        Self {
            id: booked.id.clone(),
            page_id: payout.page_id.0.clone(),
            courier: payout.courier.clone(),
            r#ref: payout.reference.clone(),
            currency: payout.currency.code().to_owned(),
            gross: amount(payout.gross, payout.currency),
            fee: amount(payout.fee, payout.currency),
            occurred_at: payout.paid_at.to_string(),
            bank_line: payout.bank_line.clone(),
            settled_at: times(booked.settled_at),
        }
    }
}

/// Which payouts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PayoutFilter {
    /// Of this Page alone.
    page_id: Option<String>,
    /// `next_cursor` of the part before.
    cursor: Option<String>,
    /// From 1 to 200; 50 if it is left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Books a payout, or settles it by the bank's line: 201, or 200 if nothing new was told.
#[utoipa::path(
    post, path = "/v1/payouts", operation_id = "bookPayout", tag = "crm",
    request_body = PayoutBody,
    responses((status = 201, body = PayoutView), (status = 200, description = "Known already", body = PayoutView)),
    extensions(("x-roles" = json!(["crm"]))),
)]
pub async fn book(
    State(app): State<App>,
    Authenticated(caller): Authenticated<CRM>,
    IdempotencyKey(key): IdempotencyKey,
    Raw(body): Raw,
) -> Result<Response> {
    let request = idempotency::request(&app, (&caller, key, "payouts".to_owned()), &body, booked)?;
    let done = Box::pin(async {
        let body: PayoutBody = json::read(&body)?;
        let page = PageId(body.page_id.clone());
        caller.sees(&page, "Page")?;
        let page =
            app.services.store.look().await?.page(&page).await?.ok_or_else(|| Error::not_found("Page"))?;
        let payout = payout_of(&body, &page.id, page.currency, app.services.clock.now())?;
        flow::book_payout(&app.services, &payout, &caller.name, &request).await
    });
    Ok(idempotency::answer(&app, &request, done).await)
}

fn booked(booked: &Booked) -> Reply {
    idempotency::reply(if booked.known { 200 } else { 201 }, &PayoutView::of(booked))
}

fn payout_of(body: &PayoutBody, page: &PageId, currency: Currency, now: Timestamp) -> Result<Payout> {
    let currency = mapping::currency(body.currency.as_ref(), currency)?;
    let gross = mapping::money("/gross", &body.gross, currency)?;
    let fee = body.fee.as_ref().map(|fee| mapping::money("/fee", fee, currency)).transpose()?.unwrap_or(0);
    if fee > gross {
        return Err(Error::field("/fee", "The fee is kept of gross, so it can't be more."));
    }
    Ok(Payout {
        page_id: page.clone(),
        courier: mapping::word("/courier", &body.courier)?,
        reference: mapping::word("/ref", &body.r#ref)?,
        currency,
        gross,
        fee,
        paid_at: mapping::moment(body.occurred_at.as_ref(), now)?.map_or(now, |(at, _)| at),
        bank_line: body.bank_line.as_ref().map(|line| mapping::word("/bank_line", line)).transpose()?,
    })
}

/// Payouts, newest first.
#[utoipa::path(
    get, path = "/v1/payouts", operation_id = "listPayouts", tag = "crm", params(PayoutFilter),
    responses((status = 200, body = Listed<PayoutView>)),
    extensions(("x-roles" = json!(["crm", "analyst"]))),
)]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ CRM | ANALYST }>,
    QueryParameters(filter): QueryParameters<PayoutFilter>,
) -> Result<Json<Listed<PayoutView>>> {
    let part = Pagination::read(filter.cursor, filter.limit)?;
    let mut unit = app.services.store.read().await?;
    let mut rows = Vec::new();
    for page in &caller.pages(&mut unit, given(filter.page_id).map(PageId)).await? {
        rows.extend(unit.payouts(cursor::ListRange { page, after: &part.after, limit: part.limit() }).await?);
    }
    let cut = |row: &Booked| ListCursor { at: row.recorded_at, id: row.id.clone() };
    Ok(Json(part.show(rows, cut, |row| PayoutView::of(&row))))
}
