//! Entries about other entries: undo takes one back, acceptance lets a flagged one move its order.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::outcome::{Fact, Source};
use crate::error::{Error, Result};
use crate::flow::convert::apply::{LoadedConversation, load};
use crate::flow::services::Services;
use crate::flow::tag::record::{FollowUpEntry, Tagged, answer_of};
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::retried;
use crate::store::Unit;
use crate::store::outcome::{EntryOrigin, EntryPosition, FollowUp, NewFollowUp};

/// Takes an entry back. A person takes back the newest effective entry that a person made on that order or
/// chat, and says so by a `door`; a CRM, which has none, its own facts, at any depth. Undoing twice gives the
/// same entry.
///
/// # Errors
/// `not_found`; a 409 that names what stands in the way.
pub async fn undo(
    services: &Services,
    outcome: &OutcomeId,
    (actor, door): (&str, Option<Source>),
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    append(services, outcome, FollowUp::Undo, (actor, door), request).await
}

/// The undo of a person within a unit, by the door `source`.
pub(in crate::flow) async fn take_back(
    unit: &mut Unit,
    services: &Services,
    outcome: &OutcomeId,
    (actor, source): (&str, Source),
) -> Result<Tagged> {
    append_within(unit, services, outcome, FollowUp::Undo, (actor, Some(source))).await
}

/// Accepts a flagged fact, so that it moves its order after all; a person says so by a `door`.
///
/// # Errors
/// `not_found`; 409 if the fact is not flagged.
pub async fn accept(
    services: &Services,
    outcome: &OutcomeId,
    (actor, door): (&str, Source),
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    append(services, outcome, FollowUp::Accept, (actor, Some(door)), request).await
}

async fn append(
    services: &Services,
    outcome: &OutcomeId,
    what: FollowUp,
    by: (&str, Option<Source>),
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    retried(move || async move {
        let now = services.clock.now();
        let mut unit = services.store.begin(what.as_str()).await?;
        if let Some(before) = request.before(&mut unit, now).await? {
            return Ok(Idempotent::Replayed(before));
        }
        let done = append_within(&mut unit, services, outcome, what, by).await?;
        request.keep(&mut unit, &done, now).await?;
        unit.commit().await?;
        Ok(Idempotent::Done(done))
    })
    .await
}

/// `door` is the one by which a person says so; who has none is from outside.
async fn append_within(
    unit: &mut Unit,
    services: &Services,
    outcome: &OutcomeId,
    what: FollowUp,
    (actor, door): (&str, Option<Source>),
) -> Result<Tagged> {
    let now = services.clock.now();
    let missing = || Error::not_found("outcome");
    let conversation = unit.conversation_of_outcome(outcome).await?.ok_or_else(missing)?;
    let mut loaded = load(unit, &conversation, now).await?;
    let fact = find(&loaded, outcome).cloned().ok_or_else(|| {
        Error::conflict("not_a_fact", "Only a fact can be undone or accepted, not an entry about one.")
    })?;
    if let Some(earlier) = unit.entry_about(what, outcome).await? {
        let EntryOrigin { recorded_at, source, actor, .. } =
            unit.entry_origin(&earlier).await?.ok_or_else(missing)?;
        let about = Some(FollowUpEntry { what, recorded_at, source, actor });
        return Ok(Tagged { known: true, about, ..answer_of(&loaded, earlier, fact) });
    }
    match what {
        FollowUp::Undo => may_undo(&loaded, &fact, actor, door.is_none())?,
        FollowUp::Accept => is_flagged(&loaded, &fact)?,
    }
    let id = OutcomeId(services.ids.next(now));
    let order =
        loaded.aggregate.orders.iter().find(|ledger| ledger.facts.iter().any(|known| known.id == fact.id));
    let (order, version) = match order {
        Some(ledger) => (Some(ledger.id.clone()), ledger.version + 1),
        None => (None, loaded.aggregate.thread.version + 1),
    };
    let position = EntryPosition { thread: &loaded.aggregate.thread, order: order.as_ref(), version };
    let source = door.unwrap_or(fact.source);
    unit.append_follow_up(position, NewFollowUp { id: &id, what, about: &fact, source, actor }, now);
    mark(&mut loaded, outcome, what);
    if order.is_none() {
        loaded.conversation_changed(unit, services).await?;
    } else {
        loaded.touch(order.as_ref());
    }
    loaded.apply(unit, services).await?;
    let fact = find(&loaded, outcome).cloned().unwrap_or(fact);
    let about = Some(FollowUpEntry { what, recorded_at: now, source, actor: actor.to_owned() });
    Ok(Tagged { about, ..answer_of(&loaded, id, fact) })
}

fn facts(loaded: &LoadedConversation) -> impl Iterator<Item = &Fact> {
    loaded.aggregate.orders.iter().flat_map(|ledger| &ledger.facts).chain(&loaded.aggregate.said)
}

fn find<'a>(loaded: &'a LoadedConversation, outcome: &OutcomeId) -> Option<&'a Fact> {
    facts(loaded).find(|fact| fact.id == *outcome)
}

fn mark(loaded: &mut LoadedConversation, outcome: &OutcomeId, what: FollowUp) {
    let of_orders = loaded.aggregate.orders.iter_mut().flat_map(|ledger| &mut ledger.facts);
    for fact in of_orders.chain(&mut loaded.aggregate.said).filter(|fact| fact.id == *outcome) {
        match what {
            FollowUp::Undo => fact.undone = true,
            FollowUp::Accept => fact.accepted = true,
        }
    }
}

/// Whether `actor` may take `fact` back as things stand.
fn may_undo(loaded: &LoadedConversation, fact: &Fact, actor: &str, outside: bool) -> Result<()> {
    if outside {
        let own = !fact.source.is_person() && fact.source != Source::Service && fact.actor == actor;
        return own.then_some(()).ok_or_else(|| {
            Error::conflict("not_your_fact", "A CRM may take back its own facts only; ask an operator.")
        });
    }
    let beside: Vec<&Fact> = match loaded.aggregate.orders.iter().find(|order| order.facts.contains(fact)) {
        Some(order) => order.facts.iter().collect(),
        None => match loaded.aggregate.chat_at(fact.occurred_at) {
            Some(chat) => loaded
                .aggregate
                .said
                .iter()
                .filter(|said| loaded.aggregate.chat_at(said.occurred_at) == Some(chat))
                .collect(),
            None => loaded.aggregate.said.iter().collect(),
        },
    };
    let newest = beside.into_iter().rev().find(|fact| fact.source.is_person() && !fact.undone);
    if newest.is_some_and(|newest| newest.id == fact.id) {
        return Ok(());
    }
    let in_the_way = newest.map_or("nothing that a person said is left to undo".to_owned(), |newest| {
        format!("\"{}\" ({}) was said later: undo that first", newest.kind.as_str(), newest.id)
    });
    Err(Error::conflict("not_the_newest", format!("This entry can't be undone: {in_the_way}.")))
}

fn is_flagged(loaded: &LoadedConversation, fact: &Fact) -> Result<()> {
    match loaded.aggregate.orders.iter().find_map(|ledger| ledger.order.flag_of(&fact.id)) {
        Some(flag) if flag.can_be_accepted() => Ok(()),
        Some(_) => Err(Error::conflict(
            "other_currency",
            "This fact is of another currency than its order, so its sum can't be taken in: have it taken back \
             by its sender, and say it in the order's currency.",
        )),
        None => Err(Error::conflict("not_flagged", "This fact is not flagged: there is nothing to accept.")),
    }
}
