//! Pending tags: a tag from Meta's inbox, by label or sentence, is recorded if it can be, else it waits for a person:
//! nobody there could read a 409.

use crate::domain::basic::identity::PendingTagId;
use crate::domain::inbox::pending::{PendingReason, PendingTag};
use crate::domain::order::tag::Tag;
use crate::domain::order::tagged::Tagged;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::convert::loaded::{Conversations, LoadedConversation};
use crate::flow::tag::adopt;
use crate::flow::tag::record::record;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;

/// The actor of tags by label or sentence: Meta does not reveal which of the Page's people it was.
pub(in crate::flow) const INBOX: &str = "the inbox";

/// Records a tag by the actor [`INBOX`]; the inner error is its refusal, which leaves nothing behind.
///
/// # Errors
/// A failure, such as of the database, which ends the unit of work.
pub(in crate::flow) async fn try_to_record(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    tag: &Tag,
) -> Result<Result<Tagged, Error>> {
    refusal_apart(record(unit, services, loaded, tag, INBOX).await)
}

/// Separates a refusal, after which the unit of work continues, from a failure, which ends it.
pub(in crate::flow) fn refusal_apart<T>(done: Result<T>) -> Result<Result<T, Error>> {
    match done {
        Err(error)
            if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict) =>
        {
            Err(error)
        }
        done => Ok(done),
    }
}

/// Why a tag becomes pending.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Pending {
    /// What a person is to decide about it.
    pub(in crate::flow) reason: PendingReason,
    /// Whether the fact of the tag was recorded, and is to be taken back now.
    pub(in crate::flow) takes_back: bool,
}

impl Pending {
    /// A tag that can't be recorded as it is.
    pub(in crate::flow) fn tag(reason: PendingReason) -> Self {
        Self { reason, takes_back: false }
    }

    /// A recorded fact that seems to be taken back.
    pub(in crate::flow) fn taking_back(reason: PendingReason) -> Self {
        Self { reason, takes_back: true }
    }
}

/// Puts a tag, or the taking back of its fact, into the queue for a person. What was settled once does not become
/// pending again.
pub(in crate::flow) async fn make_pending(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    tag: &Tag,
    pending: Pending,
) -> Result<()> {
    let (now, conversation_id) = (loaded.now, loaded.id().clone());
    let row = PendingTag {
        id: PendingTagId(services.ids.next(now)),
        page_id: loaded.page.id.clone(),
        conversation_id: conversation_id.clone(),
        source: tag.source,
        kind: tag.kind,
        takes_back: pending.takes_back,
        value: tag.terms.value,
        currency: tag.terms.currency,
        reason: pending.reason,
        reference: tag.reference.clone().unwrap_or_default(),
        occurred_at: tag.occurred_at.unwrap_or(now),
        made_at: now,
    };
    if !unit.add_waiting(&row).await? {
        return Ok(());
    }
    let (kind, source, why) = (tag.kind.as_str(), tag.source.as_str(), pending.reason.as_str());
    tracing::info!(
        conversation.id = %conversation_id, kind, why,
        "\"{kind}\" said by {source} in conversation {conversation_id} waits for a person: {why}"
    );
    loaded.aggregate.has_pending_tag = true;
    loaded.queue(unit).await
}

/// Settles a pending tag: a person decides what it really was (`tag`), or that it was nothing.
///
/// # Errors
/// `not_found`; 409 if somebody has settled it, or where the tag can't be recorded.
pub async fn decide(
    services: &Services,
    id: &PendingTagId,
    tag: Option<&Tag>,
    actor: &str,
) -> Result<Option<Tagged>> {
    run::run(services, "decide", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            let missing = || Error::not_found("thing that waits");
            let (pending, _) = unit.pending_tag(id).await?.ok_or_else(missing)?;
            let conversation = &pending.conversation_id;
            // The conversation is locked first, as everywhere: of two people who decide, the second finds it settled.
            let mut conversations = Conversations::new(now);
            let mut loaded = match tag {
                Some(tag) => adopt::load(unit, services, &mut conversations, conversation, tag).await?,
                None => conversations.take(unit, conversation).await?,
            };
            if !unit.settle_pending_tag(id, actor, now).await? {
                let message = "This no longer waits: somebody has decided. Look at the conversation.";
                return Err(Error::conflict("no_longer_waits", message));
            }
            let tagged = match tag {
                Some(tag) => Some(record(unit, services, &mut loaded, tag, actor).await?),
                None => None,
            };
            loaded.queue(unit).await?;
            Ok(tagged)
        })
    })
    .await
}
