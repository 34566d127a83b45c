//! Leads: Meta's `LeadSubmitted` or `QualifiedLead`, at most one per chat. The policy in force when its cause is
//! recorded decides what a lead is; the lead keeps that policy. A chat that is cut anew, because a message arrived
//! late, gives no second lead for a moment that one was sent for.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::chat::Chat;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::signal::context::{SignalContext, SignalRules};
use crate::domain::signal::conversion::{Conversion, Draft, EventName, Reason, State};
use crate::domain::signal::policy::{LeadOn, Policy};
use crate::domain::signal::readiness::{Target, is_expired, leaves_at, readiness, update_row};

/// Updates the leads among `rows`, and gives drafts of new ones. `context` has the policy in force, for new leads; an
/// existing one is updated by the policy that made it.
pub(super) fn derive(
    aggregate: &ConversationAggregate,
    rows: &mut [Conversion],
    rules: &SignalRules,
    context: SignalContext<'_>,
) -> Vec<Draft> {
    let causes = causes(aggregate, rows, rules, context.policy);
    let cause_of_chat = |number: i64| causes.iter().find(|(chat, _)| *chat == number).map(|(_, at)| *at);
    for row in rows.iter_mut() {
        let policy = rules.policy(row.policy_version);
        let target = cause_of_chat(row.number).map_or(Target::Nothing(Reason::Undone), Target::Due);
        update_row(row, target, SignalContext { policy: &policy, ..context });
    }
    let Some(name) = name_of(context.policy) else { return Vec::new() };
    let has_no_lead = |chat: &&Chat| !rows.iter().any(|row| row.number == chat.number);
    let draft = |chat: &Chat| {
        let event_time = cause_of_chat(chat.number)?;
        if is_expired(event_time, context.now)
            || event_time < context.policy.since
            || rows.iter().any(|row| reports(row, chat, aggregate))
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
            uplift_ids: Vec::new(),
            contents: None,
        })
    };
    aggregate.chats.iter().filter(has_no_lead).filter_map(draft).collect()
}

/// The number of each chat that makes a lead, with the time of what makes it: of a person once in 24 hours, where what
/// Meta knows goes first and then the earliest. A chat that was marked as no sale makes none.
fn causes(
    aggregate: &ConversationAggregate,
    rows: &[Conversion],
    rules: &SignalRules,
    in_force: &Policy,
) -> Vec<(i64, Timestamp)> {
    let mut causes: Vec<(i64, Timestamp)> = Vec::new();
    let policy_of = |chat: &Chat| {
        let row = rows.iter().find(|row| row.number == chat.number);
        row.map_or(*in_force, |row| rules.policy(row.policy_version))
    };
    let mut all: Vec<(i64, Timestamp)> = aggregate
        .chats
        .iter()
        .filter(|chat| !is_no_sale(aggregate, chat, rules))
        .filter_map(|chat| Some((chat.number, cause_of(aggregate, chat, &policy_of(chat))?)))
        .collect();
    all.sort_by_key(|(number, at)| (*at, *number));
    let told: Vec<&Conversion> = rows.iter().filter(|row| !row.is_open_to_change()).collect();
    for (number, at) in all {
        let others_told = told.iter().filter(|row| row.number != number).map(|row| row.event_time);
        let is_second = causes
            .iter()
            .map(|(_, earlier)| *earlier)
            .chain(others_told)
            .any(|other| is_within_a_day(other, at));
        if !is_second || told.iter().any(|row| row.number == number) {
            causes.push((number, at));
        }
    }
    causes
}

/// Whether a chat was marked as one that never was about a sale.
fn is_no_sale(aggregate: &ConversationAggregate, chat: &Chat, rules: &SignalRules) -> bool {
    let last = aggregate.latest_fact_of(chat).filter(|fact| fact.kind == OutcomeKind::Lost);
    last.and_then(|fact| fact.reason.as_ref()).is_some_and(|reason| rules.not_a_sale.contains(reason))
}

/// Whether a lead was stopped by a person who said that its chat never was about a sale.
pub(super) fn is_stopped(aggregate: &ConversationAggregate, row: &Conversion, rules: &SignalRules) -> bool {
    let chat = aggregate.chats.iter().find(|chat| chat.number == row.number);
    chat.is_some_and(|chat| is_no_sale(aggregate, chat, rules))
}

/// A person is a lead once within this time, whatever chats it falls into.
const LEAD_ONCE_IN: Duration = Duration::from_hours(24);

fn is_within_a_day(one: Timestamp, other: Timestamp) -> bool {
    let (earlier, later) = if one <= other { (one, other) } else { (other, one) };
    later.since(earlier) < LEAD_ONCE_IN
}

/// Whether a lead was made for a moment of this chat, perhaps under another number: a late message or ad may have
/// cut the chats anew since.
fn reports(row: &Conversion, chat: &Chat, aggregate: &ConversationAggregate) -> bool {
    let is_of_chat = aggregate.chat_at(row.event_time).is_some_and(|found| found.number == chat.number);
    is_of_chat && !(row.state == State::Suppressed && row.reason.wakes())
}

/// Whether a `qualified` of this lead's chat was taken back, and none stands. Beside one that stands, a lead without a cause
/// is the person's second within a day, which is made only if it arrives first.
pub(super) fn was_taken_back(aggregate: &ConversationAggregate, row: &Conversion) -> bool {
    let is_in_chat = |at: Timestamp| aggregate.chat_at(at).is_some_and(|chat| chat.number == row.number);
    let mut qualified = aggregate
        .chat_facts
        .iter()
        .filter(|fact| fact.kind == OutcomeKind::Qualified && is_in_chat(fact.occurred_at))
        .peekable();
    row.name == EventName::QualifiedLead && qualified.peek().is_some() && qualified.all(|fact| fact.undone)
}

/// The event that a policy makes of a lead; none if it makes no leads.
fn name_of(policy: &Policy) -> Option<EventName> {
    match policy.lead_on {
        LeadOn::FirstMessage | LeadOn::Contact => Some(EventName::LeadSubmitted),
        LeadOn::Qualified => Some(EventName::QualifiedLead),
        LeadOn::Off => None,
    }
}

/// The time of what makes a chat a lead; `None` while nothing does, or after it was undone.
fn cause_of(aggregate: &ConversationAggregate, chat: &Chat, policy: &Policy) -> Option<Timestamp> {
    match policy.lead_on {
        LeadOn::FirstMessage => chat.first_word_at,
        LeadOn::Contact => chat.contact_at,
        LeadOn::Qualified => {
            let qualified = aggregate.facts_of(chat).filter(|fact| fact.kind == OutcomeKind::Qualified);
            qualified.map(|fact| fact.occurred_at).min()
        }
        LeadOn::Off => None,
    }
}
