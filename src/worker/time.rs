//! What only the passing of time brings about: chats that fall silent, snoozes and test codes that end, and retention.

use std::time::Duration;

use crate::error::Result;
use crate::flow::manage::operators;
use crate::flow::{self, Services};

/// How often retention runs: texts, old message ids, answers, logins and changes are dropped.
pub const RETENTION_TICK: Duration = Duration::from_mins(10);

/// Ends what is over by now: silence, snoozes and test codes.
///
/// # Errors
/// When the database fails.
pub async fn end_what_is_due(services: &Services) -> Result<()> {
    flow::fall_silent(services).await?;
    flow::call_back(services).await?;
    flow::end_test_codes(services).await
}

/// Drops what has outlived its retention.
///
/// # Errors
/// When the database fails.
pub async fn drop_what_aged_out(services: &Services) -> Result<()> {
    flow::drop_expired(services).await?;
    operators::drop_old_logins(services).await?;
    flow::drop_old_changes(services, services.changes_keep).await?;
    Ok(())
}
