//! Couriers' payouts: one sum for many parcels, settled by the line of the bank's statement.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Timestamp;
use crate::crm::tag_body::WrittenTime;
use crate::crm::{field, json};
use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::Currency;
use crate::domain::order::payout::{Payout, RecordedPayout};
use crate::error::{Error, Result};
use crate::flow::{self, Reply};
use crate::store::cursor;
use crate::store::cursor::ListCursor;
use crate::web::server::caller::{ANALYST, Authenticated, CRM};
use crate::web::server::idempotency::{self, NamedRequest};
use crate::web::server::list::{Listed, Pagination};
use crate::web::server::problem;
use crate::web::server::read::{IdempotencyKey, QueryParameters, RawBody, non_empty};
use crate::web::server::state::App;
use crate::web::view::{amount, time};

/// A payout as the request gives it.
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
    /// What the courier collected, as a decimal string.
    gross: String,
    /// What the courier kept of it, as a decimal string.
    fee: Option<String>,
    /// When it was paid out. Now, if it is left out.
    #[schema(value_type = Option<String>)]
    occurred_at: Option<WrittenTime>,
    /// The line of the bank's statement by which it arrived.
    bank_line: Option<String>,
}

/// A booked payout.
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
    /// When the bank line was reported; it adds to no order's `paid`.
    settled_at: Option<String>,
}

impl PayoutView {
    fn of(booked: &RecordedPayout) -> Self {
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
            settled_at: time(booked.settled_at),
        }
    }
}

/// The query of the list of payouts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PayoutFilter {
    /// Only payouts of this Page.
    page_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// From 1 to 200; 50 if it is left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// Books a payout, or settles it by the bank line: 201, or 200 if nothing changed.
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
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: "payouts".to_owned(), body: &body };
    let request = named.claim(&app, booked)?;
    let verb = Box::pin(async {
        let body: PayoutBody = json::read(&body)?;
        let page = PageId(body.page_id.clone());
        caller.sees(&page, "Page")?;
        let page =
            app.services.store.look().await?.page(&page).await?.ok_or_else(|| Error::not_found("Page"))?;
        let payout = payout_of(&body, &page.id, page.currency, app.services.clock.now())?;
        flow::book_payout(&app.services, &payout, &caller.name, &request).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

fn booked(booked: &RecordedPayout) -> Reply {
    problem::json(if booked.known { 200 } else { 201 }, &PayoutView::of(booked))
}

fn payout_of(body: &PayoutBody, page: &PageId, of_page: Currency, now: Timestamp) -> Result<Payout> {
    let currency = field::currency(body.currency.as_ref(), of_page)?;
    let gross = field::money("/gross", &body.gross, currency)?;
    let fee = body.fee.as_ref().map(|fee| field::money("/fee", fee, currency)).transpose()?.unwrap_or(0);
    if fee > gross {
        return Err(Error::field("/fee", "The fee is kept of gross, so it can't be more."));
    }
    Ok(Payout {
        page_id: page.clone(),
        courier: field::text("/courier", &body.courier)?,
        reference: field::text("/ref", &body.r#ref)?,
        currency,
        gross,
        fee,
        paid_at: match &body.occurred_at {
            Some(written) => field::time(written, now)?.at,
            None => now,
        },
        bank_line: body.bank_line.as_ref().map(|line| field::text("/bank_line", line)).transpose()?,
    })
}

/// Lists payouts, the newest first.
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
    let pagination = Pagination::read(filter.cursor, filter.limit)?;
    let mut unit = app.services.store.read().await?;
    let mut rows = Vec::new();
    for page in &caller.pages(&mut unit, non_empty(filter.page_id).map(PageId)).await? {
        rows.extend(
            unit.payouts(cursor::ListRange { page, after: &pagination.after, limit: pagination.limit() })
                .await?,
        );
    }
    let position = |row: &RecordedPayout| ListCursor { at: row.recorded_at, id: row.id.clone() };
    Ok(Json(pagination.show(rows, position, |row| PayoutView::of(&row))))
}
