//! One event for Meta, derived from outcomes by the signal policy.

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;

use super::arrival::Channel;
use super::identity::{PageId, Psid};
use super::money::Money;

/// The events that are sent; each is one of the 14 names that Meta takes for messaging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventName {
    /// A sale, or the uplift of one.
    Purchase,
    /// A new contact.
    LeadSubmitted,
    /// A contact with a real need.
    QualifiedLead,
    /// Life of an order: confirmed, when the Purchase comes later.
    OrderCreated,
    /// Life of an order: handed to the courier.
    OrderShipped,
    /// Life of an order: the customer took it.
    OrderDelivered,
    /// Life of an order: called off.
    OrderCanceled,
    /// Life of an order: sent back.
    OrderReturned,
}

impl EventName {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Purchase,
        Self::LeadSubmitted,
        Self::QualifiedLead,
        Self::OrderCreated,
        Self::OrderShipped,
        Self::OrderDelivered,
        Self::OrderCanceled,
        Self::OrderReturned,
    ];

    /// Meta's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Purchase => "Purchase",
            Self::LeadSubmitted => "LeadSubmitted",
            Self::QualifiedLead => "QualifiedLead",
            Self::OrderCreated => "OrderCreated",
            Self::OrderShipped => "OrderShipped",
            Self::OrderDelivered => "OrderDelivered",
            Self::OrderCanceled => "OrderCanceled",
            Self::OrderReturned => "OrderReturned",
        }
    }

    /// Reads Meta's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

/// The name of an event at Meta, for ever the same: the first 32 hex digits of SHA-256 over Page, subject
/// (the order's first name, or the PSID), event name and number, joined by newlines.
pub fn event_id(page_id: &PageId, subject: &str, name: EventName, number: i64) -> String {
    let digest = Sha256::digest(format!("{page_id}\n{subject}\n{}\n{number}", name.as_str()));
    hex::encode(&digest[..16])
}

/// What Meta is told: the payload before it is written in Meta's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub name: EventName,
    /// When it happened.
    pub time: Timestamp,
    /// Its name for ever.
    pub event_id: String,
    /// Where.
    pub channel: Channel,
    /// The Page.
    pub page_id: PageId,
    /// The person.
    pub psid: Psid,
    /// The worth, for a Purchase.
    pub value: Option<Money>,
    /// The order's first name.
    pub order_number: Option<String>,
    /// What was sold.
    pub contents: Vec<Content>,
}

/// One line of what was sold, as Meta is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The shop's article number.
    pub sku: String,
    /// Pieces.
    pub quantity: i64,
    /// Price of one piece.
    pub unit_price: Money,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ids_are_those_of_the_design() {
        let page = PageId::from("1111111111");
        assert_eq!(event_id(&page, "A-1001", EventName::Purchase, 0), "6302d0976def42406a0fab44af2c9b16");
        assert_eq!(
            event_id(&page, "2222222222222222", EventName::LeadSubmitted, 0),
            "07859cd4b10d2bb9bb8f8c0fbc5a71f2"
        );
    }
}
