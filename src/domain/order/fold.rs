//! An order as a fold over its ledger. The state follows from the effective facts in the order in which
//! they *happened*, never in which they arrived.

use std::cmp::Ordering;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::outcome::{Fact, Flag, Item, OutcomeKind, Terms};

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing effective is known: not yet confirmed, or all was taken back.
    None,
    /// The customer agreed.
    Confirmed,
    /// With the courier.
    Shipped,
    /// With the customer.
    Delivered,
    /// With the customer, less what came back.
    PartReturned,
    /// All of it came back.
    Returned,
    /// Called off.
    Cancelled,
}

impl State {
    /// All states, in the order of the table of legal moves.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Confirmed,
        Self::Shipped,
        Self::Delivered,
        Self::PartReturned,
        Self::Returned,
        Self::Cancelled,
    ];

    /// The word in the API and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::PartReturned => "part_returned",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// What a person may say of an order that stands so.
    pub const fn legal(self) -> &'static [OutcomeKind] {
        match self {
            Self::None => &[OutcomeKind::Confirmed],
            Self::Confirmed => &[
                OutcomeKind::CrossSold,
                OutcomeKind::Amended,
                OutcomeKind::Cancelled,
                OutcomeKind::Shipped,
                OutcomeKind::Delivered,
                OutcomeKind::Paid,
            ],
            Self::Shipped => {
                &[OutcomeKind::Cancelled, OutcomeKind::Delivered, OutcomeKind::Returned, OutcomeKind::Paid]
            }
            Self::Delivered | Self::PartReturned => {
                &[OutcomeKind::Returned, OutcomeKind::Paid, OutcomeKind::Refunded]
            }
            Self::Returned => &[OutcomeKind::Refunded],
            Self::Cancelled => &[OutcomeKind::Confirmed, OutcomeKind::Refunded],
        }
    }

    /// A sale that is agreed and under way: another word of it is this one again.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Confirmed | Self::Shipped)
    }

    /// A sale that Meta may be told of.
    pub const fn is_standing(self) -> bool {
        matches!(self, Self::Confirmed | Self::Shipped | Self::Delivered | Self::PartReturned)
    }
}

/// The moment of a fact that conversions hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
}

/// An effective cross-sell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplift {
    /// The fact.
    pub outcome_id: OutcomeId,
    /// When.
    pub moment: Moment,
    /// The uplift itself.
    pub terms: Terms,
}

/// An order as its ledger has it. Amounts are minor units of `currency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Where it stands.
    pub state: State,
    /// The currency of the sale: that of the first fact that names a sum, until then the Page's.
    pub currency: Currency,
    /// A fact has named a sum.
    pub is_priced: bool,
    /// The whole: confirmed, amended, with every uplift. Unknown until someone says it.
    pub value: Option<i64>,
    /// Part of `value`.
    pub delivery_fee: i64,
    /// Taken off in `value`.
    pub discount: i64,
    /// What was sold, with every uplift.
    pub items: Vec<Item>,
    /// The value as it was confirmed.
    pub confirmed_value: Option<i64>,
    /// What came back of it, in part returns.
    pub returned: i64,
    /// What came back, by piece.
    pub returned_items: Vec<Item>,
    /// Gross sum of what arrived.
    pub paid: i64,
    /// Sum of what was given back.
    pub refunded: i64,
    /// The first fact by which it was confirmed, since it was last reopened.
    pub confirmed: Option<Moment>,
    /// Likewise shipped.
    pub shipped: Option<Moment>,
    /// Likewise delivered; only by its own fact.
    pub delivered: Option<Moment>,
    /// The first payment.
    pub first_paid: Option<Moment>,
    /// When it was cancelled or wholly returned, while it is.
    pub ended: Option<Moment>,
    /// The cross-sells in it.
    pub uplifts: Vec<Uplift>,
    /// The facts that move nothing until a person accepts them.
    pub flags: Vec<(OutcomeId, Flag)>,
    /// Why it was cancelled or returned.
    pub reason: Option<String>,
}

/// Folds the ledger of one order; `currency` is the Page's, for an order in which nobody named one.
pub fn fold(facts: &[Fact], currency: Currency) -> Order {
    walk(facts, currency, |_, _| {})
}

/// The state in which each effective fact found the order, in the order in which they happened.
pub fn states_before(facts: &[Fact], currency: Currency) -> Vec<(OutcomeId, State)> {
    let mut found = Vec::with_capacity(facts.len());
    walk(facts, currency, |fact, state| found.push((fact.id.clone(), state)));
    found
}

