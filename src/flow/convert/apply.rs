//! What follows from a fact: the orders as they now fold, the conversions by policy, the queue, and changes
//! for the feed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, ConversionId, OrderId, PageId};
use crate::domain::conversation::aggregate::{self, Dossier};
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::order::fold::Order;
use crate::domain::order::matching;
use crate::domain::order::tag_decision::Standing;
use crate::domain::signal::conversion::{Conversion, event_id};
use crate::domain::signal::{self, Rules};
use crate::error::{Error, Result};
use crate::flow::services::House;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::conversation::{ChatRow, StandingRow};
use crate::store::page::Page;

/// A conversation, held until its unit ends, with what decides about it.
#[derive(Debug)]
pub(in crate::flow) struct Held {
    pub(in crate::flow) dossier: Dossier,
    pub(in crate::flow) page: Arc<Page>,
    pub(in crate::flow) rules: Arc<Rules>,
    pub(in crate::flow) now: Timestamp,
    /// The orders as they were before this unit changed anything.
    before: Vec<(OrderId, Order, usize)>,
    /// Orders whose next version is due although they may fold as before.
    touched: Vec<OrderId>,
    /// Something was said in it.
    is_told: bool,
    /// The chats as they are written.
    written: Vec<(Chat, Stage)>,
}

/// Holds a conversation.
pub(in crate::flow) async fn hold(unit: &mut Unit, id: &ConversationId, now: Timestamp) -> Result<Held> {
    let held = hold_all(unit, std::slice::from_ref(id), now).await?.pop();
    held.ok_or_else(|| Error::not_found("conversation"))
}

/// Holds those of these conversations that there are.
pub(in crate::flow) async fn hold_all(
    unit: &mut Unit,
    ids: &[ConversationId],
    now: Timestamp,
) -> Result<Vec<Held>> {
    let mut pages: HashMap<PageId, (Arc<Page>, Arc<Rules>)> = HashMap::new();
    let mut all = Vec::with_capacity(ids.len());
    for dossier in unit.hold_all(Scope::Conversations(ids)).await? {
        let id = &dossier.thread.page_id;
        if !pages.contains_key(id) {
            let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
            let rules = unit.rules(&page).await?;
            pages.insert(id.clone(), (Arc::new(page), Arc::new(rules)));
        }
        let (page, rules) = pages[id].clone();
        all.push(Held::new(dossier, page, rules, now));
    }
    Ok(all)
}

/// Writes all that follows in conversations: orders, conversions, the queue, and what the feed will tell.
pub(in crate::flow) async fn follow_all(unit: &mut Unit, house: &House, all: &mut [&mut Held]) -> Result<()> {
    for held in &mut *all {
        held.follow_ledger(unit, house).await?;
    }
    queue_all(unit, all).await
}

impl Held {
    pub(in crate::flow) fn new(dossier: Dossier, page: Arc<Page>, rules: Arc<Rules>, now: Timestamp) -> Self {
        let before = dossier
            .orders
            .iter()
            .map(|standing| (standing.id.clone(), standing.order.clone(), standing.facts.len()))
            .collect();
        let written = dossier.chats.iter().cloned().zip(dossier.stages.iter().copied()).collect();
        Self { dossier, page, rules, now, before, touched: Vec::new(), is_told: false, written }
    }

    /// What changed is told against how the conversation was held `before`: what came to it may change what its
    /// other orders are.
    pub(in crate::flow) fn after(mut self, before: Self) -> Self {
        self.before = before.before;
        self
    }

    /// Writes all that follows: orders, conversions, the queue, and what the feed will tell.
    pub(in crate::flow) async fn follow(&mut self, unit: &mut Unit, house: &House) -> Result<()> {
        follow_all(unit, house, &mut [self]).await
    }

