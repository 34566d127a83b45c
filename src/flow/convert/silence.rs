//! What time alone brings: chats fall silent, texts and old answers are dropped.

use std::time::Duration;

use crate::domain::basic::identity::{ConversationId, OutcomeId};
use crate::domain::conversation::aggregate;
use crate::domain::order::outcome::{Details, Fact, OutcomeKind, Source, Terms};
use crate::error::Result;
use crate::flow::convert::apply::{LoadedConversation, load};
use crate::flow::services::Services;
use crate::flow::unit::idempotency::ANSWER_RETENTION;
use crate::flow::unit::retried;
use crate::store::outcome::{EntryPosition, FollowUp, NewFollowUp};

/// The name of the service as an actor.
const SERVICE: &str = "salesbridge";

/// Why a chat is lost when nobody said anything.
pub const SILENT: &str = "silent";

/// Conversations that one round looks at.
const SILENT_MAX: i64 = 500;

/// A message's id is remembered so long: Meta repeats one for at most 36 hours.
const SEEN_KEPT: Duration = Duration::from_hours(8 * 24);

/// Says `lost: silent` of every chat in which the customer has been silent for too long; gives their number.
pub async fn fall_silent(services: &Services) -> Result<usize> {
    let now = services.clock.now();
    let mut unit = services.store.read().await?;
    let due = unit.fallen_silent(now, SILENT_MAX).await?;
    unit.commit().await?;
    for silent in &due {
        retried(move || silence_one(services, &silent.id)).await?;
    }
    Ok(due.len())
}

async fn silence_one(services: &Services, conversation: &ConversationId) -> Result<()> {
    let mut unit = services.store.begin("fall_silent").await?;
    let mut loaded = load(&mut unit, conversation, services.clock.now()).await?;
    apply_silence(&mut unit, services, &mut loaded).await?;
    loaded.apply(&mut unit, services).await?;
    unit.commit().await
}

/// Writes what silence asks for: new `lost: silent` entries, and undoes those that a later word lifted.
pub(in crate::flow) async fn apply_silence(
    unit: &mut crate::store::Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
) -> Result<()> {
    let now = loaded.now;
    let silence = aggregate::silence(&loaded.aggregate, loaded.page.silent_after, now);
    let mut entries = 0;
    for lifted in &silence.lifted {
        let Some(index) = loaded.aggregate.said.iter().position(|fact| fact.id == *lifted) else { continue };
        let version = loaded.aggregate.thread.version + 1;
        let position = EntryPosition { thread: &loaded.aggregate.thread, order: None, version };
        let id = OutcomeId(services.ids.next(now));
        let about = &loaded.aggregate.said[index];
        let (what, source, actor) = (FollowUp::Undo, Source::Service, SERVICE);
        unit.append_follow_up(position, NewFollowUp { id: &id, what, about, source, actor }, now);
        loaded.aggregate.said[index].undone = true;
        entries += 1;
    }
    for occurred_at in silence.fallen {
        let fact = Fact {
            id: OutcomeId(services.ids.next(now)),
            kind: OutcomeKind::Lost,
            occurred_at,
            recorded_at: now,
            actor: SERVICE.to_owned(),
            source: Source::Service,
            reference: None,
            terms: Terms::silent(loaded.page.currency),
            details: Details::default(),
            reason: Some(SILENT.to_owned()),
            undone: false,
            accepted: false,
        };
        let version = loaded.aggregate.thread.version + 1;
        let position = EntryPosition { thread: &loaded.aggregate.thread, order: None, version };
        unit.append_outcome(position, &fact)?;
        loaded.aggregate.said.push(fact);
        entries += 1;
    }
    if entries > 0 {
        loaded.conversation_changed(unit, services).await?;
    }
    Ok(())
}

/// Drops texts and raw bodies that were kept long enough, ids of messages that no longer come again, and
/// answers that nobody asks for again; gives how many rows that were.
pub async fn forget(services: &Services) -> Result<u64> {
    let now = services.clock.now();
    let mut unit = services.store.begin("retention").await?;
    let mut dropped = unit.drop_texts(now - services.keep_text).await?;
    dropped += unit.forget_seen(now - SEEN_KEPT).await?;
    dropped += unit.forget_answers(now - ANSWER_RETENTION).await?;
    unit.commit().await?;
    dropped += services.store.drop_bodies(now - services.keep_text).await?;
    Ok(dropped)
}
