//! Which order of its conversation a tag is about. A number names its order; without one, `confirmed` means the
//! open sale of the same value, and every other kind the only open order. Where that leaves a choice, people get
//! 409 that asks. Whether a number from outside is a sale that is known under another number is not decided here
//! but in [`crate::domain::order::matching`], from the ledgers, so that it does not depend on arrival.

use crate::domain::order::fold::State;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::tag::Tag;
use crate::domain::order::tag_refusal::{Fault, Refusal};

/// The order that a tag is about.
pub(super) enum OrderMeant {
    Existing {
        /// Index among the orders of the conversation.
        index: usize,
        /// The tag's number, where the order does not have it yet and gets it with this tag.
        also_named: Option<String>,
    },
    New {
        number: Option<String>,
    },
}

/// Finds the order that `tag` is about among `orders`, oldest first.
pub(super) fn find(tag: &Tag, orders: &[OrderLedger]) -> Result<OrderMeant, Refusal> {
    match &tag.order_number {
        Some(number) => by_number(tag, number, orders),
        None if tag.kind == OutcomeKind::Confirmed => by_value(tag, orders),
        None => only_open_order(tag, orders),
    }
}

/// A known number is its order. A new number that a person gives with `confirmed` goes to the open sale that has
/// only the service's number, if the values agree; else it opens an order.
fn by_number(tag: &Tag, number: &str, orders: &[OrderLedger]) -> Result<OrderMeant, Refusal> {
    let by_person = tag.source.is_person();
    let lacks_number = |ledger: &OrderLedger| {
        ledger.order.state.is_open() && ledger.service_numbered && ledger.numbers.len() == 1
    };
    let unnumbered_sale = orders.iter().rposition(lacks_number).filter(|_| !tag.new_order);
    let gets_number = |index: usize| OrderMeant::Existing { index, also_named: Some(number.to_owned()) };
    if let Some(index) = orders.iter().position(|ledger| ledger.numbers.iter().any(|name| name == number)) {
        // A parked order is perhaps the unnumbered sale told again: a person who confirms it with the value of
        // that sale decides that it is.
        let decides_parked = orders[index].parked && tag.kind == OutcomeKind::Confirmed && by_person;
        let sale = unnumbered_sale.filter(|sale| decides_parked && agrees_in_value(tag, &orders[*sale]));
        return Ok(sale.map_or(OrderMeant::Existing { index, also_named: None }, gets_number));
    }
    if !by_person {
        return Ok(OrderMeant::New { number: Some(number.to_owned()) });
    }
    if tag.kind != OutcomeKind::Confirmed {
        return Err(Refusal::not_confirmed_yet(tag.kind));
    }
    match unnumbered_sale {
        None => Ok(OrderMeant::New { number: Some(number.to_owned()) }),
        Some(index) if agrees_in_value(tag, &orders[index]) => Ok(gets_number(index)),
        Some(index) => Err(Refusal::open_with_other_value(index)),
    }
}

/// A `confirmed` without a number is the newest open sale of that value; else, where no sale is open, the newest
/// order of which everything was taken back; else a new order.
fn by_value(tag: &Tag, orders: &[OrderLedger]) -> Result<OrderMeant, Refusal> {
    if tag.new_order {
        return Ok(OrderMeant::New { number: None });
    }
    let is_open = |ledger: &OrderLedger| ledger.order.state.is_open();
    let is_taken_back = |ledger: &OrderLedger| ledger.order.state == State::None && !ledger.parked;
    if let Some(index) = orders.iter().rposition(|ledger| is_open(ledger) && agrees_in_value(tag, ledger)) {
        return Ok(OrderMeant::Existing { index, also_named: None });
    }
    if let Some(index) = orders.iter().rposition(is_open) {
        return Err(Refusal::open_with_other_value(index));
    }
    let taken_back = orders.iter().rposition(is_taken_back);
    Ok(taken_back
        .map_or(OrderMeant::New { number: None }, |index| OrderMeant::Existing { index, also_named: None }))
}

/// Every other kind without a number is about the only open order. Facts from outside come late, perhaps after
/// the order ended: where the conversation has one order alone they are about that, whatever its state.
fn only_open_order(tag: &Tag, orders: &[OrderLedger]) -> Result<OrderMeant, Refusal> {
    if !tag.source.is_person() && orders.len() == 1 {
        return Ok(OrderMeant::Existing { index: 0, also_named: None });
    }
    let mut open = orders.iter().enumerate().filter(|(_, ledger)| ledger.order.state.is_open());
    match (open.next(), open.next()) {
        (Some((index, _)), None) => Ok(OrderMeant::Existing { index, also_named: None }),
        (first, _) => {
            let (count, way_out) = match first {
                None => ("no open order", "say \"confirmed\" first, or give order_id"),
                Some(_) => ("several open orders", "give order_id"),
            };
            let message = format!("The conversation has {count}: {way_out}.");
            let at_fault = if tag.source.is_person() { Fault::State } else { Fault::Field("/order_id") };
            Err(Refusal { at_fault, code: "which_order", message, order: orders.len().checked_sub(1) })
        }
    }
}

/// Whether a tag names no value, or one that the order is known to be worth.
pub(super) fn agrees_in_value(tag: &Tag, ledger: &OrderLedger) -> bool {
    tag.stated_value().is_none_or(|value| ledger.order.is_worth(value))
}
