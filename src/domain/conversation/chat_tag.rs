//! What a tag of a chat means: `qualified` and `lost` follow each other, and the one that stands, said again, is
//! known already.

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::order::outcome::Fact;
use crate::domain::order::tag::{STEP, Tag};

/// What follows from a tag of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatDecision {
    /// The fact stands in the ledger already.
    Known(OutcomeId),
    /// A new entry, which happened at this time.
    Append(Timestamp),
}

/// Decides what `tag` means in the chat of its time.
pub fn decide(tag: &Tag, aggregate: &ConversationAggregate, now: Timestamp) -> ChatDecision {
    let occurred_at = tag.occurred_at.unwrap_or(now);
    if let Some(known) = aggregate.said.iter().find(|fact| is_told_again(tag, fact)) {
        return ChatDecision::Known(known.id.clone());
    }
    let Some(chat) = aggregate.chat_at(occurred_at) else { return ChatDecision::Append(occurred_at) };
    let last = aggregate.said_last(chat);
    let same = |fact: &&Fact| tag.source.is_person() && fact.kind == tag.kind && fact.source.is_person();
    if let Some(known) = last.filter(same) {
        return ChatDecision::Known(known.id.clone());
    }
    match last.filter(|last| tag.occurred_at.is_none() && last.occurred_at >= now) {
        Some(last) => ChatDecision::Append(last.occurred_at + STEP),
        None => ChatDecision::Append(occurred_at),
    }
}

/// Whether an outside source says of a chat what it said before: without a `ref`, the same words of the same moment.
fn is_told_again(tag: &Tag, fact: &Fact) -> bool {
    tag.reference.is_none()
        && !tag.source.is_person()
        && fact.can_be_repeated()
        && fact.source == tag.source
        && !fact.undone
        && (fact.kind, Some(fact.occurred_at), &fact.reason) == (tag.kind, tag.occurred_at, &tag.reason)
}
