//! The verbs, each one atomic unit, and the only writers: receive what a webhook brought, tag an order, send
//! what is due, settle what came of it.

pub mod configure;
mod deliver;
mod follow;
pub mod key;
mod receive;
mod tag;

pub use configure::configure;
pub use deliver::{Batch, Bisected, claim, open, recover, release, settle};
pub use receive::{keep, project};
pub use tag::{Tagged, tag, undo};

use crate::clock::Clock;
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
}
