//! The conversation aggregate: everything that decisions about one conversation are made on. It is loaded once in a
//! unit of work, changed in memory and written at the end. Here are also the questions that are asked of it: which
//! chat a moment belongs to, what a chat came to, who waits for an answer, and which chats fell silent.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId, PageId};
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::conversation::recipient::Recipient;
use crate::domain::order::fold::by_occurrence;
use crate::domain::order::ledger::{Join, OrderLedger};
use crate::domain::order::matching::SaleDecision;
use crate::domain::order::outcome::{Fact, FollowUpEntry, OutcomeKind, Source};
use crate::domain::signal::conversion::Conversion;

/// The thread of one person with one Page, for life.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Our id; it names the conversation in API and rows.
    pub id: ConversationId,
    /// The Page whose policy, currency and country apply.
    pub page_id: PageId,
    /// The person and the channel, which decides whether conversions can be sent. `None` for a thread that only holds an
    /// order of which a CRM told: the order moves to a person's thread as soon as its number is tagged there.
    pub recipient: Option<Recipient>,
    /// Counts the changes of the conversation itself in the feed; orders have versions of their own.
    pub version: i64,
    /// How many entries its ledger has: the position of the last one.
    pub entries: i64,
}

/// A conversation with its ledger and its conversions.
#[derive(Clone, Debug)]
pub struct ConversationAggregate {
    /// The row of the conversation itself.
    pub thread: Thread,
    /// The chats into which it falls, by number.
    pub chats: Vec<Chat>,
    /// The stage of each chat as it was when the aggregate was loaded; [`Self::stage`] is the one of now.
    pub stages: Vec<Stage>,
    /// The facts about chats (`qualified`, `lost`), undone ones included, in the order of recording.
    pub chat_facts: Vec<Fact>,
    /// The orders, folded and matched, oldest first.
    pub orders: Vec<OrderLedger>,
    /// The tellings that joined an order, as the database has them.
    pub joins: Vec<Join>,
    /// What people decided about which sales are one, in the order of recording.
    pub decisions: Vec<SaleDecision>,
    /// The conversions of all orders and chats, those that left included.
    pub conversions: Vec<Conversion>,
    /// A pending tag waits for a person's decision.
    pub has_pending_tag: bool,
}

impl ConversationAggregate {
    /// The conversions of one order.
    pub fn conversions_of(&self, order: &OrderLedger) -> Vec<Conversion> {
        let is_of_order = |row: &&Conversion| row.order_id.as_ref().is_some_and(|id| order.has_id(id));
        self.conversions.iter().filter(is_of_order).cloned().collect()
    }

    /// The fact of this id, of an order or of a chat; `None` also for the id of a follow-up.
    pub fn fact(&self, id: &OutcomeId) -> Option<&Fact> {
        self.orders
            .iter()
            .flat_map(|ledger| &ledger.facts)
            .chain(&self.chat_facts)
            .find(|fact| fact.id == *id)
    }

    /// The order in whose ledger a fact is; `None` for a fact about a chat.
    pub fn order_of(&self, fact: &OutcomeId) -> Option<&OrderLedger> {
        self.orders.iter().find(|ledger| ledger.facts.iter().any(|own| own.id == *fact))
    }

    /// Takes the next place in the ledger, for an entry that is appended.
    pub fn next_position(&mut self) -> i64 {
        self.thread.entries += 1;
        self.thread.entries
    }

    /// The ids of the orders and tellings of which Meta knows, or perhaps does.
    pub fn reported(&self) -> BTreeSet<OrderId> {
        let may_be_taken = self.conversions.iter().filter(|row| row.may_be_taken());
        may_be_taken.filter_map(|row| row.order_id.clone()).collect()
    }

    /// Marks the orders of which Meta was perhaps told by a Purchase of another order, because they once stood beside its
    /// telling, unless a person said since that they are two sales.
    pub fn mark_perhaps_told(&mut self) {
        let told: Vec<(OrderId, Vec<OrderId>)> = self
            .conversions
            .iter()
            .filter(|row| !row.beside.is_empty() && row.may_be_taken())
            .filter_map(|row| Some((row.order_id.clone()?, row.beside.clone())))
            .collect();
        for index in 0..self.orders.len() {
            let ledger = &self.orders[index];
            let tells_of_it = |(order, beside): &&(OrderId, Vec<OrderId>)| {
                !ledger.has_id(order)
                    && beside.iter().any(|id| ledger.has_id(id))
                    && !self.is_parted(ledger, order)
            };
            let by: Vec<OrderId> = told.iter().filter(tells_of_it).map(|(order, _)| order.clone()).collect();
            let ledger = &mut self.orders[index];
            ledger.doubt.is_perhaps_told = !by.is_empty();
            ledger.doubt.with.extend(by);
        }
    }

    /// Whether a person said that an order and the one of this id are two sales.
    fn is_parted(&self, ledger: &OrderLedger, other: &OrderId) -> bool {
        let Some(other) = self.orders.iter().find(|ledger| ledger.has_id(other)) else { return false };
        let is_of = |ledger: &OrderLedger, fact: &OutcomeId| ledger.facts.iter().any(|own| own.id == *fact);
        self.decisions.iter().filter(|decision| !decision.is_same).any(|decision| {
            let pairs = [(&decision.fact, &decision.other), (&decision.other, &decision.fact)];
            pairs.into_iter().any(|(own, others)| is_of(ledger, own) && is_of(other, others))
        })
    }

