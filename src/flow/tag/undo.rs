//! Entries about other entries: undo takes one back, acceptance lets a flagged one move its order.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::outcome::{Fact, Source};
use crate::error::{Error, Result};
use crate::flow::convert::apply::{Held, hold};
use crate::flow::services::House;
use crate::flow::tag::record::{Entry, Tagged, answer_of};
use crate::flow::unit::idempotency::{Answered, Asked};
use crate::flow::unit::retried;
use crate::store::Unit;
use crate::store::outcome::{About, Spot};

/// Takes an entry back. A person takes back the newest effective entry that a person made on that order or
/// chat, and says so by a `door`; a CRM, which has none, its own facts, at any depth. Undoing twice gives the
/// same entry.
///
/// # Errors
/// `not_found`; a 409 that names what stands in the way.
pub async fn undo(
    house: &House,
    outcome: &OutcomeId,
    (actor, door): (&str, Option<Source>),
    asked: &Asked<Tagged>,
) -> Result<Answered<Tagged>> {
    append(house, outcome, About::Undo, (actor, door), asked).await
}

/// The undo of a person within a unit, by the door `source`.
pub(in crate::flow) async fn take_back(
    unit: &mut Unit,
    house: &House,
    outcome: &OutcomeId,
    (actor, source): (&str, Source),
) -> Result<Tagged> {
    append_within(unit, house, outcome, About::Undo, (actor, Some(source))).await
}

/// Accepts a flagged fact, so that it moves its order after all; a person says so by a `door`.
///
/// # Errors
/// `not_found`; 409 if the fact is not flagged.
pub async fn accept(
    house: &House,
    outcome: &OutcomeId,
    (actor, door): (&str, Source),
    asked: &Asked<Tagged>,
) -> Result<Answered<Tagged>> {
    append(house, outcome, About::Accept, (actor, Some(door)), asked).await
}

async fn append(
    house: &House,
    outcome: &OutcomeId,
    what: About,
    by: (&str, Option<Source>),
    asked: &Asked<Tagged>,
) -> Result<Answered<Tagged>> {
    retried(move || async move {
        let now = house.clock.now();
        let mut unit = house.store.begin(what.as_str()).await?;
        if let Some(before) = asked.before(&mut unit, now).await? {
            return Ok(Answered::Before(before));
        }
        let done = append_within(&mut unit, house, outcome, what, by).await?;
        asked.keep(&mut unit, &done, now).await?;
        unit.commit().await?;
        Ok(Answered::Now(done))
    })
    .await
}

/// `door` is the one by which a person says so; who has none is from outside.
async fn append_within(
    unit: &mut Unit,
    house: &House,
    outcome: &OutcomeId,
    what: About,
    (actor, door): (&str, Option<Source>),
) -> Result<Tagged> {
    let now = house.clock.now();
    let missing = || Error::not_found("outcome");
    let conversation = unit.conversation_of_outcome(outcome).await?.ok_or_else(missing)?;
    let mut held = hold(unit, &conversation, now).await?;
    let fact = find(&held, outcome).cloned().ok_or_else(|| {
        Error::conflict("not_a_fact", "Only a fact can be undone or accepted, not an entry about one.")
    })?;
    if let Some(earlier) = unit.entry_about(what, outcome).await? {
        let (recorded_at, source, actor) = unit.written_by(&earlier).await?;
        let about = Some(Entry { what, recorded_at, source, actor });
        return Ok(Tagged { known: true, about, ..answer_of(&held, earlier, fact) });
    }
    match what {
        About::Undo => may_undo(&held, &fact, actor, door.is_none())?,
        About::Accept => is_flagged(&held, &fact)?,
    }
    let id = OutcomeId(house.ids.next(now));
    let order =
        held.dossier.orders.iter().find(|standing| standing.facts.iter().any(|known| known.id == fact.id));
    let (order, version) = match order {
        Some(standing) => (Some(standing.id.clone()), standing.version + 1),
        None => (None, held.dossier.thread.version + 1),
    };
    let spot = Spot { thread: &held.dossier.thread, order: order.as_ref(), version };
    let source = door.unwrap_or(fact.source);
    unit.append_about(spot, (&id, what, &fact), (source, actor), now);
    mark(&mut held, outcome, what);
    if order.is_none() {
        held.conversation_changed(unit, house).await?;
    } else {
        held.touch(order.as_ref());
    }
    held.follow(unit, house).await?;
    let fact = find(&held, outcome).cloned().unwrap_or(fact);
    let about = Some(Entry { what, recorded_at: now, source, actor: actor.to_owned() });
    Ok(Tagged { about, ..answer_of(&held, id, fact) })
}

fn facts(held: &Held) -> impl Iterator<Item = &Fact> {
    held.dossier.orders.iter().flat_map(|standing| &standing.facts).chain(&held.dossier.said)
}

fn find<'a>(held: &'a Held, outcome: &OutcomeId) -> Option<&'a Fact> {
    facts(held).find(|fact| fact.id == *outcome)
}

fn mark(held: &mut Held, outcome: &OutcomeId, what: About) {
    let of_orders = held.dossier.orders.iter_mut().flat_map(|standing| &mut standing.facts);
    for fact in of_orders.chain(&mut held.dossier.said).filter(|fact| fact.id == *outcome) {
        match what {
            About::Undo => fact.undone = true,
            About::Accept => fact.accepted = true,
        }
    }
}

/// Whether `actor` may take `fact` back as things stand.
fn may_undo(held: &Held, fact: &Fact, actor: &str, outside: bool) -> Result<()> {
    if outside {
        let own = !fact.source.is_person() && fact.source != Source::Service && fact.actor == actor;
        return own.then_some(()).ok_or_else(|| {
            Error::conflict("not_your_fact", "A CRM may take back its own facts only; ask an operator.")
        });
    }
    let beside: Vec<&Fact> = match held.dossier.orders.iter().find(|order| order.facts.contains(fact)) {
        Some(order) => order.facts.iter().collect(),
        None => match held.dossier.chat_at(fact.occurred_at) {
            Some(chat) => held
                .dossier
                .said
                .iter()
                .filter(|said| held.dossier.chat_at(said.occurred_at) == Some(chat))
                .collect(),
            None => held.dossier.said.iter().collect(),
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

fn is_flagged(held: &Held, fact: &Fact) -> Result<()> {
    match held.dossier.orders.iter().find_map(|standing| standing.order.flag_of(&fact.id)) {
        Some(flag) if flag.can_be_accepted() => Ok(()),
        Some(_) => Err(Error::conflict(
            "other_currency",
            "This fact is of another currency than its order, so its sum can't be taken in: have it taken back \
             by its sender, and say it in the order's currency.",
        )),
        None => Err(Error::conflict("not_flagged", "This fact is not flagged: there is nothing to accept.")),
    }
}
