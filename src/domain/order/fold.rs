//! An order as a fold over its ledger: state, value, sums and flags follow from the effective facts in the order in
//! which they *happened*, never in which they arrived. Here is also the table of what people may say in each state,
//! and which facts contradict earlier ones: those carry a flag and move nothing until a person accepts them. Which
//! facts belong to one order is decided before, in [`crate::domain::order::matching`].

use std::cmp::Ordering;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::outcome::{Fact, Flag, Item, OutcomeKind, Terms};

/// The state of an order. A payment is no state but a sum beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No effective fact gives it another state: nobody confirmed it yet, or everything was undone.
    None,
    /// The customer agreed; or a payment implies that they did.
    Confirmed,
    /// Handed to the courier.
    Shipped,
    /// The customer took it.
    Delivered,
    /// The customer kept a part of it.
    PartReturned,
    /// All of it came back. Only money still moves.
    Returned,
    /// Called off before it arrived. A person may confirm it again.
    Cancelled,
}

impl State {
    /// Every state, in the order of [`State::legal`].
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Confirmed,
        Self::Shipped,
        Self::Delivered,
        Self::PartReturned,
        Self::Returned,
        Self::Cancelled,
    ];

    /// Its word in API and rows.
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

    /// The state of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Legal moves: what a person may say of an order in this state. Facts from outside are not bound by it.
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

    /// An open order is agreed and under way. A `confirmed` without a number means it rather than a new order.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Confirmed | Self::Shipped)
    }

    /// The order counts as a sale: agreed, and neither cancelled nor wholly returned. Only such an order makes a
    /// Purchase.
    pub const fn is_sale(self) -> bool {
        matches!(self, Self::Confirmed | Self::Shipped | Self::Delivered | Self::PartReturned)
    }
}

/// The two times of a fact from which a conversion is made: an event's time comes from the first, the end of its
/// hold from the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it happened, as the sender says.
    pub occurred_at: Timestamp,
    /// When it was written into the ledger, by our clock.
    pub recorded_at: Timestamp,
}

/// The uplift of an effective `cross_sold`: what was added to a confirmed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplift {
    /// The `cross_sold` entry, by which conversions remember which of them reports this uplift.
    pub outcome_id: OutcomeId,
    /// From which the time of an event of its own is taken.
    pub moment: Moment,
    /// What was added. Where the sender gave the new whole, `value` is the difference to the order before.
    pub terms: Terms,
}

/// An order as it follows from its ledger. Amounts are minor units of `currency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The state after the last effective fact without a flag.
    pub state: State,
    /// The currency of the sale: that of the first fact that names a sum, until then the Page's.
    pub currency: Currency,
    /// A fact has named a sum, so that `currency` is fixed: a sum in another currency is refused or flagged.
    pub is_priced: bool,
    /// The value of the whole order as it was last confirmed or amended, with every uplift and the delivery fee;
    /// returns are not subtracted. `None` until someone states it.
    pub value: Option<i64>,
    /// What the customer pays for delivery, contained in `value`; 0 if nobody stated it.
    pub delivery_fee: i64,
    /// What is already subtracted in `value`; 0 if nobody stated it.
    pub discount: i64,
    /// The lines of the order, uplifts at the end; returns are not subtracted. Empty if nobody named any.
    pub items: Vec<Item>,
    /// The value that the `confirmed` in force named, before amendments and uplifts.
    pub confirmed_value: Option<i64>,
    /// The sum of part returns.
    pub returned: i64,
    /// The lines of part returns, where the sender named lines.
    pub returned_items: Vec<Item>,
    /// The sum of payments, gross: fees of courier or bank are not subtracted.
    pub paid: i64,
    /// The sum of refunds; it does not lower `paid`.
    pub refunded: i64,
    /// The first fact that confirmed it or implies that (shipped, delivered, paid), since it was last reopened.
    pub confirmed: Option<Moment>,
    /// The first fact that says it was shipped or implies that (delivered), since it was last reopened.
    pub shipped: Option<Moment>,
    /// The first `delivered` since it was last reopened; nothing else implies it.
    pub delivered: Option<Moment>,
    /// The first payment; it stays when the order is reopened, as the money does.
    pub first_paid: Option<Moment>,
    /// The fact that cancelled it or returned it in full; `None` while it counts as a sale.
    pub ended: Option<Moment>,
    /// The effective cross-sells, oldest first.
    pub uplifts: Vec<Uplift>,
    /// The facts that move nothing until a person accepts them, each with why.
    pub flags: Vec<(OutcomeId, Flag)>,
    /// The reason that the last cancel or full return gave.
    pub reason: Option<String>,
}

