//! The Purchases of an order: the *base*, once in its life, and one *uplift* Purchase for each cross-sell that came
//! when the base was taken already. As long as Meta has certainly not taken a Purchase it follows the ledger. What Meta
//! knows of an order never exceeds, by a later event, what the order is worth: an uplift tells at most what is left of
//! the revenue, so that sums which were told and then undone, amended or returned are used up first.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Money;
use crate::domain::order::fold::{self, Moment, Order, Uplift};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Item, Terms};
use crate::domain::signal::context::SignalContext;
use crate::domain::signal::conversion::{Content, Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::Mode;
use crate::domain::signal::readiness::{guarded, leaves_at, readiness, set_time};

/// Updates the Purchases among `rows`, which are all of one order, and gives drafts of new ones. `told_beside` is what
/// Meta knows of the sale by other tellings of it.
pub(super) fn derive(
    ledger: &OrderLedger,
    rows: &mut [Conversion],
    told_beside: i64,
    context: SignalContext<'_>,
) -> Vec<Draft> {
    let order = &ledger.order;
    let Some(base) = rows.iter().position(is_base) else {
        return draft_base(ledger, context).into_iter().collect();
    };
    if rows[base].is_open_to_change() {
        rows[base].carries = order.uplifts.iter().map(|uplift| uplift.outcome_id.clone()).collect();
        update_base(&mut rows[base], ledger, context);
        for row in rows.iter_mut().filter(|row| is_uplift(row) && row.is_open_to_change()) {
            row.carries.clear();
            update_uplift(row, None, &Uplifts { ledger, base: Some(&State::Held) }, context);
        }
        return Vec::new();
    }
    if matches!(rows[base].state, State::Held | State::Ready) && !order.state.is_sale() {
        // Its answer was lost, and it waits to be sent again.
        rows[base].suppress(suppression_reason(order));
    }
    let base_state = rows[base].state;
    let told: i64 = rows.iter().filter(|row| is_told(row)).filter_map(|row| row.value).sum();
    let mut left = order.value.map_or(0, |value| worth(order, value)) - told - told_beside;
    let mut number = rows.iter().map(|row| row.number).max().unwrap_or(0);
    let uplifts = Uplifts { ledger, base: Some(&base_state) };
    let mut updated: Vec<usize> = Vec::new();
    let mut drafts = Vec::new();
    for uplift in &order.uplifts {
        let carried = rows.iter().position(|row| row.carries.contains(&uplift.outcome_id));
        if carried.is_some_and(|index| !rows[index].is_open_to_change()) {
            continue;
        }
        let value = revenue(&uplift.terms).min(left);
        left -= value.max(0);
        let share = Share { uplift, value };
        if let Some(index) = carried.or_else(|| unused(rows, &updated, order)) {
            rows[index].carries = vec![uplift.outcome_id.clone()];
            update_uplift(&mut rows[index], Some(&share), &uplifts, context);
            updated.push(index);
        } else if value > 0 {
            number += 1;
            drafts.push(draft_uplift(&share, number, &uplifts, context));
        }
    }
    for (index, row) in rows.iter_mut().enumerate() {
        if is_uplift(row) && row.is_open_to_change() && !updated.contains(&index) {
            update_uplift(row, None, &uplifts, context);
        }
    }
    drafts
}

/// An order with the state of its base Purchase.
struct Uplifts<'a> {
    ledger: &'a OrderLedger,
    base: Option<&'a State>,
}

/// A cross-sell, and what of it is left to tell in minor units.
struct Share<'a> {
    uplift: &'a Uplift,
    value: i64,
}

/// Number 0 is the base, in every order and for ever; it may be missing while the order has not reached `purchase_on`.
fn is_base(row: &Conversion) -> bool {
    row.name == EventName::Purchase && row.number == 0
}

fn is_uplift(row: &Conversion) -> bool {
    row.name == EventName::Purchase && row.number > 0
}

/// Whether Meta knows of the sum of a Purchase, or perhaps does.
pub(super) fn is_told(row: &Conversion) -> bool {
    row.name == EventName::Purchase && (row.may_be_taken() || row.resent)
}

