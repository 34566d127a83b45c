//! An order as a fold over its ledger: state, value, sums and flags follow from the effective facts in the order in
//! which they *happened*, never in which they arrived. A fact that contradicts earlier ones carries a flag and moves
//! nothing until a person accepts it ([`crate::domain::order::contradiction`]). Which facts belong to one order is decided
//! before, in [`crate::domain::order::matching`].

use std::cmp::Ordering;

use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Currency;
use crate::domain::order::contradiction::{objection, unfounded_cancels};
pub use crate::domain::order::order_state::{Moment, Order, Payment, State, Uplift};
use crate::domain::order::outcome::{Fact, Flag, OutcomeKind};
use crate::domain::order::returns::{pieces_back, worth_of};
use crate::domain::order::terms::Terms;

/// Folds the ledger of one order, given in any order; `currency` is the Page's, for an order in which nobody named
/// a sum.
pub fn fold(facts: &[Fact], currency: Currency) -> Order {
    walk(facts, currency, |_, _| {})
}

/// The order as it was just before the fact of this id; `None` if that is not among the effective ones.
pub fn before(facts: &[Fact], currency: Currency, id: &OutcomeId) -> Option<Order> {
    let mut found = None;
    walk(facts, currency, |fact, order| {
        if fact.id == *id {
            found = Some(order.clone());
        }
    });
    found
}

/// Applies the effective facts one by one, and shows each to `visit` with the order before it.
fn walk(facts: &[Fact], currency: Currency, mut visit: impl FnMut(&Fact, &Order)) -> Order {
    let mut effective: Vec<&Fact> =
        facts.iter().filter(|fact| !fact.undone && !fact.kind.is_of_conversation()).collect();
    effective.sort_by(|a, b| by_occurrence(a, b));
    let mut order = Order::new(currency);
    let mut last_original: Option<&Fact> = None;
    let unfounded = unfounded_cancels(&effective);
    for fact in effective {
        visit(fact, &order);
        if unfounded.contains(&&fact.id) {
            order.flags.push((fact.id.clone(), Flag::Contradiction));
            continue;
        }
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
    /// Applies the next fact, or flags it. `original` is an earlier fact that this one repeats.
    fn apply(&mut self, fact: &Fact, original: Option<&Fact>) {
        let other_value = original.is_some_and(|original| original.differs_in_value_from(fact));
        let objection = objection(self, fact).or_else(|| other_value.then_some(Flag::OtherValue));
        if let Some(flag) = objection.filter(|flag| !fact.accepted || !flag.can_be_accepted()) {
            self.flags.push((fact.id.clone(), flag));
            return;
        }
        if self.is_passed_by(fact) {
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
                let is_on_again = matches!(self.state, State::Cancelled | State::Returned);
                let reopens = !self.state.is_sale();
                if reopens {
                    self.reopen();
                }
                self.confirmed.get_or_insert(moment);
                if is_on_again {
                    self.confirm_anew(&fact.terms);
                } else if reopens || fact.accepted || self.confirmed_value.is_none() {
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
            OutcomeKind::Paid => self.take_payment(fact, moment),
            OutcomeKind::Refunded => {
                self.refunded = self.refunded.saturating_add(fact.terms.value.unwrap_or(0));
            }
        }
        self.count_returns();
        if self.is_paid_up() {
            self.paid_up.get_or_insert(moment);
        } else {
            self.paid_up = None;
        }
    }

    /// Whether an outside fact without a stated time says what had happened before the order ended: it makes no claim by
    /// its time, so it contradicts nothing and changes nothing.
    fn is_passed_by(&self, fact: &Fact) -> bool {
        let is_over = matches!(self.state, State::Cancelled | State::Returned);
        let is_step =
            matches!(fact.kind, OutcomeKind::Confirmed | OutcomeKind::Shipped | OutcomeKind::Delivered);
        is_over && is_step && !fact.accepted && !fact.time_stated && !fact.source.is_person()
    }

    /// A gross of 0 is a cost (its fee) and no payment.
    fn take_payment(&mut self, fact: &Fact, moment: Moment) {
        let sum = fact.terms.value.unwrap_or(0);
        if sum <= 0 {
            return;
        }
        // Nobody pays for what was not agreed.
        self.confirmed.get_or_insert(moment);
        self.paid = self.paid.saturating_add(sum);
        self.payments.push(Payment { sum, source: fact.source });
        if self.state == State::None {
            self.state = State::Confirmed;
        }
    }

    /// Confirmed for the first time, or again after it was cancelled or returned. Payments stay.
    fn reopen(&mut self) {
        self.state = State::Confirmed;
        self.confirmed = None;
        self.shipped = None;
        self.delivered = None;
        self.ended = None;
        self.returned = 0;
        self.returned_sum = 0;
        self.returned_items.clear();
        self.reason = None;
    }

    /// Sets the terms of an order that is on again: the value is agreed as a whole, and the old uplifts are part of it.
    fn confirm_anew(&mut self, terms: &Terms) {
        if terms.value.is_some() {
            self.set_terms(terms);
            self.confirmed_value = terms.value;
        }
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

    /// Goods came back: named pieces, else a sum, else all of it.
    fn take_return(&mut self, fact: &Fact) {
        let sum = fact.terms.value.or_else(|| fact.terms.sum());
        let by_pieces = !fact.terms.items.is_empty() && !self.items.is_empty();
        let in_full = sum.is_none() && fact.terms.items.is_empty();
        if by_pieces {
            self.returned_items.extend(fact.terms.items.iter().cloned());
        } else if let Some(sum) = sum {
            self.returned_sum = self.returned_sum.saturating_add(sum);
            self.returned_items.extend(fact.terms.items.iter().cloned());
        }
        if self.state != State::Returned {
            self.state = State::PartReturned;
        }
        if in_full || self.is_all_back() {
            self.ended.get_or_insert(Moment { occurred_at: fact.occurred_at, recorded_at: fact.recorded_at });
            self.state = State::Returned;
            self.reason.clone_from(&fact.reason);
        }
    }

    /// Counts what came back by the lines as they now are.
    fn count_returns(&mut self) {
        let goods = self.goods().unwrap_or(0);
        let back = pieces_back(&self.items, &self.returned_items);
        let pieces = back.map_or(0, |back| worth_of(&self.items, &back, goods));
        self.returned = self.returned_sum.saturating_add(pieces);
    }

    /// Whether every piece came back, or as much as the goods are worth: the delivery fee keeps no order alive.
    fn is_all_back(&mut self) -> bool {
        self.count_returns();
        let back = pieces_back(&self.items, &self.returned_items).unwrap_or_default();
        let all_pieces =
            !back.is_empty() && back.iter().zip(&self.items).all(|(back, line)| *back >= line.quantity);
        let is_goods = self.goods().is_some_and(|goods| goods > 0 && self.returned >= goods);
        all_pieces || is_goods
    }
}
