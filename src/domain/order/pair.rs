//! The table of pairs: what two tellings of one conversation are to each other. It reads like the table of the rules:
//! each row has a rank, the surest first; within a rank the pair nearest in time is looked at first.

use std::time::Duration;

use crate::domain::basic::money::Money;
use crate::domain::order::telling::{Account, Basis, Timing};

/// Two doors that tell of one value within this time tell of one sale.
const AT_ONCE: Duration = Duration::from_mins(10);

/// A CRM's entry within this time after a stated agreement of its value is of that sale; and two numbers by which
/// different senders tell of one value are of one sale only within it.
const ENTERED_WITHIN: Duration = Duration::from_hours(1);

/// A CRM's entry within this time after it is of that sale if it can be of no other.
const ENTERED_LATE_WITHIN: Duration = Duration::from_hours(6);

/// A tap within this time after a stated agreement of its value is of that sale; a later one may be of the next.
const TAPPED_WITHIN: Duration = Duration::from_hours(1);

/// A CRM's entry is made after the agreement; one that lies further before it than this is rather of another sale.
const ENTERED_BEFORE: Duration = Duration::from_mins(2);

/// The same door with the same value within this time is asked about even after the first sale ended; a fact without a
/// time is counted to a sale of its value within it.
const SAME_HALF_DAY: Duration = Duration::from_hours(12);

/// A row of the table, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// The same value within 10 minutes.
    SameValueAtOnce,
    /// The same value otherwise: a late tap beside another door, or one that must be asked about.
    SameValue,
    /// The same value, of which one is the courier's sum that nobody confirmed.
    CouriersSum,
    /// The same value, of which one is an outside fact without a time.
    Untimed,
    /// Both name a value, and not the same one.
    OtherValue,
    /// A `confirmed` that was taken back, and the next telling.
    TakenBack,
    /// One without a value that was only shipped or delivered, or confirmed by a label.
    Unvalued,
    /// One without a value that nobody confirmed and that was cancelled or returned: what it is counted to is off, or
    /// worth less.
    CalledOff,
}

impl Row {
    /// Whether both name one value.
    pub const fn is_same_value(self) -> bool {
        matches!(self, Self::SameValueAtOnce | Self::SameValue | Self::CouriersSum | Self::Untimed)
    }
}

/// What a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One sale; `by_value` if only the value says so, so that it is shown and can be parted.
    One {
        /// Only the value says so.
        by_value: bool,
    },
    /// One sale if the telling can be no other; else a person is asked. `by_value` as above.
    OneIfOnly {
        /// Only the value says so.
        by_value: bool,
    },
    /// A person is asked.
    Ask,
}

/// What two tellings are to each other, and by which row; `None` if they are two sales.
pub fn judge(a: &Account<'_>, b: &Account<'_>) -> Option<(Row, Verdict)> {
    if !a.is_near(b) {
        return None;
    }
    match (a.basis, b.basis) {
        // A cancel of which nothing else is known is no next telling: what it is of may be told yet.
        (Basis::TakenBack, Basis::TakenBack | Basis::CalledOff) | (Basis::CalledOff, Basis::TakenBack) => {
            return None;
        }
        (Basis::TakenBack, _) => return is_next(a, b).then_some((Row::TakenBack, ONE)),
        (_, Basis::TakenBack) => return is_next(b, a).then_some((Row::TakenBack, ONE)),
        _ => {}
    }
    if has_ended_before(a, b) || has_ended_before(b, a) {
        let said_again = a.door == b.door && a.agrees_in_value(b) && a.distance(b) <= SAME_HALF_DAY;
        return said_again.then_some((Row::SameValue, Verdict::Ask));
    }
    let is_agreed = |account: &Account<'_>| account.basis == Basis::Confirmed;
    if !is_agreed(a) && !is_agreed(b) {
        return None;
    }
    match (a.values.is_empty(), b.values.is_empty()) {
        (false, false) if a.agrees_in_value(b) => Some(same_value(a, b)),
        (false, false) => Some((Row::OtherValue, Verdict::Ask)),
        // A part that came back is no end, and may be of another sale.
        _ if is_part_return(a) || is_part_return(b) => Some((Row::CalledOff, Verdict::Ask)),
        _ if calls_off(a) || calls_off(b) => Some((Row::CalledOff, Verdict::OneIfOnly { by_value: false })),
        _ if is_over_by_then(a, b) || is_over_by_then(b, a) => Some((Row::Unvalued, Verdict::Ask)),
        _ => Some((Row::Unvalued, ONE)),
    }
}

const ONE: Verdict = Verdict::One { by_value: false };
const ONE_BY_VALUE: Verdict = Verdict::One { by_value: true };
const ONE_BY_VALUE_IF_ONLY: Verdict = Verdict::OneIfOnly { by_value: true };

