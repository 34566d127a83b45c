//! Pending tags: what a label or a sentence in Meta's inbox said and could not be recorded as it is. Nobody is there
//! to read a 409, so it waits in the queue until a person says what it really was, or that it was nothing.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, PendingTagId};
use crate::domain::basic::money::{Currency, Money};
use crate::domain::inbox::sentence::{Open, Reading};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::legality::legal_moves;
use crate::domain::order::outcome::{OutcomeKind, Source};
use crate::domain::order::tag::Tag;
use crate::domain::order::typed_tag::amount;
use crate::error::{Error, Result};

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
    PartlyRead(Open),
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
        Self::PartlyRead(Open::NoAmount),
        Self::PartlyRead(Open::UnclearAmount),
        Self::PartlyRead(Open::SeveralAmounts),
        Self::PartlyRead(Open::SeveralMeanings),
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
            Self::PartlyRead(open) => open.as_str(),
            Self::LabelTakenOff => "label_taken_off",
            Self::SaidElsewhere => "said_elsewhere",
            Self::Refused => "refused",
        }
    }

    /// The reason of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }

    /// Why a sentence that was read so is no tag of `kind` at once; none if it is one.
    pub const fn of_reading(reading: Reading, kind: OutcomeKind) -> Option<Self> {
        match reading {
            Reading::Whole(None) if kind.is_amount() => Some(Self::ValueMissing),
            Reading::PartlyRead(open) => Some(Self::PartlyRead(open)),
            Reading::Whole(_) | Reading::Nothing => None,
        }
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
    pub reason: PendingReason,
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

    /// What a person can make of it while `focus` is the order that is looked at. None is left where the order allows
    /// nothing of the kind: then it can only be left, or something else be tagged.
    pub fn answers(&self, focus: Option<&OrderLedger>) -> &'static [PendingAnswer] {
        let is_open = focus.is_some_and(|ledger| ledger.order.state.is_open());
        let is_legal = focus.is_some_and(|ledger| legal_moves(Some(&ledger.order)).contains(&self.kind));
        match self.kind {
            _ if self.takes_back => &[],
            OutcomeKind::Confirmed if is_open => &[PendingAnswer::Amended, PendingAnswer::NewOrder],
            OutcomeKind::Confirmed | OutcomeKind::Qualified | OutcomeKind::Lost => &[PendingAnswer::AsSaid],
            _ if is_legal => &[PendingAnswer::AsSaid],
            _ => &[],
        }
    }

    /// Whether the answer to it names an amount.
    pub const fn asks_value(&self) -> bool {
        self.kind.needs_value()
    }

    /// The amount that its form begins with: what was read of it, else, where no amount was said at all, the one that
    /// an operator `wrote`. What was read in part is completed by a person, never guessed.
    pub fn proposed_value(&self, wrote: Option<i64>) -> Option<i64> {
        self.value.or_else(|| wrote.filter(|_| self.reason == PendingReason::ValueMissing))
    }

    /// The tag that a person's answer makes of it.
    ///
    /// # Errors
    /// 422 with a pointer to the field that can't be taken.
    pub fn answered(&self, answer: PendingAnswer, typed: TypedAnswer) -> Result<Tag> {
        let kind = answer.kind(self);
        let mut tag = Tag::bare(kind, Source::Console, typed.currency);
        tag.new_order = answer == PendingAnswer::NewOrder;
        if kind.needs_value() {
            let value = amount("/value", typed.value.as_deref(), typed.currency)?;
            tag.terms.value = Some(value.ok_or_else(|| Error::field("/value", "Say how much it is."))?);
        }
        if kind == OutcomeKind::Confirmed || kind.is_of_conversation() {
            // A sale, and a word about a chat, belong to the moment in which they were said.
            tag.occurred_at = Some(self.occurred_at);
        } else {
            tag.order_number = typed.order_number;
        }
        tag.reason = typed.reason.filter(|_| kind.wants_reason());
        tag.reference = kind.is_amount().then(|| format!("console:{}", self.id));
        Ok(tag)
    }
}

/// What a person says a pending tag really was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingAnswer {
    /// What was said.
    AsSaid,
    /// Not a sale of its own: the open order, with the right total.
    Amended,
    /// Another sale beside the open order.
    NewOrder,
}

impl PendingAnswer {
    /// Every answer, from which [`PendingAnswer::parse`] finds the one of a form.
    pub const ALL: [Self; 3] = [Self::AsSaid, Self::Amended, Self::NewOrder];

    /// The word in the console's form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsSaid => "same",
            Self::Amended => "amended",
            Self::NewOrder => "new",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == text)
    }

    /// The kind of the tag that it makes of `pending`.
    pub const fn kind(self, pending: &PendingTag) -> OutcomeKind {
        match self {
            Self::Amended => OutcomeKind::Amended,
            Self::AsSaid | Self::NewOrder => pending.kind,
        }
    }
}

