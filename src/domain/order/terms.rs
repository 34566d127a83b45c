//! What a fact says besides its kind and moment: money, goods, how it is paid and who carries it.

use crate::domain::basic::money::{Currency, Money};

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
    /// The currency of the amounts. Where the sender stated none it is the order's.
    pub currency: Currency,
    /// Where the sender stated no currency, the one in which the amounts were written: the Page's of that time. `None`
    /// where it was stated.
    pub written_in: Option<Currency>,
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
            written_in: None,
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
        *self != Self { written_in: self.written_in, ..Self::unstated(self.currency) }
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

    /// The same decimals in another currency; `None` if one of them has more digits behind the point than that has.
    pub fn in_currency(&self, currency: Currency) -> Option<Self> {
        let amount =
            |minor: i64| Money::new(minor, self.currency).in_currency(currency).map(|money| money.minor);
        let optional = |minor: Option<i64>| minor.map_or(Some(None), |minor| amount(minor).map(Some));
        let line = |item: &Item| {
            let (unit_price, unit_cost) = (amount(item.unit_price)?, optional(item.unit_cost)?);
            Some(Item { unit_price, unit_cost, ..item.clone() })
        };
        Some(Self {
            currency,
            written_in: self.written_in,
            value: optional(self.value)?,
            total: optional(self.total)?,
            delivery_fee: optional(self.delivery_fee)?,
            discount: optional(self.discount)?,
            fee: optional(self.fee)?,
            items: self.items.iter().map(line).collect::<Option<_>>()?,
        })
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
