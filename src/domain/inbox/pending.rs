//! Pending tags: what a label or a sentence in Meta's inbox said and could not be recorded as it is. Nobody is there
//! to read a 409, so it waits in the queue until a person says what it really was, or that it was nothing.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, PendingTagId};
use crate::domain::basic::money::{Currency, Money};
use crate::domain::inbox::sentence::Open;
use crate::domain::order::outcome::{OutcomeKind, Source};

/// Why a tag is pending: what a person has to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingReason {
    /// An order is open with another value: is it a correction, an addition or another sale?
    OtherValue,
    /// The kind is not legal in the state of the order.
    IllegalMove,
    /// Several orders are open, or none: which one was meant?
    WhichOrder,
    /// The kind needs an amount, and none was given.
    ValueMissing,
    /// The sentence was read in part; what it leaves open is inside.
    InPart(Open),
    /// A label was taken off later than within the hold: was the sale called off, or only the label tidied up?
    LabelTakenOff,
    /// A label was taken off, but its fact was also told through another door: is it taken back all the same?
    SaidElsewhere,
    /// Refused for any other reason.
    Refused,
}

impl PendingReason {
    const ALL: [Self; 11] = [
        Self::OtherValue,
        Self::IllegalMove,
        Self::WhichOrder,
        Self::ValueMissing,
        Self::InPart(Open::NoAmount),
        Self::InPart(Open::UnclearAmount),
        Self::InPart(Open::SeveralAmounts),
        Self::InPart(Open::SeveralMeanings),
        Self::LabelTakenOff,
        Self::SaidElsewhere,
        Self::Refused,
    ];

    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtherValue => "other_value",
            Self::IllegalMove => "illegal_move",
            Self::WhichOrder => "which_order",
            Self::ValueMissing => "value_missing",
            Self::InPart(open) => open.as_str(),
            Self::LabelTakenOff => "label_taken_off",
            Self::SaidElsewhere => "said_elsewhere",
            Self::Refused => "refused",
        }
    }

    /// The reason of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// The reason for a tag that was refused with this error code.
    pub fn of_refusal(code: &str) -> Self {
        match code {
            "sale_open_with_other_value" => Self::OtherValue,
            "illegal_move" => Self::IllegalMove,
            "which_order" => Self::WhichOrder,
            _ => Self::Refused,
        }
    }
}

/// A tag, or the taking back of one, that waits for a person's decision. It changes nothing until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingTag {
    /// Our id, by which the decision names it.
    pub id: PendingTagId,
    /// The Page of the conversation: only its people see and decide it.
    pub page_id: PageId,
    /// The conversation in which it was said; it waits in the queue for as long.
    pub conversation_id: ConversationId,
    /// A label or a sentence.
    pub source: Source,
    /// The kind that the label or sentence stands for; a person may decide on another.
    pub kind: OutcomeKind,
    /// It is not about recording this kind, but about undoing the fact that was recorded.
    pub takes_back: bool,
    /// The amount in minor units, as far as it was read: a proposal for the person.
    pub value: Option<i64>,
    /// The currency of `value`; the Page's if the text named none.
    pub currency: Currency,
    /// What a person has to decide.
    pub why: PendingReason,
    /// The `ref` that its fact would have. What was pending once under a `ref` is never pending again.
    pub reference: String,
    /// When it was said in Meta's inbox.
    pub occurred_at: Timestamp,
    /// When it became pending, by our clock.
    pub made_at: Timestamp,
}

impl PendingTag {
    /// `value` with its currency.
    pub fn money(&self) -> Option<Money> {
        self.value.map(|minor| Money::new(minor, self.currency))
    }
}
