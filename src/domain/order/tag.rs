//! A tag: what a person, a label, a sentence or another system says happened to an order or a chat, as it came in.
//! What it means is decided elsewhere: for an order in [`crate::domain::order::tag_decision`], for a chat in
//! [`crate::domain::conversation::chat_tag`].

use std::borrow::Cow;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::money::{Currency, Money};
use crate::domain::conversation::customer::Customer;
use crate::domain::order::fold::Order;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, OutcomeKind, Source};
use crate::domain::order::terms::{Details, Terms};

/// The least time between two entries of people on one order or chat, where no time was stated: two tags within
/// one millisecond of the clock keep the order in which they were made.
pub const MIN_SPACING: Duration = Duration::from_millis(1);

/// Characters of an order number, at most.
pub const ORDER_NUMBER_MAX: usize = 64;

/// Characters of a sender's own id of a fact (`ref`), at most.
pub const REFERENCE_MAX: usize = 255;

/// What someone says happened to an order or a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The kind decides whether the tag is about a chat (`qualified`, `lost`) or an order (all others).
    pub kind: OutcomeKind,
    /// Through which door it came. A person's tag can be refused; an outside fact can only be flagged.
    pub source: Source,
    /// The number of the order in the sender's system; without one the order is found from the conversation.
    pub order_number: Option<String>,
    /// A sale of its own, even if another is open.
    pub new_order: bool,
    /// The order, by one of its numbers or its id, that the sale is: the answer to a question about two sales.
    pub same_as: Option<String>,
    /// Money and goods as they were said; not completed yet. Amounts without a stated currency are in the Page's.
    pub terms: Terms,
    /// Payment method, courier, waybill.
    pub details: Details,
    /// Why a chat was lost, an order cancelled or goods returned; compulsory for people, optional from outside.
    pub reason: Option<String>,
    /// A free remark. It is personal data: kept beside the ledger, and no longer than the text of messages.
    pub note: Option<String>,
    /// What the sender knows of the customer; it goes to the customer's row and never into the ledger.
    pub customer: Option<Customer>,
    /// When it happened, where that was stated. Otherwise the clock decides.
    pub occurred_at: Option<Timestamp>,
    /// The sender's own id of the fact (`ref`): the same one again is the same fact.
    pub reference: Option<String>,
    /// The tag holds only for this version of the order (0: only if it opens one); `None` for any version.
    pub if_version: Option<i64>,
}

impl Tag {
    /// A tag that says nothing but what happened; money that is added later is in `currency`.
    pub fn bare(kind: OutcomeKind, source: Source, currency: Currency) -> Self {
        Self {
            kind,
            source,
            order_number: None,
            new_order: false,
            same_as: None,
            terms: Terms { written_in: Some(currency), ..Terms::unstated(currency) },
            details: Details::default(),
            reason: None,
            note: None,
            customer: None,
            occurred_at: None,
            reference: None,
            if_version: None,
        }
    }

    /// Whether it may be said more than once of one order. Such a tag needs a `ref` or an idempotency key, for
    /// nothing else tells a repetition from a second payment.
    pub fn is_repeatable(&self) -> bool {
        self.kind.adds_up(&self.terms)
    }

    /// Whether `fact`, which is in the ledger of `order`, says what this tag says: the same kind of the same order with
    /// the same sums.
    pub fn says_the_same(&self, fact: &Fact, order: Option<&OrderLedger>) -> bool {
        let is_of_order = |number: &String| order.is_some_and(|ledger| ledger.has_number(number));
        let value = self.terms.value.or_else(|| self.terms.sum());
        self.kind == fact.kind
            && self.order_number.as_ref().is_none_or(is_of_order)
            && (value, self.terms.total, self.terms.fee)
                == (fact.terms.value, fact.terms.total, fact.terms.fee)
    }

    /// The tag as it is said of `order`: amounts without a stated currency are in the order's. `None` if an amount is none
    /// in that currency, because it has fewer digits behind the point.
    pub fn said_of(&self, order: &Order) -> Option<Cow<'_, Self>> {
        if self.terms.written_in.is_none() || !order.is_priced || self.terms.currency == order.currency {
            return Some(Cow::Borrowed(self));
        }
        let terms = self.terms.in_currency(order.currency)?;
        Some(Cow::Owned(Self { terms, ..self.clone() }))
    }

    /// The value that was given, or that follows from the items; `None` if the tag names neither.
    pub fn stated_value(&self) -> Option<Money> {
        let minor = self.terms.value.or_else(|| self.terms.sum())?;
        Some(Money::new(minor, self.terms.currency))
    }
}
