//! The conversations of a unit of work, each loaded once, locked until it ends, and handed down by reference.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId, PageId};
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::order::fold::Order;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::signal::SignalRules;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::page::Page;

/// A Page and the rules by which its conversions are made, shared by its conversations.
#[derive(Clone, Debug)]
pub(in crate::flow) struct PageRules {
    pub(in crate::flow) page: Arc<Page>,
    pub(in crate::flow) rules: Arc<SignalRules>,
}

/// The Pages of a unit of work, each read once.
#[derive(Debug, Default)]
pub(in crate::flow) struct Pages(HashMap<PageId, PageRules>);

impl Pages {
    /// A Page with its rules.
    ///
    /// # Errors
    /// `not_found`.
    pub(in crate::flow) async fn of(&mut self, unit: &mut Unit, id: &PageId) -> Result<PageRules> {
        if let Some(known) = self.0.get(id) {
            return Ok(known.clone());
        }
        let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
        let rules = unit.rules(&page).await?;
        let found = PageRules { page: Arc::new(page), rules: Arc::new(rules) };
        self.0.insert(id.clone(), found.clone());
        Ok(found)
    }
}

/// A conversation aggregate that a unit of work has loaded and locked, with the rules to decide by, and with a copy of
/// what the database holds to compare later folds with.
#[derive(Debug)]
pub(in crate::flow) struct LoadedConversation {
    pub(in crate::flow) aggregate: ConversationAggregate,
    pub(in crate::flow) page: Arc<Page>,
    pub(in crate::flow) rules: Arc<SignalRules>,
    /// The time of the unit of work.
    pub(in crate::flow) now: Timestamp,
    /// The orders as the database has them.
    pub(super) written_orders: Vec<WrittenOrder>,
    /// The chats as the database has them.
    pub(super) written_chats: Vec<(Chat, Stage)>,
    /// Orders whose next version is due even if they fold as before.
    pub(super) touched: Vec<OrderId>,
    /// Whether an entry was added to the ledger since the last apply.
    is_changed: bool,
    /// The first entry that was added since the last apply.
    pub(super) cause: Option<OutcomeId>,
}

/// An order as its row is written: what a later fold is compared with.
#[derive(Debug)]
pub(super) struct WrittenOrder {
    pub(super) id: OrderId,
    order: Order,
    numbers: usize,
    facts: usize,
    parked: bool,
    asks: bool,
    pub(super) told_twice: bool,
    by_value: Vec<(OrderId, OrderId)>,
}

impl WrittenOrder {
    fn of(ledger: &OrderLedger) -> Self {
        Self {
            id: ledger.id.clone(),
            order: ledger.order.clone(),
            numbers: ledger.numbers.len(),
            facts: ledger.facts.len(),
            parked: ledger.doubt.is_parked,
            asks: ledger.asks_since().is_some(),
            told_twice: ledger.is_told_twice,
            by_value: ledger.by_value.clone(),
        }
    }

    /// Whether the order folds to what is written, from the same number of facts under as many numbers.
    pub(super) fn is(&self, ledger: &OrderLedger) -> bool {
        let counts = (ledger.facts.len(), ledger.numbers.len(), ledger.doubt.is_parked);
        self.id == ledger.id
            && self.order == ledger.order
            && (self.facts, self.numbers, self.parked) == counts
            && (self.asks, self.told_twice) == (ledger.asks_since().is_some(), ledger.is_told_twice)
            && self.by_value == ledger.by_value
    }
}

impl LoadedConversation {
    pub(in crate::flow) fn new(aggregate: ConversationAggregate, page: PageRules, now: Timestamp) -> Self {
        let written_orders = aggregate.orders.iter().map(WrittenOrder::of).collect();
        let written_chats = aggregate.chats.iter().cloned().zip(aggregate.stages.iter().copied()).collect();
        let PageRules { page, rules } = page;
        Self {
            aggregate,
            page,
            rules,
            now,
            written_orders,
            written_chats,
            touched: Vec::new(),
            is_changed: false,
            cause: None,
        }
    }

    /// The id of the conversation.
    pub(in crate::flow) fn id(&self) -> &ConversationId {
        &self.aggregate.thread.id
    }

    /// Marks an order that gets its next version even if it folds as before, because an entry refers to it.
    pub(in crate::flow) fn touch(&mut self, order: Option<&OrderId>) {
        self.touched.extend(order.cloned());
    }

