//! Follow-ups, the entries about other entries: an undo takes a fact back; an acceptance lets a flagged fact move its
//! order.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::follow_up::{may_accept, may_take_back, may_undo};
use crate::domain::order::outcome::{Fact, FollowUp, Source};
use crate::domain::order::tagged::{FollowUpEntry, Tagged};
use crate::error::{Error, Result};
use crate::flow::convert::loaded::{LoadedConversation, load};
use crate::flow::tag::record::{answer_about, append_ruling};
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::outcome::{EntryOrigin, EntryPosition, NewFollowUp};

/// Who makes a follow-up.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    /// The person's name, or that of the API key.
    pub actor: &'a str,
    /// The source of a person's entry; `None` for a CRM, which may undo only its own facts.
    pub source: Option<Source>,
}

impl<'a> Sender<'a> {
    /// A person, with the source by which they act.
    pub const fn person(actor: &'a str, source: Source) -> Self {
        Self { actor, source: Some(source) }
    }

    /// A CRM, by the name of its key.
    pub const fn outside(actor: &'a str) -> Self {
        Self { actor, source: None }
    }
}

/// Undoes a fact. A person undoes the newest effective entry that a person made on that order or chat; a CRM its own
/// facts, whatever came after them. A second undo gives the same entry.
///
/// # Errors
/// `not_found`; a 409 that names what prevents it.
pub async fn undo(
    services: &Services,
    outcome: &OutcomeId,
    sender: Sender<'_>,
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    follow_up(services, outcome, FollowUp::Undo, sender, request).await
}

/// Accepts a flagged fact, so that it moves its order after all. A second acceptance gives the same entry.
///
/// # Errors
/// `not_found`; 409 if the fact is not flagged.
pub async fn accept(
    services: &Services,
    outcome: &OutcomeId,
    sender: Sender<'_>,
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    follow_up(services, outcome, FollowUp::Accept, sender, request).await
}

async fn follow_up(
    services: &Services,
    outcome: &OutcomeId,
    kind: FollowUp,
    sender: Sender<'_>,
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    run::answer(services, kind.as_str(), request, |unit, _| {
        Box::pin(async move {
            let missing = || Error::not_found("outcome");
            let conversation = unit.conversation_of_outcome(outcome).await?.ok_or_else(missing)?;
            let mut loaded = load(unit, &conversation, services.clock.now()).await?;
            append(unit, services, &mut loaded, outcome, kind, sender).await
        })
    })
    .await
}

/// Appends a follow-up to a fact of a loaded conversation, and applies what follows. A refusal leaves nothing behind.
///
/// # Errors
/// A 409 that gives the reason.
pub(in crate::flow) async fn append(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    outcome: &OutcomeId,
    kind: FollowUp,
    sender: Sender<'_>,
) -> Result<Tagged> {
    let fact = loaded.aggregate.fact(outcome).cloned().ok_or_else(|| {
        Error::conflict("not_a_fact", "Only a fact can be undone or accepted, not an entry about one.")
    })?;
    if let Some(earlier) = unit.entry_about(kind, outcome).await? {
        let missing = || Error::not_found("outcome");
        let EntryOrigin { recorded_at, source, actor, .. } =
            unit.entry_origin(&earlier).await?.ok_or_else(missing)?;
        let follow_up = Some(FollowUpEntry { kind, recorded_at, source, actor });
        return Ok(Tagged { known: true, follow_up, ..answer_about(loaded, earlier, fact) });
    }
    match (kind, sender.source) {
        (FollowUp::Undo, Some(_)) => may_undo(&loaded.aggregate, &fact)?,
        (FollowUp::Undo, None) => may_take_back(&fact, sender.actor)?,
        (FollowUp::Accept, _) => may_accept(&loaded.aggregate, &fact)?,
        (FollowUp::Join | FollowUp::Part, _) => {
            return Err(Error::internal("a decision about two sales is no undo"));
        }
    }
    let (now, source) = (loaded.now, sender.source.unwrap_or(fact.source));
    let id = OutcomeId(services.ids.next(now));
    let order = loaded.aggregate.order_of(outcome).map(|ledger| ledger.id.clone());
    let position = loaded.aggregate.next_position();
    let position = EntryPosition { thread: &loaded.aggregate.thread, order: order.as_ref(), position };
    let entry = NewFollowUp { id: &id, kind, about: &fact, other: None, source, actor: sender.actor };
    unit.append_follow_up(position, entry, now);
    if kind == FollowUp::Undo && fact.reference.is_some() {
        unit.free_reference(&fact.id).await?;
    }
    if kind == FollowUp::Accept {
        part_from_doubts(unit, services, loaded, &fact, sender.actor);
    }
    loaded.aggregate.mark(outcome, kind);
    match &order {
        None => loaded.conversation_changed(unit, services).await?,
        Some(id) => loaded.touch(Some(id)),
    }
    loaded.apply(unit, services).await?;
    let fact = loaded.aggregate.fact(outcome).cloned().unwrap_or(fact);
    let follow_up = Some(FollowUpEntry { kind, recorded_at: now, source, actor: sender.actor.to_owned() });
    Ok(Tagged { follow_up, ..answer_about(loaded, id, fact) })
}

/// To accept a fact that is flagged as perhaps the same sale is to say that its order is a sale of its own.
fn part_from_doubts(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    fact: &Fact,
    actor: &str,
) {
    let Some(ledger) = loaded.aggregate.order_of(&fact.id).filter(|ledger| ledger.doubt.is_parked) else {
        return;
    };
    let giver = ledger.giver().unwrap_or(fact);
    let about = Fact { actor: actor.to_owned(), source: Source::Api, ..giver.clone() };
    let others = ledger.doubt.with.iter();
    let others =
        others.filter_map(|id| loaded.aggregate.orders.iter().find(|ledger| ledger.id == *id)?.giver());
    let others: Vec<OutcomeId> = others.map(|fact| fact.id.clone()).collect();
    for other in others {
        append_ruling(unit, services, loaded, &about, FollowUp::Part, other);
    }
}
