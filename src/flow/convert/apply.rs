//! What follows from an entry of the ledger: the orders as they now fold, the conversions by policy, the position in
//! the queue, and changes for the feed.

use crate::domain::conversation::aggregate::{self, ConversationAggregate};
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::order::ledger::{OrderLedger, joins, mark_reported, rematch};
use crate::error::Result;
use crate::flow::convert::conversions::update_conversions;
use crate::flow::convert::loaded::LoadedConversation;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::change::NewChange;
use crate::store::chat::ChatRow;
use crate::store::conversation::QueueRow;

/// Does what [`LoadedConversation::apply`] does for several conversations, with fewer statements.
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
    /// Writes all that follows from the ledger: orders, conversions, the position in the queue, and changes for the feed.
    pub(in crate::flow) async fn apply(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        apply_all(unit, services, &mut [self]).await
    }

    /// Matches and folds the orders again, and writes what changed: which tellings are one order, the orders,
    /// conversions, and changes for the feed. The position in the queue is left to [`queue_all`].
    pub(in crate::flow) async fn apply_ledger(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        let reported = self.aggregate.reported();
        mark_reported(&mut self.aggregate.orders, &reported);
        rematch(&mut self.aggregate.orders, &self.aggregate.decisions, self.page.currency);
        self.aggregate.mark_perhaps_told();
        self.number_orders(unit).await?;
        self.write_joins(unit, services).await?;
        // Only orders that fold to something new, or that an entry refers to, get a next version.
        for index in 0..self.aggregate.orders.len() {
            let ledger = &self.aggregate.orders[index];
            let is_written = self.written_orders.iter().any(|written| written.is(ledger));
            if is_written && !self.touched.iter().any(|id| ledger.has_id(id)) {
                continue;
            }
            let was_told_twice =
                self.written_orders.iter().any(|written| written.id == ledger.id && written.told_twice);
            let ledger = &mut self.aggregate.orders[index];
            ledger.version += 1;
            unit.put_order(ledger);
            if ledger.is_told_twice && !was_told_twice {
                tracing::warn!(order.id = %ledger.id, "Meta was told twice of order {}, by two tellings that turned out to be one sale", ledger.id);
            }
            let cause = self.cause.as_ref();
            let id = services.ids.next(self.now);
            let new = NewChange { id, thread: &self.aggregate.thread, cause, now: self.now };
            unit.order_changed(new, ledger, None)?;
        }
        update_conversions(unit, services, &mut self.aggregate, &self.page, &self.rules, self.now).await?;
        self.rebase();
        Ok(())
    }

    /// Gives a number of the service's own to each order that has none: a telling without a number needs one as soon as
    /// it is an order by itself.
    async fn number_orders(&mut self, unit: &mut Unit) -> Result<()> {
        let lacks_number =
            |ledger: &&mut OrderLedger| ledger.own_number().is_none() && ledger.effective().next().is_some();
        for ledger in self.aggregate.orders.iter_mut().filter(lacks_number) {
            let number = unit.next_order_number(&self.page.id).await?;
            unit.name_order(&self.page.id, &ledger.id, &number, 0);
            ledger.numbers.insert(0, number);
        }
        Ok(())
    }

    /// Writes which tellings joined an order, and which are orders of their own again. One that the feed has published
    /// ends there with one more version, which names the order that it became.
    async fn write_joins(&mut self, unit: &mut Unit, services: &Services) -> Result<()> {
        let after = joins(&self.aggregate.orders);
        let before = std::mem::replace(&mut self.aggregate.joins, after.clone());
        for parted in before.iter().filter(|join| !after.iter().any(|now| now.telling == join.telling)) {
            unit.join_order(&parted.telling, None).await?;
        }
        for join in after.iter().filter(|join| !before.contains(join)) {
            unit.join_order(&join.telling, Some(&join.order)).await?;
            if before.iter().any(|earlier| earlier.telling == join.telling) {
                continue;
            }
            let Some(order) = self.aggregate.orders.iter_mut().find(|ledger| ledger.id == join.order) else {
                continue;
            };
            let became = order.numbers.first().cloned();
            let policy_version = order.policy_version;
            let Some(joined) = order.joined.iter_mut().find(|joined| joined.id == join.telling) else {
                continue;
            };
            // Version 0 was never in the feed.
            if joined.version > 0 {
                joined.version += 1;
                let mut ended =
                    OrderLedger::new(joined.id.clone(), false, policy_version, self.page.currency);
                ended.version = joined.version;
                ended.numbers.clone_from(&joined.numbers);
                unit.put_order(&ended);
                let id = services.ids.next(self.now);
                let cause = self.cause.as_ref();
                let new = NewChange { id, thread: &self.aggregate.thread, cause, now: self.now };
                unit.order_changed(new, &ended, became)?;
            }
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
        let (id, cause) = (services.ids.next(self.now), self.cause.as_ref());
        unit.conversation_changed(NewChange { id, thread: &self.aggregate.thread, cause, now: self.now })
            .await
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
        // What is due already is recorded in the next round of the background job.
        let is_due = !silence.to_record.is_empty() || !silence.to_undo.is_empty();
        let silent_at = if is_due { Some(loaded.now) } else { silence.next_at };
        places.push(QueueRow::new(&loaded.aggregate, silent_at));
        loaded.written_chats = staged;
    }
    unit.put_chats(&chats).await?;
    unit.put_queue(&places, now).await
}

/// Each chat with its stage of now.
fn staged(aggregate: &ConversationAggregate) -> Vec<(Chat, Stage)> {
    aggregate.chats.iter().map(|chat| (chat.clone(), aggregate.stage(chat))).collect()
}
