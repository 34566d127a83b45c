//! Which conversions a conversation makes, and what becomes of those it has. Pure: the dossier goes in, the
//! rows that change come out. Run after every fact and again whenever a row is about to leave.

pub mod attempt;
pub mod conversion;
pub mod lane;
mod lead;
mod lifecycle;
pub mod policy;
mod purchase;

use std::collections::HashSet;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OrderId;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::inbound::Channel;
use crate::domain::signal::conversion::{Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::{Mode, Policy};

pub use purchase::goods;

/// An attempt opens at most so long after the event: a minute before the seven days are over within which
/// Meta takes it (Meta: Conversions API, "Server Event Parameters", `event_time`).
pub const SEND_WITHIN: Duration = Duration::from_mins(7 * 24 * 60 - 1);

/// A hold ends at most so long after the event: an hour before the seven days are over.
pub const HOLD_WITHIN: Duration = Duration::from_hours(7 * 24 - 1);

/// A Page as far as it decides what is told.
#[derive(Clone, Debug)]
pub struct SignalRules {
    /// Whether anything leaves.
    pub mode: Mode,
    /// The policies of the Page, the one in force last.
    pub policies: Vec<Policy>,
    /// Names that the dataset does not take.
    pub refused: HashSet<EventName>,
}

impl SignalRules {
    /// The policy of this version; the one in force if there is none.
    pub fn policy(&self, version: i64) -> Policy {
        let found = self.policies.iter().find(|policy| policy.version == version);
        found.or(self.policies.last()).copied().unwrap_or_default()
    }

    /// The policy in force.
    pub fn in_force(&self) -> Policy {
        self.policies.last().copied().unwrap_or_default()
    }
}

/// What besides the ledger decides about one row.
#[derive(Clone, Copy, Debug)]
struct SignalContext<'a> {
    policy: &'a Policy,
    mode: Mode,
    refused: &'a HashSet<EventName>,
    person_known: bool,
    channel_is_sent: bool,
    now: Timestamp,
}

impl<'a> SignalContext<'a> {
    fn of(
        aggregate: &ConversationAggregate,
        rules: &'a SignalRules,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        let recipient = aggregate.thread.recipient.as_ref();
        Self {
            policy,
            mode: rules.mode,
            refused: &rules.refused,
            person_known: recipient.is_some(),
            channel_is_sent: recipient.is_none_or(|known| known.channel() == Channel::Messenger),
            now,
        }
    }
}

/// The conversions of a conversation as they ought to be: those that change, and drafts of new ones.
pub fn derive(
    aggregate: &ConversationAggregate,
    rules: &SignalRules,
    now: Timestamp,
) -> (Vec<Conversion>, Vec<Draft>) {
    let mut changed = Vec::new();
    let mut drafts = Vec::new();
    for ledger in &aggregate.orders {
        let policy = rules.policy(ledger.policy_version);
        let (before, mut rows) = rows_of(aggregate, Some(&ledger.id));
        drafts.extend(purchase::derive(ledger, &mut rows, SignalContext::of(aggregate, rules, &policy, now)));
        drafts.extend(lifecycle::derive(
            ledger,
            &mut rows,
            SignalContext::of(aggregate, rules, &policy, now),
        ));
        changed.extend(differing(rows, &before, now));
    }
    let (before, mut rows) = rows_of(aggregate, None);
    let policy = rules.in_force();
    drafts.extend(lead::derive(
        aggregate,
        &mut rows,
        rules,
        SignalContext::of(aggregate, rules, &policy, now),
    ));
    changed.extend(differing(rows, &before, now));
    (changed, drafts)
}

/// The conversions of an order, or of the chats, as they are, and to be changed.
fn rows_of<'a>(
    aggregate: &'a ConversationAggregate,
    order: Option<&OrderId>,
) -> (Vec<&'a Conversion>, Vec<Conversion>) {
    let before: Vec<_> = aggregate.conversions.iter().filter(|row| row.order_id.as_ref() == order).collect();
    let rows = before.iter().map(|row| (*row).clone()).collect();
    (before, rows)
}

/// Whether a row is of an order that stands for itself no longer: it joined another, or waits for a person.
pub fn is_of_no_order(aggregate: &ConversationAggregate, row: &Conversion) -> bool {
    let Some(order) = &row.order_id else { return false };
    !aggregate.orders.iter().any(|ledger| ledger.id == *order && !ledger.parked)
}