    /// Applies an undo or an acceptance to the fact that it is about; that of an acceptance to the fact that was accepted.
    /// Orders are not folded again.
    pub fn mark(&mut self, entry: &FollowUpEntry) {
        let of_orders = self.orders.iter_mut().flat_map(|ledger| &mut ledger.facts);
        for fact in of_orders.chain(&mut self.chat_facts) {
            fact.take_follow_up(entry);
        }
    }

    /// The chat to which a moment belongs: the last that had begun by then, else the first. `None` without chats, as
    /// in a thread that a CRM opened.
    pub fn chat_at(&self, moment: Timestamp) -> Option<&Chat> {
        self.chats.iter().rev().find(|chat| chat.began_at <= moment).or(self.chats.first())
    }

    /// What a chat came to: an order confirmed in it outranks the facts about it, of which the latest counts.
    pub fn stage(&self, chat: &Chat) -> Stage {
        let is_in_chat = |at: Timestamp| self.chat_at(at).is_some_and(|found| found.number == chat.number);
        let sold = self
            .orders
            .iter()
            .filter_map(|ledger| ledger.order.confirmed)
            .any(|moment| is_in_chat(moment.occurred_at));
        if sold {
            return Stage::Sold;
        }
        match self.latest_fact_of(chat).map(|fact| fact.kind) {
            Some(OutcomeKind::Qualified) => Stage::Qualified,
            Some(OutcomeKind::Lost) => Stage::Lost,
            _ => Stage::Open,
        }
    }

    /// The effective `qualified` or `lost` of a chat that happened last.
    pub fn latest_fact_of(&self, chat: &Chat) -> Option<&Fact> {
        self.facts_of(chat).max_by(|a, b| by_occurrence(a, b))
    }

    /// The effective facts about a chat, in the order of recording.
    pub fn facts_of(&self, chat: &Chat) -> impl Iterator<Item = &Fact> {
        let number = chat.number;
        self.chat_facts.iter().filter(move |fact| {
            !fact.undone && self.chat_at(fact.occurred_at).is_some_and(|found| found.number == number)
        })
    }

    /// Since when the conversation waits in the queue for a person; `None` if it does not. It waits from the
    /// customer's first message in the current chat until the chat has a tag, from an order that a person confirmed
    /// without a value until it has one, and from a flagged fact or a doubt about a sale until somebody settles it.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        let chat = self.chats.last().filter(|chat| self.stage(chat) == Stage::Open);
        chat.and_then(|chat| chat.first_word_at).or_else(|| {
            let without_value = self.orders.iter().filter(|ledger| lacks_value(ledger));
            let unpriced =
                without_value.filter_map(|ledger| ledger.order.confirmed).map(|moment| moment.occurred_at);
            unpriced.chain(self.orders.iter().filter_map(OrderLedger::asks_since)).min()
        })
    }
}

/// Whether a person confirmed an open order and nobody has stated its value: its Purchase can't leave.
pub fn lacks_value(ledger: &OrderLedger) -> bool {
    let by_person =
        |fact: &Fact| fact.kind == OutcomeKind::Confirmed && fact.source.is_person() && !fact.undone;
    !ledger.doubt.is_parked
        && ledger.order.state.is_open()
        && ledger.order.value.is_none()
        && ledger.facts.iter().any(by_person)
}

/// The entries `lost: silent` of the service that are to be written and undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// Entries to undo: the customer wrote after all, or the chats are cut otherwise by now.
    pub to_undo: Vec<OutcomeId>,
    /// The `occurred_at` of entries to write, one for each chat that fell silent.
    pub to_record: Vec<Timestamp>,
    /// When the next chat falls silent if the customer writes nothing; `None` if no chat can.
    pub next_at: Option<Timestamp>,
}

/// Silence: a chat without an order in which the customer wrote nothing for `silent_after` is lost, until they write
/// again. Where somebody else said last that the chat is lost, the service adds no entry of its own.
pub fn silence(aggregate: &ConversationAggregate, silent_after: Duration, now: Timestamp) -> Silence {
    let mut found = Silence::default();
    let mut wanted: Vec<Timestamp> = Vec::new();
    for (index, chat) in aggregate.chats.iter().enumerate() {
        let Some(last) = chat.last_word_at else { continue };
        let by_others = aggregate.facts_of(chat).filter(|fact| fact.source != Source::Service);
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
        // The entry must lie in this chat, so not after the next one began.
        let end = aggregate.chats.get(index + 1).map(|next| next.began_at - Duration::from_millis(1));
        wanted.push(end.map_or(due, |end| due.min(end.max(last))));
    }
    for fact in aggregate.chat_facts.iter().filter(|fact| fact.source == Source::Service && !fact.undone) {
        match wanted.iter().position(|at| *at == fact.occurred_at) {
            Some(recorded) => drop(wanted.remove(recorded)),
            None => found.to_undo.push(fact.id.clone()),
        }
    }
    found.to_record = wanted;
    found
}
