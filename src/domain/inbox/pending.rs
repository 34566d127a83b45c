//! What was said in Meta's inbox and could not be taken as it stands: it waits in the queue for a person.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, PendingTagId};
use crate::domain::basic::money::{Currency, Money};
use crate::domain::inbox::sentence::Open;
use crate::domain::order::outcome::{OutcomeKind, Source};

/// Why something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingReason {
    /// An order is open with another value.
    OtherValue,
    /// It can't be said of the order as it stands.
    IllegalMove,
    /// It is not clear of which order it was said.
    WhichOrder,
    /// A sum without an amount.
    ValueMissing,
    /// The sentence was read in part.
    InPart(Open),
    /// A label was taken off after its fact could still be undone.
    LabelTakenOff,
    /// A label was taken off whose fact was said by another door too.
    SaidElsewhere,
    /// It was refused for another reason.
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

    /// The word in the API and in rows.
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

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }

    /// What stands behind the code of a refused tag.
    pub fn of_refusal(code: &str) -> Self {
        match code {
            "sale_open_with_other_value" => Self::OtherValue,
            "illegal_move" => Self::IllegalMove,
            "which_order" => Self::WhichOrder,
            _ => Self::Refused,
        }
    }
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingTag {
    /// Its id.
    pub id: PendingTagId,
    /// The Page.
    pub page_id: PageId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// By which door: a label or a sentence.
    pub source: Source,
    /// What was said.
    pub kind: OutcomeKind,
    /// It was taken back, not said.
    pub takes_back: bool,
    /// The amount, as far as it was read, in minor units.
    pub value: Option<i64>,
    /// Its currency.
    pub currency: Currency,
    /// Why it waits.
    pub why: PendingReason,
    /// Its name; the same thing told again is this one.
    pub reference: String,
    /// When it was said.
    pub occurred_at: Timestamp,
    /// When it began to wait.
    pub made_at: Timestamp,
}

impl PendingTag {
    /// `value` as money.
    pub fn money(&self) -> Option<Money> {
        self.value.map(|minor| Money::new(minor, self.currency))
    }
}
