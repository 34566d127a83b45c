//! Projects what the webhooks brought, as soon as it is there.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::flow::{self, Services};

/// Webhooks of one unit from which on many are coming in: then the next unit waits for [`GATHER`], because one unit over
/// many of them costs less than many units, and webhooks are taken meanwhile.
const BUSY: usize = 32;

/// How long webhooks are gathered while many are coming in; see [`BUSY`].
const GATHER: Duration = Duration::from_millis(40);

/// Projects all that waits.
///
/// # Errors
/// When the database fails.
pub async fn drain(services: &Services, stop: &CancellationToken) -> Result<()> {
    while !stop.is_cancelled() {
        match flow::project(services).await? {
            0 => break,
            BUSY..flow::PROJECT_MAX => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = services.clock.sleep(GATHER) => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}
