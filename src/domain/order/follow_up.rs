//! Whether a fact may be undone or accepted as things stand. People undo from the newest entry backwards, so that no
//! later word of theirs loses what it was based on; a CRM may take back its own facts at any depth; only a flagged
//! fact can be accepted. That an undone fact is undone again is no matter of these rules: it gives the same entry.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::order::fold;
use crate::domain::order::outcome::{Fact, Source, newest_by_person};
use crate::error::{Error, Result};

/// Whether a person may undo `entry`, which is `fact` or its acceptance: it must be the newest effective entry that a
/// person made on that order or chat, or a fact that carries a flag, whoever said it.
///
/// # Errors
/// 409 `not_the_newest`, which names the later entry.
pub fn may_undo(aggregate: &ConversationAggregate, entry: &OutcomeId, fact: &Fact) -> Result<()> {
    if aggregate.order_of(&fact.id).is_some_and(|ledger| ledger.order.flag_of(entry).is_some()) {
        return Ok(());
    }
    let same_ledger: Vec<&Fact> = match aggregate.order_of(&fact.id) {
        Some(ledger) => ledger.facts.iter().collect(),
        None => match aggregate.chat_at(fact.occurred_at) {
            Some(chat) => {
                let is_of_chat = |other: &&Fact| aggregate.chat_at(other.occurred_at) == Some(chat);
                aggregate.chat_facts.iter().filter(is_of_chat).collect()
            }
            None => aggregate.chat_facts.iter().collect(),
        },
    };
    let newest = newest_by_person(same_ledger.into_iter());
    if newest.is_some_and(|newest| newest.id() == entry) {
        return Ok(());
    }
    let obstacle = newest.map_or("nothing that a person said is left to undo".to_owned(), |newest| {
        format!("\"{}\" ({}) was said later: undo that first", newest.kind(), newest.id())
    });
    Err(Error::conflict("not_the_newest", format!("This entry can't be undone: {obstacle}.")))
}

/// Whether the acceptance of `fact` may be undone: it must have lifted a flag that the fact would carry again. To accept one
/// that was perhaps the same sale is to say that its order is a sale of its own, and that is final.
///
/// # Errors
/// 409 `said_two_sales`.
pub fn may_undo_acceptance(aggregate: &ConversationAggregate, fact: &Fact) -> Result<()> {
    let Some(ledger) = aggregate.order_of(&fact.id) else { return Ok(()) };
    let mut facts = ledger.facts.clone();
    for own in facts.iter_mut().filter(|own| own.id == fact.id) {
        own.accepted = false;
    }
    match fold::fold(&facts, ledger.order.currency).flag_of(&fact.id) {
        Some(_) => Ok(()),
        None => Err(Error::conflict(
            "said_two_sales",
            "Accepting this said that the order is a sale of its own, which is final: if it is another order's, join the two.",
        )),
    }
}

/// Whether a CRM may take `fact` back: its own facts, at any depth. `actor` is the name of its API key.
///
/// # Errors
/// 409 `not_your_fact` for one that a person, the service or another key recorded.
pub fn may_take_back(fact: &Fact, actor: &str) -> Result<()> {
    let own = !fact.source.is_person() && fact.source != Source::Service && fact.actor == actor;
    own.then_some(()).ok_or_else(|| {
        Error::conflict("not_your_fact", "A CRM may take back its own facts only; ask an operator.")
    })
}

/// Whether `fact` is flagged, and its flag can be lifted by accepting it.
///
/// # Errors
/// 409 `not_flagged`; 409 `other_currency` for the one flag that nobody can lift.
pub fn may_accept(aggregate: &ConversationAggregate, fact: &Fact) -> Result<()> {
    match aggregate.orders.iter().find_map(|ledger| ledger.order.flag_of(&fact.id)) {
        Some(flag) if flag.can_be_accepted() => Ok(()),
        Some(_) => Err(Error::conflict(
            "other_currency",
            "This fact is of another currency than its order, so its sum can't be taken in: have it taken back \
             by its sender, and say it in the order's currency.",
        )),
        None => Err(Error::conflict("not_flagged", "This fact is not flagged: there is nothing to accept.")),
    }
}
