//! A telling: what one door told of one sale, before it is decided which tellings are one order. A telling is an order
//! row with a number of its own, or a `confirmed` without one, and the facts that came under it. Here it is read what
//! the matching compares: when the sale was agreed, for how much, by which door, and whether it had ended by then.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::fold::by_occurrence;
use crate::domain::order::outcome::{Fact, OutcomeKind, Source};

/// How far a stated moment may be from the agreement itself.
const STATED_WITHIN: Duration = Duration::from_mins(10);

/// How long after the agreement a tap, a label or a CRM may tell of it.
const LATE_WITHIN: Duration = Duration::from_hours(12);

/// How long after the agreement an outside fact without a time, or the courier, may tell of it.
const UNTIMED_WITHIN: Duration = Duration::from_hours(7 * 24);

/// An order as it was told: its own facts, without those of tellings that turned out to be the same sale.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    /// The id of its row, which it keeps whichever order it belongs to.
    pub id: &'a OrderId,
    /// Its own number; `None` until the service gives it one.
    pub number: Option<&'a str>,
    /// Its number is the service's own, or it has none: nobody told it by a number.
    pub service_numbered: bool,
    /// When it came into the conversation.
    pub opened_at: Timestamp,
    /// Meta was told of it, or perhaps was: one of its conversions may have been taken.
    pub is_reported: bool,
    /// Its facts, undone ones included, by the time of recording.
    pub facts: Vec<&'a Fact>,
}

/// The door through which a telling came. Two tellings of one value by the same door are rather two sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door<'a> {
    /// People, in the console or by the API: all who type are one.
    People,
    /// A label in Meta's inbox.
    Label,
    /// The sentence that confirms an order.
    Sentence,
    /// An outside sender, by name.
    Outside(&'a str),
}

/// Who told of a sale; of two in doubt, the one of the first goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToldBy {
    /// A person typed or tapped it.
    Person,
    /// The service read it from a label or a sentence of the shop's.
    Reading,
    /// A CRM, a courier, a bank or a site.
    Outside,
}

impl ToldBy {
    fn of(fact: &Fact) -> Self {
        match fact.source {
            source if source.is_typed() => Self::Person,
            source if source.is_person() => Self::Reading,
            _ => Self::Outside,
        }
    }
}

/// Who told of an order by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberedBy<'a> {
    /// People: all who type are one.
    People,
    /// An outside sender, by name, on behalf of this source.
    Outside(&'a str, Source),
}

/// How surely the moment of a telling is that of the agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// A person stated it, or a sentence was written then.
    Stated,
    /// A tap or a label, made some time after the agreement.
    Tapped,
    /// An outside sender stated it.
    StatedOutside,
    /// Nobody stated it: the moment is that of recording, and claims nothing.
    Untimed,
}

/// What a telling says of its sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// It was agreed: there is an effective `confirmed`.
    Confirmed,
    /// Its `confirmed` was taken back, and nothing else stands.
    TakenBack,
    /// Nobody confirmed it, but the parcel or the money moved.
    Carried,
    /// Nobody confirmed it; it was only called off or came back.
    CalledOff,
}

/// What the matching compares of a telling.
#[derive(Clone, Debug)]
pub struct Account<'a> {
    /// What it says of its sale.
    pub basis: Basis,
    /// The door of the fact that gives it its moment.
    pub door: Door<'a>,
    /// How sure that moment is.
    pub timing: Timing,
    /// The moment at which the sale was agreed, as told.
    pub at: Timestamp,
    /// The earliest moment at which it may have been agreed.
    pub from: Timestamp,
    /// The latest moment at which it may have been agreed.
    pub until: Timestamp,
    /// Every value that it effectively had, also before an amendment. Empty if none was named.
    pub values: Vec<Money>,
    /// The delivery fee within the value, in minor units; 0 if none was named.
    pub delivery_fee: i64,
    /// Those who told of it by its own number: two numbers of one of them are two sales. What a CRM passes on of the
    /// courier counts apart from what it says itself.
    pub numbered_by: Vec<NumberedBy<'a>>,
    /// Who told of it, of several the first.
    pub told_by: ToldBy,
    /// A person typed its value, perhaps of a label.
    pub is_valued_by_person: bool,
    /// When it was first delivered, cancelled or wholly returned, as somebody stated.
    pub ended_at: Option<Timestamp>,
    /// When it was first cancelled or wholly returned, as somebody stated.
    pub called_off_at: Option<Timestamp>,
    /// Somebody said that it was cancelled or wholly came back, at whatever time.
    pub is_called_off: bool,
    /// Somebody said that a part of it came back.
    pub is_part_returned: bool,
    /// The fact that gave it its value or, without one, its moment. A person's decision is bound to it.
    pub giver: &'a OutcomeId,
}

