//! Loading the conversation of a tag. Its order number may belong to an order in a thread without a person, which only
//! an outside sender has reported. Such an order is adopted: it moves to the conversation of the tag.

use std::time::Duration;

use serde_json::json;

use crate::domain::basic::identity::{ConversationId, OrderId};
use crate::domain::order::ledger::Join;
use crate::domain::order::tag::{MIN_SPACING, Tag};
use crate::domain::signal::conversion::Conversion;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::convert::loaded::{Conversations, LoadedConversation};
use crate::flow::unit::services::Services;
use crate::store::Unit;

/// The code of a refusal: the order number belongs to another conversation.
pub(in crate::flow) const ELSEWHERE: &str = "order_belongs_elsewhere";

/// A phone number is looked up among the conversations of this time back from now.
pub(in crate::flow) const PHONE_WITHIN: Duration = Duration::from_hours(30 * 24);

/// Loads the conversation of a tag, frees its order number if nothing stands of it elsewhere, and adopts the order of its number if that is in a thread without a person.
///
/// # Errors
/// `not_found`; 409 if the number belongs to the conversation of another person; contended if the order moved at this
/// moment.
pub(in crate::flow) async fn load(
    unit: &mut Unit,
    services: &Services,
    conversations: &mut Conversations,
    id: &ConversationId,
    tag: &Tag,
) -> Result<LoadedConversation> {
    let Some(number) = &tag.order_number else { return conversations.take(unit, id).await };
    let page = unit.page_of_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let Some((order, waits_in)) = unit.order_named(&page, number).await? else {
        return conversations.take(unit, id).await;
    };
    if waits_in == *id {
        return conversations.take(unit, id).await;
    }
    conversations.load_all(unit, &[id.clone(), waits_in.clone()]).await?;
    if conversations.is_free(&waits_in, &order) {
        // Said in the wrong thread and taken back: the number moves to where it is said now.
        unit.free_number(&page, number, &order).await?;
        drop(conversations.take_loaded(&waits_in));
        return conversations.take(unit, id).await;
    }
    // The order was adopted by another unit meanwhile, and its empty thread is gone.
    let here = conversations.take_loaded(id).ok_or_else(moved)?;
    let mut there = conversations.take_loaded(&waits_in).ok_or_else(moved)?;
    adopt(unit, services, here, &mut there, &order).await
}

/// Adopts the orders of which only an outside sender told, with a phone number that the customer gave in `here` since, if
/// no other conversation has that number.
pub(in crate::flow) async fn adopt_by_phone(
    unit: &mut Unit,
    services: &Services,
    conversations: &mut Conversations,
    mut here: LoadedConversation,
    hash: &str,
) -> Result<LoadedConversation> {
    let threads = unit.threads_with_phone(&here.page.id, hash).await?;
    if threads.is_empty() {
        return Ok(here);
    }
    let known = unit.conversations_with_phone(&here.page.id, hash, here.now - PHONE_WITHIN).await?;
    if known.as_slice() != std::slice::from_ref(here.id()) {
        return Ok(here);
    }
    conversations.load_all(unit, &threads).await?;
    for thread in threads {
        let Some(mut there) = conversations.take_loaded(&thread) else { continue };
        while let Some(order) = there.aggregate.orders.first().map(|ledger| ledger.id.clone()) {
            here = adopt(unit, services, here, &mut there, &order).await?;
        }
    }
    Ok(here)
}

/// Moves an order, with its facts and conversions, from a thread without a person into this conversation, and applies
/// what follows.
async fn adopt(
    unit: &mut Unit,
    services: &Services,
    mut here: LoadedConversation,
    there: &mut LoadedConversation,
    id: &OrderId,
) -> Result<LoadedConversation> {
    let found = there.aggregate.orders.iter().position(|ledger| ledger.has_id(id));
    let mut order = there.aggregate.orders.remove(found.ok_or_else(moved)?);
    if here.aggregate.thread.recipient.is_none() || there.aggregate.thread.recipient.is_some() {
        return Err(belongs_elsewhere(there.id(), &order.id));
    }
    // The conversation has orders already: the adopted one may be one of these sales, reported again.
    let last = here.aggregate.orders.iter().map(|ledger| ledger.opened_at + MIN_SPACING).max();
    order.opened_at = last.map_or(here.now, |last| last.max(here.now));
    for id in order.ids() {
        unit.adopt_order(id, &here.aggregate.thread, order.opened_at).await?;
    }
    unit.drop_thread(there.id()).await?;
    here.aggregate.thread.entries += there.aggregate.thread.entries;
    let joined = order.joined.iter().map(|one| Join { telling: one.id.clone(), order: order.id.clone() });
    here.aggregate.joins.extend(joined);
    let is_of_it = |row: &Conversion| row.order_id.as_ref().is_some_and(|id| order.has_id(id));
    let (moved, stay) = std::mem::take(&mut there.aggregate.conversions).into_iter().partition(is_of_it);
    there.aggregate.conversions = stay;
    here.aggregate.conversions.extend::<Vec<Conversion>>(moved);
    here.aggregate.orders.push(order);
    here.touch(Some(id));
    here.apply(unit, services).await?;
    Ok(here)
}

fn moved() -> Error {
    Error::new(ErrorKind::Contended, "order_moved", "The order moved at this moment")
}

fn belongs_elsewhere(conversation: &ConversationId, order: &OrderId) -> Error {
    let message = "This order number belongs to another conversation of the Page (\"elsewhere\"): check the number, or \
                   undo what was said there by mistake.";
    let elsewhere = json!({"conversation_id": conversation.as_str(), "id": order.as_str()});
    Error::conflict(ELSEWHERE, message).with("elsewhere", elsewhere)
}
