//! A tag: the fact, the order, its conversions and the change for the feed, in one unit or not at all.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId};
use crate::domain::conversation::customer::Customer;
use crate::domain::order::fold;
use crate::domain::order::outcome::{Fact, Flag, OutcomeKind, Source, Terms};
use crate::domain::order::tag_decision::{self, Decision, Fault, OrderLedger, Refusal, Tag};
use crate::domain::signal::conversion::Conversion;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::convert::apply::{LoadedConversation, load};
use crate::flow::services::Services;
use crate::flow::tag::batch::TagJob;
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::retried;
use crate::store::Unit;
use crate::store::conversation::SaidBy;
use crate::store::outcome::{EntryPosition, FollowUp};

/// What a tag, an undo or an acceptance came to.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// The entry: the fact, or what undid or accepted it.
    pub outcome_id: OutcomeId,
    /// The fact that it is, or is about.
    pub fact: Fact,
    /// Of an entry about a fact: how it was written down.
    pub about: Option<FollowUpEntry>,
    /// Why the fact moves nothing until a person accepts it.
    pub flag: Option<Flag>,
    /// It already stood in the ledger.
    pub known: bool,
    /// The order as it now stands; a fact about a chat has none.
    pub order: Option<OrderLedger>,
    /// The conversions as they now stand: what Meta knows or will know.
    pub conversions: Vec<Conversion>,
}

/// How an entry about a fact was written down: what took it back, or accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUpEntry {
    /// Which of the two.
    pub what: FollowUp,
    /// When.
    pub recorded_at: Timestamp,
    /// From where.
    pub source: Source,
    /// Who said so.
    pub actor: String,
}

/// What came of a tag, before what follows from it.
pub(in crate::flow) struct Recorded {
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
    services: &Services,
    conversation: &ConversationId,
    tag: &Tag,
    actor: &str,
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    is_whole(tag)?;
    // An order number may bring in another conversation.
    if tag.order_number.is_some() || services.store.is_shared() {
        return alone(services, conversation, tag, actor, request).await;
    }
    let (conversation, tag, actor) = (conversation.clone(), tag.clone(), actor.to_owned());
    services.tags.record(services, TagJob { conversation, tag, actor, request: request.clone() }).await
}

/// A tag in a unit of its own.
pub(in crate::flow) async fn alone(
    services: &Services,
    conversation: &ConversationId,
    tag: &Tag,
    actor: &str,
    request: &IdempotentRequest<Tagged>,
) -> Result<Idempotent<Tagged>> {
    retried(move || async move {
        let now = services.clock.now();
        let mut unit = services.store.begin("tag").await?;
        if let Some(before) = request.before(&mut unit, now).await? {
            return Ok(Idempotent::Replayed(before));
        }
        let tagged = record(&mut unit, services, conversation, tag, actor).await?;
        request.keep(&mut unit, &tagged, now).await?;
        unit.commit().await?;
        Ok(Idempotent::Done(tagged))
    })
    .await
}

