//! Publishes committed changes: gives them their numbers in the feed, in one process at a time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::flow::{self, Services};
use crate::worker::driver::Job;

/// How long the publisher waits between two rounds.
pub const TICK: Duration = Duration::from_millis(250);

/// Numbers all changes that wait now, as `holder` of the publisher's lease; gives how many, 0 while another process is
/// the publisher.
pub async fn round(services: &Services, holder: &str) -> Result<usize> {
    let mut published = 0;
    loop {
        let numbered = flow::publish(services, holder).await?;
        published += numbered;
        if numbered < flow::PUBLISH_MAX.unsigned_abs() {
            return Ok(usize::try_from(published).unwrap_or(usize::MAX));
        }
    }
}

/// Publishes until `stop`; then gives up the lease, so that another process can take over, and ends the readers' long
/// polls.
pub async fn run(services: &Services, stop: &CancellationToken) {
    // A file is served by one process at a time: with a fixed holder, it need not wait for its last lease to run out.
    let holder =
        if services.store.is_shared() { services.ids.next(services.clock.now()) } else { "alone".to_owned() };
    let publishing = Job { name: "Publishing", tick: TICK, wake: None };
    publishing.run(&services.clock, stop, || async { round(services, &holder).await.map(drop) }).await;
    services.feed_signal.close();
    if let Err(error) = flow::stop_publishing(services, &holder).await {
        tracing::warn!("The publisher's lease can't be given back and runs out by itself: {error}");
    }
}
