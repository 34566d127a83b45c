//! Signal: which conversions follow from a conversation by the signal policy, and what becomes of those that it has.
//! A pure function: the aggregate goes in, rows to change and drafts of new rows come out. It runs after every fact
//! and again just before a row leaves. As long as Meta has certainly not taken a conversion it follows the ledger;
//! afterwards it stays as it is, for a conversion can't be taken back.

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

/// The greatest age of an event when its attempt opens: Meta takes events of the last 7 days (Meta's documentation of
/// the Conversions API, "Server Event Parameters", `event_time`), less a minute for the way.
pub const SEND_WITHIN: Duration = Duration::from_mins(7 * 24 * 60 - 1);

/// A hold ends at most so long after the event: an hour is left for attempts before Meta's 7 days are over.
pub const HOLD_WITHIN: Duration = Duration::from_hours(7 * 24 - 1);

/// What of a Page and its dataset decides which conversions are made and which may leave.
#[derive(Clone, Debug)]
pub struct SignalRules {
    /// In `shadow` conversions are made suppressed. `paused` changes nothing here: it only stops sending.
    pub mode: Mode,
    /// Every version of the Page's policy, oldest first: the last is in force.
    pub policies: Vec<Policy>,
    /// Event names that the dataset refused (2804066); `Purchase` is never among them.
    pub refused: HashSet<EventName>,
}

impl SignalRules {
    /// The policy of this version; the one in force if the version is not known.
    pub fn policy(&self, version: i64) -> Policy {
        let found = self.policies.iter().find(|policy| policy.version == version);
        found.or(self.policies.last()).copied().unwrap_or_default()
    }

    /// The policy for what is confirmed from now on; the default of a Page that has none yet.
    pub fn in_force(&self) -> Policy {
        self.policies.last().copied().unwrap_or_default()
    }
}

/// What besides the ledger decides about one row.
#[derive(Clone, Copy, Debug)]
struct SignalContext<'a> {
    /// The policy that made the row, or is to make it.
    policy: &'a Policy,
    mode: Mode,
    /// Event names that the dataset refused.
    refused: &'a HashSet<EventName>,
    /// Without a person an event has nobody to be about.
    person_known: bool,
    /// Only Messenger's events are sent so far.
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

/// The conversions of a conversation as they ought to be: the rows that change, as changed, and drafts of new ones.
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

/// The conversions of an order, or with `None` the leads: as they are, and a copy to be changed.
fn rows_of<'a>(
    aggregate: &'a ConversationAggregate,
    order: Option<&OrderId>,
) -> (Vec<&'a Conversion>, Vec<Conversion>) {
    let before: Vec<_> = aggregate.conversions.iter().filter(|row| row.order_id.as_ref() == order).collect();
    let rows = before.iter().map(|row| (*row).clone()).collect();
    (before, rows)
}

/// Whether the order of a row is no longer one of its own: it joined another order or is parked. A lead has no order,
/// so this is false for it.
pub fn is_of_no_order(aggregate: &ConversationAggregate, row: &Conversion) -> bool {
    let Some(order) = &row.order_id else { return false };
    !aggregate.orders.iter().any(|ledger| ledger.id == *order && !ledger.parked)
}

/// Whether a suppressed row has no cause in the ledger, not even an undone one: only the order of arrival brought it
/// about, so it is dropped instead of shown.
pub fn is_without_cause(aggregate: &ConversationAggregate, row: &Conversion, rules: &SignalRules) -> bool {
    if row.state != State::Suppressed || !row.reason.wakes() || row.reason == Reason::NameRefused {
        return false;
    }
    let Some(order) = &row.order_id else { return !lead::has_qualified_fact(aggregate, row) };
    let Some(ledger) = aggregate.orders.iter().find(|ledger| ledger.id == *order) else { return true };
    let policy = rules.policy(row.policy_version);
    let moment = match row.name {
        EventName::Purchase if row.number > 0 => return false,
        EventName::Purchase => policy.purchase_on.reached(&ledger.order),
        name => lifecycle::moment_of(name, &ledger.order, &policy),
    };
    moment.is_none() && !ledger.facts.iter().any(|fact| fact.undone)
}

/// The rows that differ from `before`, after those that grew too old were ended: as `expired`, or as `unknown` where
/// Meta may have taken an earlier attempt.
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
    rows.into_iter().zip(before).filter(|(row, before)| row != **before).map(|(row, _)| row).collect()
}

/// Whether an event of `event_time` is too old to be sent at `now`.
pub fn is_expired(event_time: Timestamp, now: Timestamp) -> bool {
    now.since(event_time) > SEND_WITHIN
}

/// The end of a hold that begins at `from`, cut short by the age that an event may reach, but never before `from`.
fn leaves_at(from: Timestamp, event_time: Timestamp, policy: &Policy) -> Timestamp {
    (from + policy.hold).min((event_time + HOLD_WITHIN).max(from))
}

/// Corrects the time of an event that has not left; its hold may have to end earlier for that.
fn set_time(row: &mut Conversion, event_time: Timestamp) {
    if row.event_time != event_time {
        row.event_time = event_time;
        row.leaves_at = row.leaves_at.min(event_time + HOLD_WITHIN);
    }
}

/// The state and reason with which an event begins or wakes, as far as Page, channel, person and value decide. The
/// first obstacle counts.
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

/// What a lead or lifecycle event ought to be now.
enum Target {
    /// Suppressed for this reason: its cause is gone, or Meta does not know the order.
    Nothing(Reason),
    /// To be sent; its cause happened at `event_time`.
    Due { event_time: Timestamp },
}

/// Moves a lead or lifecycle event to its target, as far as its state still allows. A row that was made in `live`
/// does not become suppressed when the Page goes to `shadow`, so the mode counts only for what wakes.
fn update_row(row: &mut Conversion, target: &Target, context: SignalContext<'_>) {
    match (row.state, target) {
        (State::Held | State::Ready, Target::Nothing(reason)) => row.suppress(*reason),
        (State::Suppressed, Target::Nothing(reason)) if row.reason.wakes() => row.reason = *reason,
        (State::Held | State::Ready, Target::Due { event_time }) => {
            let as_if_live = SignalContext { mode: Mode::Live, ..context };
            let (state, reason) = readiness(row.name, true, as_if_live);
            if !row.frozen {
                set_time(row, *event_time);
            }
            if state == State::Suppressed {
                row.suppress(reason);
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
