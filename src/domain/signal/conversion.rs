//! A conversion: one event for Meta, derived from facts by the signal policy, under one `event_id` for ever. Here are
//! its states with their reasons and the steps between them; which conversions there are is decided in
//! [`crate::domain::signal`], how one is written for Meta in `meta::events`.

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversionId, OrderId, OutcomeId, PageId};
use crate::domain::basic::money::Money;
use crate::domain::conversation::recipient::Recipient;

/// The names of the events that are sent, out of the 14 that Meta takes for messaging (Meta's documentation of the
/// Conversions API for Business Messaging). The names without a product rule behind them are not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventName {
    /// A sale, or the uplift of one. Alone with a value.
    Purchase,
    /// A lead: the first message or a phone number, as the policy says.
    LeadSubmitted,
    /// A lead: a chat that was tagged as `qualified`.
    QualifiedLead,
    /// Lifecycle: confirmed, if the Purchase comes later.
    OrderCreated,
    /// Lifecycle: handed to the courier.
    OrderShipped,
    /// Lifecycle: the customer took it.
    OrderDelivered,
    /// Lifecycle: called off before it arrived.
    OrderCanceled,
    /// Lifecycle: returned in full.
    OrderReturned,
}

impl EventName {
    /// Every event name that the service sends, in the order of declaration.
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

    /// The name as Meta spells it, in payloads, API and rows.
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

    /// The event of Meta's spelling; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }
}

/// The id of an event at Meta: the first 32 hex digits of SHA-256 over Page, subject (the order's first number, or of
/// a lead the PSID), event name and number, joined by newlines. Nothing random is in it, so that it is the same after
/// the database is restored from a backup.
pub fn event_id(page_id: &PageId, subject: &str, name: EventName, number: i64) -> String {
    let digest = Sha256::digest(format!("{page_id}\n{subject}\n{}\n{number}", name.as_str()));
    hex::encode(&digest[..16])
}

/// What Meta is told by one conversion; `meta::events` writes it as a payload, in which the fields have Meta's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `event_name`, one of those that Meta's Conversions API knows for messaging.
    pub name: EventName,
    /// `event_time`: when the fact happened. It is never moved to pass Meta's limit of 7 days.
    pub time: Timestamp,
    /// `event_id`, the same in every attempt.
    pub event_id: String,
    /// The person to whom Meta attributes the event, and the account for which their id is valid.
    pub recipient: Recipient,
    /// The revenue of a Purchase; other events carry no value.
    pub value: Option<Money>,
    /// The number by which the shop knows the order, else the service's own; a lead has none.
    pub order_number: Option<String>,
    /// The lines of a Purchase that have an article number.
    pub contents: Vec<Content>,
}

/// One line of a Purchase, an element of Meta's `contents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The shop's article number, Meta's `id`.
    pub sku: String,
    /// Pieces, less those that came back.
    pub quantity: i64,
    /// The price of one piece, Meta's `item_price`; `None` where the lines do not sum to the value.
    pub unit_price: Option<Money>,
}

/// The state of a conversion: `held → ready → sending → sent`, or one of the other ends. In `sent` and `unknown` a
/// Purchase is used up: its order never gets another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for the end of its hold, or for something that is missing; the reason says which.
    Held,
    /// Due, or to be tried again: the next attempt of its Page takes it.
    Ready,
    /// In an attempt whose verdict is not known yet.
    Sending,
    /// Meta took it.
    Sent,
    /// Not to be sent, and certainly not taken. It wakes if its cause comes back and its reason allows it.
    Suppressed,
    /// Meta refused this very event. A person can try it again.
    Rejected,
    /// Older than Meta takes, and certainly not taken.
    Expired,
    /// Perhaps taken: the answer was lost after the event had left.
    Unknown,
}

impl State {
    /// Every state, in the order in which filters and metrics list them.
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

    /// Its word in API and rows.
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

