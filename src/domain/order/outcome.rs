//! An outcome: one fact about a chat or an order, as an entry of the append-only ledger. A fact says what happened,
//! when, who said so and from which source; what it does to an order is the fold's to decide. Here are also the
//! flags that the fold can put on a fact, and the follow-up entries that undo or accept one.

use std::cmp::Ordering;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::{Currency, Money};

/// The kind of a fact. The order of the variants is their rank: of two facts of one moment the one of the lower rank
/// counts as the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// Of a chat: real need, right product, wants to buy.
    Qualified,
    /// Of a chat: ended without an order.
    Lost,
    /// The customer agreed in the chat; may carry value and items.
    Confirmed,
    /// The operator added to a confirmed order; the uplift is its value.
    CrossSold,
    /// Value and items of a confirmed order were corrected.
    Amended,
    /// Called off before it arrived.
    Cancelled,
    /// Handed to the courier.
    Shipped,
    /// The customer took it.
    Delivered,
    /// Refused at the door or sent back, in full or in part.
    Returned,
    /// The customer's money arrived with someone: card, courier or bank. A sum beside the state.
    Paid,
    /// Money was given back. A sum beside the state.
    Refunded,
}

impl OutcomeKind {
    /// Every kind, by rank.
    pub const ALL: [Self; 11] = [
        Self::Qualified,
        Self::Lost,
        Self::Confirmed,
        Self::CrossSold,
        Self::Amended,
        Self::Cancelled,
        Self::Shipped,
        Self::Delivered,
        Self::Returned,
        Self::Paid,
        Self::Refunded,
    ];

    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qualified => "qualified",
            Self::Lost => "lost",
            Self::Confirmed => "confirmed",
            Self::CrossSold => "cross_sold",
            Self::Amended => "amended",
            Self::Cancelled => "cancelled",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Paid => "paid",
            Self::Refunded => "refunded",
        }
    }

    /// The kind of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is a fact about a chat rather than about an order.
    pub const fn is_of_conversation(self) -> bool {
        matches!(self, Self::Qualified | Self::Lost)
    }

    /// Whether it says nothing without an amount. A `confirmed` can do without: its value may be stated later.
    pub const fn is_amount(self) -> bool {
        matches!(self, Self::CrossSold | Self::Amended | Self::Paid | Self::Refunded)
    }

    /// Whether a person who says it must name an amount.
    pub const fn needs_value(self) -> bool {
        matches!(self, Self::Confirmed) || self.is_amount()
    }

    /// Whether a person who says it can name an amount; of a return it is the part that came back.
    pub const fn takes_value(self) -> bool {
        self.needs_value() || matches!(self, Self::Returned)
    }

    /// Whether an order may have several facts of this kind, so that each needs a name of its own (`ref`).
    pub const fn may_repeat(self) -> bool {
        matches!(self, Self::CrossSold | Self::Paid | Self::Refunded | Self::Returned)
    }

    /// Whether several facts of this kind with such `terms` may stand on one order, because their sums add up.
    pub fn adds_up(self, terms: &Terms) -> bool {
        match self {
            Self::CrossSold | Self::Paid | Self::Refunded => true,
            // In part; a return in full happens once.
            Self::Returned => terms.value.is_some() || !terms.items.is_empty(),
            _ => false,
        }
    }

    /// Whether people must give a reason with it.
    pub const fn wants_reason(self) -> bool {
        matches!(self, Self::Lost | Self::Cancelled | Self::Returned)
    }
}

/// The door through which a fact came in. It decides whether the fact can be refused (people) or only flagged (all
/// others).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A person in the console.
    Console,
    /// A person through the operator API.
    Api,
    /// A person, by a label in Meta's inbox.
    Label,
    /// A person, by the sentence that confirms an order.
    Sentence,
    /// The service itself: `lost` for a silent chat.
    Service,
    /// A CRM, by its API key.
    Crm,
    /// A courier's report, brought by the CRM.
    Courier,
    /// A line of a bank's statement, brought by the CRM.
    Bank,
    /// The shop's web site, brought by the CRM.
    Site,
}

