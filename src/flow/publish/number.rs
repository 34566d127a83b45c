//! Publishing: one publisher at a time gives committed changes their numbers in the feed. A number given at the
//! time of writing would lose what commits late; so the change waits for its number, and no reader sees a gap. On
//! SQLite nothing commits late, and units number their changes themselves.

use std::time::Duration;

use crate::error::Result;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;

/// A publisher that is gone is followed by another one after this time.
pub const LEASE: Duration = Duration::from_secs(10);

/// About so many changes are numbered in one unit.
pub const PUBLISH_MAX: i64 = 1000;

/// Changes that one unit forgets.
const FORGET_MAX: i64 = 10_000;

/// Numbers the changes that wait, unless somebody else is the publisher; gives how many. At [`PUBLISH_MAX`] or
/// more there may be others.
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

/// Lets another publisher follow at once.
pub async fn stop_publishing(services: &Services, holder: &str) -> Result<()> {
    run::run(services, "stop_publishing", |unit, _| Box::pin(unit.release_publisher(holder))).await
}

/// Forgets what was published longer ago than `keep`; gives how many changes that were. A reader who comes back
/// later than that is told so.
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
