//! Contradictions: which facts can't follow on what happened before them, as a table. Such a fact carries a flag and moves
//! nothing until a person accepts it or takes it back. A step that is already implied (shipped after delivered) is none.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::order_state::{Order, State};
use crate::domain::order::outcome::{Fact, Flag, OutcomeKind};
use crate::domain::order::returns::pieces_back;

/// Why `fact` can't follow on `order` as it was then; `None` if it can.
pub(super) fn objection(order: &Order, fact: &Fact) -> Option<Flag> {
    use OutcomeKind::{Cancelled, Confirmed, CrossSold, Delivered, Paid, Refunded, Returned, Shipped};
    if order.is_priced && fact.terms.states_anything() && fact.terms.currency != order.currency {
        return Some(Flag::OtherCurrency);
    }
    match (order.state, fact.kind) {
        // Money: whatever the state.
        (_, Paid) => payment_objection(order, fact),
        (_, Refunded) => {
            let sum = fact.terms.value.unwrap_or(0);
            (order.refunded.saturating_add(sum) > order.paid).then_some(Flag::Contradiction)
        }
        // After it was called off, only the person who names it as the same sale puts it on again.
        (State::Cancelled, Cancelled) => None,
        (State::Cancelled, Confirmed) if fact.names_same_sale => None,
        // An outside fact without a time claims nothing by it: the step lay before the end.
        (State::Cancelled | State::Returned, Confirmed | Shipped | Delivered) if claims_nothing(fact) => None,
        // What was called off does not go on, what came back is over, and what the customer had can only come back.
        (State::Cancelled, _)
        | (State::Returned, Confirmed | Shipped | Delivered | Cancelled)
        | (State::Delivered | State::PartReturned, Cancelled) => Some(Flag::Contradiction),
        (State::Confirmed | State::Shipped | State::Delivered | State::PartReturned, Confirmed) => {
            let agrees =
                !order.is_confirmed() || fact.terms.money().is_none_or(|money| order.is_worth(money));
            (!agrees).then_some(Flag::OtherValue)
        }
        (_, CrossSold) => (!order.fits_total(&fact.terms)).then_some(Flag::OtherValue),
        (_, Returned) => return_objection(order, fact),
        _ => None,
    }
}

/// Outside facts of which nobody stated the time.
const fn claims_nothing(fact: &Fact) -> bool {
    !fact.time_stated && !fact.source.is_person()
}

/// More was paid than the order is worth: perhaps the same payment, told by courier and CRM.
fn payment_objection(order: &Order, fact: &Fact) -> Option<Flag> {
    let sum = fact.terms.value.filter(|sum| *sum > 0)?;
    let value = order.value?;
    if order.paid.saturating_add(sum) <= value {
        return None;
    }
    let is_same = order.payments.iter().any(|earlier| earlier.sum == sum && earlier.source != fact.source);
    Some(if is_same { Flag::PerhapsSamePayment } else { Flag::Contradiction })
}

/// More pieces came back than were sold.
fn return_objection(order: &Order, fact: &Fact) -> Option<Flag> {
    if order.items.is_empty() || fact.terms.items.is_empty() {
        return None;
    }
    let back: Vec<_> = order.returned_items.iter().chain(&fact.terms.items).cloned().collect();
    pieces_back(&order.items, &back).is_none().then_some(Flag::Contradiction)
}

/// Outside cancels before a person's `confirmed` with nothing before them that was confirmed: their sender's clock is
/// slow, or they are of another order. `facts` are sorted by occurrence. A person who named the order as the same sale
/// knew of the cancel.
pub(super) fn unfounded_cancels<'a>(facts: &[&'a Fact]) -> Vec<&'a OutcomeId> {
    let confirms = |fact: &&&Fact| {
        matches!(fact.kind, OutcomeKind::Confirmed | OutcomeKind::Shipped | OutcomeKind::Delivered)
            || (fact.kind == OutcomeKind::Paid && fact.terms.value.is_some_and(|sum| sum > 0))
    };
    let Some(first) = facts.iter().position(|fact| confirms(&fact)) else { return Vec::new() };
    let by_person = |fact: &&&Fact| fact.kind == OutcomeKind::Confirmed && fact.source.is_person();
    let Some(said) = facts[first..].iter().find(by_person) else { return Vec::new() };
    if said.names_same_sale {
        return Vec::new();
    }
    let cancels = facts[..first]
        .iter()
        .filter(|fact| fact.kind == OutcomeKind::Cancelled && !fact.source.is_person() && !fact.accepted);
    cancels.map(|fact| &fact.id).collect()
}