impl<'a> Account<'a> {
    /// What `telling` says; `None` if nothing of it stands and no `confirmed` of it was taken back.
    pub fn of(telling: &Telling<'a>) -> Option<Self> {
        let mut facts: Vec<&'a Fact> = telling.facts.iter().copied().filter(|fact| !fact.undone).collect();
        facts.sort_by(|a, b| by_occurrence(a, b));
        let surest = |facts: &[&'a Fact]| {
            let confirmed = facts.iter().copied().filter(|fact| fact.kind == OutcomeKind::Confirmed);
            confirmed.min_by_key(|fact| (sureness(fact), fact.occurred_at))
        };
        let (basis, dated) = if let Some(confirmed) = surest(&facts) {
            (Basis::Confirmed, confirmed)
        } else if let Some(first) = facts.first().copied() {
            let is_end = |fact: &&Fact| matches!(fact.kind, OutcomeKind::Cancelled | OutcomeKind::Returned);
            (if facts.iter().all(is_end) { Basis::CalledOff } else { Basis::Carried }, first)
        } else {
            (Basis::TakenBack, surest(&telling.facts)?)
        };
        let timing = match basis {
            Basis::Confirmed | Basis::TakenBack => timing_of(dated),
            Basis::Carried | Basis::CalledOff => Timing::Untimed,
        };
        let at = dated.occurred_at;
        let (from, until) = match timing {
            Timing::Stated => (at - STATED_WITHIN, at + STATED_WITHIN),
            Timing::Tapped | Timing::StatedOutside => (at - LATE_WITHIN, at),
            Timing::Untimed => (at - UNTIMED_WITHIN, at),
        };
        let called_off: Vec<&Fact> = facts.iter().copied().filter(|fact| calls_off(fact)).collect();
        let delivered = facts.iter().copied().filter(|fact| fact.kind == OutcomeKind::Delivered);
        let first_stated = |facts: &mut dyn Iterator<Item = &'a Fact>| {
            facts.filter(|fact| claims_time(fact)).map(|fact| fact.occurred_at).min()
        };
        Some(Self {
            basis,
            door: door_of(dated),
            timing,
            at,
            from,
            until,
            values: values(&facts),
            delivery_fee: facts.iter().rev().find_map(|fact| fact.terms.delivery_fee).unwrap_or(0),
            numbered_by: numbered_by(telling, &facts),
            told_by: telling.facts.iter().map(|fact| ToldBy::of(fact)).min().unwrap_or(ToldBy::Outside),
            is_valued_by_person: facts.iter().any(|fact| fact.source.is_typed() && gives_value(fact)),
            ended_at: first_stated(&mut called_off.iter().copied().chain(delivered)),
            called_off_at: first_stated(&mut called_off.iter().copied()),
            is_called_off: !called_off.is_empty(),
            is_part_returned: facts.iter().any(|fact| fact.kind == OutcomeKind::Returned && !calls_off(fact)),
            giver: &giver(&telling.facts).unwrap_or(dated).id,
        })
    }

    /// Whether two tellings may be of one sale by their times: their spans touch, or they lie within 12 hours.
    pub fn is_near(&self, other: &Self) -> bool {
        self.touches(other) || self.distance(other) <= LATE_WITHIN
    }

    /// Whether both may have been agreed at one moment.
    pub fn touches(&self, other: &Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }

    /// Whether each was told by a number of its own.
    pub fn has_other_number(&self, other: &Self) -> bool {
        !self.numbered_by.is_empty() && !other.numbered_by.is_empty()
    }

    /// Whether one door told of both, or gave both their value.
    pub fn shares_door(&self, other: &Self) -> bool {
        self.door == other.door || (self.is_valued_by_person && other.is_valued_by_person)
    }

    /// The time between two tellings.
    pub fn distance(&self, other: &Self) -> Duration {
        if self.at >= other.at { self.at.since(other.at) } else { other.at.since(self.at) }
    }

    /// Whether both name a value, and one of them is the same.
    pub fn agrees_in_value(&self, other: &Self) -> bool {
        self.values.iter().any(|value| other.values.contains(value))
    }
}

