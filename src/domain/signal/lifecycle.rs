//! Lifecycle events, where the policy turns them on: `OrderCreated` (if the Purchase comes later than `confirmed`),
//! `OrderShipped`, `OrderDelivered`, `OrderCanceled` and `OrderReturned`. All but the first leave only if Meta knows
//! the order, which it does once the Purchase or the `OrderCreated` is sent or unknown. So a cancel inside the hold
//! tells Meta nothing at all. The first tells Meta of the order, so it waits as a Purchase does while a person is asked
//! about the order. They carry no value.

use crate::domain::order::fold::{self, Moment, Order};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::signal::context::SignalContext;
use crate::domain::signal::conversion::{Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::{Policy, PurchaseOn};
use crate::domain::signal::purchase::{obstacle, suppression_reason};
use crate::domain::signal::readiness::{Target, leaves_at, readiness, set_time, update_row};

/// In the order in which they are derived: the others look at what became of `OrderCreated`.
const NAMES: [EventName; 5] = [
    EventName::OrderCreated,
    EventName::OrderShipped,
    EventName::OrderDelivered,
    EventName::OrderCanceled,
    EventName::OrderReturned,
];

/// Updates the lifecycle events among `rows`, which are all of one order, and gives drafts of new ones.
pub(super) fn derive(
    ledger: &OrderLedger,
    rows: &mut [Conversion],
    context: SignalContext<'_>,
) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for name in NAMES {
        let known_to_meta = is_known_to_meta(rows);
        let cause = cause_of(name, &ledger.order, context.policy);
        let moment = moment_of(name, &ledger.order, context.policy);
        if let Some(row) = rows.iter_mut().find(|row| row.name == name) {
            let is_underway = !matches!(row.state, State::Rejected | State::Expired);
            if let Some(moment) = moment.filter(|_| row.is_open_to_change() && is_underway) {
                set_time(row, moment.occurred_at);
            }
            update_row(row, target_of(name, cause, known_to_meta, ledger), context);
            continue;
        }
        let Some(moment) = moment.filter(|_| context.policy.lifecycle) else { continue };
        let (state, reason) = match readiness(name, true, context) {
            (State::Held, _) if cause.is_none() => (State::Suppressed, suppression_reason(&ledger.order)),
            (State::Held, _) if name != EventName::OrderCreated && !known_to_meta => {
                (State::Suppressed, Reason::PurchaseNotSent)
            }
            (State::Held, Reason::Hold) if name == EventName::OrderCreated => {
                (State::Held, obstacle(ledger).unwrap_or(Reason::Hold))
            }
            unchanged => unchanged,
        };
        drafts.push(Draft {
            name,
            number: 0,
            order_id: Some(ledger.id.clone()),
            policy_version: context.policy.version,
            event_time: moment.occurred_at,
            state,
            reason,
            value: None,
            leaves_at: leaves_at(moment.recorded_at, moment.occurred_at, context.policy),
            uplift_ids: Vec::new(),
            contents: None,
        });
    }
    drafts
}

/// Whether the order's base Purchase or `OrderCreated` was taken, or perhaps taken.
fn is_known_to_meta(rows: &[Conversion]) -> bool {
    rows.iter().any(|row| {
        matches!(row.name, EventName::Purchase | EventName::OrderCreated)
            && row.number == 0
            && matches!(row.state, State::Sent | State::Unknown)
    })
}

/// The fact that an event reports, unless the order ended since: then only the end itself is reported.
fn cause_of(name: EventName, order: &Order, policy: &Policy) -> Option<Moment> {
    let reports_end = matches!(name, EventName::OrderCanceled | EventName::OrderReturned);
    moment_of(name, order, policy).filter(|_| reports_end || order.state.is_sale())
}

/// The fact that an event reports, whatever became of the order since.
pub(super) fn moment_of(name: EventName, order: &Order, policy: &Policy) -> Option<Moment> {
    match name {
        EventName::OrderCreated => order.confirmed.filter(|moment| comes_later(order, policy, *moment)),
        EventName::OrderShipped => order.shipped,
        EventName::OrderDelivered => order.delivered,
        EventName::OrderCanceled if order.state == fold::State::Cancelled => order.ended,
        EventName::OrderReturned if order.state == fold::State::Returned => order.ended,
        _ => None,
    }
}

/// Whether the Purchase comes later than `confirmed`; else the Purchase itself says that there is an order.
fn comes_later(order: &Order, policy: &Policy, confirmed: Moment) -> bool {
    let reached = policy.purchase_on.reached(order);
    policy.purchase_on != PurchaseOn::Confirmed
        && reached.is_none_or(|moment| moment.occurred_at > confirmed.occurred_at)
}

/// What an event ought to be, given its cause.
fn target_of(name: EventName, cause: Option<Moment>, known_to_meta: bool, ledger: &OrderLedger) -> Target {
    let is_first = name == EventName::OrderCreated;
    match (cause, obstacle(ledger)) {
        (None, _) => Target::Nothing(suppression_reason(&ledger.order)),
        (Some(_), _) if !is_first && !known_to_meta => Target::Nothing(Reason::PurchaseNotSent),
        (Some(moment), Some(reason)) if is_first => Target::Asked(moment.occurred_at, reason),
        (Some(moment), _) => Target::Due(moment.occurred_at),
    }
}