fn walk(facts: &[Fact], currency: Currency, mut visit: impl FnMut(&Fact, State)) -> Order {
    let mut effective: Vec<&Fact> =
        facts.iter().filter(|fact| !fact.undone && !fact.kind.is_of_conversation()).collect();
    effective.sort_by(|a, b| by_moment(a, b));
    let mut order = Order::new(currency);
    let mut first: Option<&Fact> = None;
    for fact in effective {
        visit(fact, order.state);
        let again = first.filter(|first| first.is_told_again_by(fact));
        order.take(fact, again);
        if again.is_none() && fact.may_be_told_again() {
            first = Some(fact);
        }
    }
    order
}

/// The order in which facts happened. Of one moment and rank the sender's own id decides, then what they say;
/// our own id, which tells of their arrival, comes last.
pub fn by_moment(a: &Fact, b: &Fact) -> Ordering {
    let place = |fact: &Fact| (fact.occurred_at, fact.kind);
    place(a)
        .cmp(&place(b))
        .then_with(|| a.reference.cmp(&b.reference))
        .then_with(|| a.by_content(b))
        .then_with(|| a.id.cmp(&b.id))
}

impl Order {
    /// An order of which nothing is known yet.
    pub fn new(currency: Currency) -> Self {
        Self {
            state: State::None,
            currency,
            is_priced: false,
            value: None,
            delivery_fee: 0,
            discount: 0,
            items: Vec::new(),
            confirmed_value: None,
            returned: 0,
            returned_items: Vec::new(),
            paid: 0,
            refunded: 0,
            confirmed: None,
            shipped: None,
            delivered: None,
            first_paid: None,
            ended: None,
            uplifts: Vec::new(),
            flags: Vec::new(),
            reason: None,
        }
    }

    /// Whether `money` is what this sale is known to be worth: as confirmed, or as it now stands.
    pub fn is_worth(&self, money: Money) -> bool {
        let known = [self.value, self.confirmed_value];
        self.currency == money.currency && known.contains(&Some(money.minor))
    }

    /// Why a fact moves nothing until a person accepts it.
    pub fn flag_of(&self, fact: &OutcomeId) -> Option<Flag> {
        self.flags.iter().find(|(id, _)| id == fact).map(|(_, flag)| *flag)
    }

    /// What a fact of this order says of money: as it was said, or as it follows for an uplift of which the new
    /// whole was said.
    pub fn value_of(&self, fact: &Fact) -> Option<i64> {
        let uplift = || self.uplifts.iter().find(|uplift| uplift.outcome_id == fact.id);
        fact.terms.value.or_else(|| uplift()?.terms.value)
    }

    fn take(&mut self, fact: &Fact, again: Option<&Fact>) {
        let otherwise = again.is_some_and(|first| first.is_worth_otherwise_in(fact));
        let objection = self.objection(fact).or_else(|| otherwise.then_some(Flag::OtherValue));
        if let Some(flag) = objection.filter(|flag| !fact.accepted || !flag.can_be_accepted()) {
            self.flags.push((fact.id.clone(), flag));
            return;
        }
        if fact.terms.name_money() {
            self.currency = fact.terms.currency;
            self.is_priced = true;
        }
        let moment = Moment { occurred_at: fact.occurred_at, recorded_at: fact.recorded_at };
        match fact.kind {
            OutcomeKind::Qualified | OutcomeKind::Lost => {}
            OutcomeKind::Confirmed => {
                let anew = !self.state.is_standing();
                if anew {
                    self.reopen();
                }
                self.confirmed.get_or_insert(moment);
                if anew || fact.accepted || self.confirmed_value.is_none() {
                    self.agree(&fact.terms);
                }
            }
            OutcomeKind::CrossSold => {
                self.add(Uplift { outcome_id: fact.id.clone(), moment, terms: fact.terms.clone() });
            }
            OutcomeKind::Amended => self.set_terms(&fact.terms),
            OutcomeKind::Cancelled => {
                if self.state != State::Cancelled {
                    self.ended = Some(moment);
                }
                self.state = State::Cancelled;
                self.reason.clone_from(&fact.reason);
            }
            OutcomeKind::Shipped => self.ship(moment, fact.accepted),
            OutcomeKind::Delivered => self.deliver(moment, fact.accepted),
            OutcomeKind::Returned => self.send_back(fact),
            OutcomeKind::Paid => {
                self.confirmed.get_or_insert(moment);
                self.first_paid.get_or_insert(moment);
                self.paid = self.paid.saturating_add(fact.terms.value.unwrap_or(0));
                if self.state == State::None {
                    self.state = State::Confirmed;
                }
            }
            OutcomeKind::Refunded => {
                self.refunded = self.refunded.saturating_add(fact.terms.value.unwrap_or(0));
            }
        }
    }

