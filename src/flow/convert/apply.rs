//! What follows from a fact: the orders as they now fold, the conversions by policy, the queue, and changes
//! for the feed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, ConversionId, OrderId, PageId};
use crate::domain::conversation::aggregate::{self, ConversationAggregate};
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::order::fold::Order;
use crate::domain::order::matching;
use crate::domain::order::tag_decision::OrderLedger;
use crate::domain::signal::conversion::{Conversion, event_id};
use crate::domain::signal::{self, SignalRules};
use crate::error::{Error, Result};
use crate::flow::services::Services;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::chat::ChatRow;
use crate::store::conversation::QueueRow;
use crate::store::page::Page;

/// A conversation, held until its unit ends, with what decides about it.
#[derive(Debug)]
pub(in crate::flow) struct LoadedConversation {
    pub(in crate::flow) aggregate: ConversationAggregate,
    pub(in crate::flow) page: Arc<Page>,
    pub(in crate::flow) rules: Arc<SignalRules>,
    pub(in crate::flow) now: Timestamp,
    /// The orders as they were before this unit changed anything.
    before: Vec<(OrderId, Order, usize)>,
    /// Orders whose next version is due although they may fold as before.
    touched: Vec<OrderId>,
    /// Something was said in it.
    is_changed: bool,
    /// The chats as they are written.
    written: Vec<(Chat, Stage)>,
}

/// Holds a conversation.
pub(in crate::flow) async fn load(
    unit: &mut Unit,
    id: &ConversationId,
    now: Timestamp,
) -> Result<LoadedConversation> {
    let loaded = load_all(unit, std::slice::from_ref(id), now).await?.pop();
    loaded.ok_or_else(|| Error::not_found("conversation"))
}

/// Holds those of these conversations that there are.
pub(in crate::flow) async fn load_all(
    unit: &mut Unit,
    ids: &[ConversationId],
    now: Timestamp,
) -> Result<Vec<LoadedConversation>> {
    let mut pages: HashMap<PageId, (Arc<Page>, Arc<SignalRules>)> = HashMap::new();
    let mut all = Vec::with_capacity(ids.len());
    for aggregate in unit.load_conversations(Scope::Conversations(ids)).await? {
        let id = &aggregate.thread.page_id;
        if !pages.contains_key(id) {
            let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
            let rules = unit.rules(&page).await?;
            pages.insert(id.clone(), (Arc::new(page), Arc::new(rules)));
        }
        let (page, rules) = pages[id].clone();
        all.push(LoadedConversation::new(aggregate, page, rules, now));
    }
    Ok(all)
}

/// Writes all that follows in conversations: orders, conversions, the queue, and what the feed will tell.
pub(in crate::flow) async fn apply_all(
    unit: &mut Unit,
    services: &Services,
    all: &mut [&mut LoadedConversation],
) -> Result<()> {
    for loaded in &mut *all {
        loaded.apply_ledger(unit, services).await?;
    }
    queue_all(unit, all).await
}

impl LoadedConversation {
    pub(in crate::flow) fn new(
        aggregate: ConversationAggregate,
        page: Arc<Page>,
        rules: Arc<SignalRules>,
        now: Timestamp,
    ) -> Self {
        let before = aggregate
            .orders
            .iter()
            .map(|ledger| (ledger.id.clone(), ledger.order.clone(), ledger.facts.len()))
            .collect();
        let written = aggregate.chats.iter().cloned().zip(aggregate.stages.iter().copied()).collect();
        Self { aggregate, page, rules, now, before, touched: Vec::new(), is_changed: false, written }
    }

    /// What changed is told against how the conversation was held `before`: what came to it may change what its
    /// other orders are.
    pub(in crate::flow) fn after(mut self, before: Self) -> Self {
        self.before = before.before;
        self
    }

    /// Writes all that follows: orders, conversions, the queue, and what the feed will tell.
    pub(in crate::flow) async fn apply(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        apply_all(unit, services, &mut [self]).await
    }

    /// Folds every order again, joins those that turned out to be one, and writes what changed: orders,
    /// conversions, and what the feed will tell.
    pub(in crate::flow) async fn apply_ledger(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        self.refold(unit, services).await?;
        for index in 0..self.aggregate.orders.len() {
            let ledger = &self.aggregate.orders[index];
            let as_before = |(id, order, facts): &&(OrderId, Order, usize)| {
                *id == ledger.id && *order == ledger.order && *facts == ledger.facts.len()
            };
            let is_touched = self.touched.contains(&ledger.id);
            if !is_touched && self.before.iter().any(|known| as_before(&known)) {
                continue;
            }
            let ledger = &mut self.aggregate.orders[index];
            ledger.version += 1;
            unit.put_order(&ledger.id, &ledger.order, ledger.version);
            unit.order_changed(services.ids.next(self.now), &self.aggregate.thread, ledger, self.now);
        }
        update_conversions(unit, services, &mut self.aggregate, &self.page, &self.rules, self.now).await
    }

