//! The signal policy of a Page: which fact makes a Purchase and which a lead, how long a person can stop a conversion,
//! and what happens to one that was perhaps taken. A policy has versions: a conversion keeps the one that made it, so
//! that a change applies only to what is confirmed afterwards. The mode is no part of the policy and applies at once.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::order::fold::{Moment, Order};

/// Whether conversions of a Page are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything is computed and shown, nothing is sent. What it makes is suppressed, and stays so in `live`.
    Shadow,
    /// Conversions are sent.
    Live,
    /// Nothing is sent for now; what becomes due waits, and ages.
    Paused,
}

impl Mode {
    /// Its word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Live => "live",
            Self::Paused => "paused",
        }
    }

    /// The mode of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Shadow, Self::Live, Self::Paused].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// The fact that makes an order a Purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurchaseOn {
    /// The customer agreed in the chat.
    Confirmed,
    /// The parcel was handed to the courier.
    Shipped,
    /// The customer took it.
    Delivered,
    /// The first payment, of any sum, arrived.
    Paid,
}

impl PurchaseOn {
    /// Its word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Paid => "paid",
        }
    }

    /// The value of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Confirmed, Self::Shipped, Self::Delivered, Self::Paid]
            .into_iter()
            .find(|on| on.as_str() == text)
    }

    /// The moment at which `order` reached it, by its own fact or one that implies it; `None` if it has not. An order
    /// that ended since keeps the moment.
    pub fn reached(self, order: &Order) -> Option<Moment> {
        match self {
            Self::Confirmed => order.confirmed,
            Self::Shipped => order.shipped,
            Self::Delivered => order.delivered,
            Self::Paid => order.paid_up,
        }
    }
}

/// What makes a chat a lead, and which of Meta's two events it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadOn {
    /// The customer's first message in the chat; `LeadSubmitted`.
    FirstMessage,
    /// The customer gave a phone number in their own words; `LeadSubmitted`.
    Contact,
    /// The chat was tagged as `qualified`; `QualifiedLead`.
    Qualified,
    /// Nothing: no leads are made.
    Off,
}

impl LeadOn {
    /// Its word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstMessage => "first_message",
            Self::Contact => "contact",
            Self::Qualified => "qualified",
            Self::Off => "off",
        }
    }

    /// The value of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::FirstMessage, Self::Contact, Self::Qualified, Self::Off]
            .into_iter()
            .find(|on| on.as_str() == text)
    }
}

/// What to do with an event of which it can't be known whether Meta took it. Meta does not deduplicate messaging
/// events, so one that is sent again may count twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// It stays `unknown` for a person to resolve: Meta gets an event at most once.
    Keep,
    /// It is sent once more: Meta gets an event at least once.
    Resend,
}

impl OnUnknown {
    /// Its word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Resend => "resend",
        }
    }

    /// The value of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Keep, Self::Resend].into_iter().find(|on| on.as_str() == text)
    }
}

/// The longest hold: a day less than the 7 within which Meta takes an event, so that attempts have time.
pub const HOLD_MAX: Duration = Duration::from_hours(6 * 24);

/// One version of a Page's signal policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Counts the versions of the Page's policy, from 1.
    pub version: i64,
    /// When it came into force. It makes no lead of an earlier moment; the first version begins at 0, so that it
    /// takes everything.
    pub since: Timestamp,
    /// The fact that makes an order a Purchase.
    pub purchase_on: PurchaseOn,
    /// How long after recording a conversion waits, for a person to stop it; 0 to [`HOLD_MAX`].
    pub hold: Duration,
    /// What makes a chat a lead.
    pub lead_on: LeadOn,
    /// Whether lifecycle events are made beside the Purchase.
    pub lifecycle: bool,
    /// What to do with an event that was perhaps taken.
    pub on_unknown: OnUnknown,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            version: 1,
            since: Timestamp::from_millis(0),
            purchase_on: PurchaseOn::Confirmed,
            hold: Duration::from_mins(30),
            lead_on: LeadOn::Contact,
            lifecycle: false,
            on_unknown: OnUnknown::Keep,
        }
    }
}
