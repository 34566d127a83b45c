//! What follows from a fact: the orders as they now fold, the conversions by policy, the queue, and changes
//! for the feed.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::page::Page;
use crate::vocabulary::conversion::{Conversion, event_id};
use crate::vocabulary::dossier::{self, Dossier};
use crate::vocabulary::identity::{ConversationId, ConversionId, OrderId};
use crate::vocabulary::kinship;
use crate::vocabulary::order::Order;
use crate::vocabulary::sale::Standing;
use crate::vocabulary::signal::{self, Rules};

use super::House;

/// A conversation, held until its unit ends, with what decides about it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) dossier: Dossier,
    pub(super) page: Page,
    pub(super) rules: Rules,
    pub(super) now: Timestamp,
    /// The orders as they were before this unit changed anything.
    before: Vec<(OrderId, Order, usize)>,
    /// Orders whose next version is due although they may fold as before.
    touched: Vec<OrderId>,
}

/// Holds a conversation.
pub(super) async fn hold(unit: &mut Unit, id: &ConversationId, now: Timestamp) -> Result<Held> {
    let page = unit.page_of_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let page = unit.page(&page).await?.ok_or_else(|| Error::not_found("Page"))?;
    let rules = unit.rules(&page).await?;
    let dossier = unit.hold(id, page.currency).await?.ok_or_else(|| Error::not_found("conversation"))?;
    Ok(Held::new(dossier, page, rules, now))
}

impl Held {
    pub(super) fn new(dossier: Dossier, page: Page, rules: Rules, now: Timestamp) -> Self {
        let before = dossier
            .orders
            .iter()
            .map(|standing| (standing.id.clone(), standing.order.clone(), standing.facts.len()))
            .collect();
        Self { dossier, page, rules, now, before, touched: Vec::new() }
    }

    /// What changed is told against how the conversation was held `before`: what came to it may change what its
    /// other orders are.
    pub(super) fn after(mut self, before: Self) -> Self {
        self.before = before.before;
        self
    }

    /// Folds every order again, joins those that turned out to be one, and writes what changed: orders,
    /// conversions, the queue, and what the feed will tell.
    pub(super) async fn follow(&mut self, unit: &mut Unit, house: &House) -> Result<()> {
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
            unit.put_order(&standing.id, &standing.order, standing.version).await?;
            let change = house.ids.next(self.now);
            unit.order_changed(&change, &self.dossier.thread, standing, self.now).await?;
        }
        judge(unit, house, &mut self.dossier, &self.page, &self.rules, self.now).await?;
        self.queue(unit).await
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
        let same = kinship::park(orders);
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
    pub(super) async fn join(
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
            unit.put_order(told, &husk.order, husk.version).await?;
            unit.order_changed(&house.ids.next(self.now), &self.dossier.thread, &husk, self.now).await?;
        }
        Ok(())
    }

    /// Writes the stages of the chats, and where the conversation stands in the queue.
    pub(super) async fn queue(&mut self, unit: &mut Unit) -> Result<()> {
        let silence = dossier::silence(&self.dossier, self.page.silent_after, self.now);
        let is_due = !silence.fallen.is_empty() || !silence.lifted.is_empty();
        let silent_at = if is_due { Some(self.now) } else { silence.next_at };
        unit.put_stages(&self.dossier).await?;
        unit.put_standing(&self.dossier, silent_at).await
    }

    /// An entry about this order makes a new version of it, even if it folds as before.
    pub(super) fn touch(&mut self, order: Option<&OrderId>) {
        self.touched.extend(order.cloned());
    }

    /// An ad or a link led here at `moment`: every order that was confirmed later may come from it.
    pub(super) fn referred_at(&mut self, moment: Timestamp) {
        let later = |standing: &&Standing| {
            standing.order.confirmed.is_some_and(|confirmed| confirmed.occurred_at >= moment)
        };
        self.touched.extend(self.dossier.orders.iter().filter(later).map(|standing| standing.id.clone()));
    }

    /// Follows, if a new version of an order is due.
    pub(super) async fn follow_touched(&mut self, unit: &mut Unit, house: &House) -> Result<()> {
        if self.touched.is_empty() { Ok(()) } else { self.follow(unit, house).await }
    }

    /// Notes for the feed that the conversation itself changed; gives its new version.
    pub(super) async fn conversation_changed(&mut self, unit: &mut Unit, house: &House) -> Result<()> {
        self.dossier.thread.version += 1;
        unit.conversation_changed(&house.ids.next(self.now), &self.dossier.thread, self.now).await
    }
}

/// Brings the conversions of a conversation in line with its ledger.
pub(super) async fn judge(
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
        unit.add_conversion((&id, &event_id), &dossier.thread, &draft, currency, now).await?;
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
