//! After a crash: what was only claimed is due again by itself once its lease ends; what was being sent by
//! someone who is gone is `unknown`, never silently sent again.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::flow::deliver::settle::abandon;
use crate::flow::services::Services;
use crate::flow::unit::retried;

/// Settles as `unknown` what was being sent under a lease that ran out; gives the number of attempts.
pub async fn recover(services: &Services) -> Result<usize> {
    recover_before(services, services.clock.now()).await
}

/// The same at once, whatever the leases say, and frees what was only claimed: for the start of the one
/// process that works on a SQLite file.
pub async fn recover_alone(services: &Services) -> Result<usize> {
    let mut unit = services.store.begin("recover_alone").await?;
    unit.give_back_all().await?;
    unit.commit().await?;
    recover_before(services, Timestamp::from_millis(i64::MAX)).await
}

async fn recover_before(services: &Services, moment: Timestamp) -> Result<usize> {
    let now = services.clock.now();
    let mut unit = services.store.read().await?;
    let abandoned = unit.abandoned_attempts(moment).await?;
    unit.commit().await?;
    let mut settled = 0;
    for (attempt, page) in &abandoned {
        let done = retried(move || async move {
            let mut unit = services.store.begin("recover").await?;
            // Asked again within the unit: its owner may have renewed it or settled it meanwhile.
            let still = unit.is_abandoned(attempt, moment).await?;
            let done = still && abandon(&mut unit, services, (attempt, page), now).await?;
            unit.commit().await?;
            Ok(done)
        });
        if done.await? {
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