/// The fields beside a person's answer, as they were typed.
#[derive(Clone, Debug)]
pub struct TypedAnswer {
    /// The Page's currency.
    pub currency: Currency,
    /// The amount, a decimal number as the person wrote it.
    pub value: Option<String>,
    /// The number of the order that was looked at.
    pub order_number: Option<String>,
    /// Why, for a kind that must say so.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::basic::identity::{OrderId, OutcomeId};
    use crate::domain::order::fold;
    use crate::domain::order::outcome::{Fact, FollowUps};
    use crate::domain::order::terms::{Details, Terms};

    fn gel() -> Currency {
        Currency::parse("GEL").unwrap()
    }

    fn pending(kind: OutcomeKind, reason: PendingReason) -> PendingTag {
        PendingTag {
            id: PendingTagId("pending-1".to_owned()),
            page_id: PageId("1".to_owned()),
            conversation_id: ConversationId("conversation-1".to_owned()),
            source: Source::Label,
            kind,
            takes_back: false,
            value: None,
            currency: gel(),
            reason,
            reference: "label:1".to_owned(),
            occurred_at: Timestamp::from_seconds(5),
            made_at: Timestamp::from_seconds(6),
        }
    }

    fn order(kinds: &[OutcomeKind]) -> OrderLedger {
        let fact = |(second, kind): (i64, &OutcomeKind)| Fact {
            id: OutcomeId(format!("fact-{second}")),
            kind: *kind,
            occurred_at: Timestamp::from_seconds(second),
            recorded_at: Timestamp::from_seconds(second),
            actor: "nino".to_owned(),
            source: Source::Console,
            reference: None,
            terms: Terms { value: Some(5000), ..Terms::unstated(gel()) },
            details: Details::default(),
            reason: None,
            undone: false,
            accepted: false,
            time_stated: true,
            names_same_sale: false,
            follow_ups: FollowUps::default(),
        };
        let mut ledger = OrderLedger::new(OrderId("order-1".to_owned()), false, 1, gel());
        ledger.facts = (1..).zip(kinds).map(fact).collect();
        ledger.order = fold::fold(&ledger.facts, gel());
        ledger
    }

    #[test]
    fn the_answers_fit_the_order_that_is_looked_at() {
        use OutcomeKind::{Cancelled, Confirmed, Lost, Shipped};
        use PendingAnswer::{Amended, AsSaid, NewOrder};
        let answers = |kind, focus: Option<&OrderLedger>| {
            pending(kind, PendingReason::OtherValue).answers(focus).to_vec()
        };
        let (open, ended) = (order(&[Confirmed]), order(&[Confirmed, Cancelled]));
        assert_eq!(answers(Confirmed, Some(&open)), [Amended, NewOrder]);
        assert_eq!(answers(Confirmed, Some(&ended)), [AsSaid]);
        assert_eq!(answers(Confirmed, None), [AsSaid]);
        assert_eq!(answers(Lost, Some(&ended)), [AsSaid]);
        assert_eq!(answers(Shipped, Some(&open)), [AsSaid]);
        assert_eq!(answers(Shipped, Some(&ended)), []);
        assert_eq!(answers(Shipped, None), []);
        let taken_off = PendingTag { takes_back: true, ..pending(Confirmed, PendingReason::LabelTakenOff) };
        assert_eq!(taken_off.answers(Some(&open)), []);
    }

    #[test]
    fn an_amount_that_was_read_in_part_is_never_guessed() {
        let kind = OutcomeKind::Confirmed;
        let proposed = |reason| pending(kind, reason).proposed_value(Some(700));
        assert_eq!(proposed(PendingReason::ValueMissing), Some(700));
        assert_eq!(proposed(PendingReason::PartlyRead(Open::SeveralAmounts)), None);
        let read = PendingTag { value: Some(900), ..pending(kind, PendingReason::OtherValue) };
        assert_eq!(read.proposed_value(Some(700)), Some(900));
    }

    #[test]
    fn an_answer_is_a_tag_of_its_own() {
        let typed = |value: &str| TypedAnswer {
            currency: gel(),
            value: Some(value.to_owned()),
            order_number: Some("A-1".to_owned()),
            reason: Some("price".to_owned()),
        };
        let sale = pending(OutcomeKind::Confirmed, PendingReason::OtherValue);
        let amended = sale.answered(PendingAnswer::Amended, typed("150")).unwrap();
        assert_eq!((amended.kind, amended.terms.value), (OutcomeKind::Amended, Some(15_000)));
        assert_eq!(amended.order_number.as_deref(), Some("A-1"));
        assert_eq!(amended.reference.as_deref(), Some("console:pending-1"));
        let new = sale.answered(PendingAnswer::NewOrder, typed("150")).unwrap();
        assert!(new.new_order && new.order_number.is_none() && new.reason.is_none());
        assert_eq!(new.occurred_at, Some(sale.occurred_at));
        let without = sale.answered(PendingAnswer::AsSaid, TypedAnswer { value: None, ..typed("") });
        assert_eq!(without.unwrap_err().fields[0].pointer, "/value");
        let lost = pending(OutcomeKind::Lost, PendingReason::IllegalMove);
        let lost = lost.answered(PendingAnswer::AsSaid, typed("")).unwrap();
        assert_eq!((lost.reason.as_deref(), lost.terms.value), (Some("price"), None));
    }
}
