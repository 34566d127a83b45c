//! What a tag of an order means: which order it is about, whether the fact stands in the ledger already, and whether
//! it may be said as things stand. A sale may be told through several doors (tap, label, sentence, CRM); it stays
//! one order. Nothing is written here, and a `ref` that came before is looked up before this decision.

use std::borrow::Cow;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Money;
use crate::domain::order::fold::{Order, State};
use crate::domain::order::ledger::{JoinedOrder, OrderLedger};
use crate::domain::order::legality::{self, Illegal};
use crate::domain::order::matching::SaleDecision;
use crate::domain::order::number::has_number;
use crate::domain::order::outcome::{Fact, FollowUp, OutcomeKind};
use crate::domain::order::tag::{MIN_SPACING, Tag};
use crate::domain::order::tag_refusal::Refusal;
use crate::domain::order::tag_terms::complete;
use crate::domain::order::telling::giver;
use crate::domain::order::terms::Terms;
use crate::domain::order::which_order::{self, OrderMeant, agrees_in_value};

/// A person who says the same again within this time says it of the same sale.
const SAID_AGAIN_WITHIN: Duration = Duration::from_mins(10);

/// What follows from a tag that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The fact stands in the ledger already: nothing is added.
    Known {
        /// Index of the order, among those of the conversation.
        order: usize,
        /// The entry that says so.
        outcome_id: OutcomeId,
        /// A number that the order gets with this tag.
        also_named: Option<String>,
        /// What the person says of this sale and others.
        rulings: Vec<Ruling>,
    },
    /// A new entry.
    Append {
        /// The order that gets it.
        order: OrderOfEntry,
        /// The tag's terms with what follows from them, such as the value from the items.
        terms: Terms,
        /// The stated time, else one that follows the order's last entry.
        occurred_at: Timestamp,
        /// What the person says of this sale and others.
        rulings: Vec<Ruling>,
    },
}

/// Where a new entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderOfEntry {
    /// To an order that is there.
    Existing {
        /// Index of the order, among those of the conversation.
        index: usize,
        /// A number that the order gets with this tag.
        also_named: Option<String>,
    },
    /// To a telling of its own.
    New {
        /// Its number; without one the service makes it, if it does not turn out to be another order.
        number: Option<String>,
    },
}

/// A person's word, given with a tag, that its sale and another one are one, or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// [`FollowUp::Join`] or [`FollowUp::Part`].
    pub kind: FollowUp,
    /// The fact that gave the other sale its value.
    pub other: OutcomeId,
}

/// Decides what `tag` means in a conversation with these `orders`, oldest first, and people's `decisions` about them.
///
/// # Errors
/// A refusal, for a person's tag that can't be said as things stand and for any tag with a wrong field.
pub fn decide(
    tag: &Tag,
    orders: &[OrderLedger],
    decisions: &[SaleDecision],
    now: Timestamp,
) -> Result<Decision, Refusal> {
    match which_order::find(tag, orders)? {
        OrderMeant::New { number } => decide_new(tag, number, orders, decisions, now),
        OrderMeant::Existing { index, also_named } => {
            decide_existing(tag, (index, also_named), orders, decisions, now)
        }
    }
}

/// A `confirmed` of a sale that no number names yet, or another kind by which an outside sender opens one.
fn decide_new(
    tag: &Tag,
    number: Option<String>,
    orders: &[OrderLedger],
    decisions: &[SaleDecision],
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let terms = complete(tag, &Order::new(tag.terms.currency), None)?;
    let occurred_at = tag.occurred_at.unwrap_or(now);
    let mut matched = None;
    if tag.source.is_typed() && !tag.new_order {
        let trial = which_order::try_confirmed(tag, &terms, occurred_at, None, orders, decisions);
        if let Some(index) = trial.joined {
            let ledger = &orders[index];
            if let Some(outcome_id) = said_just_now(tag, occurred_at, ledger) {
                return Ok(Decision::Known {
                    order: index,
                    outcome_id,
                    also_named: number,
                    rulings: Vec::new(),
                });
            }
            complete(tag, &ledger.order, Some(index))?;
            matched = Some(index);
        } else if !trial.doubts.is_empty() {
            return Err(Refusal::perhaps_same_sale(trial.doubts));
        }
    }
    check_version(tag, matched.map_or(0, |index| orders[index].version), matched)?;
    // Of what was taken back before Meta heard of it, this may be the next telling.
    let is_told =
        |ledger: &OrderLedger| ledger.is_reported || ledger.joined.iter().any(|joined| joined.is_reported);
    let stands = |ledger: &&OrderLedger| is_told(ledger) || ledger.effective().next().is_some();
    let parted = orders.iter().filter(|_| tag.new_order).filter(stands).filter_map(OrderLedger::giver);
    let rulings = parted.map(|fact| Ruling { kind: FollowUp::Part, other: fact.id.clone() }).collect();
    Ok(Decision::Append { order: OrderOfEntry::New { number }, terms, occurred_at, rulings })
}

