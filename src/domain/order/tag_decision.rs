//! What a tag means: which order, whether the fact is already known, and whether it may be said. A sale may
//! be said through several doors (sentence, tap, label, CRM); it stays one sale.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::conversation::customer::Customer;
use crate::domain::order::fold::{Order, State};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::legality;
use crate::domain::order::outcome::{Details, Fact, OutcomeKind, Source, Terms};

/// Characters of an order number, at most.
pub const ORDER_NUMBER_MAX: usize = 64;

/// Characters of a sender's own id of a fact (`ref`), at most.
pub const REFERENCE_MAX: usize = 255;

/// What someone says happened to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What.
    pub kind: OutcomeKind,
    /// From where.
    pub source: Source,
    /// The shop's order number, if it was given.
    pub order_number: Option<String>,
    /// It is another sale, although one is open.
    pub new_order: bool,
    /// Money and goods.
    pub terms: Terms,
    /// How it is paid, and who carries it.
    pub details: Details,
    /// Why.
    pub reason: Option<String>,
    /// A remark beside the entry; a text, kept no longer than every other.
    pub note: Option<String>,
    /// What is known of the customer beside their words.
    pub customer: Option<Customer>,
    /// When it happened, if it was said.
    pub occurred_at: Option<Timestamp>,
    /// The sender's own id of the fact.
    pub reference: Option<String>,
    /// The version of the order that the person looked at.
    pub if_version: Option<i64>,
}

impl Tag {
    /// A tag that says nothing but what happened.
    pub fn bare(kind: OutcomeKind, source: Source, currency: Currency) -> Self {
        Self {
            kind,
            source,
            order_number: None,
            new_order: false,
            terms: Terms::silent(currency),
            details: Details::default(),
            reason: None,
            note: None,
            customer: None,
            occurred_at: None,
            reference: None,
            if_version: None,
        }
    }
}

/// What follows from a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The fact already stands in the ledger, perhaps under another name of the order.
    Known {
        /// Index of the order.
        order: usize,
        /// The entry.
        outcome_id: OutcomeId,
        /// The order learns this further name.
        also_named: Option<String>,
    },
    /// A new entry on an order that stands.
    Append {
        /// Index of the order.
        order: usize,
        /// What it says about money, completed.
        terms: Terms,
        /// When it happened.
        occurred_at: Timestamp,
    },
    /// A new entry that opens an order.
    Open {
        /// The order's name; without one the service makes it.
        number: Option<String>,
        /// What it says about money, completed.
        terms: Terms,
        /// When it happened.
        occurred_at: Timestamp,
    },
}

/// Why a tag is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether things as they stand forbid it (409), or the request is wrong (422) in the field named.
    pub at_fault: Fault,
    /// A stable word.
    pub code: &'static str,
    /// What to do.
    pub message: String,
    /// Index of the order that stands in the way.
    pub order: Option<usize>,
}

/// What a refused tag is at odds with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The state of things: the answer is 409.
    State,
    /// A field of the request, by its JSON pointer: the answer is 422.
    Field(&'static str),
}

/// Two tags of people on one order keep their order: the later is at least so much later.
pub const STEP: Duration = Duration::from_millis(1);

/// Decides what `tag` means in a conversation with these `orders`, oldest first.
pub fn decide(tag: &Tag, orders: &[OrderLedger], now: Timestamp) -> Result<Decision, Refusal> {
    match resolve(tag, orders)? {
        Meant::New { number } => {
            version_is(tag, 0, None)?;
            let terms = complete(tag, &Order::new(tag.terms.currency), None)?;
            Ok(Decision::Open { number, terms, occurred_at: tag.occurred_at.unwrap_or(now) })
        }
        Meant::Existing { index, also_named } => {
            let ledger = &orders[index];
            let known = if tag.source.is_person() {
                known(tag, ledger)
            } else {
                told_before(tag, &complete(tag, &ledger.order, Some(index))?, ledger)
            };
            if let Some(outcome_id) = known {
                return Ok(Decision::Known { order: index, outcome_id, also_named });
            }
            version_is(tag, ledger.version, Some(index))?;
            let terms = complete(tag, &ledger.order, Some(index))?;
            let occurred_at = tag.occurred_at.unwrap_or_else(|| after_the_last(ledger, now));
            if tag.source.is_person() {
                allowed(tag, &terms, occurred_at, ledger, index)?;
            }
            Ok(Decision::Append { order: index, terms, occurred_at })
        }
    }
}

