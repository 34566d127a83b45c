//! The Purchases of an order: the *base*, once in its life, and one *uplift* Purchase for each cross-sell that came
//! when the base was taken already. As long as Meta has certainly not taken a Purchase it follows the ledger. What Meta
//! knows of an order never exceeds, by a later event, what the order is worth: an uplift tells at most what is left of
//! the revenue, so that sums which were told and then undone, amended or returned are used up first.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::fold::{self, Moment, Order, Uplift};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::terms::Terms;
use crate::domain::signal::contents::{Goods, contents, digest};
use crate::domain::signal::context::SignalContext;
use crate::domain::signal::conversion::{Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::Mode;
use crate::domain::signal::readiness::{first_leaves_at, guarded, leaves_at, readiness, set_time};

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
        return draft_base(ledger, told_beside, context).into_iter().collect();
    };
    if rows[base].is_open_to_change() {
        // An uplift may have left before a late answer said that the base was not taken after all.
        let told = told_beside.saturating_add(sum_told(rows));
        let is_told_alone =
            |id: &OutcomeId| rows.iter().any(|row| is_told(row) && row.uplift_ids.contains(id));
        let uplifts = order.uplifts.iter().map(|uplift| &uplift.outcome_id);
        rows[base].uplift_ids = uplifts.filter(|id| !is_told_alone(id)).cloned().collect();
        update_base(&mut rows[base], ledger, told, context);
        for row in rows.iter_mut().filter(|row| is_uplift(row) && row.is_open_to_change()) {
            row.uplift_ids.clear();
            update_uplift(row, None, &Uplifts { ledger, base: Some(&State::Held) }, context);
        }
        return Vec::new();
    }
    stop_resent(order, rows);
    let base_state = rows[base].state;
    let told = told_beside.saturating_add(sum_told(rows));
    let mut left = order.value.map_or(0, |value| worth(order, value)).saturating_sub(told);
    let mut number = rows.iter().map(|row| row.number).max().unwrap_or(0);
    let uplifts = Uplifts { ledger, base: Some(&base_state) };
    let mut updated: Vec<usize> = Vec::new();
    let mut drafts = Vec::new();
    for uplift in &order.uplifts {
        let carried = rows.iter().position(|row| row.uplift_ids.contains(&uplift.outcome_id));
        if carried.is_some_and(|index| !rows[index].is_open_to_change()) {
            continue;
        }
        let value = revenue(&uplift.terms).min(left);
        left -= value.max(0);
        let share = Share { uplift, value };
        if let Some(index) = carried.or_else(|| unused(rows, &updated, order)) {
            rows[index].uplift_ids = vec![uplift.outcome_id.clone()];
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

/// Stops the Purchases that wait to be sent again after a lost answer, where the order is no longer a sale.
pub(super) fn stop_resent(order: &Order, rows: &mut [Conversion]) {
    let waits = |row: &&mut Conversion| matches!(row.state, State::Held | State::Ready) && is_told(row);
    for row in rows.iter_mut().filter(waits).filter(|_| !order.state.is_sale()) {
        row.suppress(suppression_reason(order));
    }
}

fn is_uplift(row: &Conversion) -> bool {
    row.name == EventName::Purchase && row.number > 0
}

/// Whether Meta knows of the sum of a Purchase, or perhaps does.
pub(super) fn is_told(row: &Conversion) -> bool {
    row.name == EventName::Purchase && !row.is_open_to_change()
}

/// What Meta knows of an order by these rows, in minor units.
fn sum_told(rows: &[Conversion]) -> i64 {
    rows.iter().filter(|row| is_told(row)).filter_map(|row| row.value).sum()
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
            && !row.uplift_ids.iter().any(is_effective)
    })
}