    /// Why `fact` can't follow on what this order already is.
    fn objection(&self, fact: &Fact) -> Option<Flag> {
        use OutcomeKind::{Cancelled, Confirmed, CrossSold, Paid, Refunded, Shipped};
        let reopened_by_person = fact.kind == Confirmed && fact.source.is_person();
        if self.is_priced && fact.terms.name_money() && fact.terms.currency != self.currency {
            return Some(Flag::OtherCurrency);
        }
        match (self.state, fact.kind) {
            (State::Cancelled, Cancelled | Paid | Refunded) => None,
            (State::Cancelled, _) if reopened_by_person => None,
            (State::Cancelled, _) | (State::Returned, Cancelled | Confirmed | Shipped) => {
                Some(Flag::Contradiction)
            }
            (state, Confirmed) if state.is_standing() => {
                let known = self.confirmed_value.is_none()
                    || fact.terms.money().is_none_or(|money| self.is_worth(money));
                (!known).then_some(Flag::OtherValue)
            }
            (_, CrossSold) => (!self.can_grow_by(&fact.terms)).then_some(Flag::OtherValue),
            _ => None,
        }
    }

    /// Begins anew. A sale that was over is agreed as a whole again, so its old uplifts are part of that.
    fn reopen(&mut self) {
        if self.state != State::None {
            self.uplifts.clear();
        }
        self.state = State::Confirmed;
        self.confirmed = None;
        self.shipped = None;
        self.delivered = None;
        self.ended = None;
        self.returned = 0;
        self.returned_items.clear();
        self.reason = None;
    }

    /// The confirmed whole, and on top of it the uplifts that were said besides.
    fn agree(&mut self, terms: &Terms) {
        if terms.value.is_some() {
            self.set_terms(terms);
            self.confirmed_value = terms.value;
            for mut uplift in std::mem::take(&mut self.uplifts) {
                // A whole that was said before the sale was agreed can't make it less.
                uplift.terms.total =
                    uplift.terms.total.max(self.value.filter(|_| uplift.terms.total.is_some()));
                self.add(uplift);
            }
        }
    }

    fn set_terms(&mut self, terms: &Terms) {
        self.value = terms.value.or(self.value);
        self.delivery_fee = terms.delivery_fee.unwrap_or(self.delivery_fee);
        self.discount = terms.discount.unwrap_or(self.discount);
        if !terms.items.is_empty() {
            self.items.clone_from(&terms.items);
        }
    }

    /// Whether a cross-sell leads from what the order is worth to the new whole that it names.
    fn can_grow_by(&self, terms: &Terms) -> bool {
        terms.total.zip(self.value).is_none_or(|(total, before)| {
            total > before && terms.value.is_none_or(|uplift| uplift == total - before)
        })
    }

    fn add(&mut self, mut uplift: Uplift) {
        let terms = &mut uplift.terms;
        if let Some(total) = terms.total {
            terms.value = self.value.map(|before| total.saturating_sub(before).max(0)).or(terms.value);
            self.value = Some(total);
        } else {
            self.value = self.value.map(|value| value.saturating_add(terms.value.unwrap_or(0)));
        }
        self.delivery_fee = self.delivery_fee.saturating_add(terms.delivery_fee.unwrap_or(0));
        self.discount = self.discount.saturating_add(terms.discount.unwrap_or(0));
        self.items.extend(terms.items.iter().cloned());
        self.uplifts.push(uplift);
    }

    fn ship(&mut self, moment: Moment, accepted: bool) {
        self.confirmed.get_or_insert(moment);
        self.shipped.get_or_insert(moment);
        if accepted || matches!(self.state, State::None | State::Confirmed) {
            self.state = State::Shipped;
        }
    }

    fn deliver(&mut self, moment: Moment, accepted: bool) {
        self.confirmed.get_or_insert(moment);
        self.shipped.get_or_insert(moment);
        self.delivered.get_or_insert(moment);
        if accepted || matches!(self.state, State::None | State::Confirmed | State::Shipped) {
            self.state = State::Delivered;
        }
    }

    fn send_back(&mut self, fact: &Fact) {
        let part = fact.terms.value.or_else(|| fact.terms.sum());
        self.returned = self.returned.saturating_add(part.unwrap_or(0));
        let whole = self.value.unwrap_or(i64::MAX);
        let in_full = part.is_none() || self.returned >= whole;
        if in_full || self.state == State::Returned {
            self.ended.get_or_insert(Moment { occurred_at: fact.occurred_at, recorded_at: fact.recorded_at });
            self.state = State::Returned;
            self.reason.clone_from(&fact.reason);
        } else {
            self.state = State::PartReturned;
            self.returned_items.extend(fact.terms.items.iter().cloned());
        }
    }
}
