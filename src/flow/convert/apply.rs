//! What follows from an entry of the ledger: the orders as they now fold, the conversions by policy, the position in
//! the queue, and changes for the feed.

use crate::domain::basic::identity::OrderId;
use crate::domain::conversation::aggregate::{self, ConversationAggregate};
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::matching;
use crate::error::Result;
use crate::flow::convert::conversions::update_conversions;
use crate::flow::convert::loaded::LoadedConversation;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::chat::ChatRow;
use crate::store::conversation::QueueRow;

/// Applies the ledgers of several conversations: for each what [`LoadedConversation::apply`] writes.
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

/// The order that a conversation loses to another of its orders, because both are one sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::flow) struct Join {
    /// The order that ends.
    pub(in crate::flow) ending: OrderId,
    /// The order that it turned out to be, and that takes over its numbers and facts.
    pub(in crate::flow) into: OrderId,
}

impl LoadedConversation {
    /// Writes all that follows: orders, conversions, the position in the queue, and changes for the feed.
    pub(in crate::flow) async fn apply(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        apply_all(unit, services, &mut [self]).await
    }

    /// Folds every order again, joins those that turned out to be one, and writes what changed: orders, conversions,
    /// and changes for the feed. The position in the queue is left to [`queue_all`].
    pub(in crate::flow) async fn apply_ledger(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        self.refold(unit, services).await?;
        for index in 0..self.aggregate.orders.len() {
            let ledger = &self.aggregate.orders[index];
            let is_written = self.written_orders.iter().any(|written| written.is(ledger));
            if is_written && !self.touched.contains(&ledger.id) {
                continue;
            }
            let ledger = &mut self.aggregate.orders[index];
            ledger.version += 1;
            unit.put_order(&ledger.id, &ledger.order, ledger.version);
            unit.order_changed(services.ids.next(self.now), &self.aggregate.thread, ledger, self.now);
        }
        update_conversions(unit, services, &mut self.aggregate, &self.page, &self.rules, self.now).await?;
        self.rebase();
        Ok(())
    }

    /// Folds the ledgers and matches the orders anew: orders that were joined before may be parted again.
    async fn refold(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        let currency = self.page.currency;
        let orders = &mut self.aggregate.orders;
        let mut before = Vec::new();
        for index in 0..orders.len() {
            for parted in orders[index].part() {
                before.push(Join { ending: parted.id.clone(), into: orders[index].id.clone() });
                orders.push(parted);
            }
        }
        orders.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        for ledger in orders.iter_mut() {
            ledger.fold(currency);
        }
        let same = matching::match_orders(orders);
        let id = |index: usize| orders[index].id.clone();
        let same: Vec<Join> =
            same.into_iter().map(|(ending, into)| Join { ending: id(ending), into: id(into) }).collect();
        for parted in before.iter().filter(|join| !same.contains(join)) {
            if let Some(ledger) = orders.iter().find(|ledger| ledger.id == parted.ending) {
                unit.part_orders(&parted.ending, ledger.version + 1).await?;
            }
        }
        for join in same {
            if !before.contains(&join) {
                self.join(unit, services, &join, false).await?;
                continue;
            }
            let Some(index) = self.aggregate.orders.iter().position(|ledger| ledger.id == join.ending) else {
                continue;
            };
            let joined = self.aggregate.orders.remove(index);
            if let Some(into) = self.aggregate.orders.iter_mut().find(|ledger| ledger.id == join.into) {
                into.join(joined);
                into.fold(currency);
            }
        }
        Ok(())
    }

    /// Joins an order into another one, for good where a person decided it. An order that the feed has published ends
    /// there with one more version, which names the order that it became.
    pub(in crate::flow) async fn join(
        &mut self,
        unit: &mut Unit,
        services: &Services,
        join: &Join,
        by_person: bool,
    ) -> Result<()> {
        let Some(index) = self.aggregate.orders.iter().position(|ledger| ledger.id == join.ending) else {
            return Ok(());
        };
        let ending = self.aggregate.orders.remove(index);
        let Some(into) = self.aggregate.orders.iter_mut().find(|ledger| ledger.id == join.into) else {
            return Ok(());
        };
        into.version = into.version.max(ending.version);
        unit.join_orders(&join.ending, &join.into, into.version + 1).await?;
        let mut ended = OrderLedger::new(ending.id.clone(), false, ending.policy_version, self.page.currency);
        ended.version = ending.version;
        if by_person {
            unit.join_for_good(&join.ending).await?;
            into.merge(ending);
        } else {
            into.join(ending);
        }
        into.fold(self.page.currency);
        if ended.version > 0 {
            ended.version += 1;
            unit.put_order(&ended.id, &ended.order, ended.version);
            unit.order_changed(services.ids.next(self.now), &self.aggregate.thread, &ended, self.now);
        }
        Ok(())
    }

    /// Writes the chats that changed, and the conversation's position in the queue.
    pub(in crate::flow) async fn queue(&mut self, unit: &mut Unit) -> Result<()> {
        queue_all(unit, &mut [self]).await
    }

    /// Writes a change of the conversation itself for the feed; the conversation gets its next version.
    pub(in crate::flow) async fn conversation_changed(
        &mut self,
        unit: &mut Unit,
        services: &Services,
    ) -> Result<()> {
        self.aggregate.thread.version += 1;
        unit.conversation_changed(services.ids.next(self.now), &self.aggregate.thread, self.now).await
    }
}

/// For several conversations, writes the chats that changed and their positions in the queue.
pub(in crate::flow) async fn queue_all(unit: &mut Unit, all: &mut [&mut LoadedConversation]) -> Result<()> {
    let Some(now) = all.first().map(|loaded| loaded.now) else { return Ok(()) };
    let (mut chats, mut places) = (Vec::new(), Vec::new());
    for loaded in all {
        let (thread, staged) = (&loaded.aggregate.thread, staged(&loaded.aggregate));
        if staged.len() < loaded.written_chats.len() {
            unit.drop_chats(&thread.id, i64::try_from(staged.len()).unwrap_or(i64::MAX)).await?;
        }
        let changed =
            staged.iter().enumerate().filter(|(place, chat)| loaded.written_chats.get(*place) != Some(chat));
        chats.extend(changed.map(|(_, (chat, stage))| ChatRow::new(thread, chat, *stage)));
        let silence = aggregate::silence(&loaded.aggregate, loaded.page.silent_after, loaded.now);
        let is_due = !silence.to_record.is_empty() || !silence.to_undo.is_empty();
        let silent_at = if is_due { Some(loaded.now) } else { silence.next_at };
        places.push(QueueRow::new(&loaded.aggregate, silent_at));
        loaded.written_chats = staged;
    }
    unit.put_chats(&chats).await?;
    unit.put_queue(&places, now).await
}

fn staged(aggregate: &ConversationAggregate) -> Vec<(Chat, Stage)> {
    aggregate.chats.iter().map(|chat| (chat.clone(), aggregate.stage(chat))).collect()
}
