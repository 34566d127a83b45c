//! What a tag of a chat means. `qualified` and `lost` may follow each other, and the latest counts; the one that
//! counts, said again by a person, adds nothing. Nothing is ever refused here: an order in the chat outranks both
//! wherever the chat's stage is read.

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::order::outcome::Fact;
use crate::domain::order::tag::{MIN_SPACING, Tag};

/// What follows from a tag of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatDecision {
    /// This entry says so already: nothing is added.
    Known(OutcomeId),
    /// A new entry with this `occurred_at`: the stated time, else one that follows the chat's last entry.
    Append(Timestamp),
}

/// Decides what `tag` means in the chat to which its time belongs.
pub fn decide(tag: &Tag, aggregate: &ConversationAggregate, now: Timestamp) -> ChatDecision {
    let occurred_at = tag.occurred_at.unwrap_or(now);
    if let Some(known) = aggregate.chat_facts.iter().find(|fact| is_outside_repeat(tag, fact)) {
        return ChatDecision::Known(known.id.clone());
    }
    let Some(chat) = aggregate.chat_at(occurred_at) else { return ChatDecision::Append(occurred_at) };
    let latest = aggregate.latest_fact_of(chat);
    let is_person_repeat =
        |fact: &&Fact| tag.source.is_person() && fact.kind == tag.kind && fact.source.is_person();
    if let Some(known) = latest.filter(is_person_repeat) {
        return ChatDecision::Known(known.id.clone());
    }
    match latest.filter(|latest| tag.occurred_at.is_none() && latest.occurred_at >= now) {
        Some(latest) => ChatDecision::Append(latest.occurred_at + MIN_SPACING),
        None => ChatDecision::Append(occurred_at),
    }
}

/// Whether an outside source repeats `fact`: without a `ref`, the same words of the same moment.
fn is_outside_repeat(tag: &Tag, fact: &Fact) -> bool {
    tag.reference.is_none()
        && !tag.source.is_person()
        && fact.can_be_repeated()
        && fact.source == tag.source
        && !fact.undone
        && (fact.kind, Some(fact.occurred_at), &fact.reason) == (tag.kind, tag.occurred_at, &tag.reason)
}