/// Folds the ledger of one order, given in any order; `currency` is the Page's, for an order in which nobody named
/// a sum.
pub fn fold(facts: &[Fact], currency: Currency) -> Order {
    walk(facts, currency, |_, _| {})
}

/// The state of the order just before each effective fact, in the order in which they happened.
pub fn states_before(facts: &[Fact], currency: Currency) -> Vec<(OutcomeId, State)> {
    let mut states = Vec::with_capacity(facts.len());
    walk(facts, currency, |fact, state| states.push((fact.id.clone(), state)));
    states
}

/// Applies the effective facts one by one, and shows each to `visit` with the state before it.
fn walk(facts: &[Fact], currency: Currency, mut visit: impl FnMut(&Fact, State)) -> Order {
    let mut effective: Vec<&Fact> =
        facts.iter().filter(|fact| !fact.undone && !fact.kind.is_of_conversation()).collect();
    effective.sort_by(|a, b| by_occurrence(a, b));
    let mut order = Order::new(currency);
    let mut last_original: Option<&Fact> = None;
    for fact in effective {
        visit(fact, order.state);
        let original = last_original.filter(|original| original.is_repeated_by(fact));
        order.apply(fact, original);
        if original.is_none() && fact.can_be_repeated() {
            last_original = Some(fact);
        }
    }
    order
}

/// Sorts facts by when they happened, then by the rank of their kind. Of one moment and rank the sender's own id
/// decides, then what they say. Our own id comes last, for it grows with arrival, which must decide nothing.
pub fn by_occurrence(a: &Fact, b: &Fact) -> Ordering {
    let time_and_rank = |fact: &Fact| (fact.occurred_at, fact.kind);
    time_and_rank(a)
        .cmp(&time_and_rank(b))
        .then_with(|| a.reference.cmp(&b.reference))
        .then_with(|| a.cmp_content(b))
        .then_with(|| a.id.cmp(&b.id))
}

impl Order {
    /// An order without facts.
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

    /// Whether `money` is the value of this order, now or as it was confirmed: both may be repeated by someone who
    /// knows nothing of a later amendment.
    pub fn is_worth(&self, money: Money) -> bool {
        let values = [self.value, self.confirmed_value];
        self.currency == money.currency && values.contains(&Some(money.minor))
    }

    /// The flag of a fact, while it moves nothing; `None` for a fact that counts.
    pub fn flag_of(&self, fact: &OutcomeId) -> Option<Flag> {
        self.flags.iter().find(|(id, _)| id == fact).map(|(_, flag)| *flag)
    }

    /// Whether a flagged cancel or return waits for a person's word.
    pub fn has_unsettled_end(&self, facts: &[Fact]) -> bool {
        let ends = |fact: &&Fact| matches!(fact.kind, OutcomeKind::Cancelled | OutcomeKind::Returned);
        facts.iter().filter(ends).any(|fact| {
            !matches!(self.flag_of(&fact.id), None | Some(Flag::PerhapsSameSale | Flag::OtherCurrency))
        })
    }

    /// The value that a fact of this order names. For a `cross_sold` that names the new whole alone it is the
    /// uplift, which follows from the order.
    pub fn value_of(&self, fact: &Fact) -> Option<i64> {
        let uplift = || self.uplifts.iter().find(|uplift| uplift.outcome_id == fact.id);
        fact.terms.value.or_else(|| uplift()?.terms.value)
    }

