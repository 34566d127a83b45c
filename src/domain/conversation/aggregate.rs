//! All that is known of one conversation: what every decision about it is made on.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OutcomeId, PageId, Psid};
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::conversation::inbound::Channel;
use crate::domain::order::fold::by_occurrence;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, FollowUp, OutcomeKind, Source};
use crate::domain::signal::conversion::Conversion;

/// The thread of one person with one Page.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its id.
    pub id: ConversationId,
    /// Its Page.
    pub page_id: PageId,
    /// Where.
    pub channel: Channel,
    /// Who; an order that only a CRM has told of waits in a thread without a person.
    pub psid: Option<Psid>,
    /// Grows with everything that the feed tells of it.
    pub version: i64,
}

/// A conversation with its ledger and its conversions.
#[derive(Clone, Debug)]
pub struct ConversationAggregate {
    /// The thread.
    pub thread: Thread,
    /// Its chats, by number.
    pub chats: Vec<Chat>,
    /// The stages of its chats as they are written.
    pub stages: Vec<Stage>,
    /// `qualified` and `lost`, as they were written.
    pub said: Vec<Fact>,
    /// Its orders, oldest first.
    pub orders: Vec<OrderLedger>,
    /// Its conversions.
    pub conversions: Vec<Conversion>,
    /// Something that was said in Meta's inbox waits for a person.
    pub has_waiting: bool,
}

impl ConversationAggregate {
    /// The conversions of one order.
    pub fn conversions_of(&self, order: &OrderLedger) -> Vec<Conversion> {
        let of_it = |row: &&Conversion| row.order_id.as_ref() == Some(&order.id);
        self.conversions.iter().filter(of_it).cloned().collect()
    }

    /// The fact of this id, of an order or of a chat.
    pub fn fact(&self, id: &OutcomeId) -> Option<&Fact> {
        self.orders.iter().flat_map(|ledger| &ledger.facts).chain(&self.said).find(|fact| fact.id == *id)
    }

    /// The order in whose ledger a fact stands.
    pub fn order_of(&self, fact: &OutcomeId) -> Option<&OrderLedger> {
        self.orders.iter().find(|ledger| ledger.facts.iter().any(|known| known.id == *fact))
    }

    /// Marks a fact as undone or accepted by an entry about it.
    pub fn mark(&mut self, fact: &OutcomeId, kind: FollowUp) {
        let of_orders = self.orders.iter_mut().flat_map(|ledger| &mut ledger.facts);
        for fact in of_orders.chain(&mut self.said).filter(|known| known.id == *fact) {
            match kind {
                FollowUp::Undo => fact.undone = true,
                FollowUp::Accept => fact.accepted = true,
            }
        }
    }

    /// The chat in which something happened: the last that had begun by then, else the first.
    pub fn chat_at(&self, moment: Timestamp) -> Option<&Chat> {
        self.chats.iter().rev().find(|chat| chat.began_at <= moment).or(self.chats.first())
    }

    /// What a chat came to: an order outranks what was said of the chat, of which the latest stands.
    pub fn stage(&self, chat: &Chat) -> Stage {
        let is_here = |at: Timestamp| self.chat_at(at).is_some_and(|found| found.number == chat.number);
        let sold = self
            .orders
            .iter()
            .filter_map(|ledger| ledger.order.confirmed)
            .any(|moment| is_here(moment.occurred_at));
        if sold {
            return Stage::Sold;
        }
        match self.said_last(chat).map(|fact| fact.kind) {
            Some(OutcomeKind::Qualified) => Stage::Qualified,
            Some(OutcomeKind::Lost) => Stage::Lost,
            _ => Stage::Open,
        }
    }

    /// The latest effective `qualified` or `lost` of a chat.
    pub fn said_last(&self, chat: &Chat) -> Option<&Fact> {
        self.said_of(chat).max_by(|a, b| by_occurrence(a, b))
    }

    /// What is effectively said of a chat.
    pub fn said_of(&self, chat: &Chat) -> impl Iterator<Item = &Fact> {
        let number = chat.number;
        self.said.iter().filter(move |fact| {
            !fact.undone && self.chat_at(fact.occurred_at).is_some_and(|found| found.number == number)
        })
    }

    /// When the wait for a person began: with the customer's first word in the current chat, until it has a
    /// tag; or with an order that a person confirmed without a value, until it has one.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        let chat = self.chats.last().filter(|chat| self.stage(chat) == Stage::Open);
        chat.and_then(|chat| chat.first_word_at).or_else(|| {
            let without_value = self.orders.iter().filter(|ledger| waits_for_value(ledger));
            without_value.filter_map(|ledger| ledger.order.confirmed).map(|moment| moment.occurred_at).min()
        })
    }
}

/// Whether a person confirmed an order, and nobody has said what it is worth.
pub fn waits_for_value(ledger: &OrderLedger) -> bool {
    let by_person =
        |fact: &Fact| fact.kind == OutcomeKind::Confirmed && fact.source.is_person() && !fact.undone;
    !ledger.parked
        && ledger.order.state.is_open()
        && ledger.order.value.is_none()
        && ledger.facts.iter().any(by_person)
}

/// What silence asks for: the service's own `lost` entries that hold no longer, and the moments of new ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// Entries that a later word lifted.
    pub lifted: Vec<OutcomeId>,
    /// Moments at which a chat fell silent.
    pub fallen: Vec<Timestamp>,
    /// When the next chat will fall silent.
    pub next_at: Option<Timestamp>,
}

/// A chat without an order in which the customer has said nothing for `silent_after` is lost; their next word
/// lifts that. What others said last of a chat as lost needs no word of the service beside it.
pub fn silence(aggregate: &ConversationAggregate, silent_after: Duration, now: Timestamp) -> Silence {
    let mut found = Silence::default();
    let mut due_at: Vec<Timestamp> = Vec::new();
    for (index, chat) in aggregate.chats.iter().enumerate() {
        let Some(last) = chat.last_word_at else { continue };
        let by_others = aggregate.said_of(chat).filter(|fact| fact.source != Source::Service);
        let is_lost =
            by_others.max_by(|a, b| by_occurrence(a, b)).is_some_and(|fact| fact.kind == OutcomeKind::Lost);
        if is_lost || aggregate.stage(chat) == Stage::Sold {
            continue;
        }
        let due = last + silent_after;
        if due > now {
            found.next_at = Some(found.next_at.map_or(due, |next| next.min(due)));
            continue;
        }
        let end = aggregate.chats.get(index + 1).map(|next| next.began_at - Duration::from_millis(1));
        due_at.push(end.map_or(due, |end| due.min(end.max(last))));
    }
    for fact in aggregate.said.iter().filter(|fact| fact.source == Source::Service && !fact.undone) {
        match due_at.iter().position(|at| *at == fact.occurred_at) {
            Some(stands) => drop(due_at.remove(stands)),
            None => found.lifted.push(fact.id.clone()),
        }
    }
    found.fallen = due_at;
    found
}
