//! An order with its ledger, and the tellings that joined it. Joining follows from the facts: a later fact may show
//! that two were not the same sale, so what joined keeps its id, numbers and facts, and can be split off again. Which
//! tellings are one order is decided in [`crate::domain::order::matching`]; here they are put together and taken
//! apart.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::basic::money::Currency;
use crate::domain::order::fold::{self, Order, by_occurrence};
use crate::domain::order::matching::{MatchedOrder, SaleDecision, match_tellings};
use crate::domain::order::number::has_number;
use crate::domain::order::outcome::{Fact, Flag};
use crate::domain::order::telling::{Telling, giver};

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
    /// Its facts, those of joined tellings included, by the time at which they were recorded.
    pub facts: Vec<Fact>,
    /// What the facts fold into.
    pub order: Order,
    /// Whether it is perhaps another order told again.
    pub doubt: Doubt,
    /// Pairs of its tellings, by their ids, that only their value makes one sale: shown, and can be parted.
    pub by_value: Vec<(OrderId, OrderId)>,
    /// Meta was told of this sale by more than one of its tellings.
    pub is_told_twice: bool,
    /// When it came into this conversation; the orders of a conversation are sorted by it.
    pub opened_at: Timestamp,
    /// Meta knows of its own telling, or perhaps does: one of the conversions under its id may have been taken.
    pub is_reported: bool,
    /// Tellings that turned out to be of this sale; their numbers and facts are among its own too.
    pub joined: Vec<JoinedOrder>,
}

/// Whether an order is perhaps one sale with others of its conversation, so that a person is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doubt {
    /// The orders that are perhaps the same sale.
    pub with: Vec<OrderId>,
    /// Another of them goes first: its facts are flagged until a person decides.
    pub is_parked: bool,
    /// It tells Meta nothing until a person decides: it is parked, or one of the two was called off.
    pub waits: bool,
    /// Meta was told of this sale, as it was taken for once, by another order.
    pub is_perhaps_told: bool,
}

/// What is kept of a telling that joined an order, so that it can be split off again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedOrder {
    /// Our id of the telling; it names the order again if it is split off.
    pub id: OrderId,
    /// The numbers that it brought.
    pub numbers: Vec<String>,
    /// It has no number, or only one that the service made.
    pub service_numbered: bool,
    /// Its last version in the feed before it joined; 0 if the feed never told of it.
    pub version: i64,
    /// The version of the signal policy in force when it was opened.
    pub policy_version: i64,
    /// When it came into the conversation.
    pub opened_at: Timestamp,
    /// Meta knows of this telling, or perhaps does.
    pub is_reported: bool,
    /// Which of the facts are its own.
    pub facts: Vec<OutcomeId>,
}

