//! An outcome: one fact about a chat or an order, as an entry of the append-only ledger. A fact says what happened,
//! when, who said so and from which source; what it does to an order is the fold's to decide. Here are also the
//! flags that the fold can put on a fact, and the follow-up entries that undo or accept one.

use std::cmp::Ordering;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::terms::{Details, Terms};

/// The kind of a fact. The order of the variants is their rank: of two facts of one moment the one of the lower rank
/// counts as the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// Of a chat: real need, right product, wants to buy.
    Qualified,
    /// Of a chat: ended without an order.
    Lost,
    /// The customer agreed in the chat; may carry value and items.
    Confirmed,
    /// The operator added to a confirmed order; the uplift is its value.
    CrossSold,
    /// Value and items of a confirmed order were corrected.
    Amended,
    /// Called off before it arrived.
    Cancelled,
    /// Handed to the courier.
    Shipped,
    /// The customer took it.
    Delivered,
    /// Refused at the door or sent back, in full or in part.
    Returned,
    /// The customer's money arrived with someone: card, courier or bank. A sum beside the state.
    Paid,
    /// Money was given back. A sum beside the state.
    Refunded,
}

impl OutcomeKind {
    /// Every kind, by rank.
    pub const ALL: [Self; 11] = [
        Self::Qualified,
        Self::Lost,
        Self::Confirmed,
        Self::CrossSold,
        Self::Amended,
        Self::Cancelled,
        Self::Shipped,
        Self::Delivered,
        Self::Returned,
        Self::Paid,
        Self::Refunded,
    ];

    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Qualified => "qualified",
            Self::Lost => "lost",
            Self::Confirmed => "confirmed",
            Self::CrossSold => "cross_sold",
            Self::Amended => "amended",
            Self::Cancelled => "cancelled",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Paid => "paid",
            Self::Refunded => "refunded",
        }
    }

    /// The kind of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is a fact about a chat rather than about an order.
    pub const fn is_of_conversation(self) -> bool {
        matches!(self, Self::Qualified | Self::Lost)
    }

    /// Whether it says nothing without an amount. A `confirmed` can do without: its value may be stated later.
    pub const fn is_amount(self) -> bool {
        matches!(self, Self::CrossSold | Self::Amended | Self::Paid | Self::Refunded)
    }

    /// Whether a person who says it must name an amount.
    pub const fn needs_value(self) -> bool {
        matches!(self, Self::Confirmed) || self.is_amount()
    }

    /// Whether a person who says it can name an amount; of a return it is the part that came back.
    pub const fn takes_value(self) -> bool {
        self.needs_value() || matches!(self, Self::Returned)
    }

    /// Whether an order may have several facts of this kind, so that each needs a name of its own (`ref`).
    pub const fn may_repeat(self) -> bool {
        matches!(self, Self::CrossSold | Self::Paid | Self::Refunded | Self::Returned)
    }

    /// Whether several facts of this kind with such `terms` may stand on one order, because their sums add up.
    pub fn adds_up(self, terms: &Terms) -> bool {
        match self {
            Self::CrossSold | Self::Paid | Self::Refunded => true,
            // In part; a return in full happens once.
            Self::Returned => terms.value.is_some() || !terms.items.is_empty(),
            _ => false,
        }
    }

    /// Whether people must give a reason with it.
    pub const fn wants_reason(self) -> bool {
        matches!(self, Self::Lost | Self::Cancelled | Self::Returned)
    }
}

/// The door through which a fact came in. It decides whether the fact can be refused (people) or only flagged (all
/// others).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A person in the console.
    Console,
    /// A person through the operator API.
    Api,
    /// A person, by a label in Meta's inbox.
    Label,
    /// A person, by the sentence that confirms an order.
    Sentence,
    /// The service itself: `lost` for a silent chat.
    Service,
    /// A CRM, by its API key.
    Crm,
    /// A courier's report, brought by the CRM.
    Courier,
    /// A line of a bank's statement, brought by the CRM.
    Bank,
    /// The shop's web site, brought by the CRM.
    Site,
}

