//! What a tag of an order means: which order it is about, whether the fact stands in the ledger already, and whether
//! it may be said as things stand. A sale may be told through several doors (tap, label, sentence, CRM); it stays
//! one order. Nothing is written here, and a `ref` that came before is looked up before this decision.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Money;
use crate::domain::order::fold::{Order, State};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::legality;
use crate::domain::order::outcome::{Details, Fact, OutcomeKind, Terms};
use crate::domain::order::tag::{MIN_SPACING, Tag};
use crate::domain::order::tag_refusal::Refusal;
use crate::domain::order::tag_terms::complete;
use crate::domain::order::which_order::{self, OrderMeant, agrees_in_value};

/// A person's tag without a stated time follows entries that are dated at most so far ahead of the clock; one
/// dated further ahead is a slip that must not pull later tags with it.
const AHEAD_MAX: Duration = Duration::from_mins(10);

/// An id that sorts after every real one (they are UUIDs), so that a fact on trial is the last of its moment.
const TRIAL_ID: &str = "~";

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
    },
    /// A new entry on an existing order.
    Append {
        /// Index of the order, among those of the conversation.
        order: usize,
        /// The tag's terms with what follows from them, such as the value from the items.
        terms: Terms,
        /// The stated time, else one that follows the order's last entry.
        occurred_at: Timestamp,
    },
    /// A new entry that opens an order.
    Open {
        /// The order's first number; without one the service makes it.
        number: Option<String>,
        /// The tag's terms with what follows from them, such as the value from the items.
        terms: Terms,
        /// The stated time, else the clock's.
        occurred_at: Timestamp,
    },
}

/// Decides what `tag` means in a conversation with these `orders`, oldest first.
///
/// # Errors
/// A refusal, for a person's tag that can't be said as things stand and for any tag with a wrong field.
pub fn decide(tag: &Tag, orders: &[OrderLedger], now: Timestamp) -> Result<Decision, Refusal> {
    match which_order::find(tag, orders)? {
        OrderMeant::New { number } => {
            check_version(tag, 0, None)?;
            let terms = complete(tag, &Order::new(tag.terms.currency), None)?;
            Ok(Decision::Open { number, terms, occurred_at: tag.occurred_at.unwrap_or(now) })
        }
        OrderMeant::Existing { index, also_named } => {
            let ledger = &orders[index];
            let known = if tag.source.is_person() {
                known_from_person(tag, ledger)
            } else {
                known_from_outside(tag, &complete(tag, &ledger.order, Some(index))?, ledger)
            };
            if let Some(outcome_id) = known {
                return Ok(Decision::Known { order: index, outcome_id, also_named });
            }
            check_version(tag, ledger.version, Some(index))?;
            let terms = complete(tag, &ledger.order, Some(index))?;
            let occurred_at = tag.occurred_at.unwrap_or_else(|| after_last_entry(ledger, now));
            if tag.source.is_person() {
                check_legal(tag, &terms, occurred_at, ledger, index)?;
            }
            Ok(Decision::Append { order: index, terms, occurred_at })
        }
    }
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
    last.filter(|last| *last >= now && *last < now + AHEAD_MAX).map_or(now, |last| last + MIN_SPACING)
}

/// A person may say what is legal now, was legal in the state in which the fact finds the order at its own time,
/// and contradicts no entry that is there.
fn check_legal(
    tag: &Tag,
    terms: &Terms,
    occurred_at: Timestamp,
    ledger: &OrderLedger,
    index: usize,
) -> Result<(), Refusal> {
    let fact = Fact {
        id: OutcomeId::from(TRIAL_ID),
        kind: tag.kind,
        occurred_at,
        recorded_at: occurred_at,
        actor: String::new(),
        source: tag.source,
        reference: tag.reference.clone(),
        terms: terms.clone(),
        details: Details::default(),
        reason: None,
        undone: false,
        accepted: false,
    };
    legality::check(fact, &ledger.order, &ledger.facts)
        .map_err(|state| Refusal::illegal_move(tag.kind, state, index))
}
