//! A tag: the fact, the order, its conversions and the change for the feed, in one unit or not at all.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId};
use crate::domain::conversation::customer::Customer;
use crate::domain::order::fold;
use crate::domain::order::outcome::{Fact, Flag, Kind, Source, Terms};
use crate::domain::order::tag_decision::{self, Decision, Fault, Refusal, Standing, Tag};
use crate::domain::signal::conversion::Conversion;
use crate::error::{Error, Kind as Failure, Result};
use crate::flow::convert::apply::{Held, hold};
use crate::flow::services::House;
use crate::flow::tag::batch::Wanted;
use crate::flow::unit::idempotency::{Answered, Asked};
use crate::flow::unit::retried;
use crate::store::Unit;
use crate::store::conversation::SaidBy;
use crate::store::outcome::{About, Spot};

/// What a tag, an undo or an acceptance came to.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// The entry: the fact, or what undid or accepted it.
    pub outcome_id: OutcomeId,
    /// The fact that it is, or is about.
    pub fact: Fact,
    /// Of an entry about a fact: how it was written down.
    pub about: Option<Entry>,
    /// Why the fact moves nothing until a person accepts it.
    pub flag: Option<Flag>,
    /// It already stood in the ledger.
    pub known: bool,
    /// The order as it now stands; a fact about a chat has none.
    pub order: Option<Standing>,
    /// The conversions as they now stand: what Meta knows or will know.
    pub conversions: Vec<Conversion>,
}

/// How an entry about a fact was written down: what took it back, or accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which of the two.
    pub what: About,
    /// When.
    pub recorded_at: Timestamp,
    /// From where.
    pub source: Source,
    /// Who said so.
    pub actor: String,
}

/// What came of a tag, before what follows from it.
pub(in crate::flow) struct Said {
    /// The entry.
    outcome: OutcomeId,
    /// It already stood in the ledger.
    known: bool,
}

/// Says of a conversation what happened in it, or to one of its orders; `actor` says so.
///
/// # Errors
/// `not_found`; a 409 with the `legal` moves when it can't be said as things stand; an invalid field.
pub async fn tag(
    house: &House,
    conversation: &ConversationId,
    tag: &Tag,
    actor: &str,
    asked: &Asked<Tagged>,
) -> Result<Answered<Tagged>> {
    is_whole(tag)?;
    // An order number may bring in another conversation.
    if tag.order_number.is_some() || house.store.is_shared() {
        return alone(house, conversation, tag, actor, asked).await;
    }
    let (conversation, tag, actor) = (conversation.clone(), tag.clone(), actor.to_owned());
    house.tags.say(house, Wanted { conversation, tag, actor, asked: asked.clone() }).await
}

/// A tag in a unit of its own.
pub(in crate::flow) async fn alone(
    house: &House,
    conversation: &ConversationId,
    tag: &Tag,
    actor: &str,
    asked: &Asked<Tagged>,
) -> Result<Answered<Tagged>> {
    retried(move || async move {
        let now = house.clock.now();
        let mut unit = house.store.begin("tag").await?;
        if let Some(before) = asked.before(&mut unit, now).await? {
            return Ok(Answered::Before(before));
        }
        let tagged = say(&mut unit, house, conversation, tag, actor).await?;
        asked.keep(&mut unit, &tagged, now).await?;
        unit.commit().await?;
        Ok(Answered::Now(tagged))
    })
    .await
}

/// The tag within a unit.
pub(in crate::flow) async fn say(
    unit: &mut Unit,
    house: &House,
    conversation: &ConversationId,
    tag: &Tag,
    actor: &str,
) -> Result<Tagged> {
    is_whole(tag)?;
    let mut held = adopt(unit, house, conversation, tag).await?;
    let said = say_held(unit, house, &mut held, tag, actor).await?;
    if held.is_moved() {
        held.follow(unit, house).await?;
    }
    answer(&held, said)
}

/// Whether the tag says all that its kind needs.
fn is_whole(tag: &Tag) -> Result<()> {
    if tag.kind.wants_reason() && tag.reason.is_none() {
        return Err(Error::field("/reason", format!("\"{}\" must say why.", tag.kind.as_str())));
    }
    if tag_decision::is_repeatable(tag) && tag.reference.is_none() {
        let why = "may be said several times of an order, so it needs a ref or an Idempotency-Key";
        return Err(Error::field("/ref", format!("\"{}\" {why}.", tag.kind.as_str())));
    }
    Ok(())
}

