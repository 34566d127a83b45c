//! What people say in Meta's inbox, by label or sentence: taken if it can be, else it waits for a person. No
//! one is there to read a 409.

use crate::domain::basic::identity::{ConversationId, PendingTagId};
use crate::domain::inbox::pending::{PendingReason, PendingTag};
use crate::domain::order::tag_decision::Tag;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::convert::apply::{LoadedConversation, load};
use crate::flow::services::Services;
use crate::flow::tag::record::{Tagged, record};
use crate::flow::unit::retried;
use crate::store::Unit;

/// Who says what is said by a label or a sentence: Meta does not tell which of the Page's people it was.
pub(in crate::flow) const INBOX: &str = "the inbox";

/// Says a tag within a unit; a refusal of the tag leaves nothing behind.
pub(in crate::flow) async fn attempt(
    unit: &mut Unit,
    services: &Services,
    conversation: &ConversationId,
    tag: &Tag,
) -> Result<Result<Tagged, Error>> {
    unit.mark_point().await?;
    let said = record(unit, services, conversation, tag, INBOX).await;
    settle_point(unit, said).await
}

/// Ends a point: what was refused is taken back, a fault of the machine ends the unit.
pub(in crate::flow) async fn settle_point<T>(unit: &mut Unit, done: Result<T>) -> Result<Result<T, Error>> {
    match done {
        Ok(done) => {
            unit.keep_point().await?;
            Ok(Ok(done))
        }
        Err(error)
            if matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict) =>
        {
            unit.back_to_point().await?;
            Ok(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Lets a tag, or its taking back, wait for a person in the queue. Nothing that has waited waits again.
pub(in crate::flow) async fn wait(
    unit: &mut Unit,
    services: &Services,
    loaded: &LoadedConversation,
    tag: &Tag,
    (takes_back, why): (bool, PendingReason),
) -> Result<()> {
    let now = loaded.now;
    let conversation_id = loaded.aggregate.thread.id.clone();
    let waiting = PendingTag {
        id: PendingTagId(services.ids.next(now)),
        page_id: loaded.page.id.clone(),
        conversation_id: conversation_id.clone(),
        source: tag.source,
        kind: tag.kind,
        takes_back,
        value: tag.terms.value,
        currency: tag.terms.currency,
        why,
        reference: tag.reference.clone().unwrap_or_default(),
        occurred_at: tag.occurred_at.unwrap_or(now),
        made_at: now,
    };
    if unit.add_waiting(&waiting).await? {
        tracing::info!(
            conversation.id = %conversation_id, kind = tag.kind.as_str(), why = why.as_str(),
            "\"{}\" said by {} in conversation {conversation_id} waits for a person: {}",
            tag.kind.as_str(), tag.source.as_str(), why.as_str()
        );
        requeue(unit, services, &conversation_id).await?;
    }
    Ok(())
}

async fn requeue(unit: &mut Unit, services: &Services, conversation: &ConversationId) -> Result<()> {
    load(unit, conversation, services.clock.now()).await?.queue(unit).await
}

/// What waits no longer does: a person says what it really was (`tag`), or that it was nothing. In one unit.
///
/// # Errors
/// `not_found`; 409 if it no longer waits, or what a tag can't say.
pub async fn decide(
    services: &Services,
    id: &PendingTagId,
    tag: Option<&Tag>,
    actor: &str,
) -> Result<Option<Tagged>> {
    retried(move || async move {
        let now = services.clock.now();
        let mut unit = services.store.begin("decide").await?;
        let missing = || Error::not_found("thing that waits");
        let (waiting, _) = unit.pending_tag(id).await?.ok_or_else(missing)?;
        let conversation = &waiting.conversation_id;
        // The conversation first, as everywhere: of two who decide, the second finds it decided.
        load(&mut unit, conversation, now).await?;
        if !unit.settle_waiting(id, actor, now).await? {
            let message = "This no longer waits: somebody has decided. Look at the conversation.";
            return Err(Error::conflict("no_longer_waits", message));
        }
        let tagged = match tag {
            Some(tag) => Some(record(&mut unit, services, conversation, tag, actor).await?),
            None => None,
        };
        requeue(&mut unit, services, conversation).await?;
        unit.commit().await?;
        Ok(tagged)
    })
    .await
}