fn decide_existing(
    tag: &Tag,
    (index, also_named): (usize, Option<String>),
    orders: &[OrderLedger],
    decisions: &[SaleDecision],
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let ledger = &orders[index];
    let said = match tag.said_of(&ledger.order) {
        Some(said) => said,
        None if tag.source.is_person() => return Err(Refusal::in_other_currency(&ledger.order, Some(index))),
        // It stays as it was written, and is flagged.
        None => Cow::Borrowed(tag),
    };
    let tag = said.as_ref();
    let terms = complete(tag, &ledger.order, Some(index))?;
    let known = if tag.source.is_person() {
        known_from_person(tag, ledger)
    } else {
        known_from_outside(tag, &terms, ledger)
    };
    if let Some(outcome_id) = known {
        let rulings = rule_by_number(tag, ledger);
        return Ok(Decision::Known { order: index, outcome_id, also_named, rulings });
    }
    check_version(tag, ledger.version, Some(index))?;
    let occurred_at = tag.occurred_at.unwrap_or_else(|| after_last_entry(ledger, now));
    let mut rulings = Vec::new();
    if tag.source.is_person() {
        if tag.kind == OutcomeKind::Confirmed {
            if ledger.order.state.is_sale() && is_confirmed(ledger) && !agrees_in_value(tag, ledger) {
                return Err(Refusal::confirmed_with_other_value(index));
            }
            rulings = rule_on_existing(tag, &terms, occurred_at, index, orders, decisions)?;
            rulings.extend(rule_by_number(tag, ledger));
        }
        check_legal(tag, &terms, occurred_at, index, orders, decisions)?;
    }
    Ok(Decision::Append { order: OrderOfEntry::Existing { index, also_named }, terms, occurred_at, rulings })
}

/// A person who confirms a sale under the number of a telling that joined it says that it is that sale.
fn rule_by_number(tag: &Tag, ledger: &OrderLedger) -> Vec<Ruling> {
    let Some(number) = tag.order_number.as_ref().filter(|_| tag.source.is_typed()) else { return Vec::new() };
    if tag.kind != OutcomeKind::Confirmed {
        return Vec::new();
    }
    let is_of_number = |joined: &&JoinedOrder| has_number(&joined.numbers, number);
    let telling = ledger.joined.iter().find(is_of_number);
    let facts = telling.map(|joined| ledger.facts.iter().filter(|fact| joined.facts.contains(&fact.id)));
    let giver = facts.and_then(|facts| giver(&facts.collect::<Vec<_>>()));
    giver.into_iter().map(|fact| Ruling { kind: FollowUp::Join, other: fact.id.clone() }).collect()
}

/// What a person's `confirmed` of an order that is there says of it and of others. One that was called off is on again
/// only if the person names it as the same sale.
fn rule_on_existing(
    tag: &Tag,
    terms: &Terms,
    occurred_at: Timestamp,
    index: usize,
    orders: &[OrderLedger],
    decisions: &[SaleDecision],
) -> Result<Vec<Ruling>, Refusal> {
    let ruling = |kind: FollowUp, index: usize| {
        orders[index].giver().map(|fact| Ruling { kind, other: fact.id.clone() })
    };
    if tag.same_as.is_some() {
        let numbered = tag.order_number.as_ref().and_then(|number| {
            orders.iter().position(|ledger| ledger.has_number(number)).filter(|other| *other != index)
        });
        let same = std::iter::once(index).chain(numbered);
        return Ok(same.filter_map(|index| ruling(FollowUp::Join, index)).collect());
    }
    // One that only an outside sender called off, before anybody confirmed it, is confirmed now: the cancel is flagged.
    let was_agreed = orders[index].order.confirmed.is_some();
    if orders[index].order.state == State::Cancelled && was_agreed {
        return Err(Refusal::perhaps_same_sale(vec![index]));
    }
    let trial = which_order::try_confirmed(tag, terms, occurred_at, Some(index), orders, decisions);
    if tag.new_order {
        return Ok(trial.doubts.into_iter().filter_map(|other| ruling(FollowUp::Part, other)).collect());
    }
    if tag.source.is_typed() && !trial.doubts.is_empty() {
        return Err(Refusal::perhaps_same_sale(trial.doubts));
    }
    Ok(Vec::new())
}

