//! What time alone brings: chats fall silent, texts and old answers are dropped.

use std::time::Duration;

use crate::domain::basic::identity::{ConversationId, OutcomeId};
use crate::domain::conversation::aggregate;
use crate::domain::order::outcome::{Details, Fact, Kind, Source, Terms};
use crate::error::Result;
use crate::flow::convert::apply::{Held, hold};
use crate::flow::services::House;
use crate::flow::unit::idempotency::KEPT;
use crate::flow::unit::retried;
use crate::store::outcome::{About, Spot};

/// The name of the service as an actor.
const SERVICE: &str = "salesbridge";

/// Why a chat is lost when nobody said anything.
pub const SILENT: &str = "silent";

/// Conversations that one round looks at.
const SILENT_MAX: i64 = 500;

/// A message's id is remembered so long: Meta repeats one for at most 36 hours.
const SEEN_KEPT: Duration = Duration::from_hours(8 * 24);

/// Says `lost: silent` of every chat in which the customer has been silent for too long; gives their number.
pub async fn fall_silent(house: &House) -> Result<usize> {
    let now = house.clock.now();
    let mut unit = house.store.read().await?;
    let due = unit.fallen_silent(now, SILENT_MAX).await?;
    unit.commit().await?;
    for (conversation, _) in &due {
        retried(move || silence_one(house, conversation)).await?;
    }
    Ok(due.len())
}

async fn silence_one(house: &House, conversation: &ConversationId) -> Result<()> {
    let mut unit = house.store.begin("fall_silent").await?;
    let mut held = hold(&mut unit, conversation, house.clock.now()).await?;
    follow_silence(&mut unit, house, &mut held).await?;
    held.follow(&mut unit, house).await?;
    unit.commit().await
}

/// Writes what silence asks for: new `lost: silent` entries, and undoes those that a later word lifted.
pub(in crate::flow) async fn follow_silence(
    unit: &mut crate::store::Unit,
    house: &House,
    held: &mut Held,
) -> Result<()> {
    let now = held.now;
    let silence = aggregate::silence(&held.dossier, held.page.silent_after, now);
    let mut entries = 0;
    for lifted in &silence.lifted {
        let Some(index) = held.dossier.said.iter().position(|fact| fact.id == *lifted) else { continue };
        let version = held.dossier.thread.version + 1;
        let spot = Spot { thread: &held.dossier.thread, order: None, version };
        let id = OutcomeId(house.ids.next(now));
        let about = (&id, About::Undo, &held.dossier.said[index]);
        unit.append_about(spot, about, (Source::Service, SERVICE), now);
        held.dossier.said[index].undone = true;
        entries += 1;
    }
    for occurred_at in silence.fallen {
        let fact = Fact {
            id: OutcomeId(house.ids.next(now)),
            kind: Kind::Lost,
            occurred_at,
            recorded_at: now,
            actor: SERVICE.to_owned(),
            source: Source::Service,
            reference: None,
            terms: Terms::silent(held.page.currency),
            details: Details::default(),
            reason: Some(SILENT.to_owned()),
            undone: false,
            accepted: false,
        };
        let version = held.dossier.thread.version + 1;
        let spot = Spot { thread: &held.dossier.thread, order: None, version };
        unit.append_outcome(spot, &fact)?;
        held.dossier.said.push(fact);
        entries += 1;
    }
    if entries > 0 {
        held.conversation_changed(unit, house).await?;
    }
    Ok(())
}

/// Drops texts and raw bodies that were kept long enough, ids of messages that no longer come again, and
/// answers that nobody asks for again; gives how many rows that were.
pub async fn forget(house: &House) -> Result<u64> {
    let now = house.clock.now();
    let mut unit = house.store.begin("retention").await?;
    let mut dropped = unit.drop_texts(now - house.keep_text).await?;
    dropped += unit.forget_seen(now - SEEN_KEPT).await?;
    dropped += unit.forget_answers(now - KEPT).await?;
    unit.commit().await?;
    dropped += house.store.drop_bodies(now - house.keep_text).await?;
    Ok(dropped)
}
