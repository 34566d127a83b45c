//! An order as it follows from its ledger: its state, sums, goods and flags, and what they answer. How facts move it
//! stands in [`crate::domain::order::fold`].

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::outcome::{Fact, Flag, OutcomeKind, Source};
use crate::domain::order::returns::kept_lines;
use crate::domain::order::terms::{Item, Terms};

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
    /// Called off before it arrived. A person who names it as the same sale may confirm it again.
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

    /// The table of what a person may say of an order in this state; [`crate::domain::order::legality`] adds what depends
    /// on its sums. Facts from outside are not bound by it.
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
                OutcomeKind::Refunded,
            ],
            Self::Shipped => &[
                OutcomeKind::Amended,
                OutcomeKind::Cancelled,
                OutcomeKind::Delivered,
                OutcomeKind::Returned,
                OutcomeKind::Paid,
                OutcomeKind::Refunded,
            ],
            Self::Delivered | Self::PartReturned => {
                &[OutcomeKind::Amended, OutcomeKind::Returned, OutcomeKind::Paid, OutcomeKind::Refunded]
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

/// A payment of the customer's, gross, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// What was paid.
    pub sum: i64,
    /// The door by which it was told: courier and bank may tell of one payment each.
    pub source: Source,
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
    /// What came back is worth so much: pieces by their line's share of the goods, and sums that were named instead.
    pub returned: i64,
    /// The pieces that came back, where the sender named them.
    pub returned_items: Vec<Item>,
    /// The part of `returned` that was named as a sum.
    pub returned_sum: i64,
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
    /// The fact with which `paid` less `refunded` reached the value less the delivery fee; it stays when the order is
    /// reopened, as the money does.
    pub paid_up: Option<Moment>,
    /// The payments that count, each with the door by which it was told.
    pub payments: Vec<Payment>,
    /// The fact that cancelled it or returned it in full; `None` while it counts as a sale.
    pub ended: Option<Moment>,
    /// The effective cross-sells, oldest first.
    pub uplifts: Vec<Uplift>,
    /// The facts that move nothing until a person accepts them, each with why.
    pub flags: Vec<(OutcomeId, Flag)>,
    /// The reason that the last cancel or full return gave.
    pub reason: Option<String>,
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
            returned_sum: 0,
            paid: 0,
            refunded: 0,
            confirmed: None,
            shipped: None,
            delivered: None,
            paid_up: None,
            payments: Vec::new(),
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
        facts
            .iter()
            .filter(ends)
            .any(|fact| !matches!(self.flag_of(&fact.id), None | Some(Flag::PerhapsSameSale)))
    }

    /// The value that a fact of this order names. For a `cross_sold` that names the new whole alone it is the
    /// uplift, which follows from the order.
    pub fn value_of(&self, fact: &Fact) -> Option<i64> {
        let uplift = || self.uplifts.iter().find(|uplift| uplift.outcome_id == fact.id);
        fact.terms.value.or_else(|| uplift()?.terms.value)
    }

    /// Whether the customer's money covers the goods.
    pub(super) fn is_paid_up(&self) -> bool {
        let due = self.value.map(|value| value - self.delivery_fee);
        self.paid > 0 && due.is_none_or(|due| self.paid - self.refunded >= due)
    }

    /// Whether somebody confirmed it with a value.
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed_value.is_some()
    }

    /// Whether the new whole that a cross-sell names, if it names one, is the order's value plus its uplift. Any
    /// fits while the value is unknown.
    pub(super) fn fits_total(&self, terms: &Terms) -> bool {
        terms.total.zip(self.value).is_none_or(|(total, before)| {
            total > before && terms.value.is_none_or(|uplift| uplift == total - before)
        })
    }

    /// Its lines less the pieces that came back.
    pub fn kept_lines(&self) -> Vec<Item> {
        kept_lines(&self.items, &self.returned_items)
    }

    /// What the goods are worth: the value less the delivery fee.
    pub(super) fn goods(&self) -> Option<i64> {
        self.value.map(|value| value.saturating_sub(self.delivery_fee))
    }
}
