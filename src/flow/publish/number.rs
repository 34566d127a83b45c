//! Publishing: one publisher at a time gives committed changes their numbers in the feed. A number given at the
//! time of writing would lose what commits late; so the change waits for its number, and no reader sees a gap. On
//! SQLite nothing commits late, and units number their changes themselves.

use std::time::Duration;

use tokio::sync::watch;

use crate::error::Result;
use crate::flow::services::Services;
use crate::flow::unit::retried;

/// A publisher that is gone is followed by another one after this time.
pub const LEASE: Duration = Duration::from_secs(10);

/// About so many changes are numbered in one unit.
pub const PUBLISH_MAX: i64 = 1000;

/// Changes that one unit forgets.
const FORGET_MAX: i64 = 10_000;

/// Word within this process that the feed has grown, or that it will grow no more; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Published(watch::Sender<FeedProgress>);

/// What was told of the feed.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeedProgress {
    /// The number of its last change.
    last: i64,
    is_closed: bool,
}

impl Published {
    /// Everyone who listens hears of it, if the feed has grown.
    fn tell(&self, last: i64) {
        self.0.send_if_modified(|heard| {
            let has_grown = last > heard.last;
            heard.last = heard.last.max(last);
            has_grown
        });
    }

    /// Nobody waits for the feed any longer: the process ends.
    pub fn close(&self) {
        self.0.send_modify(|heard| heard.is_closed = true);
    }

    /// Whether it is of no use to wait.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// Hears of what is told from here on.
    pub fn listen(&self) -> watch::Receiver<FeedProgress> {
        self.0.subscribe()
    }
}

/// Numbers the changes that wait, unless somebody else is the publisher; gives how many. At [`PUBLISH_MAX`] or
/// more there may be others.
pub async fn publish(services: &Services, holder: &str) -> Result<u64> {
    let (last, waits) = services.store.look().await?.published().await?;
    if !waits {
        services.published.tell(last);
        return Ok(0);
    }
    let numbered = retried(move || publish_once(services, holder)).await?;
    let (last, _) = services.store.look().await?.published().await?;
    services.published.tell(last);
    Ok(numbered)
}

async fn publish_once(services: &Services, holder: &str) -> Result<u64> {
    let now = services.clock.now();
    let mut unit = services.store.begin("publish").await?;
    let Some(token) = unit.lease_publisher(holder, now, now + LEASE).await? else { return Ok(0) };
    let numbered = unit.number_changes(token, PUBLISH_MAX, now).await?;
    unit.commit().await?;
    Ok(numbered)
}

/// Lets another publisher follow at once.
pub async fn stop_publishing(services: &Services, holder: &str) -> Result<()> {
    let mut unit = services.store.begin("stop_publishing").await?;
    unit.release_publisher(holder).await?;
    unit.commit().await
}

/// Forgets what was published longer ago than `keep`; gives how many changes that were. A reader who comes back
/// later than that is told so.
pub async fn forget_changes(services: &Services, keep: Duration) -> Result<u64> {
    let mut forgotten = 0;
    loop {
        let before = services.clock.now() - keep;
        let some = retried(move || async move {
            let mut unit = services.store.begin("drop_changes").await?;
            let some = unit.forget_changes(before, FORGET_MAX).await?;
            unit.commit().await?;
            Ok(some)
        })
        .await?;
        forgotten += some;
        if some == 0 {
            return Ok(forgotten);
        }
    }
}