impl Source {
    const ALL: [Self; 9] = [
        Self::Console,
        Self::Api,
        Self::Label,
        Self::Sentence,
        Self::Service,
        Self::Crm,
        Self::Courier,
        Self::Bank,
        Self::Site,
    ];

    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Api => "api",
            Self::Label => "label",
            Self::Sentence => "sentence",
            Self::Service => "service",
            Self::Crm => "crm",
            Self::Courier => "courier",
            Self::Bank => "bank",
            Self::Site => "site",
        }
    }

    /// The source of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }

    /// Whose `ref` it is: an API key's, by the name that is the `actor`, or that of a door of the service itself.
    pub const fn sender(self, actor: &str) -> &str {
        match self {
            Self::Console | Self::Label | Self::Sentence | Self::Service => self.as_str(),
            Self::Api | Self::Crm | Self::Courier | Self::Bank | Self::Site => actor,
        }
    }

    /// Whether one of the Page's people said it. They may say what is legal as things stand; a fact from outside
    /// that contradicts is never refused, only flagged.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Console | Self::Api | Self::Label | Self::Sentence)
    }

    /// Whether a person typed or tapped it, and so can be asked at once; a label or a sentence is read by the service,
    /// and asked about afterwards.
    pub const fn is_typed(self) -> bool {
        matches!(self, Self::Console | Self::Api)
    }
}

/// One line of an order, or of what came back from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Item {
    /// The shop's article number. A line without one is left out of what Meta is told.
    pub sku: Option<String>,
    /// What the shop calls it; identifies the line where there is no `sku`.
    pub name: Option<String>,
    /// Pieces, at least 1.
    pub quantity: i64,
    /// The price of one piece, in minor units.
    pub unit_price: i64,
    /// What one piece costs the shop, in minor units; for the shop's own figures, never for Meta.
    pub unit_cost: Option<i64>,
}

/// What a fact says about money and goods. Amounts are minor units of `currency`; `None` is "not stated", which is
/// never the same as 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The Page's where the sender stated none; it then says nothing about the order.
    pub currency: Currency,
    /// Of `confirmed` and `amended` the value of the whole order; of `cross_sold` the uplift; of `returned` the
    /// part that came back (not stated: all of it); of `paid` and `refunded` the sum.
    pub value: Option<i64>,
    /// Of `cross_sold`: the value of the whole order from then on, where the sender gave that. The uplift is then
    /// the difference to the order's value at that moment, which facts that arrive later can still change.
    pub total: Option<i64>,
    /// What the customer pays for delivery, contained in `value`.
    pub delivery_fee: Option<i64>,
    /// What the customer is let off, already subtracted in `value`.
    pub discount: Option<i64>,
    /// Of `paid`: what courier or bank kept of the gross sum.
    pub fee: Option<i64>,
    /// The lines sold, or those that came back; empty if none were stated.
    pub items: Vec<Item>,
}

impl Terms {
    /// Terms that state nothing.
    pub const fn unstated(currency: Currency) -> Self {
        Self {
            currency,
            value: None,
            total: None,
            delivery_fee: None,
            discount: None,
            fee: None,
            items: Vec::new(),
        }
    }

    /// Whether anything is stated besides the currency, so that the currency counts too.
    pub fn states_anything(&self) -> bool {
        *self != Self::unstated(self.currency)
    }

    /// Σ items − discount + delivery fee, in minor units. `None` where no items are given, or their sum overflows.
    pub fn sum(&self) -> Option<i64> {
        let goods = self.items.iter().try_fold(0_i64, |sum, item| {
            item.quantity.checked_mul(item.unit_price).and_then(|line| sum.checked_add(line))
        })?;
        (!self.items.is_empty()).then_some(
            goods.saturating_sub(self.discount.unwrap_or(0)).saturating_add(self.delivery_fee.unwrap_or(0)),
        )
    }

    /// `value` with its currency.
    pub fn money(&self) -> Option<Money> {
        self.value.map(|minor| Money::new(minor, self.currency))
    }
}

/// What a fact says besides money: how it is paid, and who carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The payment method: `cod`, `prepaid`, `card` or `instalment`.
    pub payment: Option<String>,
    /// The courier's name as the sender writes it.
    pub courier: Option<String>,
    /// The courier's number of the parcel.
    pub waybill: Option<String>,
    /// The stated time lay ahead of our clock (a few minutes are forgiven), so `occurred_at` is our time instead.
    pub clamped: bool,
}

/// An entry of the ledger: one fact about a chat or an order. It never changes; `undone` and `accepted` are the
/// effects of follow-up entries that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is independent: how it was told, and what was said of it since"
)]
pub struct Fact {
    /// Our id of the entry; ids grow with the time of recording.
    pub id: OutcomeId,
    /// Together with `occurred_at` it gives the fact its place in the fold.
    pub kind: OutcomeKind,
    /// When it happened, as stated; the time of recording where nobody stated it.
    pub occurred_at: Timestamp,
    /// Whether the sender stated `occurred_at`. An outside fact without a stated time makes no claim by it.
    pub time_stated: bool,
    /// When it was written into the ledger, by our clock.
    pub recorded_at: Timestamp,
    /// The name of the person, API key or part of the service that said it; never a customer's.
    pub actor: String,
    /// The door through which it came in.
    pub source: Source,
    /// The sender's own id of the fact (`ref`), unique among the facts of one source of a Page.
    pub reference: Option<String>,
    /// What it states about money and goods.
    pub terms: Terms,
    /// Payment method, courier, waybill.
    pub details: Details,
    /// Why a chat was lost, an order cancelled or goods returned, in the sender's words.
    pub reason: Option<String>,
    /// An undo names it: it no longer counts, and the fold passes over it.
    pub undone: bool,
    /// A person accepted it although it carried a flag: it moves its order after all.
    pub accepted: bool,
    /// The person who said it named the order as the same sale (`same_as`), knowing what had become of it.
    pub names_same_sale: bool,
}

