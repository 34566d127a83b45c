//! An order with its ledger, and the orders that joined it.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::basic::money::Currency;
use crate::domain::order::fold::{self, Order};
use crate::domain::order::outcome::Fact;

/// An order with its ledger: the facts that are told of it, and what they fold into.
#[derive(Clone, Debug)]
pub struct OrderLedger {
    /// Our id of the order.
    pub id: OrderId,
    /// Its order numbers, the first one first: the shop's, a CRM's, or the service's.
    pub numbers: Vec<String>,
    /// Its first number was made by the service.
    pub service_numbered: bool,
    /// Counts the changes of the order that the feed tells of; 0 before the first.
    pub version: i64,
    /// The policy under which it was opened.
    pub policy_version: i64,
    /// Its facts, by the time at which they were recorded.
    pub facts: Vec<Fact>,
    /// What the facts fold into.
    pub order: Order,
    /// It is perhaps another order of this conversation told again: it moves nothing until a person decides.
    pub parked: bool,
    /// When it was opened here.
    pub opened_at: Timestamp,
    /// An event of it left, or was about to: what Meta knows of it stays as it is.
    pub reported: bool,
    /// Orders from outside that are this one by their value; their numbers and facts stand among its own.
    pub joined: Vec<JoinedOrder>,
}

/// An order from outside that turned out to be the order which holds it. That follows from the facts, so that a
/// later fact may part them again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedOrder {
    /// Our id of it.
    pub id: OrderId,
    /// Its order numbers.
    pub numbers: Vec<String>,
    /// Its version when it ended.
    pub version: i64,
    /// The policy under which it was opened.
    pub policy_version: i64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Its facts, by their ids.
    pub facts: Vec<OutcomeId>,
}

impl OrderLedger {
    /// An order of which nothing is known yet.
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
            reported: false,
            joined: Vec::new(),
        }
    }

    /// Takes out the orders that joined it, unless Meta was told of them as one.
    pub fn part(&mut self) -> Vec<Self> {
        if self.reported {
            return Vec::new();
        }
        let joined = std::mem::take(&mut self.joined);
        joined.into_iter().map(|joined| self.part_one(joined)).collect()
    }

    fn part_one(&mut self, joined: JoinedOrder) -> Self {
        let (facts, own) = self.facts.drain(..).partition(|fact| joined.facts.contains(&fact.id));
        self.facts = own;
        self.numbers.retain(|name| !joined.numbers.contains(name));
        let mut parted = Self::new(joined.id, false, joined.policy_version, self.order.currency);
        parted.numbers = joined.numbers;
        // Facts that came meanwhile bear the versions of this one.
        parted.version = joined.version.max(self.version);
        parted.opened_at = joined.opened_at;
        parted.facts = facts;
        parted
    }

    /// Takes in an order that is this one.
    pub fn join(&mut self, joined: Self) {
        self.joined.push(JoinedOrder {
            id: joined.id.clone(),
            numbers: joined.numbers.clone(),
            version: joined.version,
            policy_version: joined.policy_version,
            opened_at: joined.opened_at,
            facts: joined.facts.iter().map(|fact| fact.id.clone()).collect(),
        });
        self.take_in(joined);
    }

    /// Takes in an order that a person said is this one, for good.
    pub fn take_in(&mut self, joined: Self) {
        self.numbers.extend(joined.numbers);
        self.facts.extend(joined.facts);
        self.facts.sort_by(|a, b| (a.recorded_at, &a.id).cmp(&(b.recorded_at, &b.id)));
    }

    /// The order to which a fact from outside under this number belongs: this one, or one that joined it.
    pub fn home_of(&self, number: Option<&str>) -> OrderId {
        let has_it = |joined: &&JoinedOrder| {
            number.is_some_and(|number| joined.numbers.iter().any(|name| name == number))
        };
        self.joined.iter().find(has_it).map_or_else(|| self.id.clone(), |joined| joined.id.clone())
    }

    /// A new entry of the order that is `home` here.
    pub fn add(&mut self, home: &OrderId, fact: Fact) {
        if let Some(joined) = self.joined.iter_mut().find(|joined| joined.id == *home) {
            joined.facts.push(fact.id.clone());
        }
        self.facts.push(fact);
    }

    /// Folds its ledger again.
    pub fn fold(&mut self, currency: Currency) {
        self.order = fold::fold(&self.facts, currency);
        self.parked = false;
    }

    /// The facts that nobody has undone.
    pub fn effective(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(|fact| !fact.undone)
    }
}