/// The tag in a conversation that is held. What follows from it is left to be written.
pub(in crate::flow) async fn say_held(
    unit: &mut Unit,
    house: &House,
    held: &mut Held,
    tag: &Tag,
    actor: &str,
) -> Result<Said> {
    let now = held.now;
    if let Some(customer) = &tag.customer {
        meet(unit, house, held, customer).await?;
    }
    if let Some(known) = by_reference(unit, tag, held).await? {
        return Ok(Said { outcome: known, known: true });
    }
    if tag.kind.is_of_conversation() {
        return say_of_chat(unit, house, held, tag, actor).await;
    }
    let decided = tag_decision::decide(tag, &held.dossier.orders, now)
        .map_err(|refusal| refused(&refusal, &held.dossier.orders))?;
    let (order, terms, occurred_at) = match decided {
        Decision::Known { order, outcome_id, also_named } => {
            if let Some(number) = also_named {
                let id = held.dossier.orders[order].id.clone();
                name(unit, house, held, &id, &number).await?;
                held.touch(Some(&id));
            }
            return Ok(Said { outcome: outcome_id, known: true });
        }
        Decision::Append { order, terms, occurred_at } => (order, terms, occurred_at),
        Decision::Open { number, terms, occurred_at } => {
            (open(unit, house, held, number, &terms).await?, terms, occurred_at)
        }
    };
    let standing = &mut held.dossier.orders[order];
    let number = tag.order_number.as_deref().filter(|_| !tag.source.is_person());
    let order_id = standing.home_of(number);
    let fact = written(house, tag, actor, terms, (occurred_at, now));
    let spot = Spot { thread: &held.dossier.thread, order: Some(&order_id), version: standing.version + 1 };
    unit.append_outcome(spot, &fact)?;
    if let Some(note) = &tag.note {
        unit.add_note(&fact.id, &held.page.id, note, now).await?;
    }
    let outcome = fact.id.clone();
    standing.add(&order_id, fact);
    settle_what_waits(unit, held, tag, actor).await?;
    held.tell();
    Ok(Said { outcome, known: false })
}

/// Holds the conversation. An order of this number that waits in a thread without a person belongs to it.
async fn adopt(unit: &mut Unit, house: &House, id: &ConversationId, tag: &Tag) -> Result<Held> {
    let now = house.clock.now();
    let Some(number) = &tag.order_number else { return hold(unit, id, now).await };
    let page = unit.page_of_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let Some((order, waits_in)) = unit.order_named(&page, number).await? else {
        return hold(unit, id, now).await;
    };
    if waits_in == *id {
        return hold(unit, id, now).await;
    }
    // Both are held in the order of their ids, so that two units never wait for each other in a circle.
    let (first, second) = if waits_in < *id { (&waits_in, id) } else { (id, &waits_in) };
    let moved = |error: Error| match error.kind {
        // The order was adopted at this moment, and its empty thread is gone.
        Failure::NotFound => Error::new(Failure::Contended, "order_moved", "The order moved at this moment"),
        _ => error,
    };
    let first = hold(unit, first, now).await.map_err(moved)?;
    let second = hold(unit, second, now).await.map_err(moved)?;
    let (here, there) = if first.dossier.thread.id == *id { (first, second) } else { (second, first) };
    if !there.dossier.orders.iter().any(|standing| standing.id == order) {
        return Err(Error::new(Failure::Contended, "order_moved", "The order moved at this moment"));
    }
    if here.dossier.thread.psid.is_none() || there.dossier.thread.psid.is_some() {
        return Err(belongs_elsewhere());
    }
    // It comes to what already stands here, so that it may be one of these sales told again.
    let last = here.dossier.orders.iter().map(|standing| standing.opened_at + tag_decision::STEP).max();
    unit.adopt_order(&order, &here.dossier.thread, last.map_or(now, |last| last.max(now))).await?;
    unit.drop_thread(&there.dossier.thread.id).await?;
    let mut held = hold(unit, id, now).await?.after(here);
    held.touch(Some(&order));
    held.follow(unit, house).await?;
    hold(unit, id, now).await
}

