//! Order matching: which orders of a conversation are one sale. A sale that people tagged without a number has the
//! service's number alone; the CRM then tells of it under a number of its own, which looks like another order. If the
//! values agree, the two are one; if not, the order from outside is *parked*, and a person decides. It follows from
//! the ledgers alone, never from what arrived first, and is decided anew whenever a fact is added or undone.

use crate::clock::Timestamp;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::fold::{self, Order, State};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, Flag, OutcomeKind};

/// Parks every order from outside that is, or perhaps is, an unnumbered sale of the conversation told again.
///
/// Gives the pairs that certainly are one, as (order from outside, sale): the caller joins them. The other parked
/// orders wait for a person. `orders` are folded, and sorted with the oldest first.
pub fn match_orders(orders: &mut [OrderLedger]) -> Vec<(usize, usize)> {
    let mut candidates: Vec<Candidate> =
        (0..orders.len()).filter_map(|index| Candidate::of(orders, index)).collect();
    candidates.sort_by(|a, b| a.sort_key(orders).cmp(&b.sort_key(orders)));
    let mut matched: Vec<(usize, usize)> = Vec::new();
    let mut doubtful = Vec::new();
    for candidate in candidates {
        // A sale is matched once: of two candidates of its value the later one is another sale.
        let is_free = |sale: &&usize| !matched.iter().any(|(_, taken)| taken == *sale);
        let free_sales: Vec<usize> = candidate.open_sales.iter().filter(is_free).copied().collect();
        match free_sales.iter().rev().find(|sale| candidate.agrees_in_value(&orders[**sale])) {
            Some(sale) => matched.push((candidate.index, *sale)),
            None if free_sales.is_empty() || candidate.is_accepted => {}
            None => doubtful.push(candidate.index),
        }
    }
    for index in doubtful.into_iter().chain(matched.iter().map(|(candidate, _)| *candidate)) {
        let ledger = &mut orders[index];
        ledger.order = fold_parked(&ledger.facts, ledger.order.currency);
        ledger.parked = true;
    }
    matched
}

/// What the facts of a parked order fold into: they move nothing, and each carries the flag `perhaps_same_sale`.
pub fn fold_parked(facts: &[Fact], currency: Currency) -> Order {
    let effective = facts.iter().filter(|fact| !fact.undone);
    let mut order = Order::new(currency);
    order.flags = effective.map(|fact| (fact.id.clone(), Flag::PerhapsSameSale)).collect();
    order
}

/// An order of which only outside senders told, under numbers of their own, in a conversation with unnumbered sales
/// that were open at the time: it may be one of those.
struct Candidate {
    /// Its place among the orders of the conversation.
    index: usize,
    /// When it was confirmed; the time of its first fact if it was not.
    moment: Timestamp,
    /// Only a `confirmed` order can be matched by its value; any other is at best doubtful.
    is_confirmed: bool,
    /// A person accepted one of its facts: it is a sale of its own, unless its value says otherwise.
    is_accepted: bool,
    /// The value that its `confirmed` named; `None` agrees with every sale.
    value: Option<Money>,
    /// The older orders with the service's number alone that had not ended at `moment`, oldest first.
    open_sales: Vec<usize>,
}

impl Candidate {
    /// The order at `index` as a candidate; none if people told of it too, if Meta may know of it already, or if
    /// there is no sale that it could be.
    fn of(orders: &[OrderLedger], index: usize) -> Option<Self> {
        let ledger = &orders[index];
        let first = ledger.effective().map(|fact| fact.occurred_at).min()?;
        let told_by_person = ledger.effective().any(|fact| fact.source.is_person());
        if ledger.service_numbered || ledger.may_be_reported || told_by_person {
            return None;
        }
        let confirmed = ledger.effective().filter(|fact| fact.kind == OutcomeKind::Confirmed);
        let confirmed = confirmed.min_by(|a, b| fold::by_occurrence(a, b));
        let moment = confirmed.map_or(first, |fact| fact.occurred_at);
        let is_open_sale = |sale: &usize| {
            let sale = &orders[*sale];
            sale.service_numbered && sale.numbers.len() == 1 && is_open_at(sale, moment)
        };
        let open_sales: Vec<usize> = (0..index).filter(is_open_sale).collect();
        let value = confirmed.and_then(|fact| fact.terms.money());
        (!open_sales.is_empty()).then_some(Self {
            index,
            moment,
            is_confirmed: confirmed.is_some(),
            is_accepted: ledger.effective().any(|fact| fact.accepted),
            value,
            open_sales,
        })
    }

    /// The order in which candidates choose their sale: by time, then by number; never by arrival.
    fn sort_key<'a>(&self, orders: &'a [OrderLedger]) -> (Timestamp, Option<&'a String>) {
        (self.moment, orders[self.index].numbers.first())
    }

    /// Whether `sale` has this value: as confirmed, as it is now, or as it was when the candidate was confirmed.
    fn agrees_in_value(&self, sale: &OrderLedger) -> bool {
        let is_value = |value| sale.order.is_worth(value) || fold_until(sale, self.moment).is_worth(value);
        self.is_confirmed && self.value.is_none_or(is_value)
    }
}

/// The order as it was at `moment`.
fn fold_until(ledger: &OrderLedger, moment: Timestamp) -> Order {
    let earlier: Vec<Fact> = ledger.facts.iter().filter(|fact| fact.occurred_at <= moment).cloned().collect();
    fold::fold(&earlier, ledger.order.currency)
}

/// Whether a sale had not ended at `moment`. One that was confirmed only later counts too: the CRM may have been
/// the quicker of the two.
fn is_open_at(ledger: &OrderLedger, moment: Timestamp) -> bool {
    let state_then = fold_until(ledger, moment).state;
    state_then.is_open() || (state_then == State::None && ledger.order.state != State::None)
}
