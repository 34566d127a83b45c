//! Signal: which conversions follow from a conversation by the signal policy, and what becomes of those that it has.
//! A pure function: the aggregate goes in, rows to change and drafts of new rows come out. It runs after every fact
//! and again just before a row leaves. As long as Meta has certainly not taken a conversion it follows the ledger;
//! afterwards it stays as it is, for a conversion can't be taken back.

pub mod attempt;
mod contents;
mod context;
pub mod conversion;
pub mod lane;
mod lead;
mod lifecycle;
pub mod policy;
mod purchase;
mod readiness;

use crate::clock::Timestamp;
use crate::domain::basic::identity::OrderId;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::Fact;
use crate::domain::signal::context::SignalContext;
use crate::domain::signal::conversion::{Conversion, Draft, EventName, Reason, State};

pub use contents::goods;
pub use context::SignalRules;
pub use readiness::{ASKED_WITHIN, SEND_WITHIN, is_expired};

/// What changes in the conversions of a conversation, so that they are as they ought to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedConversions {
    /// The rows that differ from those of the aggregate, as changed.
    pub changed: Vec<Conversion>,
    /// Drafts of new rows.
    pub drafts: Vec<Draft>,
}

/// Derives the conversions of a conversation from its ledgers.
pub fn derive(aggregate: &ConversationAggregate, rules: &SignalRules, now: Timestamp) -> DerivedConversions {
    let mut changed = Vec::new();
    let mut drafts = Vec::new();
    for ledger in &aggregate.orders {
        let policy = rules.policy(ledger.policy_version);
        let (before, mut rows) = rows_of(aggregate, Some(&ledger.id));
        let context = SignalContext::of(aggregate, rules, &policy, now);
        drafts.extend(purchase::derive(ledger, &mut rows, told_beside(aggregate, ledger), context));
        drafts.extend(lifecycle::derive(
            ledger,
            &mut rows,
            SignalContext::of(aggregate, rules, &policy, now),
        ));
        note_beside(ledger, &mut rows);
        changed.extend(differing(rows, &before, now));
        for joined in &ledger.joined {
            let (before, mut rows) = rows_of(aggregate, Some(&joined.id));
            purchase::stop_resent(&ledger.order, &mut rows);
            changed.extend(differing(rows, &before, now));
        }
    }
    let (before, mut rows) = rows_of(aggregate, None);
    let policy = rules.in_force();
    drafts.extend(lead::derive(
        aggregate,
        &mut rows,
        rules,
        SignalContext::of(aggregate, rules, &policy, now),
    ));
    changed.extend(differing(rows, &before, now));
    DerivedConversions { changed, drafts }
}

/// Notes on the Purchases which tellings stand beside theirs as they leave, and every further one once Meta knows of them,
/// or perhaps does: should one of them turn out to be another sale, Meta was perhaps told of it all the same.
fn note_beside(ledger: &OrderLedger, rows: &mut [Conversion]) {
    for row in rows.iter_mut().filter(|row| row.name == EventName::Purchase) {
        if !purchase::is_told(row) {
            row.beside.clear();
        }
        for joined in &ledger.joined {
            if !row.beside.contains(&joined.id) {
                row.beside.push(joined.id.clone());
            }
        }
    }
}

/// What Meta knows of the sale of an order by the Purchases of its other tellings, in minor units.
fn told_beside(aggregate: &ConversationAggregate, ledger: &OrderLedger) -> i64 {
    let is_beside = |row: &&Conversion| {
        row.order_id.as_ref().is_some_and(|id| *id != ledger.id && ledger.has_id(id))
            && purchase::is_told(row)
    };
    aggregate.conversions.iter().filter(is_beside).filter_map(|row| row.value).sum()
}

/// The conversions of an order, or with `None` the leads: as they are, and a copy to be changed.
fn rows_of<'a>(
    aggregate: &'a ConversationAggregate,
    order: Option<&OrderId>,
) -> (Vec<&'a Conversion>, Vec<Conversion>) {
    let before: Vec<_> = aggregate.conversions.iter().filter(|row| row.order_id.as_ref() == order).collect();
    let rows = before.iter().map(|row| (*row).clone()).collect();
    (before, rows)
}

/// Whether the order of a row is no longer one of its own, because it joined another order. A lead has no order, so this
/// is false for it.
pub fn has_lost_its_order(aggregate: &ConversationAggregate, row: &Conversion) -> bool {
    let Some(order) = &row.order_id else { return false };
    !aggregate.orders.iter().any(|ledger| ledger.id == *order)
}

/// Whether a suppressed row has no cause in the ledger, not even an undone one: only the order of arrival brought it
/// about, so it is dropped instead of shown.
pub fn is_unfounded(aggregate: &ConversationAggregate, row: &Conversion, rules: &SignalRules) -> bool {
    if row.state != State::Suppressed || !row.reason.wakes() || row.reason == Reason::NameRefused {
        return false;
    }
    let Some(order) = &row.order_id else {
        return !lead::was_taken_back(aggregate, row) && !lead::is_stopped(aggregate, row, rules);
    };
    let Some(ledger) = aggregate.orders.iter().find(|ledger| ledger.id == *order) else { return true };
    let policy = rules.policy(row.policy_version);
    let moment = match row.name {
        // The base tells of its cross-sell after all.
        EventName::Purchase if row.number > 0 => return row.uplift_ids.is_empty(),
        EventName::Purchase => policy.purchase_on.reached(&ledger.order),
        name => lifecycle::moment_of(name, &ledger.order, &policy),
    };
    let may_cause = |fact: &Fact| fact.undone || ledger.order.flag_of(&fact.id).is_some();
    moment.is_none() && !ledger.facts.iter().any(may_cause)
}

/// The rows that differ from `before`, after those that grew too old were ended: as `expired`, or as `unknown` where
/// Meta may have taken an earlier attempt.
fn differing(mut rows: Vec<Conversion>, before: &[&Conversion], now: Timestamp) -> Vec<Conversion> {
    for row in &mut rows {
        if !matches!(row.state, State::Held | State::Ready) {
            continue;
        }
        let asked = row.reason == Reason::Contradiction && is_expired(row.event_time, now + ASKED_WITHIN);
        if asked || is_expired(row.event_time, now) {
            (row.state, row.reason) = match row.reason {
                _ if row.resent => (State::Unknown, Reason::AnswerLost),
                reason if reason.is_asked() => (State::Expired, reason),
                _ => (State::Expired, Reason::TooOld),
            };
        }
    }
    rows.into_iter().zip(before).filter(|(row, before)| row != **before).map(|(row, _)| row).collect()
}