    /// Applies the next fact, or flags it. `original` is an earlier fact that this one repeats.
    fn apply(&mut self, fact: &Fact, original: Option<&Fact>) {
        let other_value = original.is_some_and(|original| original.differs_in_value_from(fact));
        let objection = self.objection(fact).or_else(|| other_value.then_some(Flag::OtherValue));
        if let Some(flag) = objection.filter(|flag| !fact.accepted || !flag.can_be_accepted()) {
            self.flags.push((fact.id.clone(), flag));
            return;
        }
        if fact.terms.states_anything() {
            self.currency = fact.terms.currency;
            self.is_priced = true;
        }
        let moment = Moment { occurred_at: fact.occurred_at, recorded_at: fact.recorded_at };
        match fact.kind {
            OutcomeKind::Qualified | OutcomeKind::Lost => {}
            OutcomeKind::Confirmed => {
                let reopens = !self.state.is_sale();
                if reopens {
                    self.reopen();
                }
                self.confirmed.get_or_insert(moment);
                if reopens || fact.accepted || self.confirmed_value.is_none() {
                    self.confirm_terms(&fact.terms);
                }
            }
            OutcomeKind::CrossSold => {
                self.add_uplift(Uplift { outcome_id: fact.id.clone(), moment, terms: fact.terms.clone() });
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
            OutcomeKind::Returned => self.take_return(fact),
            OutcomeKind::Paid => {
                // Nobody pays for what was not agreed.
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

    /// The table of contradictions: why `fact` can't follow on what happened before it. A step that is already
    /// implied (shipped after delivered) is none.
    fn objection(&self, fact: &Fact) -> Option<Flag> {
        use OutcomeKind::{Cancelled, Confirmed, CrossSold, Paid, Refunded, Shipped};
        let reopened_by_person = fact.kind == Confirmed && fact.source.is_person();
        if self.is_priced && fact.terms.states_anything() && fact.terms.currency != self.currency {
            return Some(Flag::OtherCurrency);
        }
        match (self.state, fact.kind) {
            (State::Cancelled, Cancelled | Paid | Refunded) => None,
            (State::Cancelled, _) if reopened_by_person => None,
            (State::Cancelled, _) | (State::Returned, Cancelled | Confirmed | Shipped) => {
                Some(Flag::Contradiction)
            }
            (state, Confirmed) if state.is_sale() => {
                let agrees = self.confirmed_value.is_none()
                    || fact.terms.money().is_none_or(|money| self.is_worth(money));
                (!agrees).then_some(Flag::OtherValue)
            }
            (_, CrossSold) => (!self.fits_total(&fact.terms)).then_some(Flag::OtherValue),
            _ => None,
        }
    }

    /// Confirmed for the first time, or again after it was cancelled or returned: then the value is agreed as a
    /// whole, and the old uplifts are part of it. Payments stay.
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

    /// Sets the confirmed terms, and adds to them again the uplifts that happened before the order was confirmed.
    fn confirm_terms(&mut self, terms: &Terms) {
        if terms.value.is_some() {
            self.set_terms(terms);
            self.confirmed_value = terms.value;
            for mut uplift in std::mem::take(&mut self.uplifts) {
                // A new whole that was named before the order was confirmed can't make it worth less.
                uplift.terms.total =
                    uplift.terms.total.max(self.value.filter(|_| uplift.terms.total.is_some()));
                self.add_uplift(uplift);
            }
        }
    }

    /// Sets what `terms` state, and leaves what they do not.
    fn set_terms(&mut self, terms: &Terms) {
        self.value = terms.value.or(self.value);
        self.delivery_fee = terms.delivery_fee.unwrap_or(self.delivery_fee);
        self.discount = terms.discount.unwrap_or(self.discount);
        if !terms.items.is_empty() {
            self.items.clone_from(&terms.items);
        }
    }

    /// Whether the new whole that a cross-sell names, if it names one, is the order's value plus its uplift. Any
    /// fits while the value is unknown.
    fn fits_total(&self, terms: &Terms) -> bool {
        terms.total.zip(self.value).is_none_or(|(total, before)| {
            total > before && terms.value.is_none_or(|uplift| uplift == total - before)
        })
    }

    /// Adds an uplift to value and lines; where it names the new whole, the uplift becomes the difference to that.
    fn add_uplift(&mut self, mut uplift: Uplift) {
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

    /// The parcel was handed over. `accepted` overrides a later state, for a person decided that it counts.
    fn ship(&mut self, moment: Moment, accepted: bool) {
        self.confirmed.get_or_insert(moment);
        self.shipped.get_or_insert(moment);
        if accepted || matches!(self.state, State::None | State::Confirmed) {
            self.state = State::Shipped;
        }
    }

    /// The customer took it; `accepted` as for [`Self::ship`].
    fn deliver(&mut self, moment: Moment, accepted: bool) {
        self.confirmed.get_or_insert(moment);
        self.shipped.get_or_insert(moment);
        self.delivered.get_or_insert(moment);
        if accepted || matches!(self.state, State::None | State::Confirmed | State::Shipped) {
            self.state = State::Delivered;
        }
    }

    /// Goods came back: in full if the fact names no part, or if the parts add up to the value.
    fn take_return(&mut self, fact: &Fact) {
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