    /// The state of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Why a conversion is in its state; the state in parentheses is the one that the reason goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// (held) Its hold runs: a person can still stop it.
    Hold,
    /// (held) Nobody has stated what the order is worth.
    ValueMissing,
    /// (held) The conversation has no person yet, whom the event would be about.
    PersonMissing,
    /// (held) It is perhaps another order told again, or that one is: a person is asked.
    PerhapsSameSale,
    /// (held) Another telling of this sale, as it was taken for, was told to Meta already.
    PerhapsTold,
    /// (held, expired) A flagged cancel or return waits for a person's word.
    Contradiction,
    /// (held) An uplift waits until the base Purchase of its order has left.
    WaitsForPurchase,
    /// (ready, sending) Its hold is over, or a person sent it at once.
    Due,
    /// (ready) An attempt was certainly not taken; another follows.
    TryAgain,
    /// (sent) Meta counted it.
    Taken,
    /// (suppressed) The order was called off.
    Cancelled,
    /// (suppressed) The fact that made it was undone, or no longer makes it.
    Undone,
    /// (suppressed) The order was returned in full.
    Returned,
    /// (suppressed) Nothing of the order's worth is left to tell.
    WorthNothing,
    /// (suppressed) Made while the Page was in `shadow`; it never wakes.
    Shadow,
    /// (suppressed) Events of this channel are not sent yet.
    ChannelNotSent,
    /// (suppressed) The dataset does not take this event name.
    NameRefused,
    /// (suppressed) It needs a Purchase of its order at Meta, and there is none.
    PurchaseNotSent,
    /// (expired) Older than Meta takes.
    TooOld,
    /// (rejected) Meta takes no events of this kind about people of the region.
    RegionRefused,
    /// (rejected) Meta refused it; its attempt has Meta's code and words.
    Refused,
    /// (unknown) The answer was lost after the event had left.
    AnswerLost,
}

impl Reason {
    const ALL: [Self; 22] = [
        Self::Hold,
        Self::ValueMissing,
        Self::PersonMissing,
        Self::PerhapsSameSale,
        Self::PerhapsTold,
        Self::Contradiction,
        Self::WaitsForPurchase,
        Self::Due,
        Self::TryAgain,
        Self::Taken,
        Self::Cancelled,
        Self::Undone,
        Self::Returned,
        Self::WorthNothing,
        Self::Shadow,
        Self::ChannelNotSent,
        Self::NameRefused,
        Self::PurchaseNotSent,
        Self::TooOld,
        Self::RegionRefused,
        Self::Refused,
        Self::AnswerLost,
    ];

    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::ValueMissing => "value_missing",
            Self::PersonMissing => "person_missing",
            Self::PerhapsSameSale => "perhaps_same_sale",
            Self::PerhapsTold => "perhaps_told",
            Self::Contradiction => "contradiction",
            Self::WaitsForPurchase => "waits_for_purchase",
            Self::Due => "due",
            Self::TryAgain => "try_again",
            Self::Taken => "taken",
            Self::Cancelled => "cancelled",
            Self::Undone => "undone",
            Self::Returned => "returned",
            Self::WorthNothing => "worth_nothing",
            Self::Shadow => "shadow",
            Self::ChannelNotSent => "channel_not_yet_sent",
            Self::NameRefused => "name_refused",
            Self::PurchaseNotSent => "purchase_not_sent",
            Self::TooOld => "too_old",
            Self::RegionRefused => "region_refused",
            Self::Refused => "refused",
            Self::AnswerLost => "answer_lost",
        }
    }

    /// The reason of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Whether it waits for a person's word about its order.
    pub const fn is_asked(self) -> bool {
        matches!(self, Self::PerhapsSameSale | Self::PerhapsTold | Self::Contradiction)
    }

    /// Whether a conversion suppressed for this wakes when its cause comes back.
    pub const fn wakes(self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::Undone
                | Self::Returned
                | Self::PurchaseNotSent
                | Self::NameRefused
                | Self::WorthNothing
        )
    }
}

