//! The Purchase of an order: the base, once in its life, and an event of its own for each later uplift.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Money;
use crate::domain::order::fold::{self, Order, Uplift};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Item, Terms};
use crate::domain::signal::conversion::{Content, Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::Mode;
use crate::domain::signal::{SignalContext, leaves_at, readiness, set_time};

/// Brings the Purchases among `rows`, which are all of one order, in line with it; gives drafts of new ones.
pub(super) fn derive(
    ledger: &OrderLedger,
    rows: &mut [Conversion],
    context: SignalContext<'_>,
) -> Vec<Draft> {
    let order = &ledger.order;
    let mut drafts = Vec::new();
    let base = rows.iter().position(is_base);
    let joins = base.is_none_or(|index| rows[index].is_open_to_change());
    let mut number = rows.iter().map(|row| row.number).max().unwrap_or(0);
    for uplift in order.uplifts.iter().filter(|_| !joins) {
        if rows.iter().any(|row| row.carries.contains(&uplift.outcome_id)) {
            continue;
        }
        if let Some((slot, gone)) = used_slot(rows, order) {
            rows[slot].carries.retain(|outcome| *outcome != gone);
            rows[slot].carries.push(uplift.outcome_id.clone());
        } else if let Some(idle) = rows.iter().position(|row| is_uplift(row) && is_idle(row, order)) {
            rows[idle].carries = vec![uplift.outcome_id.clone()];
        } else {
            number += 1;
            drafts.push(draft_uplift(uplift, number, &rows[base.unwrap_or(0)], ledger, context));
        }
    }
    match base {
        Some(index) => {
            if joins {
                rows[index].carries = joined(order, rows);
            }
            let (value, _) = base_goods(order, rows);
            turn_base(&mut rows[index], order, value, context);
        }
        None => drafts.extend(draft_base(ledger, rows, context)),
    }
    let base_state = base.map(|index| rows[index].state);
    for row in rows.iter_mut().filter(|row| is_uplift(row)) {
        let uplift = order.uplifts.iter().find(|uplift| row.carries.contains(&uplift.outcome_id));
        turn_uplift(row, uplift, order, base_state, context);
    }
    drafts
}

fn is_base(row: &Conversion) -> bool {
    row.name == EventName::Purchase && row.number == 0
}

fn is_uplift(row: &Conversion) -> bool {
    row.name == EventName::Purchase && row.number > 0
}

/// What a Purchase tells of the goods: its worth in minor units, and its lines.
pub fn goods(row: &Conversion, order: &Order, rows: &[Conversion]) -> (Option<i64>, Vec<Content>) {
    let (value, items) = if row.number == 0 {
        base_goods(order, rows)
    } else {
        let uplift = order.uplifts.iter().find(|uplift| row.carries.contains(&uplift.outcome_id));
        uplift.map_or((None, Vec::new()), |uplift| (Some(worth(&uplift.terms)), uplift.terms.items.clone()))
    };
    let contents = items.into_iter().filter_map(|item| {
        let unit_price = Money::new(item.unit_price, order.currency);
        item.sku.map(|sku| Content { sku, quantity: item.quantity, unit_price })
    });
    (value, contents.collect())
}

fn worth(terms: &Terms) -> i64 {
    terms.value.unwrap_or(0).saturating_sub(terms.delivery_fee.unwrap_or(0)).max(0)
}

/// The uplifts that no row of their own reports.
fn joined(order: &Order, rows: &[Conversion]) -> Vec<OutcomeId> {
    let apart = |id: &OutcomeId| rows.iter().any(|row| row.number > 0 && row.carries.contains(id));
    order.uplifts.iter().map(|uplift| uplift.outcome_id.clone()).filter(|id| !apart(id)).collect()
}

/// The order less its delivery fee, what came back, and the uplifts that are reported apart.
fn base_goods(order: &Order, rows: &[Conversion]) -> (Option<i64>, Vec<Item>) {
    let apart: Vec<&Uplift> = order
        .uplifts
        .iter()
        .filter(|uplift| rows.iter().any(|row| row.number > 0 && row.carries.contains(&uplift.outcome_id)))
        .collect();
    let elsewhere: i64 = apart.iter().map(|uplift| worth(&uplift.terms)).sum();
    let fee_elsewhere: i64 = apart.iter().map(|uplift| uplift.terms.delivery_fee.unwrap_or(0)).sum();
    let fee = order.delivery_fee.saturating_sub(fee_elsewhere);
    let value = order.value.map(|value| (value - fee - fee_elsewhere - elsewhere - order.returned).max(0));
    let mut items = order.items.clone();
    for gone in apart.iter().flat_map(|uplift| &uplift.terms.items).chain(&order.returned_items) {
        if let Some(line) = items.iter_mut().rev().find(|line| line.sku == gone.sku && line.name == gone.name)
        {
            line.quantity -= gone.quantity;
        }
    }
    items.retain(|line| line.quantity > 0);
    (value, items)
}

/// A place in a Purchase that left for an uplift that was taken back since: Meta already counts it.
fn used_slot(rows: &[Conversion], order: &Order) -> Option<(usize, OutcomeId)> {
    rows.iter().enumerate().filter(|(_, row)| row.has_left()).find_map(|(index, row)| {
        let idle =
            row.carries.iter().find(|id| !order.uplifts.iter().any(|uplift| uplift.outcome_id == **id));
        idle.map(|id| (index, id.clone()))
    })
}

fn is_idle(row: &Conversion, order: &Order) -> bool {
    matches!(row.state, State::Held | State::Ready | State::Suppressed)
        && !row.carries.iter().any(|id| order.uplifts.iter().any(|uplift| uplift.outcome_id == *id))
}

fn draft_base(ledger: &OrderLedger, rows: &[Conversion], context: SignalContext<'_>) -> Option<Draft> {
    let order = &ledger.order;
    let moment = context.policy.purchase_on.reached(order)?;
    let (value, _) = base_goods(order, rows);
    let (state, reason) = match readiness(EventName::Purchase, value.is_some(), context) {
        // It ended before it was heard of: what is not sent is seen all the same.
        (State::Held, _) if !order.state.is_sale() => (State::Suppressed, fallen(order)),
        ready => ready,
    };
    Some(Draft {
        name: EventName::Purchase,
        number: 0,
        order_id: Some(ledger.id.clone()),
        policy_version: context.policy.version,
        event_time: moment.occurred_at,
        state,
        reason,
        value,
        leaves_at: leaves_at(moment.recorded_at, moment.occurred_at, context.policy),
        carries: joined(order, rows),
    })
}

fn draft_uplift(
    uplift: &Uplift,
    number: i64,
    base: &Conversion,
    ledger: &OrderLedger,
    context: SignalContext<'_>,
) -> Draft {
    let value = Some(worth(&uplift.terms));
    let (state, reason) = match readiness(EventName::Purchase, true, context) {
        (State::Held, _) => beside_base(&ledger.order, Some(base.state)),
        apart => apart,
    };
    Draft {
        name: EventName::Purchase,
        number,
        order_id: Some(ledger.id.clone()),
        policy_version: context.policy.version,
        event_time: uplift.moment.occurred_at,
        state,
        reason,
        value,
        leaves_at: leaves_at(uplift.moment.recorded_at, uplift.moment.occurred_at, context.policy),
        carries: vec![uplift.outcome_id.clone()],
    }
}

/// Why an order no longer gives a Purchase.
pub(super) fn fallen(order: &Order) -> Reason {
    match order.state {
        fold::State::Cancelled => Reason::Cancelled,
        fold::State::Returned => Reason::Returned,
        _ => Reason::Undone,
    }
}

fn turn_base(row: &mut Conversion, order: &Order, value: Option<i64>, context: SignalContext<'_>) {
    let reached = context.policy.purchase_on.reached(order);
    let target = reached.filter(|_| order.state.is_sale());
    if let Some(moment) = reached.filter(|_| row.is_open_to_change()) {
        set_time(row, moment.occurred_at);
        row.value = value;
    }
    match (row.state, target) {
        (State::Held | State::Ready, None) => row.rest(fallen(order)),
        (State::Suppressed, None) if row.reason.wakes() => row.reason = fallen(order),
        (State::Held | State::Ready, Some(_)) if !row.frozen => {
            let lives = SignalContext { mode: Mode::Live, ..context };
            let (state, reason) = readiness(EventName::Purchase, value.is_some(), lives);
            if reason != Reason::Hold
                || row.reason == Reason::ValueMissing
                || row.reason == Reason::PersonMissing
            {
                (row.state, row.reason) = (state, reason);
            }
        }
        (State::Suppressed, Some(moment)) if row.reason.wakes() => {
            row.wake(moment.occurred_at, value, readiness(row.name, value.is_some(), context));
            row.leaves_at = leaves_at(context.now, moment.occurred_at, context.policy);
        }
        _ => {}
    }
}

/// An uplift leaves only once the Purchase below it has left.
fn beside_base(order: &Order, base: Option<State>) -> (State, Reason) {
    match base {
        _ if !order.state.is_sale() => (State::Suppressed, fallen(order)),
        Some(State::Sent | State::Unknown) => (State::Held, Reason::Hold),
        Some(State::Held | State::Ready | State::Sending) => (State::Held, Reason::WaitsForPurchase),
        _ => (State::Suppressed, Reason::PurchaseNotSent),
    }
}

fn turn_uplift(
    row: &mut Conversion,
    uplift: Option<&Uplift>,
    order: &Order,
    base: Option<State>,
    context: SignalContext<'_>,
) {
    let (state, reason) = match uplift {
        None => (State::Suppressed, Reason::Undone),
        Some(_) => beside_base(order, base),
    };
    if let Some(uplift) = uplift.filter(|_| row.is_open_to_change()) {
        set_time(row, uplift.moment.occurred_at);
        row.value = Some(worth(&uplift.terms));
    }
    match (row.state, state) {
        (State::Held | State::Ready, State::Suppressed) => row.rest(reason),
        (State::Held, _) if row.reason != reason => row.reason = reason,
        (State::Ready, State::Held) if reason == Reason::WaitsForPurchase => {
            (row.state, row.reason) = (state, reason);
        }
        (State::Suppressed, State::Held) if row.reason.wakes() => {
            let Some(uplift) = uplift else { return };
            let event_time = uplift.moment.occurred_at;
            let woken = match readiness(row.name, true, context) {
                (State::Held, _) => (state, reason),
                apart => apart,
            };
            row.wake(event_time, Some(worth(&uplift.terms)), woken);
            row.leaves_at = leaves_at(context.now, event_time, context.policy);
        }
        _ => {}
    }
}
