//! From a webhook's raw bytes to conversations. First the bytes are kept, and only then may Meta hear 200;
//! what they mean is worked out afterwards, in any order and any number of times with one result.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::Ids;
use crate::meta::webhook;
use crate::store::Unit;
use crate::store::conversation::Place;
use crate::vocabulary::arrival::{Arrival, What};
use crate::vocabulary::chat;
use crate::vocabulary::identity::ConversationId;

use super::House;

/// Bodies that one unit projects at most.
const PROJECT_MAX: i64 = 200;

/// Keeps webhook bodies; they are durable when this returns.
pub async fn keep(house: &House, bodies: Vec<Vec<u8>>) -> Result<()> {
    let mut unit = house.store.begin().await?;
    unit.keep_bodies(bodies, house.clock.now()).await?;
    unit.commit().await
}

/// Projects the oldest kept bodies into conversations; gives their number, 0 when none waits.
pub async fn project(house: &House) -> Result<usize> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    let bodies = unit.waiting_bodies(PROJECT_MAX).await?;
    for (id, body) in &bodies {
        let unread = match webhook::read(body) {
            Ok(delivery) => {
                for arrival in &delivery.arrivals {
                    receive(&mut unit, &house.ids, arrival, now).await?;
                }
                for (page, kind) in &delivery.kept {
                    unit.count_kept(page, kind).await?;
                }
                None
            }
            Err(unreadable) => Some(unreadable.0),
        };
        unit.projected(*id, unread, now).await?;
    }
    unit.commit().await?;
    Ok(bodies.len())
}

/// One arrival takes effect once, by its `mid`.
async fn receive(unit: &mut Unit, ids: &Ids, arrival: &Arrival, now: Timestamp) -> Result<()> {
    let Arrival { page_id, channel, psid, at, what, referral } = arrival;
    if unit.page(page_id).await?.is_none() {
        return unit.count_kept(page_id, "page_not_connected").await;
    }
    if let What::Message { mid: Some(mid), .. } = what
        && !unit.first_seen(page_id, mid, now).await?
    {
        return Ok(());
    }
    let known = unit.conversation_of(page_id, *channel, psid).await?;
    let conversation = if let Some(known) = known {
        known
    } else {
        let id = ConversationId(ids.next(now));
        unit.open_conversation(&id, page_id, *channel, psid, *at).await?
    };
    unit.hold_conversation(&conversation).await?;
    let id = ids.next(now);
    let place = Place { conversation: &conversation, page: page_id, id: &id, at: *at };
    if let What::Message { mid, author, text, attachments } = what {
        let attachments = (!attachments.is_empty()).then(|| attachments.join(","));
        unit.add_message(place, mid.clone(), *author, (text.clone(), attachments)).await?;
    }
    if let Some(referral) = referral {
        unit.add_referral(place, referral).await?;
    }
    let chats = chat::cut(unit.points_of(&conversation).await?);
    unit.put_chats(&conversation, page_id, &chats).await
}