/// Whether somebody confirmed the order with a value.
fn is_confirmed(ledger: &OrderLedger) -> bool {
    let confirms = |fact: &Fact| fact.kind == OutcomeKind::Confirmed && fact.terms.value.is_some();
    ledger.effective().any(confirms)
}

/// The `confirmed` by which a person typed the same within 10 minutes. What another door told (a label, a sentence) is no
/// repetition: both tellings stand in the ledger, and the matching makes them one order.
fn said_just_now(tag: &Tag, occurred_at: Timestamp, ledger: &OrderLedger) -> Option<OutcomeId> {
    let distance = |fact: &Fact| {
        if fact.occurred_at > occurred_at {
            fact.occurred_at.since(occurred_at)
        } else {
            occurred_at.since(fact.occurred_at)
        }
    };
    let said = ledger.effective().filter(|fact| {
        fact.kind == tag.kind && fact.source.is_typed() && distance(fact) <= SAID_AGAIN_WITHIN
    });
    let newest = said.last()?;
    let agrees = ledger.order.state.is_sale() && agrees_in_value(tag, ledger);
    agrees.then(|| newest.id.clone())
}

/// The entry by which an outside source has said this before: without a `ref`, the same words of the same moment.
/// Other words of that moment become an entry of their own, and the fold decides between the two.
fn known_from_outside(tag: &Tag, terms: &Terms, ledger: &OrderLedger) -> Option<OutcomeId> {
    let occurred_at = tag.occurred_at?;
    if tag.reference.is_some() || tag.is_repeatable() {
        return None;
    }
    let says_the_same = |fact: &&Fact| {
        fact.kind == tag.kind
            && fact.occurred_at == occurred_at
            && fact.time_stated
            && !fact.source.is_person()
            && fact.reference.is_none()
            && fact.terms == *terms
            && fact.details == tag.details
            && fact.reason == tag.reason
    };
    ledger.effective().find(says_the_same).map(|fact| fact.id.clone())
}

/// The entry that says already what a person says now: while it holds, saying it again adds nothing.
fn known_from_person(tag: &Tag, ledger: &OrderLedger) -> Option<OutcomeId> {
    let OrderLedger { order, facts, .. } = ledger;
    let newest = |fits: &dyn Fn(&Fact) -> bool| {
        facts
            .iter()
            .rev()
            .find(|fact| !fact.undone && fact.kind == tag.kind && fits(fact))
            .map(|fact| fact.id.clone())
    };
    let value_stays = || order.value.map(|minor| Money::new(minor, order.currency)) == tag.stated_value();
    match tag.kind {
        OutcomeKind::Confirmed if order.state.is_sale() && agrees_in_value(tag, ledger) => newest(&|_| true),
        OutcomeKind::Amended if value_stays() => newest(&|fact| fact.terms.items == tag.terms.items),
        OutcomeKind::Cancelled if order.state == State::Cancelled => newest(&|_| true),
        OutcomeKind::Returned if order.state == State::Returned => newest(&|_| true),
        OutcomeKind::Shipped if order.state.is_sale() => newest(&|_| true),
        OutcomeKind::Delivered if order.state.is_sale() => newest(&|_| true),
        _ => None,
    }
}

fn check_version(tag: &Tag, version: i64, order: Option<usize>) -> Result<(), Refusal> {
    match tag.if_version {
        Some(expected) if expected != version => Err(Refusal::version_conflict(version, expected, order)),
        _ => Ok(()),
    }
}

/// The time of a tag that states none: the clock, or just after the order's last effective entry if that is later.
fn after_last_entry(ledger: &OrderLedger, now: Timestamp) -> Timestamp {
    let last = ledger.effective().map(|fact| fact.occurred_at).max();
    last.filter(|last| *last >= now).map_or(now, |last| last + MIN_SPACING)
}

/// A person may say what is legal now, was legal in the state in which the fact finds the order at its own time,
/// and contradicts no entry that is there.
fn check_legal(
    tag: &Tag,
    terms: &Terms,
    occurred_at: Timestamp,
    index: usize,
    orders: &[OrderLedger],
    decisions: &[SaleDecision],
) -> Result<(), Refusal> {
    let ledger = &orders[index];
    let fact = which_order::on_trial(tag, terms, occurred_at);
    let is_alone = orders.len() == 1 && ledger.joined.is_empty();
    let beside = (!is_alone).then(|| which_order::facts_beside(&fact, index, orders, decisions));
    let facts = beside.as_ref().unwrap_or(&ledger.facts);
    legality::check(fact, &ledger.order, facts).map_err(|illegal| match illegal {
        Illegal::Move(state) => Refusal::illegal_move(tag.kind, state, index),
        Illegal::Contradicts(_) => Refusal::contradicts(tag.kind, index),
    })
}