/// The tag within a unit.
pub(in crate::flow) async fn record(
    unit: &mut Unit,
    services: &Services,
    conversation: &ConversationId,
    tag: &Tag,
    actor: &str,
) -> Result<Tagged> {
    is_whole(tag)?;
    let mut loaded = adopt(unit, services, conversation, tag).await?;
    let said = record_loaded(unit, services, &mut loaded, tag, actor).await?;
    if loaded.is_moved() {
        loaded.apply(unit, services).await?;
    }
    answer(&loaded, said)
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
pub(in crate::flow) async fn record_loaded(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    tag: &Tag,
    actor: &str,
) -> Result<Recorded> {
    let now = loaded.now;
    if let Some(customer) = &tag.customer {
        meet(unit, services, loaded, customer).await?;
    }
    if let Some(known) = by_reference(unit, tag, loaded).await? {
        return Ok(Recorded { outcome: known, known: true });
    }
    if tag.kind.is_of_conversation() {
        return record_of_chat(unit, services, loaded, tag, actor).await;
    }
    let decided = tag_decision::decide(tag, &loaded.aggregate.orders, now)
        .map_err(|refusal| refused(&refusal, &loaded.aggregate.orders))?;
    let (order, terms, occurred_at) = match decided {
        Decision::Known { order, outcome_id, also_named } => {
            if let Some(number) = also_named {
                let id = loaded.aggregate.orders[order].id.clone();
                name(unit, services, loaded, &id, &number).await?;
                loaded.touch(Some(&id));
            }
            return Ok(Recorded { outcome: outcome_id, known: true });
        }
        Decision::Append { order, terms, occurred_at } => (order, terms, occurred_at),
        Decision::Open { number, terms, occurred_at } => {
            (open(unit, services, loaded, number, &terms).await?, terms, occurred_at)
        }
    };
    let ledger = &mut loaded.aggregate.orders[order];
    let number = tag.order_number.as_deref().filter(|_| !tag.source.is_person());
    let order_id = ledger.home_of(number);
    let fact = written(services, tag, actor, terms, (occurred_at, now));
    let position = EntryPosition {
        thread: &loaded.aggregate.thread,
        order: Some(&order_id),
        version: ledger.version + 1,
    };
    unit.append_outcome(position, &fact)?;
    if let Some(note) = &tag.note {
        unit.add_note(&fact.id, &loaded.page.id, note, now).await?;
    }
    let outcome = fact.id.clone();
    ledger.add(&order_id, fact);
    settle_what_waits(unit, loaded, tag, actor).await?;
    loaded.mark_changed();
    Ok(Recorded { outcome, known: false })
}

/// Holds the conversation. An order of this number that waits in a thread without a person belongs to it.
async fn adopt(
    unit: &mut Unit,
    services: &Services,
    id: &ConversationId,
    tag: &Tag,
) -> Result<LoadedConversation> {
    let now = services.clock.now();
    let Some(number) = &tag.order_number else { return load(unit, id, now).await };
    let page = unit.page_of_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    let Some((order, waits_in)) = unit.order_named(&page, number).await? else {
        return load(unit, id, now).await;
    };
    if waits_in == *id {
        return load(unit, id, now).await;
    }
    // Both are held in the order of their ids, so that two units never wait for each other in a circle.
    let (first, second) = if waits_in < *id { (&waits_in, id) } else { (id, &waits_in) };
    let moved = |error: Error| match error.kind {
        // The order was adopted at this moment, and its empty thread is gone.
        ErrorKind::NotFound => {
            Error::new(ErrorKind::Contended, "order_moved", "The order moved at this moment")
        }
        _ => error,
    };
    let first = load(unit, first, now).await.map_err(moved)?;
    let second = load(unit, second, now).await.map_err(moved)?;
    let (here, there) = if first.aggregate.thread.id == *id { (first, second) } else { (second, first) };
    if !there.aggregate.orders.iter().any(|ledger| ledger.id == order) {
        return Err(Error::new(ErrorKind::Contended, "order_moved", "The order moved at this moment"));
    }
    if here.aggregate.thread.recipient.is_none() || there.aggregate.thread.recipient.is_some() {
        return Err(belongs_elsewhere());
    }
    // It comes to what already stands here, so that it may be one of these sales told again.
    let last = here.aggregate.orders.iter().map(|ledger| ledger.opened_at + tag_decision::STEP).max();
    unit.adopt_order(&order, &here.aggregate.thread, last.map_or(now, |last| last.max(now))).await?;
    unit.drop_thread(&there.aggregate.thread.id).await?;
    let mut loaded = load(unit, id, now).await?.after(here);
    loaded.touch(Some(&order));
    loaded.apply(unit, services).await?;
    load(unit, id, now).await
}

/// Notes what was said of the customer, beside what was known before.
async fn meet(
    unit: &mut Unit,
    services: &Services,
    loaded: &LoadedConversation,
    customer: &Customer,
) -> Result<()> {
    let thread = &loaded.aggregate.thread;
    if let Some(phone) = &customer.phone {
        let hash = services.phone_key.hash(phone.as_str())?;
        unit.add_phone_mention(thread, &hash, SaidBy::Tag, loaded.now).await?;
    }
    let known = unit.customer(&thread.id).await?.unwrap_or_default();
    unit.set_customer(&thread.id, &customer.over(known)).await
}

/// `qualified` and `lost` follow each other; saying the one that stands again says nothing new.
async fn record_of_chat(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    tag: &Tag,
    actor: &str,
) -> Result<Recorded> {
    let now = loaded.now;
    let mut occurred_at = tag.occurred_at.unwrap_or(now);
    if let Some(known) = loaded.aggregate.said.iter().find(|fact| is_told_again(tag, fact)) {
        return Ok(Recorded { outcome: known.id.clone(), known: true });
    }
    if let Some(chat) = loaded.aggregate.chat_at(occurred_at) {
        let last = loaded.aggregate.said_last(chat);
        let same = |fact: &&Fact| tag.source.is_person() && fact.kind == tag.kind && fact.source.is_person();
        if let Some(known) = last.filter(same) {
            return Ok(Recorded { outcome: known.id.clone(), known: true });
        }
        if let Some(last) = last.filter(|last| tag.occurred_at.is_none() && last.occurred_at >= now) {
            occurred_at = last.occurred_at + tag_decision::STEP;
        }
    }
    let terms = Terms::silent(loaded.page.currency);
    let fact = written(services, tag, actor, terms, (occurred_at, now));
    let position = EntryPosition {
        thread: &loaded.aggregate.thread,
        order: None,
        version: loaded.aggregate.thread.version + 1,
    };
    unit.append_outcome(position, &fact)?;
    if let Some(note) = &tag.note {
        unit.add_note(&fact.id, &loaded.page.id, note, now).await?;
    }
    let outcome = fact.id.clone();
    loaded.aggregate.said.push(fact);
    settle_what_waits(unit, loaded, tag, actor).await?;
    loaded.conversation_changed(unit, services).await?;
    loaded.mark_changed();
    Ok(Recorded { outcome, known: false })
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
async fn settle_what_waits(
    unit: &mut Unit,
    loaded: &LoadedConversation,
    tag: &Tag,
    actor: &str,
) -> Result<()> {
    if !loaded.aggregate.has_waiting || !matches!(tag.source, Source::Console | Source::Api) {
        return Ok(());
    }
    let about_chat = tag.kind.is_of_conversation();
    unit.settle_waiting_in(&loaded.aggregate.thread.id, about_chat, actor, loaded.now).await
}

fn written(
    services: &Services,
    tag: &Tag,
    actor: &str,
    terms: Terms,
    (occurred_at, now): (Timestamp, Timestamp),
) -> Fact {
    Fact {
        id: OutcomeId(services.ids.next(now)),
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
async fn by_reference(unit: &mut Unit, tag: &Tag, loaded: &LoadedConversation) -> Result<Option<OutcomeId>> {
    let Some(reference) = &tag.reference else { return Ok(None) };
    match unit.outcome_referred(&loaded.page.id, tag.source, reference).await? {
        None => Ok(None),
        Some((id, conversation)) if conversation == loaded.aggregate.thread.id => Ok(Some(id)),
        Some(_) => Err(Error::conflict(
            "ref_belongs_elsewhere",
            "This ref already names a fact of another conversation: a ref is the sender's own id of one fact.",
        )),
    }
}

async fn open(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    number: Option<String>,
    terms: &Terms,
) -> Result<usize> {
    let id = OrderId(services.ids.next(loaded.now));
    let service_numbered = number.is_none();
    let number = match number {
        Some(number) => number,
        None => unit.next_order_number(&loaded.page.id).await?,
    };
    let mut ledger = OrderLedger::new(id, service_numbered, loaded.page.policy.version, terms.currency);
    ledger.opened_at = loaded.now;
    unit.open_order(&loaded.aggregate.thread, &ledger, loaded.now);
    let id = ledger.id.clone();
    loaded.aggregate.orders.push(ledger);
    name(unit, services, loaded, &id, &number).await?;
    Ok(loaded.aggregate.orders.len() - 1)
}

/// Gives an order a further name. The name of a parked order of the same conversation comes with its facts.
async fn name(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    id: &OrderId,
    number: &str,
) -> Result<()> {
    let told = loaded
        .aggregate
        .orders
        .iter()
        .find(|ledger| ledger.parked && ledger.numbers.iter().any(|name| name == number))
        .map(|ledger| ledger.id.clone());
    if let Some(told) = told {
        return loaded.join(unit, services, (&told, id), true).await;
    }
    let Some(sale) = loaded.aggregate.orders.iter_mut().find(|ledger| ledger.id == *id) else {
        return Err(Error::internal("the order to be named is missing"));
    };
    unit.name_order(&loaded.page.id, &sale.id, number, sale.numbers.len(), sale.version + 1);
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
pub(in crate::flow) fn answer(loaded: &LoadedConversation, said: Recorded) -> Result<Tagged> {
    let facts = loaded.aggregate.orders.iter().flat_map(|ledger| &ledger.facts).chain(&loaded.aggregate.said);
    let fact = facts.into_iter().find(|fact| fact.id == said.outcome).cloned();
    let fact = fact.ok_or_else(|| Error::internal("an entry of the ledger is missing"))?;
    Ok(Tagged { known: said.known, ..answer_of(loaded, said.outcome, fact) })
}

/// How an entry about `fact` now stands.
pub(in crate::flow) fn answer_of(loaded: &LoadedConversation, outcome_id: OutcomeId, fact: Fact) -> Tagged {
    let of_it = |ledger: &&OrderLedger| ledger.facts.iter().any(|known| known.id == fact.id);
    let order = loaded.aggregate.orders.iter().find(of_it).cloned();
    let flag = order.as_ref().and_then(|ledger| ledger.order.flag_of(&fact.id));
    let conversions = match &order {
        Some(ledger) => loaded.aggregate.conversions_of(ledger),
        None => loaded.aggregate.conversions.iter().filter(|row| row.order_id.is_none()).cloned().collect(),
    };
    Tagged { outcome_id, fact, about: None, flag, known: false, order, conversions }
}

/// A refusal as the error that the sender reads.
fn refused(refusal: &Refusal, orders: &[OrderLedger]) -> Error {
    match refusal.at_fault {
        Fault::Field(pointer) => Error::field(pointer, refusal.message.clone()),
        Fault::OrderLedger => {
            let found = refusal.order.map(|index| &orders[index]);
            let state = found.map_or(fold::State::None, |ledger| ledger.order.state);
            let legal: Vec<&str> = state.legal().iter().map(|kind: &OutcomeKind| kind.as_str()).collect();
            let error = Error::conflict(refusal.code, refusal.message.clone()).with("legal", legal);
            match found {
                Some(ledger) => error.about_order(&ledger.id),
                None => error,
            }
        }
    }
}