/// Whether nothing in the ledger, not even what was taken back, is a cause of a suppressed row.
pub fn is_without_cause(aggregate: &ConversationAggregate, row: &Conversion, rules: &SignalRules) -> bool {
    if row.state != State::Suppressed || !row.reason.wakes() || row.reason == Reason::NameRefused {
        return false;
    }
    let Some(order) = &row.order_id else { return !lead::was_said(aggregate, row) };
    let Some(ledger) = aggregate.orders.iter().find(|ledger| ledger.id == *order) else { return true };
    let policy = rules.policy(row.policy_version);
    let moment = match row.name {
        EventName::Purchase if row.number > 0 => return false,
        EventName::Purchase => policy.purchase_on.reached(&ledger.order),
        name => lifecycle::moment_of(name, &ledger.order, &policy),
    };
    moment.is_none() && !ledger.facts.iter().any(|fact| fact.undone)
}

/// The rows that changed, those among them that grew too old as `expired`.
fn differing(mut rows: Vec<Conversion>, before: &[&Conversion], now: Timestamp) -> Vec<Conversion> {
    for row in &mut rows {
        if matches!(row.state, State::Held | State::Ready) && is_expired(row.event_time, now) {
            (row.state, row.reason) = if row.resent {
                (State::Unknown, Reason::AnswerLost)
            } else {
                (State::Expired, Reason::TooOld)
            };
        }
    }
    rows.into_iter().zip(before).filter(|(now, then)| now != **then).map(|(now, _)| now).collect()
}

/// Whether an event of `event_time` is too old to be sent at `now`.
pub fn is_expired(event_time: Timestamp, now: Timestamp) -> bool {
    now.since(event_time) > SEND_WITHIN
}

/// The end of a hold that begins at `from`.
fn leaves_at(from: Timestamp, event_time: Timestamp, policy: &Policy) -> Timestamp {
    (from + policy.hold).min((event_time + HOLD_WITHIN).max(from))
}

/// The event happened at another moment than was thought; it may leave no later than that allows.
fn set_time(row: &mut Conversion, event_time: Timestamp) {
    if row.event_time != event_time {
        row.event_time = event_time;
        row.leaves_at = row.leaves_at.min(event_time + HOLD_WITHIN);
    }
}

/// How an event begins, or wakes, if nothing else stands in its way.
fn readiness(name: EventName, value_known: bool, context: SignalContext<'_>) -> (State, Reason) {
    match () {
        () if context.mode == Mode::Shadow => (State::Suppressed, Reason::Shadow),
        () if !context.channel_is_sent => (State::Suppressed, Reason::ChannelNotSent),
        () if context.refused.contains(&name) => (State::Suppressed, Reason::NameRefused),
        () if !context.person_known => (State::Held, Reason::PersonMissing),
        () if !value_known => (State::Held, Reason::ValueMissing),
        () => (State::Held, Reason::Hold),
    }
}

/// What an event that is no Purchase ought to be now.
enum Target {
    /// It has no cause.
    Nothing(Reason),
    /// It is to leave: when its cause happened.
    Due { event_time: Timestamp },
}

/// Turns a row that is no Purchase to what is wanted of it.
fn turn(row: &mut Conversion, wanted: &Target, context: SignalContext<'_>) {
    match (row.state, wanted) {
        (State::Held | State::Ready, Target::Nothing(reason)) => row.rest(*reason),
        (State::Suppressed, Target::Nothing(reason)) if row.reason.wakes() => row.reason = *reason,
        (State::Held | State::Ready, Target::Due { event_time }) => {
            let lives = SignalContext { mode: Mode::Live, ..context };
            let (state, reason) = readiness(row.name, true, lives);
            if !row.frozen {
                set_time(row, *event_time);
            }
            if state == State::Suppressed {
                row.rest(reason);
            } else if reason != Reason::Hold && !row.frozen {
                (row.state, row.reason) = (state, reason);
            } else if row.reason == Reason::PersonMissing {
                row.reason = Reason::Hold;
            }
        }
        (State::Suppressed, Target::Due { event_time }) if row.reason.wakes() => {
            let (state, reason) = readiness(row.name, true, context);
            if state == State::Held {
                row.wake(*event_time, None, (state, reason));
                row.leaves_at = leaves_at(context.now, *event_time, context.policy);
            } else {
                row.reason = reason;
            }
        }
        _ => {}
    }
}
