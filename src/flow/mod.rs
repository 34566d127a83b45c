//! The verbs, each one atomic unit, and the only writers: receive what a webhook brought, tag an order, send
//! what is due, settle what came of it.

mod about;
pub mod configure;
mod deliver;
mod follow;
mod import;
mod intake;
pub mod key;
mod once;
mod page;
mod payout;
mod phone;
mod publish;
mod receive;
mod recover;
mod settle;
mod steer;
mod sweep;
mod tag;

pub use about::{accept, undo};
pub use configure::configure;
pub use deliver::{Batch, claim, open, release};
pub use import::{Line, Told, import};
pub use intake::{INTAKE_MAX, Intake};
pub use once::{Answered, Asked, IDEMPOTENT, Names, Promise, Reply, body_hash};
pub use page::{PageChange, change_page};
pub use payout::book_payout;
pub use phone::PhoneKey;
pub use publish::{LEASE, PUBLISH_MAX, Published, forget_changes, publish, stop_publishing};
pub use receive::project;
pub use recover::{recover, recover_alone};
pub use settle::settle;
pub use steer::{Resolution, Resolved, Turned, resolve, retry, send_now};
pub use sweep::{fall_silent, forget};
pub use tag::{Entry, Tagged, tag};

use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Kind, Result};
use crate::id::Ids;
use crate::store::Store;

/// What every verb needs.
#[derive(Clone, Debug)]
pub struct House {
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
    /// How long changes of the feed are kept.
    pub changes_keep: Duration,
}

/// How often a unit is begun again when another writer stood in its way.
const CONTENTION_MAX: u32 = 8;

/// Runs a unit, again while another writer stands in its way.
async fn retried<T, Unit: Future<Output = Result<T>>>(unit: impl Fn() -> Unit) -> Result<T> {
    let mut contended = 0;
    loop {
        match unit().await {
            Err(error) if error.kind == Kind::Contended && contended < CONTENTION_MAX => contended += 1,
            done => return done,
        }
    }
}