    /// Which orders are one follows from the ledgers as they now are: what was joined before may part.
    async fn refold(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        let currency = self.page.currency;
        let orders = &mut self.aggregate.orders;
        let mut before = Vec::new();
        for index in 0..orders.len() {
            for told in orders[index].part() {
                before.push((told.id.clone(), orders[index].id.clone()));
                orders.push(told);
            }
        }
        orders.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        for ledger in orders.iter_mut() {
            ledger.fold(currency);
        }
        let same = matching::park(orders);
        let named = |index: usize| orders[index].id.clone();
        let same: Vec<_> = same.into_iter().map(|(told, sale)| (named(told), named(sale))).collect();
        for (told, _) in before.iter().filter(|pair| !same.contains(pair)) {
            if let Some(parted) = orders.iter().find(|ledger| ledger.id == *told) {
                unit.part_orders(told, parted.version + 1).await?;
            }
        }
        for (told, sale) in same {
            if !before.contains(&(told.clone(), sale.clone())) {
                self.join(unit, services, (&told, &sale), false).await?;
                continue;
            }
            let Some(index) = self.aggregate.orders.iter().position(|ledger| ledger.id == told) else {
                continue;
            };
            let joined = self.aggregate.orders.remove(index);
            if let Some(stands) = self.aggregate.orders.iter_mut().find(|ledger| ledger.id == sale) {
                stands.join(joined);
                stands.fold(currency);
            }
        }
        Ok(())
    }

    /// `told` turned out to be `sale`, which takes over its names and facts; for good, where a person said so.
    /// Where the feed has told of it, it ends there with one more version that names the sale.
    pub(in crate::flow) async fn join(
        &mut self,
        unit: &mut Unit,
        services: &Services,
        (told, sale): (&OrderId, &OrderId),
        is_said: bool,
    ) -> Result<()> {
        let Some(index) = self.aggregate.orders.iter().position(|ledger| ledger.id == *told) else {
            return Ok(());
        };
        let ended = self.aggregate.orders.remove(index);
        let Some(sale) = self.aggregate.orders.iter_mut().find(|ledger| ledger.id == *sale) else {
            return Ok(());
        };
        sale.version = sale.version.max(ended.version);
        unit.join_orders(told, &sale.id, sale.version + 1).await?;
        let mut joined = OrderLedger::new(ended.id.clone(), false, ended.policy_version, self.page.currency);
        joined.version = ended.version;
        if is_said {
            unit.join_for_good(told).await?;
            sale.take_in(ended);
        } else {
            sale.join(ended);
        }
        sale.fold(self.page.currency);
        if joined.version > 0 {
            joined.version += 1;
            unit.put_order(told, &joined.order, joined.version);
            unit.order_changed(services.ids.next(self.now), &self.aggregate.thread, &joined, self.now);
        }
        Ok(())
    }

    /// Writes the chats that changed, and where the conversation stands in the queue.
    pub(in crate::flow) async fn queue(&mut self, unit: &mut Unit) -> Result<()> {
        queue_all(unit, &mut [self]).await
    }

    /// An entry about this order makes a new version of it, even if it folds as before.
    pub(in crate::flow) fn touch(&mut self, order: Option<&OrderId>) {
        self.touched.extend(order.cloned());
    }

    /// An ad or a link led here at `moment`: every order that was confirmed later may come from it.
    pub(in crate::flow) fn referred_at(&mut self, moment: Timestamp) {
        let later = |ledger: &&OrderLedger| {
            ledger.order.confirmed.is_some_and(|confirmed| confirmed.occurred_at >= moment)
        };
        self.touched.extend(self.aggregate.orders.iter().filter(later).map(|ledger| ledger.id.clone()));
    }

    /// Something was said in it.
    pub(in crate::flow) fn mark_changed(&mut self) {
        self.is_changed = true;
    }

    /// Whether anything follows: something was said, or a new version of an order is due.
    pub(in crate::flow) fn is_moved(&self) -> bool {
        self.is_changed || !self.touched.is_empty()
    }