impl Source {
    const ALL: [Self; 9] = [
        Self::Console,
        Self::Api,
        Self::Label,
        Self::Sentence,
        Self::Service,
        Self::Crm,
        Self::Courier,
        Self::Bank,
        Self::Site,
    ];

    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Api => "api",
            Self::Label => "label",
            Self::Sentence => "sentence",
            Self::Service => "service",
            Self::Crm => "crm",
            Self::Courier => "courier",
            Self::Bank => "bank",
            Self::Site => "site",
        }
    }

    /// The source of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }

    /// Whose `ref` it is: an API key's, by the name that is the `actor`, or that of a door of the service itself.
    pub const fn sender(self, actor: &str) -> &str {
        match self {
            Self::Console | Self::Label | Self::Sentence | Self::Service => self.as_str(),
            Self::Api | Self::Crm | Self::Courier | Self::Bank | Self::Site => actor,
        }
    }

    /// Whether one of the Page's people said it. They may say what is legal as things stand; a fact from outside
    /// that contradicts is never refused, only flagged.
    pub const fn is_person(self) -> bool {
        matches!(self, Self::Console | Self::Api | Self::Label | Self::Sentence)
    }

    /// Whether a person typed or tapped it, and so can be asked at once; a label or a sentence is read by the service,
    /// and asked about afterwards.
    pub const fn is_typed(self) -> bool {
        matches!(self, Self::Console | Self::Api)
    }
}

/// An entry of the ledger: one fact about a chat or an order. It never changes; `undone` and `accepted` are the
/// effects of follow-up entries that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is independent: how it was told, and what was said of it since"
)]
pub struct Fact {
    /// Our id of the entry; ids grow with the time of recording.
    pub id: OutcomeId,
    /// Together with `occurred_at` it gives the fact its place in the fold.
    pub kind: OutcomeKind,
    /// When it happened, as stated; the time of recording where nobody stated it.
    pub occurred_at: Timestamp,
    /// Whether the sender stated `occurred_at`. An outside fact without a stated time makes no claim by it.
    pub time_stated: bool,
    /// When it was written into the ledger, by our clock.
    pub recorded_at: Timestamp,
    /// The name of the person, API key or part of the service that said it; never a customer's.
    pub actor: String,
    /// The door through which it came in.
    pub source: Source,
    /// The sender's own id of the fact (`ref`), unique among the facts of one source of a Page.
    pub reference: Option<String>,
    /// What it states about money and goods.
    pub terms: Terms,
    /// Payment method, courier, waybill.
    pub details: Details,
    /// Why a chat was lost, an order cancelled or goods returned, in the sender's words.
    pub reason: Option<String>,
    /// An undo names it: it no longer counts, and the fold passes over it.
    pub undone: bool,
    /// A person accepted it although it carried a flag: it moves its order after all.
    pub accepted: bool,
    /// The person who said it named the order as the same sale (`same_as`), knowing what had become of it.
    pub names_same_sale: bool,
    /// The entries that took it back or accepted it: who did, and when.
    pub follow_ups: FollowUps,
}

impl Fact {
    /// Takes a follow-up into account, if it is about this fact or its acceptance.
    pub fn take_follow_up(&mut self, entry: &FollowUpEntry) {
        let is_acceptance = |own: &FollowUpEntry| own.id == entry.about;
        match entry.kind {
            FollowUp::Undo if entry.about == self.id => {
                self.undone = true;
                self.follow_ups.undo = Some(Box::new(entry.clone()));
            }
            FollowUp::Undo if self.follow_ups.acceptance.as_deref().is_some_and(is_acceptance) => {
                self.accepted = false;
                self.follow_ups.acceptance = None;
            }
            FollowUp::Accept if entry.about == self.id => {
                self.accepted = true;
                self.follow_ups.acceptance = Some(Box::new(entry.clone()));
            }
            FollowUp::Undo | FollowUp::Accept | FollowUp::Join | FollowUp::Part => {}
        }
    }

    /// Whether a second fact of its kind and time would be the same fact: it comes from outside, has no `ref` to
    /// tell the two apart, and is not one of those whose sums add up.
    pub fn can_be_repeated(&self) -> bool {
        !self.kind.adds_up(&self.terms) && !self.source.is_person() && self.reference.is_none()
    }

    /// Whether `other` is this fact once more, perhaps in other words.
    pub fn is_repeated_by(&self, other: &Self) -> bool {
        self.can_be_repeated()
            && other.can_be_repeated()
            && self.kind == other.kind
            && self.occurred_at == other.occurred_at
    }

    /// Whether both facts name a value, and not the same one.
    pub fn differs_in_value_from(&self, other: &Self) -> bool {
        self.terms.money().zip(other.terms.money()).is_some_and(|(own, others)| own != others)
    }

    /// A total order of facts by what they say alone, so that the fold is the same whatever arrived first. Which of
    /// two comes first has no meaning.
    pub fn cmp_content(&self, other: &Self) -> Ordering {
        let sums = |fact: &Self| {
            let Terms { value, total, delivery_fee, discount, fee, .. } = fact.terms;
            (value, total, delivery_fee, discount, fee)
        };
        let words = |fact: &Self| {
            let Details { payment, courier, waybill, clamped: _ } = fact.details.clone();
            (fact.reason.clone(), payment, courier, waybill, fact.source.as_str(), fact.actor.clone())
        };
        sums(self)
            .cmp(&sums(other))
            .then_with(|| self.terms.items.cmp(&other.terms.items))
            .then_with(|| self.terms.currency.code().cmp(other.terms.currency.code()))
            .then_with(|| self.terms.written_in.is_some().cmp(&other.terms.written_in.is_some()))
            .then_with(|| words(self).cmp(&words(other)))
    }
}

