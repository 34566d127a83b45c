//! A tag: the fact, the order, its conversions and the change for the feed, in one unit or not at all.

use crate::clock::Timestamp;
use crate::error::{Error, Kind as Failure, Result};
use crate::store::Unit;
use crate::store::ledger::Thread;
use crate::store::page::Page;
use crate::vocabulary::conversion::Conversion;
use crate::vocabulary::identity::{ConversationId, OrderId, OutcomeId};
use crate::vocabulary::order;
use crate::vocabulary::outcome::{Fact, Terms};
use crate::vocabulary::sale::{self, Decision, Fault, Refusal, Standing, Tag};

use super::House;
use super::follow::judge;

/// What a tag or an undo came to.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// The entry.
    pub outcome_id: OutcomeId,
    /// It already stood in the ledger.
    pub known: bool,
    /// The order as it now stands.
    pub order: Standing,
    /// Its conversions as they now stand: what Meta knows or will know.
    pub conversions: Vec<Conversion>,
}

/// How often a unit is begun again when another writer stood in its way.
const CONTENTION_MAX: u32 = 5;

/// Says of a conversation what happened to one of its orders.
///
/// # Errors
/// `not_found`; a 409 with the `legal` moves when it can't be said as things stand; an invalid field.
pub async fn tag(
    house: &House,
    conversation: &ConversationId,
    tag: &Tag,
    by: (&str, Option<&str>),
) -> Result<Tagged> {
    let mut contended = 0;
    loop {
        match tag_once(house, conversation, tag, by).await {
            Err(error) if error.kind == Failure::Contended && contended < CONTENTION_MAX => contended += 1,
            done => return done,
        }
    }
}

async fn tag_once(
    house: &House,
    conversation: &ConversationId,
    tag: &Tag,
    (actor, reason): (&str, Option<&str>),
) -> Result<Tagged> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    let (thread, page, mut orders) = look(&mut unit, conversation).await?;
    if tag.kind.wants_reason() && reason.is_none() {
        return Err(Error::field("/reason", format!("\"{}\" must say why.", tag.kind.as_str())));
    }
    if sale::is_repeatable(tag) && tag.reference.is_none() {
        let why = "may be said several times of an order, so it needs a ref or an Idempotency-Key";
        return Err(Error::field("/ref", format!("\"{}\" {why}.", tag.kind.as_str())));
    }
    if let Some(known) = by_reference(tag, &orders) {
        return answer(&mut unit, known.1, true, orders.swap_remove(known.0)).await;
    }
    let decided = sale::decide(tag, &orders, now).map_err(|refusal| refused(refusal, &orders))?;
    let write = |terms: Terms, occurred_at: Timestamp| Fact {
        id: OutcomeId(house.ids.next(now)),
        kind: tag.kind,
        occurred_at,
        recorded_at: now,
        actor: actor.to_owned(),
        source: tag.source,
        reference: tag.reference.clone(),
        terms,
        reason: reason.map(str::to_owned),
        undone: false,
        accepted: false,
    };
    let (fact, mut standing) = match decided {
        Decision::Known { order, outcome_id, also_named } => {
            let mut standing = orders.swap_remove(order);
            name(&mut unit, &page, &mut standing, also_named).await?;
            let tagged = answer(&mut unit, outcome_id, true, standing).await?;
            unit.commit().await?;
            return Ok(tagged);
        }
        Decision::Append { order, terms, occurred_at } => {
            (write(terms, occurred_at), orders.swap_remove(order))
        }
        Decision::Open { number, terms, occurred_at, .. } => {
            let standing = open(&mut unit, house, &page, &thread, number, &terms).await?;
            (write(terms, occurred_at), standing)
        }
    };
    unit.append_outcome(&thread, Some(&standing.id), &fact).await?;
    let outcome_id = fact.id.clone();
    standing.facts.push(fact);
    let conversions = write_order(&mut unit, house, &page, &thread, &mut standing, now).await?;
    unit.commit().await?;
    Ok(Tagged { outcome_id, known: false, order: standing, conversions })
}