    /// Folds every order again, joins those that turned out to be one, and writes what changed: orders,
    /// conversions, and what the feed will tell.
    pub(in crate::flow) async fn follow_ledger(&mut self, unit: &mut Unit, house: &House) -> Result<()> {
        self.refold(unit, house).await?;
        for index in 0..self.dossier.orders.len() {
            let standing = &self.dossier.orders[index];
            let as_before = |(id, order, facts): &&(OrderId, Order, usize)| {
                *id == standing.id && *order == standing.order && *facts == standing.facts.len()
            };
            let is_touched = self.touched.contains(&standing.id);
            if !is_touched && self.before.iter().any(|known| as_before(&known)) {
                continue;
            }
            let standing = &mut self.dossier.orders[index];
            standing.version += 1;
            unit.put_order(&standing.id, &standing.order, standing.version);
            unit.order_changed(house.ids.next(self.now), &self.dossier.thread, standing, self.now);
        }
        judge(unit, house, &mut self.dossier, &self.page, &self.rules, self.now).await
    }

    /// Which orders are one follows from the ledgers as they now are: what was joined before may part.
    async fn refold(&mut self, unit: &mut Unit, house: &House) -> Result<()> {
        let currency = self.page.currency;
        let orders = &mut self.dossier.orders;
        let mut before = Vec::new();
        for index in 0..orders.len() {
            for told in orders[index].part() {
                before.push((told.id.clone(), orders[index].id.clone()));
                orders.push(told);
            }
        }
        orders.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        for standing in orders.iter_mut() {
            standing.fold(currency);
        }
        let same = matching::park(orders);
        let named = |index: usize| orders[index].id.clone();
        let same: Vec<_> = same.into_iter().map(|(told, sale)| (named(told), named(sale))).collect();
        for (told, _) in before.iter().filter(|pair| !same.contains(pair)) {
            if let Some(parted) = orders.iter().find(|standing| standing.id == *told) {
                unit.part_orders(told, parted.version + 1).await?;
            }
        }
        for (told, sale) in same {
            if !before.contains(&(told.clone(), sale.clone())) {
                self.join(unit, house, (&told, &sale), false).await?;
                continue;
            }
            let Some(index) = self.dossier.orders.iter().position(|standing| standing.id == told) else {
                continue;
            };
            let joined = self.dossier.orders.remove(index);
            if let Some(stands) = self.dossier.orders.iter_mut().find(|standing| standing.id == sale) {
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
        house: &House,
        (told, sale): (&OrderId, &OrderId),
        is_said: bool,
    ) -> Result<()> {
        let Some(index) = self.dossier.orders.iter().position(|standing| standing.id == *told) else {
            return Ok(());
        };
        let ended = self.dossier.orders.remove(index);
        let Some(sale) = self.dossier.orders.iter_mut().find(|standing| standing.id == *sale) else {
            return Ok(());
        };
        sale.version = sale.version.max(ended.version);
        unit.join_orders(told, &sale.id, sale.version + 1).await?;
        let mut husk = Standing::new(ended.id.clone(), false, ended.policy_version, self.page.currency);
        husk.version = ended.version;
        if is_said {
            unit.join_for_good(told).await?;
            sale.take_in(ended);
        } else {
            sale.join(ended);
        }
        sale.fold(self.page.currency);
        if husk.version > 0 {
            husk.version += 1;
            unit.put_order(told, &husk.order, husk.version);
            unit.order_changed(house.ids.next(self.now), &self.dossier.thread, &husk, self.now);
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
        let later = |standing: &&Standing| {
            standing.order.confirmed.is_some_and(|confirmed| confirmed.occurred_at >= moment)
        };
        self.touched.extend(self.dossier.orders.iter().filter(later).map(|standing| standing.id.clone()));
    }

    /// Something was said in it.
    pub(in crate::flow) fn tell(&mut self) {
        self.is_told = true;
    }

    /// Whether anything follows: something was said, or a new version of an order is due.
    pub(in crate::flow) fn is_moved(&self) -> bool {
        self.is_told || !self.touched.is_empty()
    }

    /// Notes for the feed that the conversation itself changed; gives its new version.
    pub(in crate::flow) async fn conversation_changed(
        &mut self,
        unit: &mut Unit,
        house: &House,
    ) -> Result<()> {
        self.dossier.thread.version += 1;
        unit.conversation_changed(house.ids.next(self.now), &self.dossier.thread, self.now).await
    }
}

/// Writes of several conversations the chats that changed, and where they stand in the queue.
pub(in crate::flow) async fn queue_all(unit: &mut Unit, all: &mut [&mut Held]) -> Result<()> {
    let Some(now) = all.first().map(|held| held.now) else { return Ok(()) };
    let (mut chats, mut standings) = (Vec::new(), Vec::new());
    for held in all {
        let (thread, staged) = (&held.dossier.thread, staged(&held.dossier));
        if staged.len() < held.written.len() {
            unit.drop_chats(&thread.id, i64::try_from(staged.len()).unwrap_or(i64::MAX)).await?;
        }
        let changed =
            staged.iter().enumerate().filter(|(place, chat)| held.written.get(*place) != Some(chat));
        chats.extend(changed.map(|(_, (chat, stage))| ChatRow::new(thread, chat, *stage)));
        let silence = aggregate::silence(&held.dossier, held.page.silent_after, held.now);
        let is_due = !silence.fallen.is_empty() || !silence.lifted.is_empty();
        let silent_at = if is_due { Some(held.now) } else { silence.next_at };
        standings.push(StandingRow::new(&held.dossier, silent_at));
        held.written = staged;
    }
    unit.put_chats(&chats).await?;
    unit.put_standings(&standings, now).await
}

fn staged(dossier: &Dossier) -> Vec<(Chat, Stage)> {
    dossier.chats.iter().map(|chat| (chat.clone(), dossier.stage(chat))).collect()
}

/// Brings the conversions of a conversation in line with its ledger.
pub(in crate::flow) async fn judge(
    unit: &mut Unit,
    house: &House,
    dossier: &mut Dossier,
    page: &Page,
    rules: &Rules,
    now: Timestamp,
) -> Result<()> {
    drop_unfounded(unit, dossier, signal::is_of_no_order).await?;
    let (changed, drafts) = signal::follow(dossier, rules, now);
    for row in changed {
        unit.put_conversion(&row).await?;
        if let Some(stands) = dossier.conversions.iter_mut().find(|stands| stands.id == row.id) {
            *stands = row;
        }
    }
    for draft in drafts {
        let order = dossier.orders.iter().find(|standing| Some(&standing.id) == draft.order_id.as_ref());
        let psid = dossier.thread.psid.as_ref().map_or("", |psid| psid.as_str());
        let subject = order.and_then(|standing| standing.numbers.first()).map_or(psid, String::as_str);
        let currency = order.map_or(page.currency, |standing| standing.order.currency);
        let id = ConversionId(house.ids.next(now));
        let event_id = event_id(&page.id, subject, draft.name, draft.number);
        unit.add_conversion((&id, &event_id), &dossier.thread, &draft, currency, now);
        dossier.conversions.push(Conversion {
            id,
            name: draft.name,
            number: draft.number,
            order_id: draft.order_id,
            policy_version: draft.policy_version,
            event_id,
            event_time: draft.event_time,
            state: draft.state,
            reason: draft.reason,
            value: draft.value,
            leaves_at: draft.leaves_at,
            resent: false,
            frozen: false,
            carries: draft.carries,
        });
    }
    drop_unfounded(unit, dossier, |dossier, row| signal::is_without_cause(dossier, row, rules)).await
}

/// Takes away the rows that only the order of arrival brought about: no entry ever asked for them, or none does
/// since another one came, and no attempt carried them.
async fn drop_unfounded(
    unit: &mut Unit,
    dossier: &mut Dossier,
    is_unfounded: impl Fn(&Dossier, &Conversion) -> bool,
) -> Result<()> {
    let never_left = dossier.conversions.iter().filter(|row| !row.frozen && !row.has_left());
    let gone: Vec<ConversionId> =
        never_left.filter(|row| is_unfounded(dossier, row)).map(|row| row.id.clone()).collect();
    for id in &gone {
        unit.drop_conversion(id).await?;
    }
    dossier.conversions.retain(|row| !gone.contains(&row.id));
    Ok(())
}
