//! Booking a courier's payout, and settling it by the line of the bank's statement.

use crate::domain::order::payout::{Payout, RecordedPayout};
use crate::error::{Error, Result};
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;

/// Books a payout; a booked one that comes again with its bank line is settled.
///
/// # Errors
/// 409 when it is booked with other sums or another bank line.
pub async fn book_payout(
    services: &Services,
    payout: &Payout,
    actor: &str,
    request: &IdempotentRequest<RecordedPayout>,
) -> Result<Idempotent<RecordedPayout>> {
    run::answer(services, "book_payout", request, |unit, _| Box::pin(book(unit, services, payout, actor)))
        .await
}

async fn book(unit: &mut Unit, services: &Services, payout: &Payout, actor: &str) -> Result<RecordedPayout> {
    let now = services.clock.now();
    if unit.page(&payout.page_id).await?.is_none() {
        return Err(Error::not_found("Page"));
    }
    let is_new = unit.add_payout(&services.ids.next(now), payout, actor, now).await?;
    let missing = || Error::internal("a payout is missing");
    let (page, courier, reference) = (&payout.page_id, &payout.courier, &payout.reference);
    let stands = unit.payout(page, courier, reference).await?.ok_or_else(missing)?;
    if is_new {
        return Ok(stands);
    }
    if let Some(why) = stands.contradicts(payout) {
        return Err(Error::conflict("payout_differs", why));
    }
    match &payout.bank_line {
        Some(line) if stands.payout.bank_line.is_none() => {
            unit.settle_payout(&stands.id, line, now).await?;
            unit.payout(page, courier, reference).await?.ok_or_else(missing)
        }
        _ => Ok(RecordedPayout { known: true, ..stands }),
    }
}