/// Takes back the newest effective entry that a person made on an order. Undoing twice gives the same entry.
pub async fn undo(house: &House, outcome: &OutcomeId, actor: &str) -> Result<Tagged> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    let place = unit.place_of_outcome(outcome).await?;
    let Some((conversation, Some(order_id))) = place else { return Err(Error::not_found("outcome")) };
    let (thread, page, mut orders) = look(&mut unit, &conversation).await?;
    let index = orders.iter().position(|standing| standing.id == order_id);
    let mut standing = orders.swap_remove(index.ok_or_else(|| Error::not_found("outcome"))?);
    if let Some(earlier) = unit.undo_of(outcome).await? {
        return answer(&mut unit, earlier, true, standing).await;
    }
    let newest = standing.facts.iter().rev().find(|fact| fact.source.is_person() && !fact.undone);
    let Some(about) = newest.filter(|fact| fact.id == *outcome).cloned() else {
        let in_the_way = newest.map_or("nothing that a person said is left to undo".to_owned(), |fact| {
            format!("\"{}\" ({}) was said later: undo that first", fact.kind.as_str(), fact.id)
        });
        return Err(Error::conflict("not_the_newest", format!("This entry can't be undone: {in_the_way}.")));
    };
    let id = OutcomeId(house.ids.next(now));
    unit.append_undo(&thread, Some(&order_id), (&id, &about), actor, now).await?;
    for fact in standing.facts.iter_mut().filter(|fact| fact.id == about.id) {
        fact.undone = true;
    }
    let conversions = write_order(&mut unit, house, &page, &thread, &mut standing, now).await?;
    unit.commit().await?;
    Ok(Tagged { outcome_id: id, known: false, order: standing, conversions })
}

/// The conversation, held, with its Page and orders.
pub(super) async fn look(unit: &mut Unit, id: &ConversationId) -> Result<(Thread, Page, Vec<Standing>)> {
    let thread = unit.hold_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let page = unit.page(&thread.page_id).await?.ok_or_else(|| Error::not_found("Page"))?;
    let orders = unit.orders_of(id, page.currency).await?;
    Ok((thread, page, orders))
}

fn by_reference(tag: &Tag, orders: &[Standing]) -> Option<(usize, OutcomeId)> {
    let reference = tag.reference.as_ref()?;
    orders.iter().enumerate().find_map(|(index, standing)| {
        let same = |fact: &&Fact| fact.reference.as_ref() == Some(reference) && fact.source == tag.source;
        standing.facts.iter().find(same).map(|fact| (index, fact.id.clone()))
    })
}

async fn open(
    unit: &mut Unit,
    house: &House,
    page: &Page,
    thread: &Thread,
    number: Option<String>,
    terms: &Terms,
) -> Result<Standing> {
    let now = house.clock.now();
    let id = OrderId(house.ids.next(now));
    let service_numbered = number.is_none();
    let number = match number {
        Some(number) => number,
        None => unit.next_order_number(&page.id).await?,
    };
    unit.open_order(&id, thread, service_numbered, (page.policy.version, terms.currency), now).await?;
    let mut standing = Standing {
        id,
        numbers: Vec::new(),
        service_numbered,
        version: 0,
        facts: Vec::new(),
        order: order::Order::new(terms.currency),
    };
    name(unit, page, &mut standing, Some(number)).await?;
    Ok(standing)
}

async fn name(unit: &mut Unit, page: &Page, standing: &mut Standing, number: Option<String>) -> Result<()> {
    let Some(number) = number else { return Ok(()) };
    if !unit.name_order(&page.id, &standing.id, &number, standing.numbers.len()).await? {
        let message = "This order number belongs to another conversation of the Page: check the number.";
        return Err(Error::conflict("order_belongs_elsewhere", message));
    }
    standing.numbers.push(number);
    Ok(())
}

/// Writes the order as its ledger now folds, and everything that follows from it.
async fn write_order(
    unit: &mut Unit,
    house: &House,
    page: &Page,
    thread: &Thread,
    standing: &mut Standing,
    now: Timestamp,
) -> Result<Vec<Conversion>> {
    standing.order = order::fold(&standing.facts, page.currency);
    standing.version += 1;
    unit.put_order(&standing.id, &standing.order, standing.version).await?;
    unit.append_change(&house.ids.next(now), &page.id, &standing.id, standing.version, now).await?;
    judge(unit, &house.ids, page, thread, standing, now).await
}

async fn answer(unit: &mut Unit, outcome_id: OutcomeId, known: bool, order: Standing) -> Result<Tagged> {
    let conversions = unit.conversions_of(&order.id).await?;
    Ok(Tagged { outcome_id, known, order, conversions })
}

fn refused(refusal: Refusal, orders: &[Standing]) -> Error {
    match refusal.at_fault {
        Fault::Field(pointer) => Error::field(pointer, refusal.message),
        Fault::Standing => {
            let state = refusal.order.map_or(order::State::None, |index| orders[index].order.state);
            let legal: Vec<&str> = state.legal().iter().map(|kind| kind.as_str()).collect();
            Error::conflict(refusal.code, refusal.message).with("legal", legal)
        }
    }
}