    /// Notes for the feed that the conversation itself changed; gives its new version.
    pub(in crate::flow) async fn conversation_changed(
        &mut self,
        unit: &mut Unit,
        services: &Services,
    ) -> Result<()> {
        self.aggregate.thread.version += 1;
        unit.conversation_changed(services.ids.next(self.now), &self.aggregate.thread, self.now).await
    }
}

/// Writes of several conversations the chats that changed, and where they stand in the queue.
pub(in crate::flow) async fn queue_all(unit: &mut Unit, all: &mut [&mut LoadedConversation]) -> Result<()> {
    let Some(now) = all.first().map(|loaded| loaded.now) else { return Ok(()) };
    let (mut chats, mut places) = (Vec::new(), Vec::new());
    for loaded in all {
        let (thread, staged) = (&loaded.aggregate.thread, staged(&loaded.aggregate));
        if staged.len() < loaded.written.len() {
            unit.drop_chats(&thread.id, i64::try_from(staged.len()).unwrap_or(i64::MAX)).await?;
        }
        let changed =
            staged.iter().enumerate().filter(|(place, chat)| loaded.written.get(*place) != Some(chat));
        chats.extend(changed.map(|(_, (chat, stage))| ChatRow::new(thread, chat, *stage)));
        let silence = aggregate::silence(&loaded.aggregate, loaded.page.silent_after, loaded.now);
        let is_due = !silence.fallen.is_empty() || !silence.lifted.is_empty();
        let silent_at = if is_due { Some(loaded.now) } else { silence.next_at };
        places.push(QueueRow::new(&loaded.aggregate, silent_at));
        loaded.written = staged;
    }
    unit.put_chats(&chats).await?;
    unit.put_queue(&places, now).await
}

fn staged(aggregate: &ConversationAggregate) -> Vec<(Chat, Stage)> {
    aggregate.chats.iter().map(|chat| (chat.clone(), aggregate.stage(chat))).collect()
}

/// Brings the conversions of a conversation in line with its ledger.
pub(in crate::flow) async fn update_conversions(
    unit: &mut Unit,
    services: &Services,
    aggregate: &mut ConversationAggregate,
    page: &Page,
    rules: &SignalRules,
    now: Timestamp,
) -> Result<()> {
    drop_unfounded(unit, aggregate, signal::is_of_no_order).await?;
    let (changed, drafts) = signal::derive(aggregate, rules, now);
    for row in changed {
        unit.put_conversion(&row).await?;
        if let Some(stands) = aggregate.conversions.iter_mut().find(|stands| stands.id == row.id) {
            *stands = row;
        }
    }
    for draft in drafts {
        let order = aggregate.orders.iter().find(|ledger| Some(&ledger.id) == draft.order_id.as_ref());
        let person = aggregate.thread.recipient.as_ref().map_or("", |known| known.person_id().as_str());
        let subject = order.and_then(|ledger| ledger.numbers.first()).map_or(person, String::as_str);
        let currency = order.map_or(page.currency, |ledger| ledger.order.currency);
        let conversion = Conversion {
            id: ConversionId(services.ids.next(now)),
            name: draft.name,
            number: draft.number,
            event_id: event_id(&page.id, subject, draft.name, draft.number),
            order_id: draft.order_id,
            policy_version: draft.policy_version,
            event_time: draft.event_time,
            state: draft.state,
            reason: draft.reason,
            value: draft.value,
            leaves_at: draft.leaves_at,
            resent: false,
            frozen: false,
            carries: draft.carries,
        };
        unit.add_conversion(&aggregate.thread, &conversion, currency, now);
        aggregate.conversions.push(conversion);
    }
    drop_unfounded(unit, aggregate, |aggregate, row| signal::is_without_cause(aggregate, row, rules)).await
}

/// Takes away the rows that only the order of arrival brought about: no entry ever asked for them, or none does
/// since another one came, and no attempt carried them.
async fn drop_unfounded(
    unit: &mut Unit,
    aggregate: &mut ConversationAggregate,
    is_unfounded: impl Fn(&ConversationAggregate, &Conversion) -> bool,
) -> Result<()> {
    let never_left = aggregate.conversions.iter().filter(|row| !row.frozen && !row.has_left());
    let gone: Vec<ConversionId> =
        never_left.filter(|row| is_unfounded(aggregate, row)).map(|row| row.id.clone()).collect();
    for id in &gone {
        unit.drop_conversion(id).await?;
    }
    aggregate.conversions.retain(|row| !gone.contains(&row.id));
    Ok(())
}