/// Notes what was said of the customer, beside what was known before.
async fn meet(unit: &mut Unit, house: &House, held: &Held, customer: &Customer) -> Result<()> {
    let thread = &held.dossier.thread;
    if let Some(phone) = &customer.phone {
        let hash = house.phone_key.hash(phone.as_str())?;
        unit.add_phone_word((&thread.id, &thread.page_id), &hash, SaidBy::Tag, held.now).await?;
    }
    let known = unit.customer(&thread.id).await?.unwrap_or_default();
    unit.set_customer(&thread.id, &customer.over(known)).await
}

/// `qualified` and `lost` follow each other; saying the one that stands again says nothing new.
async fn say_of_chat(
    unit: &mut Unit,
    house: &House,
    held: &mut Held,
    tag: &Tag,
    actor: &str,
) -> Result<Said> {
    let now = held.now;
    let mut occurred_at = tag.occurred_at.unwrap_or(now);
    if let Some(known) = held.dossier.said.iter().find(|fact| is_told_again(tag, fact)) {
        return Ok(Said { outcome: known.id.clone(), known: true });
    }
    if let Some(chat) = held.dossier.chat_at(occurred_at) {
        let last = held.dossier.said_last(chat);
        let same = |fact: &&Fact| tag.source.is_person() && fact.kind == tag.kind && fact.source.is_person();
        if let Some(known) = last.filter(same) {
            return Ok(Said { outcome: known.id.clone(), known: true });
        }
        if let Some(last) = last.filter(|last| tag.occurred_at.is_none() && last.occurred_at >= now) {
            occurred_at = last.occurred_at + tag_decision::STEP;
        }
    }
    let terms = Terms::silent(held.page.currency);
    let fact = written(house, tag, actor, terms, (occurred_at, now));
    let spot = Spot { thread: &held.dossier.thread, order: None, version: held.dossier.thread.version + 1 };
    unit.append_outcome(spot, &fact)?;
    if let Some(note) = &tag.note {
        unit.add_note(&fact.id, &held.page.id, note, now).await?;
    }
    let outcome = fact.id.clone();
    held.dossier.said.push(fact);
    settle_what_waits(unit, held, tag, actor).await?;
    held.conversation_changed(unit, house).await?;
    held.tell();
    Ok(Said { outcome, known: false })
}

/// Whether an outside source says of a chat what it said before: without a name (`ref`), the same words of the
/// same moment.
fn is_told_again(tag: &Tag, fact: &Fact) -> bool {
    tag.reference.is_none()
        && !tag.source.is_person()
        && fact.may_be_told_again()
        && fact.source == tag.source
        && !fact.undone
        && (fact.kind, Some(fact.occurred_at), &fact.reason) == (tag.kind, tag.occurred_at, &tag.reason)
}

/// A person who saw the conversation has decided: what was said in Meta's inbox no longer waits for that.
async fn settle_what_waits(unit: &mut Unit, held: &Held, tag: &Tag, actor: &str) -> Result<()> {
    if !held.dossier.has_waiting || !matches!(tag.source, Source::Console | Source::Api) {
        return Ok(());
    }
    let about_chat = tag.kind.is_of_conversation();
    unit.settle_waiting_in(&held.dossier.thread.id, about_chat, actor, held.now).await
}

fn written(
    house: &House,
    tag: &Tag,
    actor: &str,
    terms: Terms,
    (occurred_at, now): (Timestamp, Timestamp),
) -> Fact {
    Fact {
        id: OutcomeId(house.ids.next(now)),
        kind: tag.kind,
        occurred_at,
        recorded_at: now,
        actor: actor.to_owned(),
        source: tag.source,
        reference: tag.reference.clone(),
        terms,
        details: tag.details.clone(),
        reason: tag.reason.clone(),
        undone: false,
        accepted: false,
    }
}