/// The entry that a person may take back: of `facts` the newest effective one that a person made, be it a fact or the
/// acceptance of one.
pub fn newest_by_person<'a>(facts: impl Iterator<Item = &'a Fact>) -> Option<NewestEntry<'a>> {
    let entries = facts.filter(|fact| !fact.undone).flat_map(|fact| {
        let own = fact.source.is_person().then_some((fact.recorded_at, NewestEntry::Fact(fact)));
        let acceptance = fact.follow_ups.acceptance.as_deref();
        let acceptance = acceptance.map(|entry| (entry.recorded_at, NewestEntry::Acceptance { fact, entry }));
        own.into_iter().chain(acceptance)
    });
    let newest =
        entries.max_by(|(at, entry), (other_at, other)| (at, entry.id()).cmp(&(other_at, other.id())));
    newest.map(|(_, entry)| entry)
}

/// An entry that a person made and may take back.
#[derive(Clone, Copy, Debug)]
pub enum NewestEntry<'a> {
    /// A fact that a person said.
    Fact(&'a Fact),
    /// The acceptance of a flagged fact.
    Acceptance {
        /// The fact that was accepted.
        fact: &'a Fact,
        /// The follow-up that accepted it.
        entry: &'a FollowUpEntry,
    },
}

impl NewestEntry<'_> {
    /// Our id of the entry.
    pub const fn id(&self) -> &OutcomeId {
        match self {
            Self::Fact(fact) => &fact.id,
            Self::Acceptance { entry, .. } => &entry.id,
        }
    }

    /// Its kind in the API's words.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Fact(fact) => fact.kind.as_str(),
            Self::Acceptance { .. } => FollowUp::Accept.as_str(),
        }
    }
}

/// The entries about a fact that count now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowUps {
    /// The undo of the fact.
    pub undo: Option<Box<FollowUpEntry>>,
    /// The acceptance of the fact, unless that was undone in its turn.
    pub acceptance: Option<Box<FollowUpEntry>>,
}

/// A follow-up as it was recorded: an entry that undoes or accepts a fact, or undoes an acceptance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUpEntry {
    /// Our id of the entry.
    pub id: OutcomeId,
    /// The entry that it is about.
    pub about: OutcomeId,
    /// Undo or acceptance.
    pub kind: FollowUp,
    /// When it was written into the ledger, by our clock.
    pub recorded_at: Timestamp,
    /// The door through which it came in.
    pub source: Source,
    /// The name of the person or API key that asked for it.
    pub actor: String,
}

/// Why a fact moves nothing until a person accepts it or it is taken back. Flags follow from the fold anew each
/// time; only a person's decision is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Not possible after what happened before, such as shipped after returned.
    Contradiction,
    /// `confirmed` again with another value, or `cross_sold` to a whole that does not fit.
    OtherValue,
    /// In another currency than the order, so that its sum can be neither added nor compared. It can't be accepted.
    OtherCurrency,
    /// A payment above the value that equals an earlier one from another source: perhaps the same money.
    PerhapsSamePayment,
    /// On an order from outside that may be a sale which is in the conversation already, under the service's number.
    PerhapsSameSale,
}

impl Flag {
    /// Whether a person can accept the fact, so that it moves its order all the same.
    pub const fn can_be_accepted(self) -> bool {
        !matches!(self, Self::OtherCurrency)
    }

    /// Its word in the API; flags have no column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contradiction => "contradiction",
            Self::OtherValue => "other_value",
            Self::OtherCurrency => "other_currency",
            Self::PerhapsSamePayment => "perhaps_same_payment",
            Self::PerhapsSameSale => "perhaps_same_sale",
        }
    }
}

/// The kind of a follow-up: an entry about a fact of the ledger. The ledger is append-only, so a mistake is undone by
/// such an entry and never by a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// The fact, or the acceptance of one, is taken back: it no longer counts. An undo can't be undone.
    Undo,
    /// A person accepts the flagged fact: it moves its order after all.
    Accept,
    /// A person says that the sale of the fact and that of another fact are one.
    Join,
    /// A person says that the sale of the fact and that of another fact are two.
    Part,
}

impl FollowUp {
    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undo => "undo",
            Self::Accept => "accept",
            Self::Join => "join",
            Self::Part => "part",
        }
    }

    /// The follow-up of its word in API and rows; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Undo, Self::Accept, Self::Join, Self::Part].into_iter().find(|kind| kind.as_str() == text)
    }
}