/// A telling that is part of an order which bears the id of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The id of the telling that joined.
    pub telling: OrderId,
    /// The id that the order bears.
    pub order: OrderId,
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
            doubt: Doubt::default(),
            by_value: Vec::new(),
            is_told_twice: false,
            opened_at: Timestamp::from_millis(0),
            is_reported: false,
            joined: Vec::new(),
        }
    }

    /// Splits off every telling that joined it. None of the results is folded again.
    fn part_all(&mut self) -> Vec<Self> {
        let joined = std::mem::take(&mut self.joined);
        joined.into_iter().map(|joined| self.part_one(joined)).collect()
    }

    fn part_one(&mut self, joined: JoinedOrder) -> Self {
        let (joined_facts, own_facts) =
            self.facts.drain(..).partition(|fact| joined.facts.contains(&fact.id));
        self.facts = own_facts;
        self.numbers.retain(|number| !joined.numbers.contains(number));
        let mut parted =
            Self::new(joined.id, joined.service_numbered, joined.policy_version, self.order.currency);
        parted.numbers = joined.numbers;
        // Facts that came while it was joined bear versions of this order, so its next one must be above those.
        parted.version = joined.version.max(self.version);
        parted.opened_at = joined.opened_at;
        parted.is_reported = joined.is_reported;
        parted.facts = joined_facts;
        parted
    }

    /// Takes in a telling that is of this sale; it can be split off again.
    fn join(&mut self, joined: Self) {
        self.joined.push(JoinedOrder {
            id: joined.id.clone(),
            numbers: joined.numbers.clone(),
            service_numbered: joined.service_numbered,
            version: joined.version,
            policy_version: joined.policy_version,
            opened_at: joined.opened_at,
            is_reported: joined.is_reported,
            facts: joined.facts.iter().map(|fact| fact.id.clone()).collect(),
        });
        self.numbers.extend(joined.numbers);
        self.facts.extend(joined.facts);
        self.facts.sort_by(|a, b| (a.recorded_at, &a.id).cmp(&(b.recorded_at, &b.id)));
    }

    /// The telling that bears its id, and those that joined it.
    pub fn tellings(&self) -> Vec<Telling<'_>> {
        let is_joined = |fact: &&Fact| self.joined.iter().any(|joined| joined.facts.contains(&fact.id));
        let brought = |number: &&String| self.joined.iter().any(|joined| joined.numbers.contains(number));
        let own = Telling {
            id: &self.id,
            number: self.numbers.iter().find(|number| !brought(number)).map(String::as_str),
            service_numbered: self.service_numbered
                && self.numbers.iter().filter(|one| !brought(one)).count() < 2,
            opened_at: self.opened_at,
            is_reported: self.is_reported,
            facts: self.facts.iter().filter(|fact| !is_joined(fact)).collect(),
        };
        let joined = self.joined.iter().map(|joined| Telling {
            id: &joined.id,
            number: joined.numbers.first().map(String::as_str),
            service_numbered: joined.service_numbered && joined.numbers.len() < 2,
            opened_at: joined.opened_at,
            is_reported: joined.is_reported,
            facts: self.facts.iter().filter(|fact| joined.facts.contains(&fact.id)).collect(),
        });
        std::iter::once(own).chain(joined).collect()
    }

    /// The number of the telling that bears its id, by which its conversions are named; `None` until it has one.
    pub fn own_number(&self) -> Option<&str> {
        let brought = |number: &&String| self.joined.iter().any(|joined| joined.numbers.contains(number));
        self.numbers.iter().find(|number| !brought(number)).map(String::as_str)
    }

    /// Since when a person is asked about it: a flagged fact waits to be accepted or taken back, or it is perhaps
    /// another order. `None` if nothing is asked.
    pub fn asks_since(&self) -> Option<Timestamp> {
        let is_flagged = |fact: &&Fact| self.order.flag_of(&fact.id).is_some();
        let flagged = self.effective().filter(is_flagged).map(|fact| fact.occurred_at).min();
        let asked = (self.doubt.is_parked || self.doubt.is_perhaps_told)
            .then(|| self.effective().map(|fact| fact.occurred_at).min())
            .flatten();
        flagged.or(asked)
    }

    /// The number by which the shop knows it; the service's own if there is no other.
    pub fn shops_number(&self) -> Option<&str> {
        let own = self.own_number().filter(|_| self.service_numbered);
        let joined = self.joined.iter().filter(|joined| joined.service_numbered);
        let made: Vec<&str> =
            joined.flat_map(|joined| &joined.numbers).map(String::as_str).chain(own).collect();
        let shops = self.numbers.iter().map(String::as_str).find(|number| !made.contains(number));
        shops.or(self.numbers.first().map(String::as_str))
    }

    /// Its id, and those of the tellings that joined it.
    pub fn ids(&self) -> impl Iterator<Item = &OrderId> {
        std::iter::once(&self.id).chain(self.joined.iter().map(|joined| &joined.id))
    }

    /// Whether an order or one of the tellings that joined it has this id.
    pub fn has_id(&self, id: &OrderId) -> bool {
        self.id == *id || self.joined.iter().any(|joined| joined.id == *id)
    }

    /// Whether it goes under this number, however that is written.
    pub fn has_number(&self, number: &str) -> bool {
        has_number(&self.numbers, number)
    }

    /// The fact that gave it its value, to which a person's decision about it is bound.
    pub fn giver(&self) -> Option<&Fact> {
        giver(&self.facts.iter().collect::<Vec<_>>())
    }

    /// The id under which a fact from outside with this number is written: that of the joined order which brought
    /// the number, so that the fact leaves with it; else this order's own.
    pub fn id_for_number(&self, number: Option<&str>) -> OrderId {
        let brought =
            |joined: &&JoinedOrder| number.is_some_and(|number| has_number(&joined.numbers, number));
        self.joined.iter().find(brought).map_or_else(|| self.id.clone(), |joined| joined.id.clone())
    }

    /// The id of the telling to which a fact belongs.
    pub fn id_of_telling(&self, fact: &OutcomeId) -> &OrderId {
        let tells = |joined: &&JoinedOrder| joined.facts.contains(fact);
        self.joined.iter().find(tells).map_or(&self.id, |joined| &joined.id)
    }

    /// Adds a number to one of its tellings. Gives whether that telling had none, so that the service makes it none.
    pub fn add_number(&mut self, telling: &OrderId, number: String) -> bool {
        let joined = self.joined.iter_mut().find(|joined| joined.id == *telling);
        let had_none = if let Some(joined) = joined {
            let had_none = joined.service_numbered && joined.numbers.is_empty();
            joined.service_numbered &= !had_none;
            joined.numbers.push(number.clone());
            had_none
        } else {
            let had_none = self.service_numbered && self.own_number().is_none();
            self.service_numbered &= !had_none;
            had_none
        };
        self.numbers.push(number);
        had_none
    }

    /// Adds an entry under the id that [`Self::id_for_number`] gave. The fold is left as it was.
    pub fn add(&mut self, home: &OrderId, fact: Fact) {
        if let Some(joined) = self.joined.iter_mut().find(|joined| joined.id == *home) {
            joined.facts.push(fact.id.clone());
        }
        self.facts.push(fact);
    }

    /// Folds its facts again. While it is parked, each carries a flag besides, and shows in the sums all the same.
    pub fn fold(&mut self, currency: Currency) {
        take_currency(&mut self.facts);
        let fold = if self.doubt.is_parked { fold_parked } else { fold::fold };
        self.order = fold(&self.facts, currency);
    }

    /// The facts that were not undone, flagged ones included.
    pub fn effective(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter().filter(|fact| !fact.undone)
    }
}

