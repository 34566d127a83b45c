//! One fact about a conversation or an order: what, when, who said so, and from which source.

use std::cmp::Ordering;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::{Currency, Money};

/// What happened. The order of the variants is their rank: of two facts of one moment, the lower stands first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// Real need, right product, wants to buy.
    Qualified,
    /// Ended without an order.
    Lost,
    /// The customer agreed in the chat.
    Confirmed,
    /// The operator added to a confirmed order; the uplift is its value.
    CrossSold,
    /// Value and items of a confirmed order set right.
    Amended,
    /// Called off before it arrived.
    Cancelled,
    /// Handed to the courier.
    Shipped,
    /// The customer took it.
    Delivered,
    /// Refused at the door or sent back, in full or in part.
    Returned,
    /// The customer's money arrived with someone.
    Paid,
    /// Money given back.
    Refunded,
}

impl OutcomeKind {
    /// All kinds, by rank.
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

    /// The word in the API and in rows.
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

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is a fact about a conversation rather than about an order.
    pub const fn is_of_conversation(self) -> bool {
        matches!(self, Self::Qualified | Self::Lost)
    }

    /// Whether it says nothing without an amount. A sale can wait for its value; a sum can't.
    pub const fn is_amount(self) -> bool {
        matches!(self, Self::CrossSold | Self::Amended | Self::Paid | Self::Refunded)
    }

    /// Whether several facts of this kind with such `terms` may stand on one order, because their sums add up.
    pub fn may_repeat(self, terms: &Terms) -> bool {
        match self {
            Self::CrossSold | Self::Paid | Self::Refunded => true,
            // In part; a return in full happens once.
            Self::Returned => terms.value.is_some() || !terms.items.is_empty(),
            _ => false,
        }
    }

    /// Whether it must say why.
    pub const fn wants_reason(self) -> bool {
        matches!(self, Self::Lost | Self::Cancelled | Self::Returned)
    }
}

/// Where a fact comes from.
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
    /// The service itself, for silence.
    Service,
    /// A CRM.
    Crm,
    /// A courier.
    Courier,
    /// A bank.
    Bank,
    /// The shop's site.
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

    /// The word in the API and in rows.
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

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }

    /// People may say what is legal; facts from outside are never refused, only flagged.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Console | Self::Api | Self::Label | Self::Sentence)
    }
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Item {
    /// The shop's article number; a line without one is not told to Meta.
    pub sku: Option<String>,
    /// What the shop calls it.
    pub name: Option<String>,
    /// Pieces, from 1.
    pub quantity: i64,
    /// Price of one piece, in minor units.
    pub unit_price: i64,
    /// What one piece costs the shop, in minor units.
    pub unit_cost: Option<i64>,
}

/// What a fact says about money: all amounts in minor units of `currency`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The currency of every amount here.
    pub currency: Currency,
    /// `confirmed`, `amended`: the whole; `cross_sold`: the uplift; `returned`: the part; `paid`,
    /// `refunded`: the sum.
    pub value: Option<i64>,
    /// `cross_sold`: the new whole, where that was said. The uplift then follows from what the order was worth
    /// at that moment, of which a fact may still come.
    pub total: Option<i64>,
    /// What the customer pays for delivery; part of `value`.
    pub delivery_fee: Option<i64>,
    /// Taken off the items; already taken off `value`.
    pub discount: Option<i64>,
    /// `paid`: what the courier or bank kept.
    pub fee: Option<i64>,
    /// What was sold, or what came back.
    pub items: Vec<Item>,
}

impl Terms {
    /// Terms that say nothing but the currency.
    pub const fn silent(currency: Currency) -> Self {
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

    /// Whether they say anything besides the currency.
    pub fn name_money(&self) -> bool {
        *self != Self::silent(self.currency)
    }

    /// Σ items − discount + delivery fee, where items are given.
    pub fn sum(&self) -> Option<i64> {
        let goods = self.items.iter().try_fold(0_i64, |sum, item| {
            item.quantity.checked_mul(item.unit_price).and_then(|line| sum.checked_add(line))
        })?;
        (!self.items.is_empty()).then_some(
            goods.saturating_sub(self.discount.unwrap_or(0)).saturating_add(self.delivery_fee.unwrap_or(0)),
        )
    }

    /// `value` as money.
    pub fn money(&self) -> Option<Money> {
        self.value.map(|minor| Money::new(minor, self.currency))
    }
}

/// What a fact says besides money: how it is paid, and who carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// `cod`, `prepaid`, `card` or `instalment`.
    pub payment: Option<String>,
    /// The courier's name.
    pub courier: Option<String>,
    /// The courier's number of the parcel.
    pub waybill: Option<String>,
    /// The sender's clock was ahead, so that the time was set to ours.
    pub clamped: bool,
}

/// An entry of the ledger about an order or a conversation. What undid it or accepted it stands in other
/// entries; here are only their effects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its id.
    pub id: OutcomeId,
    /// What happened.
    pub kind: OutcomeKind,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// Who said it, by name; never a customer.
    pub actor: String,
    /// From where.
    pub source: Source,
    /// The sender's own id of the fact.
    pub reference: Option<String>,
    /// Money and goods.
    pub terms: Terms,
    /// How it is paid, and who carries it.
    pub details: Details,
    /// Why.
    pub reason: Option<String>,
    /// An entry took it back.
    pub undone: bool,
    /// A person accepted it although it contradicts another.
    pub accepted: bool,
}

impl Fact {
    /// Whether a second telling of it has no name of its own (`ref`) and no sum to add up: outside facts of one
    /// kind and moment are one fact then.
    pub fn may_be_told_again(&self) -> bool {
        !self.kind.may_repeat(&self.terms) && !self.source.is_person() && self.reference.is_none()
    }

    /// Whether `other` tells the same fact once more.
    pub fn is_told_again_by(&self, other: &Self) -> bool {
        self.may_be_told_again()
            && other.may_be_told_again()
            && self.kind == other.kind
            && self.occurred_at == other.occurred_at
    }

    /// Whether `other`, the same fact, names another sum.
    pub fn is_worth_otherwise_in(&self, other: &Self) -> bool {
        self.terms.money().zip(other.terms.money()).is_some_and(|(one, two)| one != two)
    }

    /// An order of facts by what they say alone.
    pub fn by_content(&self, other: &Self) -> Ordering {
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

/// A fact that can't be fitted in with an earlier one; it moves nothing until a person accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Not possible after what happened before, such as shipped after returned.
    Contradiction,
    /// `confirmed` again with another value; `cross_sold` to a whole that does not fit.
    OtherValue,
    /// Of another currency than the order: no sum of it can be added or compared.
    OtherCurrency,
    /// An order number from outside for a sale that may already stand under the service's own number.
    PerhapsSameSale,
}

impl Flag {
    /// Whether a person can let the fact move its order all the same.
    pub const fn can_be_accepted(self) -> bool {
        !matches!(self, Self::OtherCurrency)
    }

    /// The word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contradiction => "contradiction",
            Self::OtherValue => "other_value",
            Self::OtherCurrency => "other_currency",
            Self::PerhapsSameSale => "perhaps_same_sale",
        }
    }
}

/// An entry about another entry of the ledger: it takes a fact back, or accepts a flagged one. The ledger is
/// append-only, so that a mistake is undone by such an entry and never by a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// The fact no longer counts.
    Undo,
    /// A person accepts the flagged fact, so that it moves its order after all.
    Accept,
}

impl FollowUp {
    /// The word in the API and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Accept => "accept",
        }
    }
}
