//! Follow-ups, the entries about other entries: an undo takes a fact back; an acceptance lets a flagged fact move its
//! order.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::follow_up::{may_accept, may_take_back, may_undo, may_undo_acceptance};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, Flag, FollowUp, FollowUpEntry, Source};
use crate::domain::order::tagged::Tagged;
use crate::error::{Error, Result};
use crate::flow::convert::loaded::{LoadedConversation, load};
use crate::flow::tag::record::{answer_about, append_ruling};
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::outcome::{EntryOrigin, EntryPosition};

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

/// Undoes a fact, or the acceptance of one. A person undoes the newest effective entry that a person made on that order or
/// chat; a CRM its own facts, whatever came after them. A second undo gives the same entry.
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

/// Appends a follow-up about `entry`, a fact of a loaded conversation or the acceptance of one, and applies what follows.
/// A refusal leaves nothing behind.
///
/// # Errors
/// A 409 that gives the reason.
pub(in crate::flow) async fn append(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    entry: &OutcomeId,
    kind: FollowUp,
    sender: Sender<'_>,
) -> Result<Tagged> {
    let fact = fact_behind(unit, loaded, entry, kind).await?;
    if let Some(earlier) = unit.entry_about(kind, entry).await? {
        let missing = || Error::not_found("outcome");
        let EntryOrigin { recorded_at, source, actor, .. } =
            unit.entry_origin(&earlier).await?.ok_or_else(missing)?;
        let id = earlier.clone();
        let follow_up = Some(FollowUpEntry { id, about: entry.clone(), kind, recorded_at, source, actor });
        return Ok(Tagged { known: true, follow_up, ..answer_about(loaded, earlier, fact) });
    }
    match (kind, sender.source) {
        (FollowUp::Undo, Some(_)) => {
            may_undo(&loaded.aggregate, entry, &fact)?;
            if *entry != fact.id {
                may_undo_acceptance(&loaded.aggregate, &fact)?;
            }
        }
        (FollowUp::Undo, None) if *entry == fact.id => {
            let is_gone = fact.actor != sender.actor && unit.is_sender_gone(&fact.actor).await?;
            may_take_back(&fact, if is_gone { &fact.actor } else { sender.actor })?;
        }
        (FollowUp::Accept, _) => may_accept(&loaded.aggregate, &fact)?,
        (FollowUp::Undo, None) => {
            return Err(Error::conflict("not_your_fact", "A person accepted this: ask an operator."));
        }
        (FollowUp::Join | FollowUp::Part, _) => {
            return Err(Error::internal("a decision about two sales is no undo"));
        }
    }
    let follow_up = FollowUpEntry {
        id: OutcomeId(services.ids.next(loaded.now)),
        about: entry.clone(),
        kind,
        recorded_at: loaded.now,
        source: sender.source.unwrap_or(fact.source),
        actor: sender.actor.to_owned(),
    };
    let order = loaded.aggregate.order_of(&fact.id).map(|ledger| ledger.id.clone());
    let position = loaded.aggregate.next_position();
    let position = EntryPosition { thread: &loaded.aggregate.thread, order: order.as_ref(), position };
    unit.append_follow_up(position, &follow_up, None, fact.terms.currency);
    if kind == FollowUp::Undo && *entry == fact.id && fact.reference.is_some() {
        unit.free_reference(&fact.id).await?;
    }
    loaded.note_cause(&follow_up.id);
    if kind == FollowUp::Accept {
        part_from_doubts(unit, services, loaded, &fact, sender.actor);
    }
    loaded.aggregate.mark(&follow_up);
    match &order {
        None => loaded.conversation_changed(unit, services).await?,
        Some(id) => loaded.touch(Some(id)),
    }
    loaded.apply(unit, services).await?;
    let fact = loaded.aggregate.fact(&fact.id).cloned().unwrap_or(fact);
    let answer = answer_about(loaded, follow_up.id.clone(), fact);
    Ok(Tagged { follow_up: Some(follow_up), ..answer })
}

/// The fact that `entry` is, or whose acceptance it is, which only an undo may name.
async fn fact_behind(
    unit: &mut Unit,
    loaded: &LoadedConversation,
    entry: &OutcomeId,
    kind: FollowUp,
) -> Result<Fact> {
    if let Some(fact) = loaded.aggregate.fact(entry) {
        return Ok(fact.clone());
    }
    let accepted = unit.entry_origin(entry).await?.filter(|origin| origin.kind == FollowUp::Accept.as_str());
    let accepted = accepted.filter(|_| kind == FollowUp::Undo).and_then(|origin| origin.about);
    accepted.and_then(|id| loaded.aggregate.fact(&id).cloned()).ok_or_else(|| {
        let message = "Only a fact can be undone or accepted, and an acceptance undone; not another entry about a fact.";
        Error::conflict("not_a_fact", message)
    })
}

/// To accept a fact that is flagged as perhaps the same sale is to say that its order is a sale of its own.
fn part_from_doubts(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    fact: &Fact,
    actor: &str,
) {
    let is_doubted = |ledger: &&OrderLedger| {
        ledger.doubt.is_parked && ledger.order.flag_of(&fact.id) == Some(Flag::PerhapsSameSale)
    };
    let Some(ledger) = loaded.aggregate.order_of(&fact.id).filter(is_doubted) else { return };
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
