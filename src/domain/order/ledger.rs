//! An order with its ledger, and the orders from outside that joined it. Joining follows from the facts: a later fact
//! may show that two were not the same sale, so what joined keeps its id, numbers and facts, and can be split off
//! again. Whether two orders are one is decided in [`crate::domain::order::matching`]; here they are only put
//! together and taken apart.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::basic::money::Currency;
use crate::domain::order::fold::{self, Order};
use crate::domain::order::outcome::Fact;

/// One sale of a conversation: its facts, and what they fold into.
#[derive(Clone, Debug)]
pub struct OrderLedger {
    /// Our id of the order, never shown as its number.
    pub id: OrderId,
    /// Its order numbers as people and systems write them, in the order in which they were learnt. The first one is
    /// part of every `event_id`, so it never changes.
    pub numbers: Vec<String>,
    /// Its first number was made by the service, because the first tag gave none.
    pub service_numbered: bool,
    /// Counts the changes of the order in the feed; 0 before the first.
    pub version: i64,
    /// The version of the signal policy in force when it was opened; a later policy does not apply to it.
    pub policy_version: i64,
    /// Its facts, those of joined orders included, by the time at which they were recorded.
    pub facts: Vec<Fact>,
    /// What the facts fold into; empty but for flags while the order is parked.
    pub order: Order,
    /// It is perhaps another order of this conversation, told again from outside: it moves nothing and makes no
    /// conversion until a person decides.
    pub parked: bool,
    /// When it came into this conversation; the orders of a conversation are sorted by it.
    pub opened_at: Timestamp,
    /// Meta may know of it: one of its conversions was carried by an attempt. From then on it joins no order and
    /// none is split off from it.
    pub may_be_reported: bool,
    /// Orders from outside that are this one by their value; their numbers and facts are among its own too.
    pub joined: Vec<JoinedOrder>,
}

/// What is kept of an order from outside that joined another one, so that it can be split off again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedOrder {
    /// Our id of the joined order; it names the order again if it is split off.
    pub id: OrderId,
    /// The numbers that it brought.
    pub numbers: Vec<String>,
    /// Its last version in the feed before it joined; 0 if the feed never told of it.
    pub version: i64,
    /// The version of the signal policy in force when it was opened.
    pub policy_version: i64,
    /// When it came into the conversation.
    pub opened_at: Timestamp,
    /// Which of the facts are its own.
    pub facts: Vec<OutcomeId>,
}

impl OrderLedger {
    /// An order without facts and numbers, at version 0.
    pub fn new(id: OrderId, service_numbered: bool, policy_version: i64, currency: Currency) -> Self {
        Self {
            id,
            numbers: Vec::new(),
            service_numbered,
            version: 0,
            policy_version,
            facts: Vec::new(),
            order: Order::new(currency),
            parked: false,
            opened_at: Timestamp::from_millis(0),
            may_be_reported: false,
            joined: Vec::new(),
        }
    }

    /// Splits off every order that joined it, so that the matching can decide anew; none once Meta may know of them
    /// as one. None of the results is folded again.
    pub fn part(&mut self) -> Vec<Self> {
        if self.may_be_reported {
            return Vec::new();
        }
        let joined = std::mem::take(&mut self.joined);
        joined.into_iter().map(|joined| self.part_one(joined)).collect()
    }

    fn part_one(&mut self, joined: JoinedOrder) -> Self {
        let (joined_facts, own_facts) =
            self.facts.drain(..).partition(|fact| joined.facts.contains(&fact.id));
        self.facts = own_facts;
        self.numbers.retain(|number| !joined.numbers.contains(number));
        let mut parted = Self::new(joined.id, false, joined.policy_version, self.order.currency);
        parted.numbers = joined.numbers;
        // Facts that came while it was joined bear versions of this order, so its next one must be above those.
        parted.version = joined.version.max(self.version);
        parted.opened_at = joined.opened_at;
        parted.facts = joined_facts;
        parted
    }

    /// Takes in an order that is this one by its facts; it can be split off again.
    pub fn join(&mut self, joined: Self) {
        self.joined.push(JoinedOrder {
            id: joined.id.clone(),
            numbers: joined.numbers.clone(),
            version: joined.version,
            policy_version: joined.policy_version,
            opened_at: joined.opened_at,
            facts: joined.facts.iter().map(|fact| fact.id.clone()).collect(),
        });
        self.merge(joined);
    }

    /// Takes in an order for good, because a person said that it is this one.
    pub fn merge(&mut self, joined: Self) {
        self.numbers.extend(joined.numbers);
        self.facts.extend(joined.facts);
        self.facts.sort_by(|a, b| (a.recorded_at, &a.id).cmp(&(b.recorded_at, &b.id)));
    }

    /// The id under which a fact from outside with this number is written: that of the joined order which brought
    /// the number, so that the fact leaves with it; else this order's own.
    pub fn id_for_number(&self, number: Option<&str>) -> OrderId {
        let has_number = |joined: &&JoinedOrder| {
            number.is_some_and(|number| joined.numbers.iter().any(|own| own == number))
        };
        self.joined.iter().find(has_number).map_or_else(|| self.id.clone(), |joined| joined.id.clone())
    }

    /// Adds an entry under the id that [`Self::id_for_number`] gave. The fold is left as it was.
    pub fn add(&mut self, home: &OrderId, fact: Fact) {
        if let Some(joined) = self.joined.iter_mut().find(|joined| joined.id == *home) {
            joined.facts.push(fact.id.clone());
        }
        self.facts.push(fact);
    }

    /// Folds its facts again, as an order of its own. Whether it is parked is the matching's to decide afterwards.
    pub fn fold(&mut self, currency: Currency) {
        self.order = fold::fold(&self.facts, currency);
        self.parked = false;
    }

    /// The facts that were not undone, flagged ones included.
    pub fn effective(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(|fact| !fact.undone)
    }
}