enum Meant {
    Existing { index: usize, also_named: Option<String> },
    New { number: Option<String> },
}

fn resolve(tag: &Tag, orders: &[OrderLedger]) -> Result<Meant, Refusal> {
    match &tag.order_number {
        Some(number) => by_number(tag, number, orders),
        None if tag.kind == OutcomeKind::Confirmed => unnamed_sale(tag, orders),
        None => the_only_open_one(tag, orders),
    }
}

fn by_number(tag: &Tag, number: &str, orders: &[OrderLedger]) -> Result<Meant, Refusal> {
    let only_our_number = |ledger: &OrderLedger| {
        ledger.order.state.is_open() && ledger.service_numbered && ledger.numbers.len() == 1
    };
    let open = orders.iter().rposition(only_our_number).filter(|_| !tag.new_order);
    let is_worth = |index: usize| said_value(tag).is_none_or(|value| orders[index].order.is_worth(value));
    if let Some(index) = orders.iter().position(|ledger| ledger.numbers.iter().any(|name| name == number)) {
        let decides = orders[index].parked && tag.kind == OutcomeKind::Confirmed && tag.source.is_person();
        return Ok(match open.filter(|open| decides && is_worth(*open)) {
            Some(open) => Meant::Existing { index: open, also_named: Some(number.to_owned()) },
            None => Meant::Existing { index, also_named: None },
        });
    }
    let new = || Ok(Meant::New { number: Some(number.to_owned()) });
    if !tag.source.is_person() {
        // Whether it is a sale that already stands follows from the ledgers, whatever came first.
        return new();
    }
    if tag.kind != OutcomeKind::Confirmed {
        let message = format!(
            "There is no order of this number yet; say \"confirmed\" before \"{}\".",
            tag.kind.as_str()
        );
        return Err(Refusal { at_fault: Fault::State, code: "illegal_move", message, order: None });
    }
    match open {
        None => new(),
        Some(index) if is_worth(index) => Ok(Meant::Existing { index, also_named: Some(number.to_owned()) }),
        Some(index) => Err(other_value(index)),
    }
}

/// A `confirmed` without a number is the open sale; else one that was wholly taken back; else a new one.
fn unnamed_sale(tag: &Tag, orders: &[OrderLedger]) -> Result<Meant, Refusal> {
    if tag.new_order {
        return Ok(Meant::New { number: None });
    }
    let is_it = |ledger: &OrderLedger| {
        ledger.order.state.is_open() && said_value(tag).is_none_or(|value| ledger.order.is_worth(value))
    };
    if let Some(index) = orders.iter().rposition(is_it) {
        return Ok(Meant::Existing { index, also_named: None });
    }
    if let Some(index) = orders.iter().rposition(|ledger| ledger.order.state.is_open()) {
        return Err(other_value(index));
    }
    let is_taken_back = |ledger: &OrderLedger| ledger.order.state == State::None && !ledger.parked;
    let taken_back = orders.iter().rposition(is_taken_back);
    Ok(taken_back.map_or(Meant::New { number: None }, |index| Meant::Existing { index, also_named: None }))
}

