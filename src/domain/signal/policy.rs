//! The signal policy of a Page: which facts become conversions, when they may leave, and with what value.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::order::fold::{Moment, Order};

/// Whether anything leaves a Page for Meta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything is computed and shown, nothing leaves; what it made never wakes.
    Shadow,
    /// Conversions leave.
    Live,
    /// Nothing leaves for now.
    Paused,
}

impl Mode {
    /// The word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Live => "live",
            Self::Paused => "paused",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Shadow, Self::Live, Self::Paused].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// When an order is told to Meta as a Purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurchaseOn {
    /// When the customer agrees.
    Confirmed,
    /// When the courier has it.
    Shipped,
    /// When the customer has it.
    Delivered,
    /// When the first money is there.
    Paid,
}

impl PurchaseOn {
    /// The word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Paid => "paid",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Confirmed, Self::Shipped, Self::Delivered, Self::Paid]
            .into_iter()
            .find(|on| on.as_str() == text)
    }

    /// The fact by which `order` got there: its own, or one that implies it.
    pub fn reached(self, order: &Order) -> Option<Moment> {
        match self {
            Self::Confirmed => order.confirmed,
            Self::Shipped => order.shipped,
            Self::Delivered => order.delivered,
            Self::Paid => order.first_paid,
        }
    }
}

/// What makes a contact a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadOn {
    /// The first message.
    FirstMessage,
    /// The customer gave a phone number.
    Contact,
    /// An operator tagged it as qualified.
    Qualified,
    /// No leads.
    Off,
}

impl LeadOn {
    /// The word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstMessage => "first_message",
            Self::Contact => "contact",
            Self::Qualified => "qualified",
            Self::Off => "off",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::FirstMessage, Self::Contact, Self::Qualified, Self::Off]
            .into_iter()
            .find(|on| on.as_str() == text)
    }
}

/// What to do when it can't be known whether Meta took an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Leave it: at most once.
    Keep,
    /// Send it once more: at least once.
    Resend,
}

impl OnUnknown {
    /// The word in configuration, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Resend => "resend",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Keep, Self::Resend].into_iter().find(|on| on.as_str() == text)
    }
}

/// The longest hold; an event must reach Meta within 7 days.
pub const HOLD_MAX: Duration = Duration::from_hours(6 * 24);

/// A Page's signal policy. A change of it applies to what is confirmed afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Counts the changes, from 1.
    pub version: i64,
    /// A lead of before is not made by it; the first version takes what lies before too.
    pub since: Timestamp,
    /// When an order becomes a Purchase.
    pub purchase_on: PurchaseOn,
    /// How long a person can still stop it; at most [`HOLD_MAX`].
    pub hold: Duration,
    /// What makes a lead.
    pub lead_on: LeadOn,
    /// Whether the life of an order is told too.
    pub lifecycle: bool,
    /// What to do when it can't be known whether Meta took an event.
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
