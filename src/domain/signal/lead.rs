//! Leads: once per chat, by the policy in force when their cause is recorded.

use crate::clock::Timestamp;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::chat::Chat;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::signal::conversion::{Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::{LeadOn, Policy};
use crate::domain::signal::{SignalContext, SignalRules, Target, is_expired, leaves_at, readiness, turn};

/// Brings the leads of a conversation in line with its chats; gives new ones. `context` has the policy in
/// force; a lead that stands keeps its own.
pub(super) fn derive(
    aggregate: &ConversationAggregate,
    rows: &mut [Conversion],
    rules: &SignalRules,
    context: SignalContext<'_>,
) -> Vec<Draft> {
    for row in rows.iter_mut() {
        let policy = rules.policy(row.policy_version);
        let chat = aggregate.chats.iter().find(|chat| chat.number == row.number);
        let cause = chat.and_then(|chat| cause_of(aggregate, chat, &policy));
        let wanted = cause.map_or(Target::Nothing(Reason::Undone), |event_time| Target::Due { event_time });
        turn(row, &wanted, SignalContext { policy: &policy, ..context });
    }
    let Some(name) = name_of(context.policy) else { return Vec::new() };
    let without = |chat: &&Chat| !rows.iter().any(|row| row.number == chat.number);
    let draft = |chat: &Chat| {
        let event_time = cause_of(aggregate, chat, context.policy)?;
        if is_expired(event_time, context.now)
            || event_time < context.policy.since
            || rows.iter().any(|row| tells(aggregate, chat, row))
        {
            return None;
        }
        let (state, reason) = readiness(name, true, context);
        Some(Draft {
            name,
            number: chat.number,
            order_id: None,
            policy_version: context.policy.version,
            event_time,
            state,
            reason,
            value: None,
            leaves_at: leaves_at(context.now, event_time, context.policy),
            carries: Vec::new(),
        })
    };
    aggregate.chats.iter().filter(without).filter_map(draft).collect()
}

/// Whether a lead tells of this chat already, under the number that the chat had when it left: a late message
/// or ad may cut the chats anew.
fn tells(aggregate: &ConversationAggregate, chat: &Chat, row: &Conversion) -> bool {
    let is_its_moment = aggregate.chat_at(row.event_time).is_some_and(|told| told.number == chat.number);
    is_its_moment && !(row.state == State::Suppressed && row.reason.wakes())
}

/// Whether a person's word, standing or taken back, made this lead.
pub(super) fn was_said(aggregate: &ConversationAggregate, row: &Conversion) -> bool {
    let is_here = |at: Timestamp| aggregate.chat_at(at).is_some_and(|chat| chat.number == row.number);
    row.name == EventName::QualifiedLead
        && aggregate.said.iter().any(|fact| fact.kind == OutcomeKind::Qualified && is_here(fact.occurred_at))
}

fn name_of(policy: &Policy) -> Option<EventName> {
    match policy.lead_on {
        LeadOn::FirstMessage | LeadOn::Contact => Some(EventName::LeadSubmitted),
        LeadOn::Qualified => Some(EventName::QualifiedLead),
        LeadOn::Off => None,
    }
}

/// The moment that makes a chat a lead, while it stands.
fn cause_of(aggregate: &ConversationAggregate, chat: &Chat, policy: &Policy) -> Option<Timestamp> {
    match policy.lead_on {
        LeadOn::FirstMessage => chat.first_word_at,
        LeadOn::Contact => chat.contact_at,
        LeadOn::Qualified => {
            let qualified = aggregate.said_of(chat).filter(|fact| fact.kind == OutcomeKind::Qualified);
            qualified.map(|fact| fact.occurred_at).min()
        }
        LeadOn::Off => None,
    }
}