/// What a Purchase tells: its value in minor units, and its lines as they now stand. A line without an article number is
/// left out, as Meta names a product by nothing else; prices are left out where they do not sum to the value.
pub fn goods(row: &Conversion, order: &Order) -> (Option<i64>, Vec<Content>) {
    let items = if row.number == 0 {
        kept(order)
    } else {
        let uplift = order.uplifts.iter().find(|uplift| row.carries.contains(&uplift.outcome_id));
        uplift.map_or_else(Vec::new, |uplift| uplift.terms.items.clone())
    };
    let sum: Option<i64> = items.iter().try_fold(0_i64, |sum, item| {
        item.quantity.checked_mul(item.unit_price).and_then(|line| sum.checked_add(line))
    });
    let agrees = sum.is_some() && sum == row.value;
    let contents = items.into_iter().filter_map(|item| {
        let unit_price = agrees.then(|| Money::new(item.unit_price, order.currency));
        item.sku.map(|sku| Content { sku, quantity: item.quantity, unit_price })
    });
    (row.value, contents.collect())
}

/// The lines of an order less those that came back.
fn kept(order: &Order) -> Vec<Item> {
    let mut items = order.items.clone();
    for gone in &order.returned_items {
        if let Some(line) = items.iter_mut().rev().find(|line| line.sku == gone.sku && line.name == gone.name)
        {
            line.quantity -= gone.quantity;
        }
    }
    items.retain(|line| line.quantity > 0);
    items
}

/// The value of an uplift less its delivery fee, in minor units, as the policy counts revenue.
fn revenue(terms: &Terms) -> i64 {
    terms.value.unwrap_or(0).saturating_sub(terms.delivery_fee.unwrap_or(0)).max(0)
}

/// What an order of this value is worth: less the delivery fee and what came back.
fn worth(order: &Order, value: i64) -> i64 {
    value.saturating_sub(order.delivery_fee).saturating_sub(order.returned)
}

/// A row that has not left and tells of no effective cross-sell, so that it can tell of another one.
fn unused(rows: &[Conversion], updated: &[usize], order: &Order) -> Option<usize> {
    let is_effective = |id: &OutcomeId| order.uplifts.iter().any(|uplift| uplift.outcome_id == *id);
    rows.iter().enumerate().position(|(index, row)| {
        is_uplift(row)
            && row.is_open_to_change()
            && !updated.contains(&index)
            && !row.carries.iter().any(is_effective)
    })
}

/// What keeps every Purchase of an order from leaving until a person has spoken.
fn obstacle(ledger: &OrderLedger) -> Option<Reason> {
    match () {
        () if ledger.doubt.waits => Some(Reason::PerhapsSameSale),
        () if ledger.doubt.is_perhaps_told => Some(Reason::PerhapsTold),
        () if ledger.order.has_unsettled_end(&ledger.facts) => Some(Reason::Contradiction),
        () => None,
    }
}

/// The state and reason in which a Purchase of an order that has reached `purchase_on` begins, wakes or goes on.
fn standing(ledger: &OrderLedger, value: Option<i64>, context: SignalContext<'_>) -> (State, Reason) {
    match readiness(EventName::Purchase, value.is_some(), context) {
        (State::Held, _) if !ledger.order.state.is_sale() => {
            (State::Suppressed, suppression_reason(&ledger.order))
        }
        (State::Held, Reason::Hold) if value.is_some_and(|value| value <= 0) => {
            (State::Suppressed, Reason::WorthNothing)
        }
        (State::Held, Reason::Hold) => (State::Held, obstacle(ledger).unwrap_or(Reason::Hold)),
        unchanged => unchanged,
    }
}

/// A draft of the base, once the order has reached `purchase_on`. One that ended before we heard of it is made all the
/// same, to show why it is not sent.
fn draft_base(ledger: &OrderLedger, context: SignalContext<'_>) -> Option<Draft> {
    let order = &ledger.order;
    let moment = context.policy.purchase_on.reached(order)?;
    let value = order.value.map(|value| worth(order, value));
    let (state, reason) = standing(ledger, value, context);
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
        carries: order.uplifts.iter().map(|uplift| uplift.outcome_id.clone()).collect(),
    })
}

