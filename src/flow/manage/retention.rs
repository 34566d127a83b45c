//! Retention: what is kept only for a time is dropped when that time is over.

use std::time::Duration;

use crate::error::Result;
use crate::flow::unit::idempotency::ANSWER_RETENTION;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;

/// Retention of message ids, by which a repeated message is known: Meta repeats one for at most 36 hours.
const SEEN_RETENTION: Duration = Duration::from_hours(8 * 24);

/// Drops message texts and raw bodies older than `keep_text`, ids of messages that Meta no longer repeats, and stored
/// answers that are no longer replayed; gives the number of rows.
pub async fn drop_expired(services: &Services) -> Result<u64> {
    let now = services.clock.now();
    let dropped = run::run(services, "retention", |unit, _| {
        Box::pin(async move {
            let mut dropped = unit.drop_texts(now - services.keep_text).await?;
            dropped += unit.drop_old_message_ids(now - SEEN_RETENTION).await?;
            dropped += unit.drop_old_answers(now - ANSWER_RETENTION).await?;
            Ok(dropped)
        })
    })
    .await?;
    Ok(dropped + services.store.drop_bodies(now - services.keep_text).await?)
}
