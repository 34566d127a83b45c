//! The verbs, each one atomic unit, and the only writers: receive what a webhook brought, tag an order, send
//! what is due, settle what came of it.

mod about;
pub mod configure;
mod deliver;
mod follow;
mod import;
mod intake;
pub mod key;
mod label;
mod label_work;
mod once;
mod page;
mod payout;
pub mod people;
mod phone;
mod preview;
mod price;
mod profile;
mod publish;
mod receive;
mod recover;
mod sentence;
mod settle;
mod snooze;
mod steer;
mod sweep;
mod tag;
mod test_code;
mod together;
mod waiting;

pub use about::{accept, undo};
pub use configure::configure;
pub use deliver::{Batch, claim, open, release};
pub use import::{Line, Told, import};
pub use intake::{INTAKE_MAX, Intake};
pub use label_work::{
    TakenOff, Wanted, ask_to_take_off, labels_to_name, labels_to_take_off, name_label, settle_taking_off,
    unnamed,
};
pub use once::{Answered, Asked, IDEMPOTENT, Names, Promise, Reply, body_hash};
pub use page::{PageChange, change_page};
pub use payout::book_payout;
pub use phone::PhoneKey;
pub use preview::{Sum, preview};
pub use price::set_products;
pub use profile::{NotShown, Unnamed, name_person, not_shown, people_to_name};
pub use publish::{LEASE, PUBLISH_MAX, Published, forget_changes, publish, stop_publishing};
pub use receive::{PROJECT_MAX, project};
pub use recover::{recover, recover_alone};
pub use sentence::{Trial, Tried, try_sentence};
pub use settle::settle;
pub use snooze::{call_back, snooze};
pub use steer::{Resolution, Resolved, Turned, resolve, retry, send_now};
pub use sweep::{fall_silent, forget};
pub use tag::{Entry, Tagged, tag};
pub use test_code::{end_test_codes, set_test_code};
pub use together::Tags;
pub use waiting::decide;

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
    /// Tags that wait for their unit.
    pub tags: Tags,
    /// How long changes of the feed are kept.
    pub changes_keep: Duration,
}

/// How often a unit is begun again when another writer stood in its way.
const CONTENTION_MAX: u32 = 8;

/// After so many of many things others may run.
const WAY_AFTER: usize = 16;

/// Lets others run, requests above all, who would wait for the thread until a unit over many things is through.
async fn give_way(place: usize) {
    if place % WAY_AFTER == WAY_AFTER - 1 {
        tokio::task::yield_now().await;
    }
}

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
