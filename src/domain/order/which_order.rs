//! Which order of its conversation a tag is about. A number names its order. A `confirmed` that names none is a telling
//! of its own, and the matching ([`crate::domain::order::matching`]) decides of which sale; a person who types it is
//! asked where that is in doubt. Every other kind is about the only open order.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::matching::{SaleDecision, match_tellings};
use crate::domain::order::outcome::{Fact, FollowUps, OutcomeKind};
use crate::domain::order::tag::Tag;
use crate::domain::order::tag_refusal::{Fault, Refusal};
use crate::domain::order::telling::Telling;
use crate::domain::order::terms::{Details, Terms};

/// An id that sorts after every real one (they are UUIDs), so that a fact on trial is the last of its moment.
const TRIAL_ID: &str = "~";

/// The order that a tag is about.
pub(super) enum OrderMeant {
    /// An order that is there.
    Existing {
        /// Index among the orders of the conversation.
        index: usize,
        /// The tag's number, where the order does not have it yet and gets it with this tag.
        also_named: Option<String>,
    },
    /// A telling of its own, under the tag's number if it has one.
    New { number: Option<String> },
}

/// Finds the order that `tag` is about among `orders`, oldest first.
pub(super) fn find(tag: &Tag, orders: &[OrderLedger]) -> Result<OrderMeant, Refusal> {
    let known = tag.order_number.as_ref().and_then(|number| of_number(number, orders));
    if let Some(same_as) = &tag.same_as {
        let is_it = |ledger: &OrderLedger| ledger.ids().any(|id| id.as_str() == same_as);
        let found = of_number(same_as, orders).or_else(|| orders.iter().position(is_it));
        let missing = || {
            let message = "No order of this conversation has this number or id.".to_owned();
            Refusal::field("/same_as", message, None)
        };
        let also_named = tag.order_number.clone().filter(|_| known.is_none());
        return Ok(OrderMeant::Existing { index: found.ok_or_else(missing)?, also_named });
    }
    match (known, &tag.order_number) {
        (Some(index), _) => Ok(OrderMeant::Existing { index, also_named: None }),
        (None, Some(_)) if tag.source.is_person() && tag.kind != OutcomeKind::Confirmed => {
            Err(Refusal::not_confirmed_yet(tag.kind))
        }
        (None, None) if tag.kind != OutcomeKind::Confirmed => only_open_order(tag, orders),
        (None, number) => Ok(OrderMeant::New { number: number.clone() }),
    }
}

fn of_number(number: &str, orders: &[OrderLedger]) -> Option<usize> {
    orders.iter().position(|ledger| ledger.has_number(number))
}

/// What a `confirmed` would be to the orders that are there, were it recorded.
pub(super) struct Trial {
    /// The order with which it would be one sale.
    pub(super) joined: Option<usize>,
    /// The orders with which it would be in doubt.
    pub(super) doubts: Vec<usize>,
}

/// Tries a `confirmed` with these `terms` at `occurred_at`: as a telling of its own, or under the number of the order at
/// `existing`.
pub(super) fn try_confirmed(
    tag: &Tag,
    terms: &Terms,
    occurred_at: Timestamp,
    existing: Option<usize>,
    orders: &[OrderLedger],
    decisions: &[SaleDecision],
) -> Trial {
    let (id, fact) = (OrderId(TRIAL_ID.to_owned()), on_trial(tag, terms, occurred_at));
    let mut tellings: Vec<Telling<'_>> = orders.iter().flat_map(OrderLedger::tellings).collect();
    let known = existing.and_then(|index| tellings.iter().position(|one| *one.id == orders[index].id));
    let place = if let Some(place) = known {
        tellings[place].facts.push(&fact);
        place
    } else {
        tellings.push(Telling {
            id: &id,
            number: tag.order_number.as_deref(),
            service_numbered: tag.order_number.is_none(),
            opened_at: occurred_at,
            is_reported: false,
            facts: vec![&fact],
        });
        tellings.len() - 1
    };
    let matching = match_tellings(&tellings, decisions);
    let Some(own) = matching.order_of(place) else { return Trial { joined: None, doubts: Vec::new() } };
    let index_of = |telling: usize| orders.iter().position(|ledger| ledger.has_id(tellings[telling].id));
    let members = std::iter::once(matching.orders[own].root).chain(matching.orders[own].joined.clone());
    let joined = members.filter_map(index_of).find(|index| Some(*index) != existing);
    let mut doubts: Vec<usize> =
        matching.in_doubt_with(own).filter_map(|other| index_of(matching.orders[other].root)).collect();
    doubts.sort_unstable();
    doubts.dedup();
    Trial { joined, doubts }
}

/// The other facts of the order of which `fact` would be part, were it recorded under the order at `index`: what it
/// says may decide anew which tellings are one.
pub(super) fn facts_beside(
    fact: &Fact,
    index: usize,
    orders: &[OrderLedger],
    decisions: &[SaleDecision],
) -> Vec<Fact> {
    let mut tellings: Vec<Telling<'_>> = orders.iter().flat_map(OrderLedger::tellings).collect();
    let Some(place) = tellings.iter().position(|one| *one.id == orders[index].id) else { return Vec::new() };
    tellings[place].facts.push(fact);
    let matching = match_tellings(&tellings, decisions);
    let Some(own) = matching.order_of(place) else { return Vec::new() };
    let order = &matching.orders[own];
    let members = std::iter::once(&order.root).chain(&order.joined);
    let facts = members.flat_map(|one| tellings[*one].facts.iter().copied());
    facts.filter(|other| other.id != fact.id).cloned().collect()
}

/// The fact that a tag would become.
pub(super) fn on_trial(tag: &Tag, terms: &Terms, occurred_at: Timestamp) -> Fact {
    Fact {
        id: OutcomeId::from(TRIAL_ID),
        kind: tag.kind,
        occurred_at,
        time_stated: tag.occurred_at.is_some(),
        recorded_at: occurred_at,
        actor: String::new(),
        source: tag.source,
        reference: tag.reference.clone(),
        terms: terms.clone(),
        details: Details::default(),
        reason: None,
        undone: false,
        accepted: false,
        names_same_sale: tag.same_as.is_some(),
        follow_ups: FollowUps::default(),
    }
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
            Err(Refusal {
                at_fault,
                code: "which_order",
                message,
                order: orders.len().checked_sub(1),
                candidates: Vec::new(),
            })
        }
    }
}

/// Whether a tag names no value, or one that the order is known to be worth.
pub(super) fn agrees_in_value(tag: &Tag, ledger: &OrderLedger) -> bool {
    tag.stated_value().is_none_or(|value| ledger.order.is_worth(value))
}
