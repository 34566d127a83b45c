//! Snoozing: a conversation leaves the queue until a date, and then comes back on top of it.

use crate::clock::Timestamp;
use crate::domain::basic::identity::ConversationId;
use crate::error::{Error, Result};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;

/// Takes a conversation out of the queue until `until`; `owner` is to continue with it then.
///
/// # Errors
/// 422 for a time that is not ahead; 409 if the conversation does not wait.
pub async fn snooze(services: &Services, id: &ConversationId, until: Timestamp, owner: &str) -> Result<()> {
    if until <= services.clock.now() {
        return Err(Error::field("/until", "It must be a time to come."));
    }
    run::run(services, "snooze", |unit, _| {
        Box::pin(async move {
            if !unit.snooze(id, until, owner).await? {
                return Err(Error::conflict(
                    "not_waiting",
                    "Only a conversation that waits for a tag can be snoozed.",
                ));
            }
            Ok(())
        })
    })
    .await
}

/// Returns conversations to the queue whose snooze is over; gives their number.
pub async fn call_back(services: &Services) -> Result<u64> {
    let now = services.clock.now();
    run::run(services, "call_back", |unit, _| {
        Box::pin(async move {
            let back = unit.call_back(now).await?;
            Ok(back)
        })
    })
    .await
}