/// The fact by which an order got its value, a person's before an outside one; without a value, the first `confirmed`.
/// Facts may be undone. `None` if no fact gives either.
pub fn giver<'a>(facts: &[&'a Fact]) -> Option<&'a Fact> {
    let confirms = facts.iter().copied().filter(|fact| fact.kind == OutcomeKind::Confirmed);
    let rank = |fact: &&Fact| {
        let lacks_value = fact.terms.value.is_none();
        (fact.undone, lacks_value, !fact.source.is_person(), fact.occurred_at, fact.recorded_at)
    };
    confirms.min_by_key(rank).or_else(|| facts.iter().copied().find(|fact| !fact.undone))
}

/// The surest `confirmed` gives a telling its moment.
fn sureness(fact: &Fact) -> u8 {
    match timing_of(fact) {
        Timing::Stated => 0,
        Timing::Tapped => 1,
        Timing::StatedOutside => 2,
        Timing::Untimed => 3,
    }
}

fn timing_of(fact: &Fact) -> Timing {
    match fact.source {
        Source::Sentence => Timing::Stated,
        Source::Console | Source::Api if fact.time_stated => Timing::Stated,
        Source::Console | Source::Api | Source::Label => Timing::Tapped,
        _ if fact.time_stated => Timing::StatedOutside,
        _ => Timing::Untimed,
    }
}

fn door_of(fact: &Fact) -> Door<'_> {
    match fact.source {
        Source::Label => Door::Label,
        Source::Sentence => Door::Sentence,
        Source::Console | Source::Api => Door::People,
        _ => Door::Outside(&fact.actor),
    }
}

/// Whether the time of a fact says when it happened: outside facts without a stated one claim nothing by it.
fn claims_time(fact: &Fact) -> bool {
    fact.time_stated || fact.source.is_person()
}

/// Whether a fact says what the whole sale is worth.
fn gives_value(fact: &Fact) -> bool {
    matches!(fact.kind, OutcomeKind::Confirmed | OutcomeKind::Amended)
        && (fact.terms.value.is_some() || fact.terms.sum().is_some())
}

/// Whether a fact ends the sale for good, as far as it says so itself: a return of named pieces may be of a part.
fn calls_off(fact: &Fact) -> bool {
    match fact.kind {
        OutcomeKind::Cancelled => true,
        OutcomeKind::Returned => fact.terms.value.is_none() && fact.terms.items.is_empty(),
        _ => false,
    }
}

fn numbered_by<'a>(telling: &Telling<'a>, facts: &[&'a Fact]) -> Vec<NumberedBy<'a>> {
    let mut senders: Vec<NumberedBy<'_>> = Vec::new();
    if telling.number.is_none() {
        return senders;
    }
    for fact in facts {
        let sender = match door_of(fact) {
            // A later step may have come without a number: of an order under the service's number it shows no number.
            Door::Outside(sender) if !telling.service_numbered || fact.kind == OutcomeKind::Confirmed => {
                NumberedBy::Outside(sender, fact.source)
            }
            Door::People if fact.kind == OutcomeKind::Confirmed && !telling.service_numbered => {
                NumberedBy::People
            }
            _ => continue,
        };
        if !senders.contains(&sender) {
            senders.push(sender);
        }
    }
    senders
}

/// Every value that the facts, sorted by occurrence, give their sale one after the other.
fn values(facts: &[&Fact]) -> Vec<Money> {
    let mut values: Vec<Money> = Vec::new();
    let (mut worth, mut paid): (Option<i64>, i64) = (None, 0);
    let mut note = |minor: i64, currency: Currency| {
        let value = Money::new(minor, currency);
        if minor > 0 && !values.contains(&value) {
            values.push(value);
        }
    };
    for fact in facts {
        let (terms, currency) = (&fact.terms, fact.terms.currency);
        let stated = terms.value.or_else(|| terms.sum());
        match fact.kind {
            OutcomeKind::Confirmed | OutcomeKind::Amended => worth = stated.or(worth),
            OutcomeKind::CrossSold => {
                worth = terms.total.or_else(|| Some(worth?.saturating_add(stated.unwrap_or(0))));
            }
            // The courier's sum is the value while nobody named another.
            OutcomeKind::Shipped | OutcomeKind::Delivered if worth.is_none() => {
                if let Some(sum) = stated {
                    note(sum, currency);
                }
                continue;
            }
            OutcomeKind::Paid if worth.is_none() => {
                paid = paid.saturating_add(stated.unwrap_or(0));
                note(paid, currency);
                continue;
            }
            _ => continue,
        }
        if let Some(worth) = worth {
            note(worth, currency);
        }
    }
    values
}