/// One event for Meta, as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// Our id of the row; Meta knows it by `event_id`.
    pub id: ConversionId,
    /// The event that Meta is told of.
    pub name: EventName,
    /// Of a Purchase 0 for the base and n for the n-th uplift; of a lead the number of its chat; else 0.
    pub number: i64,
    /// The order that it is about; a lead has none.
    pub order_id: Option<OrderId>,
    /// The version of the policy that made it, which holds for its whole life.
    pub policy_version: i64,
    /// Its id at Meta, from [`event_id`]; it never changes, also when the conversion wakes.
    pub event_id: String,
    /// When the fact that made it happened; corrected with the ledger until an attempt carries it.
    pub event_time: Timestamp,
    /// As it was last written or derived.
    pub state: State,
    /// Why it is in this state.
    pub reason: Reason,
    /// The revenue that it tells, in minor units of the order's currency; `None` while it is unknown, and for all
    /// events but a Purchase.
    pub value: Option<i64>,
    /// The end of its hold.
    pub leaves_at: Timestamp,
    /// The answer to an attempt was lost, and the policy `resend` sends it once more: Meta may have it already, so
    /// where another conversion would end as suppressed or grow too old, it ends as `unknown`.
    pub resent: bool,
    /// An attempt that carries it may have been taken: every further attempt carries the same bytes. One that was
    /// certainly not taken ends this.
    pub frozen: bool,
    /// The `cross_sold` entries whose uplift it tells: of the base those that came in time, of an uplift Purchase one.
    pub uplift_ids: Vec<OutcomeId>,
    /// The tellings of other orders that ever stood beside the one whose sale it tells, once it may have been taken: they
    /// are perhaps this sale.
    pub beside: Vec<OrderId>,
    /// A digest of the pieces that it tells, by which a change of them is seen; `None` where it tells none.
    pub contents: Option<String>,
}

impl Conversion {
    /// Whether its payload still follows the ledger: Meta has certainly not taken it.
    pub fn is_open_to_change(&self) -> bool {
        !self.frozen && !self.resent && !self.may_be_taken()
    }

    /// Whether Meta took it or perhaps took it; an attempt that is under way counts as perhaps.
    pub const fn may_be_taken(&self) -> bool {
        matches!(self.state, State::Sending | State::Sent | State::Unknown)
    }

    /// A person sends a held one at once, or tries a rejected one again; the payload of the latter is made anew.
    pub fn release(&mut self, now: Timestamp) {
        self.frozen &= self.state != State::Rejected;
        (self.state, self.reason, self.leaves_at) = (State::Ready, Reason::Due, now);
    }

    /// It is not to be sent any more. One whose answer was lost before may be at Meta already, so it ends as
    /// `unknown` instead.
    pub fn suppress(&mut self, reason: Reason) {
        (self.state, self.reason) =
            if self.resent { (State::Unknown, Reason::AnswerLost) } else { (State::Suppressed, reason) };
    }

    /// A suppressed one is to be sent after all, because its cause came back: under the same `event_id`, with a
    /// payload that is made anew.
    pub fn wake(&mut self, event_time: Timestamp, value: Option<i64>, (state, reason): (State, Reason)) {
        self.state = state;
        self.reason = reason;
        self.event_time = event_time;
        self.value = value;
        self.frozen = false;
    }
}

/// A conversion that is to become a row; the caller gives it an id and its `event_id`. Fields as in [`Conversion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The event that Meta will be told of.
    pub name: EventName,
    /// Of a Purchase 0 for the base and n for the n-th uplift; of a lead the number of its chat; else 0.
    pub number: i64,
    /// The order that it is about; a lead has none.
    pub order_id: Option<OrderId>,
    /// The version of the policy that makes it.
    pub policy_version: i64,
    /// When the fact that makes it happened.
    pub event_time: Timestamp,
    /// Held, or suppressed where it is made only to show why nothing is sent.
    pub state: State,
    /// Why it begins in this state.
    pub reason: Reason,
    /// The revenue of a Purchase, in minor units of the order's currency; `None` while it is unknown.
    pub value: Option<i64>,
    /// The end of its hold.
    pub leaves_at: Timestamp,
    /// The `cross_sold` entries whose uplift it tells.
    pub uplift_ids: Vec<OutcomeId>,
    /// A digest of the pieces that it tells; `None` where it tells none.
    pub contents: Option<String>,
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