fn same_value(a: &Account<'_>, b: &Account<'_>) -> (Row, Verdict) {
    let distance = a.distance(b);
    let called_off = is_called_off_by_then(a, b) || is_called_off_by_then(b, a);
    let is_timing = |timing| a.timing == timing || b.timing == timing;
    let unconfirmed = a.basis != Basis::Confirmed || b.basis != Basis::Confirmed;
    let row = match () {
        () if unconfirmed => Row::CouriersSum,
        () if is_timing(Timing::Untimed) => Row::Untimed,
        () if distance <= AT_ONCE && !called_off => Row::SameValueAtOnce,
        () => Row::SameValue,
    };
    let verdict = match row {
        Row::SameValueAtOnce if is_entry_before(a, b) || is_entry_before(b, a) => ONE_BY_VALUE_IF_ONLY,
        Row::SameValueAtOnce => ONE_BY_VALUE,
        Row::CouriersSum => ONE,
        _ if called_off => Verdict::Ask,
        Row::Untimed if is_recorded_before(a, b) || is_recorded_before(b, a) => Verdict::Ask,
        Row::Untimed if distance <= SAME_HALF_DAY => ONE_BY_VALUE,
        _ if a.has_other_number(b) && distance > ENTERED_WITHIN => Verdict::Ask,
        Row::SameValue if is_late_tap(a, b) || is_late_tap(b, a) => ONE_BY_VALUE,
        Row::SameValue if is_entry_of(a, b) || is_entry_of(b, a) => match distance {
            distance if distance <= ENTERED_WITHIN => ONE_BY_VALUE,
            _ => ONE_BY_VALUE_IF_ONLY,
        },
        _ => Verdict::Ask,
    };
    (row, verdict)
}

/// Whether one was tapped, after the other may have been agreed, and through another door: where somebody stated when
/// that was, within the hour, and where a CRM entered it after the tap, on the same day.
fn is_late_tap(tap: &Account<'_>, other: &Account<'_>) -> bool {
    let is_near = match other.timing {
        Timing::Stated => tap.distance(other) <= TAPPED_WITHIN,
        Timing::StatedOutside => tap.at >= other.at || tap.distance(other) <= ENTERED_LATE_WITHIN,
        Timing::Tapped | Timing::Untimed => true,
    };
    tap.timing == Timing::Tapped && tap.touches(other) && !tap.shares_door(other) && is_near
}

/// Whether an outside fact without a time was recorded before the other was agreed, as somebody states.
fn is_recorded_before(untimed: &Account<'_>, agreed: &Account<'_>) -> bool {
    untimed.timing == Timing::Untimed && agreed.timing == Timing::Stated && untimed.at + AT_ONCE < agreed.at
}

/// Whether both name one value but for the delivery fee, which one of them does not count.
pub fn agree_but_for_fee(a: &Account<'_>, b: &Account<'_>) -> bool {
    let agrees = |one: &Account<'_>, other: &Account<'_>| {
        one.values.iter().any(|value| {
            let goods = Money::new(value.minor - one.delivery_fee, value.currency);
            one.delivery_fee > 0 && other.values.contains(&goods)
        })
    };
    agrees(a, b) || agrees(b, a)
}

/// Whether one is what a CRM entered on the day on which the other was agreed, as both state.
fn is_entry_of(entry: &Account<'_>, agreed: &Account<'_>) -> bool {
    entry.timing == Timing::StatedOutside
        && agreed.timing == Timing::Stated
        && entry.touches(agreed)
        && entry.distance(agreed) <= ENTERED_LATE_WITHIN
}

/// Whether one is what a CRM entered before the other was agreed, as both state.
fn is_entry_before(entry: &Account<'_>, agreed: &Account<'_>) -> bool {
    entry.timing == Timing::StatedOutside
        && agreed.timing == Timing::Stated
        && entry.at + ENTERED_BEFORE < agreed.at
}

/// Whether two tellings are of one moment; one of which nobody stated it claims none.
pub fn is_at_once(one: &Account<'_>, other: &Account<'_>) -> bool {
    let is_untimed = |account: &Account<'_>| account.timing == Timing::Untimed;
    !is_untimed(one) && !is_untimed(other) && one.distance(other) <= AT_ONCE
}

/// Whether `next` was not told before a `confirmed` that was taken back.
fn is_next(taken_back: &Account<'_>, next: &Account<'_>) -> bool {
    next.at + AT_ONCE >= taken_back.at
}

/// Whether the sale of one had ended before that of the other can have been agreed.
pub fn has_ended_before(one: &Account<'_>, other: &Account<'_>) -> bool {
    one.ended_at.is_some_and(|ended| ended < other.from)
}

/// Whether nothing is told but that a part came back.
fn is_part_return(account: &Account<'_>) -> bool {
    account.basis == Basis::CalledOff && !account.is_called_off
}

/// Whether a telling that nobody confirmed ends what it is counted to, or takes a part of its value away.
pub fn calls_off(account: &Account<'_>) -> bool {
    let takes_away = account.is_called_off || account.is_part_returned;
    account.basis == Basis::CalledOff || (account.basis == Basis::Carried && takes_away)
}

/// Whether one was called off by the time at which the other was told; told again by the same door, whether it had
/// ended at all.
fn is_over_by_then(one: &Account<'_>, other: &Account<'_>) -> bool {
    let ended = one.ended_at.is_some_and(|ended| ended <= other.at);
    is_called_off_by_then(one, other) || (ended && one.door == other.door)
}

/// Whether one was cancelled or returned by the time at which the other was told.
pub fn is_called_off_by_then(one: &Account<'_>, other: &Account<'_>) -> bool {
    one.called_off_at.is_some_and(|called_off| called_off <= other.at)
}
