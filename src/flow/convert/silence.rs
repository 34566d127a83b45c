//! Silence: a chat without an order in which the customer has not written for the Page's `silent_after` is lost. The
//! next message of the customer undoes that.

use crate::domain::basic::identity::{ConversationId, OutcomeId};
use crate::domain::conversation::aggregate;
use crate::domain::order::outcome::{Fact, FollowUp, FollowUpEntry, FollowUps, OutcomeKind, Source};
use crate::domain::order::terms::{Details, Terms};
use crate::error::Result;
use crate::flow::convert::loaded::{LoadedConversation, load};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::outcome::EntryPosition;

/// The actor of entries that the service makes by itself.
const SERVICE: &str = "salesbridge";

/// The reason of a `lost` that the service records by itself.
pub const SILENT: &str = "silent";

/// The most conversations that one round handles.
const SILENT_MAX: i64 = 500;

/// Records `lost: silent` in every chat whose customer has been silent for too long; gives the number of
/// conversations that were due.
pub async fn fall_silent(services: &Services) -> Result<usize> {
    let now = services.clock.now();
    let due = services.store.look().await?.fallen_silent(now, SILENT_MAX).await?;
    for silent in &due {
        run::run(services, "fall_silent", |unit, _| Box::pin(silence_one(unit, services, &silent.id)))
            .await?;
    }
    Ok(due.len())
}

async fn silence_one(unit: &mut Unit, services: &Services, conversation: &ConversationId) -> Result<()> {
    let mut loaded = load(unit, conversation, services.clock.now()).await?;
    apply_silence(unit, services, &mut loaded).await?;
    loaded.apply(unit, services).await
}

/// Records `lost: silent` where it is due, and undoes it where the customer has written since.
pub(in crate::flow) async fn apply_silence(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
) -> Result<()> {
    let now = loaded.now;
    let silence = aggregate::silence(&loaded.aggregate, loaded.page.silent_after, now);
    let mut entries = 0;
    for to_undo in &silence.to_undo {
        let position = loaded.aggregate.next_position();
        let position = EntryPosition { thread: &loaded.aggregate.thread, order: None, position };
        let undo = FollowUpEntry {
            id: OutcomeId(services.ids.next(now)),
            about: to_undo.clone(),
            kind: FollowUp::Undo,
            recorded_at: now,
            source: Source::Service,
            actor: SERVICE.to_owned(),
        };
        unit.append_follow_up(position, &undo, None, loaded.page.currency);
        loaded.note_cause(&undo.id);
        loaded.aggregate.mark(&undo);
        entries += 1;
    }
    for occurred_at in silence.to_record {
        let fact = Fact {
            id: OutcomeId(services.ids.next(now)),
            kind: OutcomeKind::Lost,
            occurred_at,
            recorded_at: now,
            actor: SERVICE.to_owned(),
            source: Source::Service,
            reference: None,
            terms: Terms::unstated(loaded.page.currency),
            details: Details::default(),
            reason: Some(SILENT.to_owned()),
            undone: false,
            accepted: false,
            time_stated: true,
            names_same_sale: false,
            follow_ups: FollowUps::default(),
        };
        let position = loaded.aggregate.next_position();
        let position = EntryPosition { thread: &loaded.aggregate.thread, order: None, position };
        unit.append_outcome(position, &fact)?;
        loaded.note_cause(&fact.id);
        loaded.aggregate.chat_facts.push(fact);
        entries += 1;
    }
    if entries > 0 {
        loaded.conversation_changed(unit, services).await?;
    }
    Ok(())
}