/// The entry that this sender already gave this name (`ref`).
async fn by_reference(unit: &mut Unit, tag: &Tag, held: &Held) -> Result<Option<OutcomeId>> {
    let Some(reference) = &tag.reference else { return Ok(None) };
    match unit.outcome_referred(&held.page.id, tag.source, reference).await? {
        None => Ok(None),
        Some((id, conversation)) if conversation == held.dossier.thread.id => Ok(Some(id)),
        Some(_) => Err(Error::conflict(
            "ref_belongs_elsewhere",
            "This ref already names a fact of another conversation: a ref is the sender's own id of one fact.",
        )),
    }
}

async fn open(
    unit: &mut Unit,
    house: &House,
    held: &mut Held,
    number: Option<String>,
    terms: &Terms,
) -> Result<usize> {
    let id = OrderId(house.ids.next(held.now));
    let service_numbered = number.is_none();
    let number = match number {
        Some(number) => number,
        None => unit.next_order_number(&held.page.id).await?,
    };
    let mut standing = Standing::new(id, service_numbered, held.page.policy.version, terms.currency);
    standing.opened_at = held.now;
    unit.open_order(&held.dossier.thread, &standing, held.now);
    let id = standing.id.clone();
    held.dossier.orders.push(standing);
    name(unit, house, held, &id, &number).await?;
    Ok(held.dossier.orders.len() - 1)
}

/// Gives an order a further name. The name of a parked order of the same conversation comes with its facts.
async fn name(unit: &mut Unit, house: &House, held: &mut Held, id: &OrderId, number: &str) -> Result<()> {
    let told = held
        .dossier
        .orders
        .iter()
        .find(|standing| standing.parked && standing.numbers.iter().any(|name| name == number))
        .map(|standing| standing.id.clone());
    if let Some(told) = told {
        return held.join(unit, house, (&told, id), true).await;
    }
    let Some(sale) = held.dossier.orders.iter_mut().find(|standing| standing.id == *id) else {
        return Err(Error::internal("the order to be named is missing"));
    };
    unit.name_order(&held.page.id, &sale.id, (number, sale.numbers.len()), sale.version + 1);
    sale.numbers.push(number.to_owned());
    Ok(())
}

/// The code of a refusal: the order number is of another conversation.
pub(in crate::flow) const ELSEWHERE: &str = "order_belongs_elsewhere";

fn belongs_elsewhere() -> Error {
    let message = "This order number belongs to another conversation of the Page: check the number.";
    Error::conflict(ELSEWHERE, message)
}

/// How what was said now stands.
pub(in crate::flow) fn answer(held: &Held, said: Said) -> Result<Tagged> {
    let facts = held.dossier.orders.iter().flat_map(|standing| &standing.facts).chain(&held.dossier.said);
    let fact = facts.into_iter().find(|fact| fact.id == said.outcome).cloned();
    let fact = fact.ok_or_else(|| Error::internal("an entry of the ledger is missing"))?;
    Ok(Tagged { known: said.known, ..answer_of(held, said.outcome, fact) })
}

/// How an entry about `fact` now stands.
pub(in crate::flow) fn answer_of(held: &Held, outcome_id: OutcomeId, fact: Fact) -> Tagged {
    let of_it = |standing: &&Standing| standing.facts.iter().any(|known| known.id == fact.id);
    let order = held.dossier.orders.iter().find(of_it).cloned();
    let flag = order.as_ref().and_then(|standing| standing.order.flag_of(&fact.id));
    let conversions = match &order {
        Some(standing) => held.dossier.conversions_of(standing),
        None => held.dossier.conversions.iter().filter(|row| row.order_id.is_none()).cloned().collect(),
    };
    Tagged { outcome_id, fact, about: None, flag, known: false, order, conversions }
}

/// A refusal as the error that the sender reads.
fn refused(refusal: &Refusal, orders: &[Standing]) -> Error {
    match refusal.at_fault {
        Fault::Field(pointer) => Error::field(pointer, refusal.message.clone()),
        Fault::Standing => {
            let found = refusal.order.map(|index| &orders[index]);
            let state = found.map_or(fold::State::None, |standing| standing.order.state);
            let legal: Vec<&str> = state.legal().iter().map(|kind: &Kind| kind.as_str()).collect();
            let error = Error::conflict(refusal.code, refusal.message.clone()).with("legal", legal);
            match found {
                Some(standing) => error.about_order(&standing.id),
                None => error,
            }
        }
    }
}
