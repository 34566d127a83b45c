//! One event for Meta, derived from outcomes by the signal policy.

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversionId, OrderId, OutcomeId, PageId};
use crate::domain::basic::money::Money;
use crate::domain::conversation::recipient::Recipient;

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
    /// Whom it is about.
    pub recipient: Recipient,
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

/// Where a conversion stands: `held → ready → sending → sent`, or one of the other ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for its hold, or for something that is missing.
    Held,
    /// Due.
    Ready,
    /// In an attempt.
    Sending,
    /// Meta took it.
    Sent,
    /// It never left; it may wake.
    Suppressed,
    /// Meta refused this event.
    Rejected,
    /// It grew too old.
    Expired,
    /// It can't be known whether Meta took it.
    Unknown,
}

impl State {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Held,
        Self::Ready,
        Self::Sending,
        Self::Sent,
        Self::Suppressed,
        Self::Rejected,
        Self::Expired,
        Self::Unknown,
    ];

    /// Whether a person may let a conversion that stands so for `reason` leave at once: only its hold keeps it.
    pub fn may_be_sent_now(self, reason: Reason) -> bool {
        self == Self::Held && reason == Reason::Hold
    }

    /// Whether Meta has it, in the API's words: `perhaps` while it is out, or after its answer was lost.
    pub const fn meta_knows(self) -> &'static str {
        match self {
            Self::Sent => "yes",
            Self::Sending | Self::Unknown => "perhaps",
            _ => "no",
        }
    }

    /// The word in the API and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Ready => "ready",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Suppressed => "suppressed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why a conversion stands where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A person can still stop it.
    Hold,
    /// Nobody has said what the order is worth.
    ValueMissing,
    /// The person is not known.
    PersonMissing,
    /// An uplift waits until the Purchase below it has left.
    WaitsForPurchase,
    /// On its way.
    Due,
    /// Meta has certainly not taken it yet; it will be tried again.
    TryAgain,
    /// Meta took it.
    Taken,
    /// The order was called off.
    Cancelled,
    /// The fact was taken back.
    Undone,
    /// All of it came back.
    Returned,
    /// Made while the Page was in shadow.
    Shadow,
    /// Events of this channel are not sent yet.
    ChannelNotSent,
    /// The dataset does not take this event name.
    NameRefused,
    /// The Purchase below an uplift did not leave.
    PurchaseNotSent,
    /// Older than Meta takes.
    TooOld,
    /// Meta refused it; code and words stand beside.
    Refused,
    /// The answer was lost after the event had left.
    AnswerLost,
}

impl Reason {
    const ALL: [Self; 17] = [
        Self::Hold,
        Self::ValueMissing,
        Self::PersonMissing,
        Self::WaitsForPurchase,
        Self::Due,
        Self::TryAgain,
        Self::Taken,
        Self::Cancelled,
        Self::Undone,
        Self::Returned,
        Self::Shadow,
        Self::ChannelNotSent,
        Self::NameRefused,
        Self::PurchaseNotSent,
        Self::TooOld,
        Self::Refused,
        Self::AnswerLost,
    ];

    /// The word in the API and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::ValueMissing => "value_missing",
            Self::PersonMissing => "person_missing",
            Self::WaitsForPurchase => "waits_for_purchase",
            Self::Due => "due",
            Self::TryAgain => "try_again",
            Self::Taken => "taken",
            Self::Cancelled => "cancelled",
            Self::Undone => "undone",
            Self::Returned => "returned",
            Self::Shadow => "shadow",
            Self::ChannelNotSent => "channel_not_yet_sent",
            Self::NameRefused => "name_refused",
            Self::PurchaseNotSent => "purchase_not_sent",
            Self::TooOld => "too_old",
            Self::Refused => "refused",
            Self::AnswerLost => "answer_lost",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Whether a row suppressed for this wakes when its cause comes back.
    pub const fn wakes(self) -> bool {
        matches!(
            self,
            Self::Cancelled | Self::Undone | Self::Returned | Self::PurchaseNotSent | Self::NameRefused
        )
    }
}

/// One event for Meta, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Our id.
    pub id: ConversionId,
    /// What Meta will be told.
    pub name: EventName,
    /// Base 0, n-th uplift n; of a lead, the number of its chat.
    pub number: i64,
    /// The order that it is about; a lead has none.
    pub order_id: Option<OrderId>,
    /// The policy that made it.
    pub policy_version: i64,
    /// Its name at Meta.
    pub event_id: String,
    /// When the fact happened.
    pub event_time: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Its worth in minor units.
    pub value: Option<i64>,
    /// When it may leave.
    pub leaves_at: Timestamp,
    /// Its answer was lost once, and it is sent again by the policy `resend`: Meta may have it already.
    pub resent: bool,
    /// An attempt was opened: every further attempt carries the same bytes.
    pub frozen: bool,
    /// The uplifts that it reports.
    pub carries: Vec<OutcomeId>,
}

impl Conversion {
    /// Whether its payload can still take in what is added to the order.
    pub fn is_open_to_change(&self) -> bool {
        !self.frozen && matches!(self.state, State::Held | State::Ready | State::Suppressed)
    }

    /// Whether Meta counts it, as far as can be known now.
    pub const fn has_left(&self) -> bool {
        matches!(self.state, State::Sending | State::Sent | State::Unknown)
    }

    /// A person lets it go at once: a held one, or a rejected one once more with a payload that is made anew.
    pub fn release(&mut self, now: Timestamp) {
        self.frozen &= self.state != State::Rejected;
        (self.state, self.reason, self.leaves_at) = (State::Ready, Reason::Due, now);
    }

    /// It does not leave. One whose answer was lost before may be at Meta already, so it is no longer sent
    /// again but stays unknown.
    pub fn rest(&mut self, reason: Reason) {
        (self.state, self.reason) =
            if self.resent { (State::Unknown, Reason::AnswerLost) } else { (State::Suppressed, reason) };
    }

    /// Its cause came back: the same event, told anew.
    pub fn wake(&mut self, event_time: Timestamp, value: Option<i64>, (state, reason): (State, Reason)) {
        self.state = state;
        self.reason = reason;
        self.event_time = event_time;
        self.value = value;
        self.frozen = false;
    }
}

/// A conversion that is not a row yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What Meta will be told.
    pub name: EventName,
    /// Base 0, n-th uplift n; of a lead, the number of its chat.
    pub number: i64,
    /// The order that it is about; a lead has none.
    pub order_id: Option<OrderId>,
    /// The policy that makes it.
    pub policy_version: i64,
    /// When the fact happened.
    pub event_time: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// Its worth in minor units.
    pub value: Option<i64>,
    /// When it may leave.
    pub leaves_at: Timestamp,
    /// The uplifts that it reports.
    pub carries: Vec<OutcomeId>,
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