fn draft_uplift(share: &Share<'_>, number: i64, uplifts: &Uplifts<'_>, context: SignalContext<'_>) -> Draft {
    let moment = share.uplift.moment;
    let (state, reason) = uplift_standing(share, uplifts, context);
    Draft {
        name: EventName::Purchase,
        number,
        order_id: Some(uplifts.ledger.id.clone()),
        policy_version: context.policy.version,
        event_time: moment.occurred_at,
        state,
        reason,
        value: Some(share.value),
        leaves_at: leaves_at(moment.recorded_at, moment.occurred_at, context.policy),
        carries: vec![share.uplift.outcome_id.clone()],
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

/// Moves the base to where the order now wants it.
fn update_base(row: &mut Conversion, ledger: &OrderLedger, context: SignalContext<'_>) {
    let order = &ledger.order;
    let value = order.value.map(|value| worth(order, value));
    let reached = context.policy.purchase_on.reached(order);
    let target = match reached.filter(|_| order.state.is_sale()) {
        Some(moment) => {
            Target { moment: Some(moment), value, standing: standing(ledger, value, live(context)) }
        }
        None => Target { moment: reached, value, standing: (State::Suppressed, suppression_reason(order)) },
    };
    follow(row, &target, context);
}

/// The context of a row that was made in `live`: it does not become suppressed when the Page goes to `shadow`.
fn live(context: SignalContext<'_>) -> SignalContext<'_> {
    SignalContext { mode: Mode::Live, ..context }
}

/// What a Purchase ought to be now.
struct Target {
    /// The fact that makes it; `None` where nothing does any more.
    moment: Option<Moment>,
    value: Option<i64>,
    standing: (State, Reason),
}

/// Moves a Purchase that Meta has certainly not taken to its target. A hold that runs or is over is not begun again,
/// but a value that came or changed late is guarded for a while.
fn follow(row: &mut Conversion, target: &Target, context: SignalContext<'_>) {
    let Target { moment, value, standing: (state, reason) } = *target;
    let says_otherwise =
        row.value != value || moment.is_some_and(|moment| moment.occurred_at != row.event_time);
    let wakes = match row.state {
        State::Suppressed => row.reason.wakes(),
        State::Rejected | State::Expired => says_otherwise || state == State::Suppressed,
        _ => false,
    };
    let is_underway = matches!(row.state, State::Held | State::Ready);
    if !is_underway && !wakes {
        return;
    }
    let changed = row.value != value;
    if let Some(moment) = moment {
        set_time(row, moment.occurred_at);
    }
    row.value = value;
    if state == State::Suppressed {
        row.suppress(reason);
        return;
    }
    if !is_underway {
        let woken = match readiness(row.name, value.is_some(), context) {
            (State::Held, _) => (state, reason),
            kept => kept,
        };
        row.wake(row.event_time, value, woken);
        row.leaves_at = leaves_at(context.now, row.event_time, context.policy);
        return;
    }
    if changed {
        row.leaves_at = guarded(row, context);
        (row.state, row.reason) = (state, reason);
    } else if reason != Reason::Hold || !matches!(row.reason, Reason::Hold | Reason::Due | Reason::TryAgain) {
        (row.state, row.reason) = (state, reason);
    }
}

/// The state and reason of an uplift Purchase: it leaves only once the base was taken or perhaps taken, and never if the
/// base will not be.
fn uplift_standing(share: &Share<'_>, uplifts: &Uplifts<'_>, context: SignalContext<'_>) -> (State, Reason) {
    match (standing(uplifts.ledger, Some(share.value), context), uplifts.base) {
        ((State::Held, Reason::Hold), Some(State::Sent | State::Unknown)) => (State::Held, Reason::Hold),
        ((State::Held, Reason::Hold), Some(State::Held | State::Ready | State::Sending)) => {
            (State::Held, Reason::WaitsForPurchase)
        }
        ((State::Held, Reason::Hold), _) => (State::Suppressed, Reason::PurchaseNotSent),
        (other, _) => other,
    }
}

/// Moves an uplift Purchase to where its cross-sell now wants it. `share` is `None` if the cross-sell was undone, or if
/// the base tells of it.
fn update_uplift(
    row: &mut Conversion,
    share: Option<&Share<'_>>,
    uplifts: &Uplifts<'_>,
    context: SignalContext<'_>,
) {
    let target = match share {
        Some(share) => Target {
            moment: Some(share.uplift.moment),
            value: Some(share.value),
            standing: uplift_standing(share, uplifts, live(context)),
        },
        None => Target { moment: None, value: row.value, standing: (State::Suppressed, Reason::Undone) },
    };
    follow(row, &target, context);
}
