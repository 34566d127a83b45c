//! The verb `tag`: a person or another system records what happened in a conversation, or to one of its orders.

use crate::domain::basic::identity::ConversationId;
use crate::domain::order::tag::Tag;
use crate::domain::order::tagged::Tagged;
use crate::error::Result;
use crate::flow::tag::batch;
use crate::flow::tag::record::check;
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::services::Services;
use crate::flow::unit::tag_queue::TagJob;

/// Records a tag: the fact, the order, its conversions and the change for the feed, in one unit of work. `actor` is who
/// says it happened. On SQLite, whose units take turns anyway, tags that arrive at the same time share one; on
/// PostgreSQL, and where an order number may bring in another conversation, each has its own.
///
/// # Errors
/// `not_found`; a 409 with the `legal` moves where the order's state does not allow it; 422 for an invalid field.
pub async fn tag(
    services: &Services,
    conversation: &ConversationId,
    tag: &Tag,
    actor: &str,
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    check(tag)?;
    let job = TagJob {
        conversation: conversation.clone(),
        tag: tag.clone(),
        actor: actor.to_owned(),
        request: request.clone(),
    };
    if tag.order_number.is_some() || services.store.is_shared() {
        return batch::run_alone(services, &job).await;
    }
    batch::run_with_others(services, job).await
}