/// A fact without a number is about the only open order. Facts from outside come late: where there is one
/// order alone they are about that, whatever became of it.
fn the_only_open_one(tag: &Tag, orders: &[OrderLedger]) -> Result<Meant, Refusal> {
    if !tag.source.is_person() && orders.len() == 1 {
        return Ok(Meant::Existing { index: 0, also_named: None });
    }
    let mut open = orders.iter().enumerate().filter(|(_, ledger)| ledger.order.state.is_open());
    match (open.next(), open.next()) {
        (Some((index, _)), None) => Ok(Meant::Existing { index, also_named: None }),
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

fn other_value(index: usize) -> Refusal {
    Refusal {
        at_fault: Fault::State,
        code: "sale_open_with_other_value",
        message: "This sale is already confirmed with another value: say \"amended\" to set it right, \
                  \"cross_sold\" for an addition, or \"new_order\": true for another sale."
            .to_owned(),
        order: Some(index),
    }
}

fn said_value(tag: &Tag) -> Option<Money> {
    let minor = tag.terms.value.or_else(|| tag.terms.sum())?;
    Some(Money::new(minor, tag.terms.currency))
}

/// The entry by which an outside source has told this before: without a name of its own (`ref`), the same words
/// of the same moment. Other words of that moment are kept beside them, and the fold decides.
fn told_before(tag: &Tag, terms: &Terms, ledger: &OrderLedger) -> Option<OutcomeId> {
    let at = tag.occurred_at?;
    if tag.reference.is_some() || is_repeatable(tag) {
        return None;
    }
    let is_it = |fact: &&Fact| {
        !fact.undone
            && fact.kind == tag.kind
            && fact.occurred_at == at
            && !fact.source.is_person()
            && fact.reference.is_none()
            && fact.terms == *terms
            && fact.details == tag.details
            && fact.reason == tag.reason
    };
    ledger.facts.iter().find(is_it).map(|fact| fact.id.clone())
}

/// The entry that already says so: people say a thing once while it stands.
fn known(tag: &Tag, ledger: &OrderLedger) -> Option<OutcomeId> {
    let OrderLedger { order, facts, .. } = ledger;
    let earlier = |fits: &dyn Fn(&Fact) -> bool| {
        facts
            .iter()
            .rev()
            .find(|fact| !fact.undone && fact.kind == tag.kind && fits(fact))
            .map(|fact| fact.id.clone())
    };
    let same_value = || said_value(tag).is_none_or(|value| order.is_worth(value));
    match tag.kind {
        OutcomeKind::Confirmed if order.state.is_standing() && same_value() => earlier(&|_| true),
        OutcomeKind::Amended
            if order.value.map(|minor| Money::new(minor, order.currency)) == said_value(tag) =>
        {
            earlier(&|fact| fact.terms.items == tag.terms.items)
        }
        OutcomeKind::Cancelled if order.state == State::Cancelled => earlier(&|_| true),
        OutcomeKind::Returned if order.state == State::Returned => earlier(&|_| true),
        OutcomeKind::Shipped if order.state.is_standing() => earlier(&|_| true),
        OutcomeKind::Delivered if order.state.is_standing() => earlier(&|_| true),
        _ => None,
    }
}

/// Facts that may be said more than once of an order, and so need a name of their own (`ref`).
pub fn is_repeatable(tag: &Tag) -> bool {
    match tag.kind {
        OutcomeKind::CrossSold | OutcomeKind::Paid | OutcomeKind::Refunded => true,
        OutcomeKind::Returned => tag.terms.value.is_some() || !tag.terms.items.is_empty(),
        _ => false,
    }
}

fn version_is(tag: &Tag, version: i64, order: Option<usize>) -> Result<(), Refusal> {
    match tag.if_version {
        Some(expected) if expected != version => Err(Refusal {
            at_fault: Fault::State,
            code: "version_conflict",
            message: format!(
                "Someone else was quicker: the order is at version {version}, not {expected}. Look at it and decide anew."
            ),
            order,
        }),
        _ => Ok(()),
    }
}

/// The terms with what follows from them, such as the value from the items. What a fact from outside is completed
/// with, and whether it is taken, must not depend on what has arrived: the fold of the order decides.
fn complete(tag: &Tag, order: &Order, index: Option<usize>) -> Result<Terms, Refusal> {
    let wrong = |field: &'static str, message: String| Refusal {
        at_fault: Fault::Field(field),
        code: "invalid_field",
        message,
        order: index,
    };
    let mut terms = tag.terms.clone();
    let by_person = tag.source.is_person();
    if by_person && order.is_priced && terms.name_money() && order.currency != terms.currency {
        return Err(wrong(
            "/currency",
            format!("The order is in {}; say it in that currency.", order.currency),
        ));
    }
    if tag.kind == OutcomeKind::Amended && !by_person {
        // Where goods are given, that is all.
        let fee_and_discount = (!terms.items.is_empty()).then_some(0);
        terms.delivery_fee = terms.delivery_fee.or(fee_and_discount);
        terms.discount = terms.discount.or(fee_and_discount);
    } else if tag.kind == OutcomeKind::Amended {
        terms.delivery_fee = terms.delivery_fee.or(Some(order.delivery_fee));
        terms.discount = terms.discount.or(Some(order.discount));
    }
    if let Some(sum) = terms.sum().filter(|_| tag.kind != OutcomeKind::Returned) {
        let value = *terms.value.get_or_insert(sum);
        if value != sum {
            let [said, counted, difference] =
                [value, sum, value - sum].map(|minor| Money::new(minor, terms.currency));
            return Err(wrong(
                "/value",
                format!(
                    "value is {said}, but items − discount + delivery fee is {counted}: {difference} too much."
                ),
            ));
        }
    } else if terms.value.is_none() && tag.kind == OutcomeKind::Returned {
        terms.value = terms.sum();
    }
    let lowest = i64::from(tag.kind == OutcomeKind::CrossSold);
    if terms.value.is_some_and(|value| value < lowest) {
        return Err(wrong("/value", "It must be more than nothing.".to_owned()));
    }
    if let Some(total) = terms.total {
        grows_to(total, &terms, order, by_person).map_err(|message| wrong("/total", message))?;
    }
    if terms.value.zip(terms.delivery_fee).is_some_and(|(value, fee)| fee > value) {
        return Err(wrong(
            "/delivery_fee",
            "The delivery fee is part of value, so it can't be more.".to_owned(),
        ));
    }
    Ok(terms)
}

/// Whether a cross-sell can lead to this new whole. A person sees what the order is worth, so that theirs must fit.
fn grows_to(total: i64, terms: &Terms, order: &Order, by_person: bool) -> Result<(), String> {
    let before = match order.value {
        _ if total < 1 => return Err("It must be more than nothing.".to_owned()),
        _ if !by_person => return Ok(()),
        None => return Err("The order has no value yet: give the uplift as value.".to_owned()),
        Some(before) => before,
    };
    let money = |minor| Money::new(minor, terms.currency);
    match terms.value {
        _ if total <= before => {
            Err(format!("It must be more than {}, what the order is worth.", money(before)))
        }
        Some(uplift) if uplift != total - before => Err(format!(
            "The order is worth {} and the items add {}: that is not {}.",
            money(before),
            money(uplift),
            money(total)
        )),
        _ => Ok(()),
    }
}

fn after_the_last(ledger: &OrderLedger, now: Timestamp) -> Timestamp {
    let last = ledger.facts.iter().filter(|fact| !fact.undone).map(|fact| fact.occurred_at).max();
    last.filter(|last| *last >= now && *last < now + Duration::from_mins(10)).map_or(now, |last| last + STEP)
}

/// Refuses what a person may not say of the order as it stands, or as it stood at the moment that it is said of.
fn allowed(
    tag: &Tag,
    terms: &Terms,
    at: Timestamp,
    ledger: &OrderLedger,
    index: usize,
) -> Result<(), Refusal> {
    let fact = Fact {
        id: OutcomeId::from("~"),
        kind: tag.kind,
        occurred_at: at,
        recorded_at: at,
        actor: String::new(),
        source: tag.source,
        reference: tag.reference.clone(),
        terms: terms.clone(),
        details: Details::default(),
        reason: None,
        undone: false,
        accepted: false,
    };
    legality::check(fact, &ledger.order, &ledger.facts).map_err(|state| Refusal {
        at_fault: Fault::State,
        code: "illegal_move",
        message: format!("\"{}\" can't be said of an order that is {}.", tag.kind.as_str(), state.as_str()),
        order: Some(index),
    })
}