/// What keeps an order from being told, its Purchases and its `OrderCreated`, until a person has spoken.
pub(super) fn obstacle(ledger: &OrderLedger) -> Option<Reason> {
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
fn draft_base(ledger: &OrderLedger, told: i64, context: SignalContext<'_>) -> Option<Draft> {
    let order = &ledger.order;
    let moment = context.policy.purchase_on.reached(order)?;
    let value = order.value.map(|value| worth(order, value).saturating_sub(told));
    let (state, reason) = standing(ledger, value, context);
    let uplift_ids: Vec<OutcomeId> = order.uplifts.iter().map(|uplift| uplift.outcome_id.clone()).collect();
    let contents = digest(&contents(order, Goods { is_base: true, uplift_ids: &uplift_ids, value }));
    Some(Draft {
        name: EventName::Purchase,
        number: 0,
        order_id: Some(ledger.id.clone()),
        policy_version: context.policy.version,
        event_time: moment.occurred_at,
        state,
        reason,
        value,
        leaves_at: first_leaves_at(moment, context),
        uplift_ids,
        contents,
    })
}

fn draft_uplift(share: &Share<'_>, number: i64, uplifts: &Uplifts<'_>, context: SignalContext<'_>) -> Draft {
    let moment = share.uplift.moment;
    let (state, reason) = uplift_standing(share, uplifts, context);
    let uplift_ids = vec![share.uplift.outcome_id.clone()];
    let value = Some(share.value);
    let told = Goods { is_base: false, uplift_ids: &uplift_ids, value };
    Draft {
        name: EventName::Purchase,
        number,
        order_id: Some(uplifts.ledger.id.clone()),
        policy_version: context.policy.version,
        event_time: moment.occurred_at,
        state,
        reason,
        value,
        leaves_at: first_leaves_at(moment, context),
        contents: digest(&contents(&uplifts.ledger.order, told)),
        uplift_ids,
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
fn update_base(row: &mut Conversion, ledger: &OrderLedger, told: i64, context: SignalContext<'_>) {
    let order = &ledger.order;
    let value = order.value.map(|value| worth(order, value).saturating_sub(told));
    let moment = context.policy.purchase_on.reached(order);
    let standing = match moment {
        Some(_) if order.state.is_sale() => standing(ledger, value, live(context)),
        _ => (State::Suppressed, suppression_reason(order)),
    };
    let contents = digest(&contents(order, Goods { is_base: true, uplift_ids: &row.uplift_ids, value }));
    follow(row, Target { moment, value, contents, standing }, context);
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
    /// The digest of its pieces.
    contents: Option<String>,
    standing: (State, Reason),
}

/// Moves a Purchase that Meta has certainly not taken to its target. A hold that runs or is over is not begun again,
/// but a value that came or changed late is guarded for a while.
fn follow(row: &mut Conversion, target: Target, context: SignalContext<'_>) {
    let Target { moment, value, contents, standing: (state, reason) } = target;
    let is_underway = matches!(row.state, State::Held | State::Ready);
    let is_moved = moment.is_some_and(|moment| moment.occurred_at != row.event_time);
    let says_otherwise = row.value != value || row.contents != contents || is_moved;
    let is_answered = row.state == State::Expired && row.reason.is_asked() && !reason.is_asked();
    let wakes = match row.state {
        State::Suppressed => row.reason.wakes(),
        State::Rejected | State::Expired => says_otherwise || is_answered || state == State::Suppressed,
        _ => false,
    };
    if !is_underway && !wakes {
        return;
    }
    let is_changed = row.value != value;
    if let Some(moment) = moment {
        set_time(row, moment.occurred_at);
    }
    row.value = value;
    row.contents = contents;
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
    if is_changed {
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
        Some(share) => {
            let told = Goods { is_base: false, uplift_ids: &row.uplift_ids, value: Some(share.value) };
            Target {
                moment: Some(share.uplift.moment),
                value: Some(share.value),
                contents: digest(&contents(&uplifts.ledger.order, told)),
                standing: uplift_standing(share, uplifts, live(context)),
            }
        }
        None => Target {
            moment: None,
            value: row.value,
            contents: row.contents.clone(),
            standing: (State::Suppressed, Reason::Undone),
        },
    };
    follow(row, target, context);
}
