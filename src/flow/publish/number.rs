//! Publishing: one publisher at a time gives committed changes their numbers in the feed. With a number given when the
//! change is written, a reader could pass it before a slower unit of work commits, and so never see that change;
//! therefore each change waits for its number. On SQLite units commit one after the other, and number their changes
//! themselves.

use std::time::Duration;

use crate::error::Result;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;

/// How long the publisher's lease lasts: if its process is gone, another one takes over after this time.
pub const LEASE: Duration = Duration::from_secs(10);

/// About how many changes one unit of work numbers.
pub const PUBLISH_MAX: i64 = 1000;

/// The most changes that one unit of work drops.
const FORGET_MAX: i64 = 10_000;

/// Numbers the changes that wait, unless another process is the publisher; gives how many. If there were
/// [`PUBLISH_MAX`] or more, others may still wait.
pub async fn publish(services: &Services, holder: &str) -> Result<u64> {
    let (last, waits) = services.store.look().await?.published().await?;
    if !waits {
        services.feed_signal.tell(last);
        return Ok(0);
    }
    let numbered = run::run(services, "publish", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            match unit.lease_publisher(holder, now, now + LEASE).await? {
                Some(token) => unit.number_changes(token, PUBLISH_MAX, now).await,
                None => Ok(0),
            }
        })
    })
    .await?;
    let (last, _) = services.store.look().await?.published().await?;
    services.feed_signal.tell(last);
    Ok(numbered)
}

/// Gives up the publisher's lease, so that another process can take over at once.
pub async fn stop_publishing(services: &Services, holder: &str) -> Result<()> {
    run::run(services, "stop_publishing", |unit, _| Box::pin(unit.release_publisher(holder))).await
}

/// Drops changes that were published longer ago than `keep`; gives their number. A reader whose cursor is older is
/// answered so.
pub async fn drop_old_changes(services: &Services, keep: Duration) -> Result<u64> {
    let mut forgotten = 0;
    loop {
        let before = services.clock.now() - keep;
        let some =
            run::run(services, "drop_changes", |unit, _| Box::pin(unit.drop_old_changes(before, FORGET_MAX)))
                .await?;
        forgotten += some;
        if some == 0 {
            return Ok(forgotten);
        }
    }
}