/// Puts amounts without a stated currency into that of their order: the first stated one, else the one in which the first
/// was written. An amount that is none in it, because it has fewer digits behind the point, stays as it was written.
pub fn take_currency(facts: &mut [Fact]) {
    if facts.iter().all(|fact| fact.terms.written_in.is_none()) {
        return;
    }
    let mut of_money: Vec<&Fact> =
        facts.iter().filter(|fact| !fact.undone && fact.terms.states_anything()).collect();
    of_money.sort_by(|a, b| by_occurrence(a, b));
    let stated = of_money.iter().find(|fact| fact.terms.written_in.is_none());
    let written = || of_money.first().and_then(|fact| fact.terms.written_in);
    let Some(currency) = stated.map(|fact| fact.terms.currency).or_else(written) else { return };
    for fact in facts {
        let Some(written_in) = fact.terms.written_in else { continue };
        let terms = &fact.terms;
        if let Some(terms) = terms.in_currency(currency).or_else(|| terms.in_currency(written_in)) {
            fact.terms = terms;
        }
    }
}

/// The fold of a parked order: what its facts come to, with a flag on each.
pub fn fold_parked(facts: &[Fact], currency: Currency) -> Order {
    let mut order = fold::fold(facts, currency);
    for fact in facts.iter().filter(|fact| !fact.undone) {
        if order.flag_of(&fact.id).is_none() {
            order.flags.push((fact.id.clone(), Flag::PerhapsSameSale));
        }
    }
    order
}

/// The tellings that joined an order, each with the order of which it is part.
pub fn joins(orders: &[OrderLedger]) -> Vec<Join> {
    let of_order = |ledger: &OrderLedger| -> Vec<Join> {
        let join = |joined: &JoinedOrder| Join { telling: joined.id.clone(), order: ledger.id.clone() };
        ledger.joined.iter().map(join).collect()
    };
    orders.iter().flat_map(of_order).collect()
}

/// Matches the tellings of a conversation anew, so that each of `orders` is one sale, and folds every order. Orders are
/// sorted by when they were opened.
pub fn rematch(orders: &mut Vec<OrderLedger>, decisions: &[SaleDecision], currency: Currency) {
    let mut tellings: Vec<OrderLedger> = Vec::with_capacity(orders.len());
    for mut ledger in orders.drain(..) {
        tellings.extend(ledger.part_all());
        tellings.push(ledger);
    }
    tellings.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    for telling in &mut tellings {
        take_currency(&mut telling.facts);
    }
    let matching = {
        let told: Vec<Telling<'_>> = tellings.iter().flat_map(OrderLedger::tellings).collect();
        match_tellings(&told, decisions)
    };
    let ids: Vec<OrderId> = tellings.iter().map(|telling| telling.id.clone()).collect();
    let mut tellings: Vec<Option<OrderLedger>> = tellings.into_iter().map(Some).collect();
    for (index, matched) in matching.orders.iter().enumerate() {
        let Some(mut ledger) = tellings[matched.root].take() else { continue };
        for joined in &matched.joined {
            ledger.join_some(tellings[*joined].take());
        }
        let doubts = matching.in_doubt_with(index).map(|other| ids[matching.orders[other].root].clone());
        ledger.doubt.with = doubts.collect();
        ledger.take_marks(matched, &ids);
        ledger.fold(currency);
        orders.push(ledger);
    }
    orders.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
}

impl OrderLedger {
    fn join_some(&mut self, joined: Option<Self>) {
        if let Some(joined) = joined {
            self.join(joined);
        }
    }

    fn take_marks(&mut self, matched: &MatchedOrder, ids: &[OrderId]) {
        self.doubt.waits = matched.waits;
        self.doubt.is_parked = matched.is_parked;
        self.is_told_twice = matched.is_told_twice;
        let pairs = matched.by_value.iter();
        self.by_value = pairs.map(|(a, b)| (ids[*a].clone(), ids[*b].clone())).collect();
    }
}

/// Marks the tellings of which Meta knows, or perhaps does: `reported` are the orders that have a conversion which may
/// have been taken.
pub fn mark_reported(orders: &mut [OrderLedger], reported: &BTreeSet<OrderId>) {
    for ledger in orders {
        ledger.is_reported = reported.contains(&ledger.id);
        for joined in &mut ledger.joined {
            joined.is_reported = reported.contains(&joined.id);
        }
    }
}
