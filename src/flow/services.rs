//! What the verbs share: the database, the clock, keys and limits.

use std::time::Duration;

use crate::clock::Clock;
use crate::domain::conversation::phone_key::PhoneKey;
use crate::flow::publish::number::Published;
use crate::flow::tag::batch::TagQueue;
use crate::id::Ids;
use crate::store::Store;

/// What every verb needs.
#[derive(Clone, Debug)]
pub struct Services {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Names for new rows.
    pub ids: Ids,
    /// With which phone numbers are hashed.
    pub phone_key: PhoneKey,
    /// How long the texts of messages and raw bodies are kept; zero drops them once they are projected.
    pub keep_text: Duration,
    /// Told when the feed has grown.
    pub published: Published,
    /// Tags that wait for their unit.
    pub tags: TagQueue,
    /// How long changes of the feed are kept.
    pub changes_keep: Duration,
}
