//! The life of an order as Meta is told of it, where the policy says so. Each event leaves only if Meta knows
//! the order: once its Purchase or its `OrderCreated` is sent or unknown.

use crate::domain::order::fold::{self, Moment, Order};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::signal::conversion::{Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::{Policy, PurchaseOn};
use crate::domain::signal::purchase::fallen;
use crate::domain::signal::{SignalContext, Target, leaves_at, readiness, set_time, turn};

const NAMES: [EventName; 5] = [
    EventName::OrderCreated,
    EventName::OrderShipped,
    EventName::OrderDelivered,
    EventName::OrderCanceled,
    EventName::OrderReturned,
];

/// Brings the lifecycle events among `rows`, which are all of one order, in line with it; gives new ones.
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
            if let Some(moment) = moment.filter(|_| row.is_open_to_change()) {
                set_time(row, moment.occurred_at);
            }
            turn(row, &wanted(name, cause, known_to_meta, &ledger.order), context);
            continue;
        }
        let Some(moment) = moment.filter(|_| context.policy.lifecycle) else { continue };
        let (state, reason) = match readiness(name, true, context) {
            (State::Held, _) if cause.is_none() => (State::Suppressed, fallen(&ledger.order)),
            (State::Held, _) if name != EventName::OrderCreated && !known_to_meta => {
                (State::Suppressed, Reason::PurchaseNotSent)
            }
            other => other,
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
            carries: Vec::new(),
        });
    }
    drafts
}

/// Whether this order's Purchase or `OrderCreated` left.
fn is_known_to_meta(rows: &[Conversion]) -> bool {
    rows.iter().any(|row| {
        matches!(row.name, EventName::Purchase | EventName::OrderCreated)
            && row.number == 0
            && matches!(row.state, State::Sent | State::Unknown)
    })
}

/// The fact that an event tells of, while it stands.
fn cause_of(name: EventName, order: &Order, policy: &Policy) -> Option<Moment> {
    let ends = matches!(name, EventName::OrderCanceled | EventName::OrderReturned);
    moment_of(name, order, policy).filter(|_| ends || order.state.is_sale())
}

/// The fact that an event tells of, whatever became of the order since.
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

/// Whether the Purchase comes later than the `confirmed` of this moment.
fn comes_later(order: &Order, policy: &Policy, confirmed: Moment) -> bool {
    let reached = policy.purchase_on.reached(order);
    policy.purchase_on != PurchaseOn::Confirmed
        && reached.is_none_or(|moment| moment.occurred_at > confirmed.occurred_at)
}

fn wanted(name: EventName, cause: Option<Moment>, known_to_meta: bool, order: &Order) -> Target {
    match cause {
        None => Target::Nothing(fallen(order)),
        Some(_) if name != EventName::OrderCreated && !known_to_meta => {
            Target::Nothing(Reason::PurchaseNotSent)
        }
        Some(moment) => Target::Due { event_time: moment.occurred_at },
    }
}
