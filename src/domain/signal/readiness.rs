//! Readiness: when a conversion may leave, what stands in its way, and how a row follows its cause while Meta has
//! certainly not taken it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::order::fold::Moment;
use crate::domain::signal::context::SignalContext;
use crate::domain::signal::conversion::{Conversion, EventName, Reason, State};
use crate::domain::signal::policy::{Mode, Policy};

/// The greatest age of an event when its attempt opens: Meta takes events of the last 7 days (Meta's documentation of
/// the Conversions API, "Server Event Parameters", `event_time`), less a minute for the way.
pub const SEND_WITHIN: Duration = Duration::from_mins(7 * 24 * 60 - 1);

/// A Purchase that waits for a person's word on a flagged cancel or return waits until so long before its age ends.
pub const ASKED_WITHIN: Duration = Duration::from_hours(1);

/// A hold ends at most so long after the event: an hour is left for attempts before Meta's 7 days are over.
const HOLD_WITHIN: Duration = Duration::from_hours(7 * 24 - 1);

/// Whether an event of `event_time` is too old to be sent at `now`.
pub fn is_expired(event_time: Timestamp, now: Timestamp) -> bool {
    now.since(event_time) > SEND_WITHIN
}

/// The end of a hold that begins at `from`, cut short by the age that an event may reach, but never before `from`.
pub(super) fn leaves_at(from: Timestamp, event_time: Timestamp, policy: &Policy) -> Timestamp {
    (from + policy.hold).min((event_time + HOLD_WITHIN).max(from))
}

/// How long a value that came or changed late is guarded, or for the hold if that is shorter.
const GUARD: Duration = Duration::from_mins(10);

/// The end of the hold of a row whose money changed just now: not before the guard is over, as far as the age that the
/// event may reach allows.
pub(super) fn guarded(row: &Conversion, context: SignalContext<'_>) -> Timestamp {
    row.leaves_at.max(guard(row.event_time, context))
}

fn guard(event_time: Timestamp, context: SignalContext<'_>) -> Timestamp {
    let end = context.now + GUARD.min(context.policy.hold);
    end.min((event_time + HOLD_WITHIN).max(context.now))
}

/// The end of the hold of a Purchase that is made just now: its fact may have been recorded long ago, if a person's word
/// about it came since, so that its value is guarded as one that came late.
pub(super) fn first_leaves_at(moment: Moment, context: SignalContext<'_>) -> Timestamp {
    let end = leaves_at(moment.recorded_at, moment.occurred_at, context.policy);
    end.max(guard(moment.occurred_at, context))
}

/// Corrects the time of an event that has not left; its hold may have to end earlier for that.
pub(super) fn set_time(row: &mut Conversion, event_time: Timestamp) {
    if row.event_time != event_time {
        row.event_time = event_time;
        row.leaves_at = row.leaves_at.min(event_time + HOLD_WITHIN);
    }
}

/// The state and reason with which an event begins or wakes, as far as Page, channel, person and value decide. The
/// first obstacle counts.
pub(super) fn readiness(name: EventName, value_known: bool, context: SignalContext<'_>) -> (State, Reason) {
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
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Suppressed for this reason: its cause is gone, or Meta does not know the order.
    Nothing(Reason),
    /// To be sent; its cause happened at this time.
    Due(Timestamp),
    /// To be sent once a person has spoken; its cause happened at this time.
    Asked(Timestamp, Reason),
}

/// Moves a lead or lifecycle event to its target, as far as its state still allows. A row that was made in `live`
/// does not become suppressed when the Page goes to `shadow`, so the mode counts only for what wakes.
pub(super) fn update_row(row: &mut Conversion, target: Target, context: SignalContext<'_>) {
    let (event_time, asked) = match target {
        Target::Nothing(reason) => return stop(row, reason),
        Target::Due(event_time) => (event_time, None),
        Target::Asked(event_time, reason) => (event_time, Some(reason)),
    };
    let stands = |readiness: (State, Reason)| match (readiness, asked) {
        ((State::Held, Reason::Hold), Some(reason)) => (State::Held, reason),
        (other, _) => other,
    };
    let wakes = match row.state {
        State::Suppressed => row.reason.wakes(),
        State::Rejected | State::Expired => {
            let is_answered = row.state == State::Expired && row.reason.is_asked() && asked.is_none();
            row.is_open_to_change() && (row.event_time != event_time || is_answered)
        }
        _ => false,
    };
    match row.state {
        State::Held | State::Ready => {
            let as_if_live = SignalContext { mode: Mode::Live, ..context };
            let (state, reason) = stands(readiness(row.name, true, as_if_live));
            if !row.frozen {
                set_time(row, event_time);
            }
            if state == State::Suppressed {
                row.suppress(reason);
            } else if reason != Reason::Hold && !row.frozen {
                (row.state, row.reason) = (state, reason);
            } else if row.reason == Reason::PersonMissing || row.reason.is_asked() {
                row.reason = Reason::Hold;
            }
        }
        _ if wakes => {
            let (state, reason) = stands(readiness(row.name, true, context));
            if state == State::Held {
                row.wake(event_time, None, (state, reason));
                row.leaves_at = leaves_at(context.now, event_time, context.policy);
            } else {
                (row.state, row.reason) = (state, reason);
            }
        }
        _ => {}
    }
}

/// Its cause is gone: it does not leave, and wakes when the cause comes back.
fn stop(row: &mut Conversion, reason: Reason) {
    match row.state {
        State::Held | State::Ready => row.suppress(reason),
        State::Suppressed if row.reason.wakes() => row.reason = reason,
        State::Rejected | State::Expired if row.is_open_to_change() => row.suppress(reason),
        _ => {}
    }
}
