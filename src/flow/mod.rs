//! The verbs, each one unit of work, and the only writers: receive what a webhook brought, tag an order, deliver what
//! is due, settle what came of it.

mod convert;
mod deliver;
mod inbox;
pub mod manage;
mod publish;
mod receive;
mod tag;
mod unit;

pub use crate::domain::conversation::phone_key::PhoneKey;
pub use crate::domain::order::outcome::FollowUpEntry;
pub use crate::domain::order::tagged::Tagged;
pub use convert::preview::{PreviewTotals, preview};
pub use convert::silence::fall_silent;
pub use deliver::lease::{Batch, lease, open, release};
pub use deliver::recover::{recover, recover_alone};
pub use deliver::resolve::{ReleasedConversion, Resolution, Resolved, SentAgain, resolve, retry, send_now};
pub use deliver::settle::settle;
pub use inbox::label_sync::{
    TakenOff, ask_to_take_off, labels_to_name, labels_to_take_off, name_label, settle_taking_off, unnamed,
};
pub use inbox::pending::decide;
pub use inbox::sentence::{Trial, Tried, try_sentence};
pub use inbox::snooze::{call_back, snooze};
pub use manage::configure::configure;
pub use manage::page::{PageChange, change_page};
pub use manage::prices::set_products;
pub use manage::retention::drop_expired;
pub use manage::test_code::{end_test_codes, set_test_code};
pub use publish::number::{LEASE, PUBLISH_MAX, drop_old_changes, publish, stop_publishing};
pub use receive::intake::{INTAKE_MAX, Intake};
pub use receive::profile::{NotShown, ProfileCall, name_person, not_shown, people_to_name};
pub use receive::project::{PROJECT_MAX, project};
pub use tag::import::{ImportLine, LineResult, import};
pub use tag::outcome::tag;
pub use tag::payout::book_payout;
pub use tag::sales::{join_orders, part_order};
pub use tag::undo::{Sender, accept, undo};
pub use unit::feed_signal::FeedSignal;
pub use unit::graph_call::GraphCall;
pub use unit::idempotency::{
    Claim, Idempotent, IdempotentRequest, InFlight, KEY_REF_PREFIX, Reply, body_hash,
};
pub use unit::run::first_answer;
pub use unit::services::Services;
pub use unit::tag_queue::TagQueue;
