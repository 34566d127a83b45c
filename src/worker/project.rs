//! Projects webhooks from the intake log as soon as they arrive.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::flow::{self, Services};

/// From this many webhooks in one unit of work, the next one waits for [`GATHER`]: a unit over many webhooks costs less
/// than many units, and intake continues meanwhile.
const BUSY: usize = 32;

/// How long webhooks are gathered while many are coming in; see [`BUSY`].
const GATHER: Duration = Duration::from_millis(40);

/// Projects all bodies that wait in the intake log.
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
