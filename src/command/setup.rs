//! What commands begin and end with: the database of the configuration, and the signals that end a command that stays.

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::flow::{FeedSignal, PhoneKey, Services, TagQueue};
use crate::id::Ids;
use crate::store::Store;
use crate::store::db::lock;

/// Opens and migrates the database of the configuration.
pub async fn open(config: &Config, phone_key: PhoneKey) -> Result<Services> {
    let _opening = lock::wait_to_open(config.database_url())?;
    let store = Store::open(config.database_url()).await?;
    Ok(Services {
        store,
        clock: Clock::system(),
        ids: Ids::random(),
        phone_key,
        keep_text: config.keep_text,
        feed_signal: FeedSignal::default(),
        tag_queue: TagQueue::default(),
        changes_keep: config.changes_keep,
    })
}

/// Waits for SIGTERM or SIGINT. Both are caught from the call on, not only while it is waited.
pub fn stop_signal() -> Result<impl Future<Output = ()>> {
    let caught =
        |kind| signal(kind).map_err(|error| Error::internal("signals can't be caught").caused_by(error));
    let (mut terminated, mut interrupted) =
        (caught(SignalKind::terminate())?, caught(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}
