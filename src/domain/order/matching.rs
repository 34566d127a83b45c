//! Which orders are one. An order number from outside may name a sale that already stands under the service's
//! own number: by its worth it is that one, else a person decides. Judged from the ledgers, never by arrival.

use crate::clock::Timestamp;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::fold::{self, Order, State};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, Flag, OutcomeKind};

/// Parks every order that is perhaps another one told again; gives those that certainly are, each with the
/// order that it is. `orders` are folded and stand oldest first. Judged from the ledgers alone, never by arrival.
pub fn park(orders: &mut [OrderLedger]) -> Vec<(usize, usize)> {
    let mut strangers: Vec<Stranger> =
        (0..orders.len()).filter_map(|index| Stranger::of(orders, index)).collect();
    strangers.sort_by(|a, b| a.place(orders).cmp(&b.place(orders)));
    let mut same: Vec<(usize, usize)> = Vec::new();
    let mut perhaps = Vec::new();
    for stranger in strangers {
        let is_free = |sale: &&usize| !same.iter().any(|(_, taken)| taken == *sale);
        let free: Vec<usize> = stranger.beside.iter().filter(is_free).copied().collect();
        match free.iter().rev().find(|sale| stranger.is_worth(&orders[**sale])) {
            Some(taken) => same.push((stranger.index, *taken)),
            None if free.is_empty() || stranger.is_accepted => {}
            None => perhaps.push(stranger.index),
        }
    }
    for index in perhaps.into_iter().chain(same.iter().map(|(told, _)| *told)) {
        let ledger = &mut orders[index];
        ledger.order = waiting(&ledger.facts, ledger.order.currency);
        ledger.parked = true;
    }
    same
}

/// An order that waits for a person's word whether it is another one told again: all its facts are flagged.
pub fn waiting(facts: &[Fact], currency: Currency) -> Order {
    let effective = facts.iter().filter(|fact| !fact.undone);
    let mut order = Order::new(currency);
    order.flags = effective.map(|fact| (fact.id.clone(), Flag::PerhapsSameSale)).collect();
    order
}

/// An order that outside numbers alone have told of, beside sales that stand under the service's own number
/// alone: one of them by its value, or perhaps one of them, which a person decides.
struct Stranger {
    index: usize,
    /// When the customer agreed to it, else its first moment.
    moment: Timestamp,
    /// The customer agreed to it.
    is_agreed: bool,
    /// A person accepted it as a sale of its own, unless its worth says that it is another one.
    is_accepted: bool,
    /// Its worth as agreed, if it was said.
    value: Option<Money>,
    /// The sales that were open then.
    beside: Vec<usize>,
}

impl Stranger {
    fn of(orders: &[OrderLedger], index: usize) -> Option<Self> {
        let told = &orders[index];
        let first = told.effective().map(|fact| fact.occurred_at).min()?;
        if told.service_numbered || told.reported || told.effective().any(|fact| fact.source.is_person()) {
            return None;
        }
        let confirmed = told.effective().filter(|fact| fact.kind == OutcomeKind::Confirmed);
        let confirmed = confirmed.min_by(|a, b| fold::by_occurrence(a, b));
        let moment = confirmed.map_or(first, |fact| fact.occurred_at);
        let is_beside = |sale: &usize| {
            let sale = &orders[*sale];
            sale.service_numbered && sale.numbers.len() == 1 && is_open_until(sale, moment)
        };
        let beside: Vec<usize> = (0..index).filter(is_beside).collect();
        let value = confirmed.and_then(|fact| fact.terms.money());
        (!beside.is_empty()).then_some(Self {
            index,
            moment,
            is_agreed: confirmed.is_some(),
            is_accepted: told.effective().any(|fact| fact.accepted),
            value,
            beside,
        })
    }

    /// Where it stands among others that may be the same sale: by its moment, then by its number.
    fn place<'a>(&self, orders: &'a [OrderLedger]) -> (Timestamp, Option<&'a String>) {
        (self.moment, orders[self.index].numbers.first())
    }

    /// Whether `sale` was agreed for the same, or is or was then worth it.
    fn is_worth(&self, sale: &OrderLedger) -> bool {
        let is_it = |value| sale.order.is_worth(value) || fold_until(sale, self.moment).is_worth(value);
        self.is_agreed && self.value.is_none_or(is_it)
    }
}

fn fold_until(ledger: &OrderLedger, moment: Timestamp) -> Order {
    let earlier: Vec<Fact> = ledger.facts.iter().filter(|fact| fact.occurred_at <= moment).cloned().collect();
    fold::fold(&earlier, ledger.order.currency)
}

/// Whether a sale had not ended before `moment`.
fn is_open_until(ledger: &OrderLedger, moment: Timestamp) -> bool {
    let before = fold_until(ledger, moment).state;
    before.is_open() || (before == State::None && ledger.order.state != State::None)
}