impl Fact {
    /// Whether a second fact of its kind and time would be the same fact: it comes from outside, has no `ref` to
    /// tell the two apart, and is not one of those whose sums add up.
    pub fn can_be_repeated(&self) -> bool {
        !self.kind.adds_up(&self.terms) && !self.source.is_person() && self.reference.is_none()
    }

    /// Whether `other` is this fact once more, perhaps in other words.
    pub fn is_repeated_by(&self, other: &Self) -> bool {
        self.can_be_repeated()
            && other.can_be_repeated()
            && self.kind == other.kind
            && self.occurred_at == other.occurred_at
    }

    /// Whether both facts name a value, and not the same one.
    pub fn differs_in_value_from(&self, other: &Self) -> bool {
        self.terms.money().zip(other.terms.money()).is_some_and(|(own, others)| own != others)
    }

    /// A total order of facts by what they say alone, so that the fold is the same whatever arrived first. Which of
    /// two comes first has no meaning.
    pub fn cmp_content(&self, other: &Self) -> Ordering {
        let sums = |fact: &Self| {
            let Terms { value, total, delivery_fee, discount, fee, .. } = fact.terms;
            (value, total, delivery_fee, discount, fee)
        };
        let words = |fact: &Self| {
            let Details { payment, courier, waybill, clamped: _ } = fact.details.clone();
            (fact.reason.clone(), payment, courier, waybill, fact.source.as_str(), fact.actor.clone())
        };
        sums(self)
            .cmp(&sums(other))
            .then_with(|| self.terms.items.cmp(&other.terms.items))
            .then_with(|| self.terms.currency.code().cmp(other.terms.currency.code()))
            .then_with(|| words(self).cmp(&words(other)))
    }
}

/// The entry that a person may take back: of `facts` in the order in which they were written, the newest effective one
/// that a person made.
pub fn newest_by_person<'a>(facts: impl DoubleEndedIterator<Item = &'a Fact>) -> Option<&'a Fact> {
    facts.rev().find(|fact| fact.source.is_person() && !fact.undone)
}

/// Why a fact moves nothing until a person accepts it or it is taken back. Flags follow from the fold anew each
/// time; only a person's decision is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Not possible after what happened before, such as shipped after returned.
    Contradiction,
    /// `confirmed` again with another value, or `cross_sold` to a whole that does not fit.
    OtherValue,
    /// In another currency than the order, so that its sum can be neither added nor compared. It can't be accepted.
    OtherCurrency,
    /// A payment above the value that equals an earlier one from another source: perhaps the same money.
    PerhapsSamePayment,
    /// On an order from outside that may be a sale which is in the conversation already, under the service's number.
    PerhapsSameSale,
}

impl Flag {
    /// Whether a person can accept the fact, so that it moves its order all the same.
    pub const fn can_be_accepted(self) -> bool {
        !matches!(self, Self::OtherCurrency)
    }

    /// Its word in the API; flags have no column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contradiction => "contradiction",
            Self::OtherValue => "other_value",
            Self::OtherCurrency => "other_currency",
            Self::PerhapsSamePayment => "perhaps_same_payment",
            Self::PerhapsSameSale => "perhaps_same_sale",
        }
    }
}

/// The kind of a follow-up: an entry about a fact of the ledger. The ledger is append-only, so a mistake is undone by
/// such an entry and never by a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// The fact is taken back: it no longer counts. An undo can't be undone.
    Undo,
    /// A person accepts the flagged fact: it moves its order after all.
    Accept,
    /// A person says that the sale of the fact and that of another fact are one.
    Join,
    /// A person says that the sale of the fact and that of another fact are two.
    Part,
}

impl FollowUp {
    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Accept => "accept",
            Self::Join => "join",
            Self::Part => "part",
        }
    }

    /// The follow-up of its word in API and rows; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Undo, Self::Accept, Self::Join, Self::Part].into_iter().find(|kind| kind.as_str() == text)
    }
}