    /// Marks the orders that a referral at `moment` may have led to: those that were confirmed later.
    pub(in crate::flow) fn touch_referred(&mut self, moment: Timestamp) {
        let later = |ledger: &&OrderLedger| {
            ledger.order.confirmed.is_some_and(|confirmed| confirmed.occurred_at >= moment)
        };
        self.touched.extend(self.aggregate.orders.iter().filter(later).map(|ledger| ledger.id.clone()));
    }

    /// Marks that an entry was added to its ledger, which leads to the changes that follow; of several the first does.
    pub(in crate::flow) fn mark_changed(&mut self, entry: &OutcomeId) {
        self.is_changed = true;
        self.note_cause(entry);
    }

    /// Notes the entry that leads to the changes that follow.
    pub(in crate::flow) fn note_cause(&mut self, entry: &OutcomeId) {
        self.cause.get_or_insert_with(|| entry.clone());
    }

    /// Whether there is something to apply: an entry was added, or the next version of an order is due.
    pub(in crate::flow) fn is_changed(&self) -> bool {
        self.is_changed || !self.touched.is_empty()
    }

    /// Takes the present fold as what is written, so that the next step of the same unit of work continues from here as
    /// if it had loaded the conversation anew.
    pub(super) fn rebase(&mut self) {
        self.aggregate
            .conversions
            .sort_by(|a, b| (a.name.as_str(), a.number, &a.id).cmp(&(b.name.as_str(), b.number, &b.id)));
        self.written_orders = self.aggregate.orders.iter().map(WrittenOrder::of).collect();
        self.touched.clear();
        self.is_changed = false;
        self.cause = None;
    }
}

/// Loads and locks the one conversation of a unit of work.
///
/// # Errors
/// `not_found`.
pub(in crate::flow) async fn load(
    unit: &mut Unit,
    id: &ConversationId,
    now: Timestamp,
) -> Result<LoadedConversation> {
    Conversations::new(now).take(unit, id).await
}

/// The conversations of a unit of work with several: each is loaded once, however often it is asked for.
#[derive(Debug)]
pub(in crate::flow) struct Conversations {
    loaded: HashMap<ConversationId, LoadedConversation>,
    pub(in crate::flow) pages: Pages,
    now: Timestamp,
}

impl Conversations {
    /// An empty set, for a unit of work that runs at `now`.
    pub(in crate::flow) fn new(now: Timestamp) -> Self {
        Self { loaded: HashMap::new(), pages: Pages::default(), now }
    }

    /// Loads those of these conversations that exist and are not loaded yet, locked in the order of their ids, so
    /// that two units of work never wait for each other in a circle.
    pub(in crate::flow) async fn load_all(&mut self, unit: &mut Unit, ids: &[ConversationId]) -> Result<()> {
        let missing: Vec<ConversationId> =
            ids.iter().filter(|id| !self.loaded.contains_key(id)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        for aggregate in unit.load_conversations(Scope::Conversations(&missing)).await? {
            let page = self.pages.of(unit, &aggregate.thread.page_id).await?;
            self.put(LoadedConversation::new(aggregate, page, self.now));
        }
        Ok(())
    }

    /// Takes a conversation out of the set, to be changed; loads it if it is not loaded yet. [`Conversations::put`]
    /// gives it back. One that is not given back, because its change failed, is loaded anew when it is next taken.
    ///
    /// # Errors
    /// `not_found`.
    pub(in crate::flow) async fn take(
        &mut self,
        unit: &mut Unit,
        id: &ConversationId,
    ) -> Result<LoadedConversation> {
        self.load_all(unit, std::slice::from_ref(id)).await?;
        self.take_loaded(id).ok_or_else(|| Error::not_found("conversation"))
    }

    /// Takes out a conversation that [`Conversations::load_all`] has loaded; none if it does not exist.
    pub(in crate::flow) fn take_loaded(&mut self, id: &ConversationId) -> Option<LoadedConversation> {
        self.loaded.remove(id)
    }

    /// Whether the number of an order of a loaded conversation is free: a person has it, none of its facts is effective,
    /// and nothing of it may be at Meta.
    pub(in crate::flow) fn is_free(&self, id: &ConversationId, order: &OrderId) -> bool {
        let Some(loaded) = self.loaded.get(id) else { return false };
        let found = loaded.aggregate.orders.iter().find(|ledger| ledger.has_id(order));
        found.is_some_and(|ledger| {
            let rows = loaded.aggregate.conversions_of(ledger);
            ledger.effective().next().is_none() && !rows.iter().any(|row| row.may_be_taken() || row.resent)
        })
    }

    /// Gives a conversation back.
    pub(in crate::flow) fn put(&mut self, loaded: LoadedConversation) {
        self.loaded.insert(loaded.id().clone(), loaded);
    }
}
