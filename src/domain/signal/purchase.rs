//! The Purchases of an order: the *base*, once in its life, and one *uplift* Purchase for each cross-sell that came
//! when the base could no longer take it in. The base tells the order's value less delivery fee, returns and what
//! uplift Purchases tell; an uplift leaves only after the base. Uplifts that Meta was told of and that were undone
//! since are used up by the next ones, so that Meta is not told of the same sum twice.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Money;
use crate::domain::order::fold::{self, Order, Uplift};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Item, Terms};
use crate::domain::signal::context::SignalContext;
use crate::domain::signal::conversion::{Content, Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::Mode;
use crate::domain::signal::readiness::{leaves_at, readiness, set_time};

/// Updates the Purchases among `rows`, which are all of one order, and gives drafts of new ones.
pub(super) fn derive(
    ledger: &OrderLedger,
    rows: &mut [Conversion],
    context: SignalContext<'_>,
) -> Vec<Draft> {
    let order = &ledger.order;
    let mut drafts = Vec::new();
    let base = rows.iter().position(is_base);
    let base_takes_uplifts = base.is_none_or(|index| rows[index].is_open_to_change());
    let mut number = rows.iter().map(|row| row.number).max().unwrap_or(0);
    for uplift in order.uplifts.iter().filter(|_| !base_takes_uplifts) {
        if rows.iter().any(|row| row.uplift_ids.contains(&uplift.outcome_id)) {
            continue;
        }
        if let Some((index, undone)) = told_but_undone(rows, order) {
            rows[index].uplift_ids.retain(|outcome| *outcome != undone);
            rows[index].uplift_ids.push(uplift.outcome_id.clone());
        } else if let Some(unused) = rows.iter().position(|row| is_uplift(row) && is_unused(row, order)) {
            rows[unused].uplift_ids = vec![uplift.outcome_id.clone()];
        } else {
            number += 1;
            drafts.push(draft_uplift(uplift, number, &rows[base.unwrap_or(0)], ledger, context));
        }
    }
    match base {
        Some(index) => {
            if base_takes_uplifts {
                rows[index].uplift_ids = uplifts_in_base(order, rows);
            }
            let (value, _) = base_goods(order, rows);
            update_base(&mut rows[index], order, value, context);
        }
        None => drafts.extend(draft_base(ledger, rows, context)),
    }
    let base_state = base.map(|index| rows[index].state);
    for row in rows.iter_mut().filter(|row| is_uplift(row)) {
        let uplift = order.uplifts.iter().find(|uplift| row.uplift_ids.contains(&uplift.outcome_id));
        update_uplift(row, uplift, order, base_state, context);
    }
    drafts
}

/// Number 0 is the base, in every order and for ever; it may be missing while the order has not reached `purchase_on`.
fn is_base(row: &Conversion) -> bool {
    row.name == EventName::Purchase && row.number == 0
}

fn is_uplift(row: &Conversion) -> bool {
    row.name == EventName::Purchase && row.number > 0
}

/// What a Purchase tells: its value in minor units, and its lines. A line without an article number is left out, as
/// Meta names a product by nothing else. `rows` are all conversions of the order.
pub fn goods(row: &Conversion, order: &Order, rows: &[Conversion]) -> (Option<i64>, Vec<Content>) {
    let (value, items) = if row.number == 0 {
        base_goods(order, rows)
    } else {
        let uplift = order.uplifts.iter().find(|uplift| row.uplift_ids.contains(&uplift.outcome_id));
        uplift.map_or((None, Vec::new()), |uplift| (Some(revenue(&uplift.terms)), uplift.terms.items.clone()))
    };
    let contents = items.into_iter().filter_map(|item| {
        let unit_price = Money::new(item.unit_price, order.currency);
        item.sku.map(|sku| Content { sku, quantity: item.quantity, unit_price })
    });
    (value, contents.collect())
}

/// The value of an uplift less its delivery fee, in minor units, as the policy counts revenue.
fn revenue(terms: &Terms) -> i64 {
    terms.value.unwrap_or(0).saturating_sub(terms.delivery_fee.unwrap_or(0)).max(0)
}

/// Whether an uplift Purchase, rather than the base, tells of this cross-sell.
fn is_told_apart(uplift: &Uplift, rows: &[Conversion]) -> bool {
    rows.iter().any(|row| row.number > 0 && row.uplift_ids.contains(&uplift.outcome_id))
}

/// The cross-sells of which the base tells.
fn uplifts_in_base(order: &Order, rows: &[Conversion]) -> Vec<OutcomeId> {
    let in_base = order.uplifts.iter().filter(|uplift| !is_told_apart(uplift, rows));
    in_base.map(|uplift| uplift.outcome_id.clone()).collect()
}

/// What the base tells: the order less delivery fee, returns, and the uplifts of which other Purchases tell. No value
/// while the order's is unknown; never below 0.
fn base_goods(order: &Order, rows: &[Conversion]) -> (Option<i64>, Vec<Item>) {
    let apart: Vec<&Uplift> = order.uplifts.iter().filter(|uplift| is_told_apart(uplift, rows)).collect();
    let revenue_apart: i64 = apart.iter().map(|uplift| revenue(&uplift.terms)).sum();
    // The order's fee contains those of its uplifts, and `revenue` has left them out already.
    let value = order.value.map(|value| (value - order.delivery_fee - revenue_apart - order.returned).max(0));
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

/// A Purchase that left, with a cross-sell that it told of and that was undone since. Meta counts that sum already,
/// so the next cross-sell takes its place instead of making another event.
fn told_but_undone(rows: &[Conversion], order: &Order) -> Option<(usize, OutcomeId)> {
    rows.iter().enumerate().filter(|(_, row)| row.may_be_taken()).find_map(|(index, row)| {
        let undone =
            row.uplift_ids.iter().find(|id| !order.uplifts.iter().any(|uplift| uplift.outcome_id == **id));
        undone.map(|id| (index, id.clone()))
    })
}

/// Whether a row that has not left tells of no effective cross-sell, so that it can tell of another one.
fn is_unused(row: &Conversion, order: &Order) -> bool {
    matches!(row.state, State::Held | State::Ready | State::Suppressed)
        && !row.uplift_ids.iter().any(|id| order.uplifts.iter().any(|uplift| uplift.outcome_id == *id))
}

/// A draft of the base, once the order has reached `purchase_on`.
fn draft_base(ledger: &OrderLedger, rows: &[Conversion], context: SignalContext<'_>) -> Option<Draft> {
    let order = &ledger.order;
    let moment = context.policy.purchase_on.reached(order)?;
    let (value, _) = base_goods(order, rows);
    let (state, reason) = match readiness(EventName::Purchase, value.is_some(), context) {
        // The order ended before we heard of it: the Purchase is made all the same, to show why it is not sent.
        (State::Held, _) if !order.state.is_sale() => (State::Suppressed, suppression_reason(order)),
        unchanged => unchanged,
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
        uplift_ids: uplifts_in_base(order, rows),
    })
}

fn draft_uplift(
    uplift: &Uplift,
    number: i64,
    base: &Conversion,
    ledger: &OrderLedger,
    context: SignalContext<'_>,
) -> Draft {
    let value = Some(revenue(&uplift.terms));
    let (state, reason) = match readiness(EventName::Purchase, true, context) {
        (State::Held, _) => uplift_readiness(&ledger.order, Some(base.state)),
        unchanged => unchanged,
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
        uplift_ids: vec![uplift.outcome_id.clone()],
    }
}

/// The reason with which events of an order that is no sale are suppressed.
pub(super) fn suppression_reason(order: &Order) -> Reason {
    match order.state {
        fold::State::Cancelled => Reason::Cancelled,
        fold::State::Returned => Reason::Returned,
        _ => Reason::Undone,
    }
}

/// Moves the base to where the order now wants it, as far as its state still allows. `value` is what it would tell.
fn update_base(row: &mut Conversion, order: &Order, value: Option<i64>, context: SignalContext<'_>) {
    let reached = context.policy.purchase_on.reached(order);
    let target = reached.filter(|_| order.state.is_sale());
    if let Some(moment) = reached.filter(|_| row.is_open_to_change()) {
        set_time(row, moment.occurred_at);
        row.value = value;
    }
    match (row.state, target) {
        (State::Held | State::Ready, None) => row.suppress(suppression_reason(order)),
        (State::Suppressed, None) if row.reason.wakes() => row.reason = suppression_reason(order),
        (State::Held | State::Ready, Some(_)) if !row.frozen => {
            let as_if_live = SignalContext { mode: Mode::Live, ..context };
            let (state, reason) = readiness(EventName::Purchase, value.is_some(), as_if_live);
            // Something is missing now, or no longer: a hold that runs or is over is not begun again.
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

/// The state and reason of an uplift Purchase as far as its order and base decide: it leaves only once the base was
/// taken or perhaps taken, and never if the base will not be.
fn uplift_readiness(order: &Order, base: Option<State>) -> (State, Reason) {
    match base {
        _ if !order.state.is_sale() => (State::Suppressed, suppression_reason(order)),
        Some(State::Sent | State::Unknown) => (State::Held, Reason::Hold),
        Some(State::Held | State::Ready | State::Sending) => (State::Held, Reason::WaitsForPurchase),
        _ => (State::Suppressed, Reason::PurchaseNotSent),
    }
}

/// Moves an uplift Purchase to where its cross-sell now wants it, as far as its state still allows. `uplift` is `None`
/// if the cross-sell was undone.
fn update_uplift(
    row: &mut Conversion,
    uplift: Option<&Uplift>,
    order: &Order,
    base: Option<State>,
    context: SignalContext<'_>,
) {
    let (state, reason) = match uplift {
        None => (State::Suppressed, Reason::Undone),
        Some(_) => uplift_readiness(order, base),
    };
    if let Some(uplift) = uplift.filter(|_| row.is_open_to_change()) {
        set_time(row, uplift.moment.occurred_at);
        row.value = Some(revenue(&uplift.terms));
    }
    match (row.state, state) {
        (State::Held | State::Ready, State::Suppressed) => row.suppress(reason),
        (State::Held, _) if row.reason != reason => row.reason = reason,
        (State::Ready, State::Held) if reason == Reason::WaitsForPurchase => {
            (row.state, row.reason) = (state, reason);
        }
        (State::Suppressed, State::Held) if row.reason.wakes() => {
            let Some(uplift) = uplift else { return };
            let event_time = uplift.moment.occurred_at;
            let woken = match readiness(row.name, true, context) {
                (State::Held, _) => (state, reason),
                unchanged => unchanged,
            };
            row.wake(event_time, Some(revenue(&uplift.terms)), woken);
            row.leaves_at = leaves_at(context.now, event_time, context.policy);
        }
        _ => {}
    }
}
