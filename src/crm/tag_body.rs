//! The JSON body of a tag, as the API and other systems send it: its shape alone. What it says is read in
//! [`mapping`](crate::crm::mapping).

use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened. Each kind takes what it needs.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"outcome": "confirmed", "order_id": "A-1001", "value": "125.50", "currency": "GEL",
    "delivery_fee": "5.00", "items": [{"sku": "BAG-1", "name": "Bag", "quantity": 1, "unit_price": "120.50"}],
    "payment": "cod", "customer": {"phone": "555 12 34 56"}}))]
pub struct TagBody {
    /// qualified, lost, confirmed, `cross_sold`, amended, cancelled, shipped, delivered, returned, paid, refunded.
    pub outcome: String,
    /// The shop's order number, 1 to 64 characters. Without it: of `confirmed` a new one is made, of others it is
    /// the only open order.
    pub order_id: Option<String>,
    /// The whole (confirmed, amended), the uplift (`cross_sold`), the part (returned), the sum (paid, refunded).
    pub value: Option<String>,
    /// `cross_sold`: the new whole instead of the uplift.
    pub total: Option<String>,
    /// ISO 4217; the Page's if it is left out.
    pub currency: Option<String>,
    /// What the customer pays for delivery, part of `value`.
    pub delivery_fee: Option<String>,
    /// What was taken off, already taken off `value`.
    pub discount: Option<String>,
    /// `paid`: what the courier or bank kept.
    pub fee: Option<String>,
    /// What was sold, or what came back.
    pub items: Option<Vec<ItemBody>>,
    /// cod, prepaid, card or instalment.
    pub payment: Option<String>,
    /// Who carries it.
    pub courier: Option<String>,
    /// The courier's number of the parcel.
    pub waybill: Option<String>,
    /// `confirmed`: another sale, although one is open.
    pub new_order: Option<bool>,
    /// The number or id of the order that the sale is, for an order of which it might be another: the answer to
    /// `perhaps_same_sale`. It also puts a cancelled order on again.
    #[schema(example = "A-1001")]
    pub same_as: Option<String>,
    /// When it happened: RFC 3339 with offset, or Unix seconds. Now, if it is left out.
    #[schema(value_type = Option<String>, example = "2026-11-22T14:05:00+04:00")]
    pub occurred_at: Option<WrittenTime>,
    /// Why: compulsory for lost, cancelled, returned.
    pub reason: Option<String>,
    /// A remark, kept no longer than texts of messages.
    pub note: Option<String>,
    /// The sender's own id of the fact.
    pub r#ref: Option<String>,
    /// The version of the order that was looked at.
    pub if_version: Option<i64>,
    /// With keys of the role crm only: crm, courier, bank or site.
    pub source: Option<String>,
    /// What is known of the customer.
    pub customer: Option<CustomerBody>,
}

/// A line of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemBody {
    /// The shop's article number; a line without one is not told to Meta.
    pub(super) sku: Option<String>,
    /// What the shop calls it.
    pub(super) name: Option<String>,
    /// Pieces, from 1.
    pub(super) quantity: i64,
    /// Price of one piece.
    pub(super) unit_price: String,
    /// What one piece costs the shop; with keys of the role crm only.
    pub(super) unit_cost: Option<String>,
}

/// Who buys, as far as it is known.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    /// Kept as a keyed hash only.
    pub(super) phone: Option<String>,
    pub(super) email: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) city: Option<String>,
    /// The shop's own id of them.
    pub(super) external_id: Option<String>,
}

impl fmt::Debug for CustomerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomerBody(…)")
    }
}

/// A point in time as a sender writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum WrittenTime {
    /// RFC 3339 with an offset.
    Text(String),
    /// Whole Unix seconds.
    Seconds(i64),
}

impl<'de> Deserialize<'de> for WrittenTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = WrittenTime;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("RFC 3339 with an offset, or whole Unix seconds")
            }
            fn visit_str<E>(self, text: &str) -> Result<WrittenTime, E> {
                Ok(WrittenTime::Text(text.to_owned()))
            }
            fn visit_i64<E>(self, seconds: i64) -> Result<WrittenTime, E> {
                Ok(WrittenTime::Seconds(seconds))
            }
            fn visit_u64<E>(self, seconds: u64) -> Result<WrittenTime, E> {
                Ok(WrittenTime::Seconds(i64::try_from(seconds).unwrap_or(i64::MAX)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
