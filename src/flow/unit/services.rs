//! What the verbs share: the database, the clock, keys and limits.

use std::time::Duration;

use crate::clock::Clock;
use crate::domain::conversation::phone_key::PhoneKey;
use crate::flow::unit::feed_signal::FeedSignal;
use crate::flow::unit::tag_queue::TagQueue;
use crate::id::Ids;
use crate::store::Store;

/// What every verb is given; clones share the same database, queue and signal.
#[derive(Clone, Debug)]
pub struct Services {
    /// The database, SQLite or PostgreSQL.
    pub store: Store,
    /// The clock: the system's, or one that a test moves.
    pub clock: Clock,
    /// The source of ids for new rows.
    pub ids: Ids,
    /// The key by which phone numbers are hashed.
    pub phone_key: PhoneKey,
    /// Retention of message texts and raw bodies; zero drops them once they are projected.
    pub keep_text: Duration,
    /// The signal that the change feed has grown.
    pub feed_signal: FeedSignal,
    /// The queue of the group commit, in which tags wait for a unit of work that they share.
    pub tag_queue: TagQueue,
    /// Retention of published changes.
    pub changes_keep: Duration,
}
