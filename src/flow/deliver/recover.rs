//! Recovery after a crash: what was only leased is due again by itself once its lease ends; what was `sending` in a
//! process that has ended becomes `unknown`, and is never silently sent again.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AttemptId, PageId};
use crate::error::Result;
use crate::flow::deliver::settle::abandon;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;

/// Settles attempts as `unknown` whose lease ran out without a verdict; gives their number.
pub async fn recover(services: &Services) -> Result<usize> {
    recover_before(services, services.clock.now()).await
}

/// Settles all open attempts at once, whatever their leases say, and gives back what was only leased: at the start of
/// the one process that serves on a SQLite file.
pub async fn recover_alone(services: &Services) -> Result<usize> {
    run::run(services, "recover_alone", |unit, _| Box::pin(unit.give_back_all())).await?;
    recover_before(services, Timestamp::from_millis(i64::MAX)).await
}

async fn recover_before(services: &Services, moment: Timestamp) -> Result<usize> {
    let abandoned = services.store.look().await?.abandoned_attempts(moment).await?;
    let mut settled = 0;
    for (attempt, page) in &abandoned {
        if recover_one(services, attempt, page, moment).await? {
            settled += 1;
            tracing::warn!(
                attempt.id = %attempt,
                page.id = %page,
                "Attempt {attempt} was open when its process ended: its events are unknown, see GET /v1/attempts"
            );
        }
    }
    Ok(settled)
}

async fn recover_one(
    services: &Services,
    attempt: &AttemptId,
    page: &PageId,
    moment: Timestamp,
) -> Result<bool> {
    run::run(services, "recover", |unit, _| {
        Box::pin(async move {
            // Checked again within the unit of work: the lease may have been renewed, or the attempt settled,
            // meanwhile.
            if !unit.is_abandoned(attempt, moment).await? {
                return Ok(false);
            }
            abandon(unit, services, attempt, page).await
        })
    })
    .await
}
