//! Recording a tag in a conversation that is loaded: decide, append to the ledger, apply what follows, answer.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::basic::money::Money;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::chat_tag::{self, ChatDecision};
use crate::domain::conversation::customer::Customer;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::legality::legal_moves;
use crate::domain::order::matching::SaleDecision;
use crate::domain::order::outcome::{Fact, FollowUp, FollowUpEntry, FollowUps, Source};
use crate::domain::order::tag::Tag;
use crate::domain::order::tag_decision::{self, Decision, OrderOfEntry, Ruling};
use crate::domain::order::tag_refusal::{Fault, Refusal};
use crate::domain::order::tagged::Tagged;
use crate::domain::order::terms::Terms;
use crate::error::{Error, Result};
use crate::flow::convert::loaded::LoadedConversation;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::conversation::MentionSource;
use crate::store::outcome::{EntryPosition, ReferredFact};

/// The entry of a recorded tag.
#[derive(Debug)]
pub(in crate::flow) struct Recorded {
    outcome_id: OutcomeId,
    /// Whether it was in the ledger already.
    known: bool,
}

impl Recorded {
    fn known(outcome_id: OutcomeId) -> Self {
        Self { outcome_id, known: true }
    }

    fn new(outcome_id: OutcomeId) -> Self {
        Self { outcome_id, known: false }
    }
}

/// What is to be done with a tag, decided before anything is written.
enum TagMeaning {
    /// An entry with this sender's `ref` exists already.
    KnownByReference(OutcomeId),
    OfChat(ChatDecision),
    OfOrder(Decision),
}

/// Records a tag with all that follows from it. A refused tag leaves nothing behind, neither in the database nor in
/// `loaded`, so that the unit of work may go on.
///
/// # Errors
/// A 409 with the `legal` moves where the order's state does not allow it; 422 for an invalid field.
pub(in crate::flow) async fn record(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    tag: &Tag,
    actor: &str,
) -> Result<Tagged> {
    let recorded = append(unit, services, loaded, tag, actor).await?;
    if loaded.is_changed() {
        loaded.apply(unit, services).await?;
    }
    answer(loaded, recorded)
}

/// Checks that a tag has every field that its kind needs.
///
/// # Errors
/// 422 that names the missing field.
pub(in crate::flow) fn check(tag: &Tag) -> Result<()> {
    if tag.kind.wants_reason() && tag.reason.is_none() && tag.source.is_person() {
        return Err(Error::field("/reason", format!("\"{}\" must say why.", tag.kind.as_str())));
    }
    if tag.is_repeatable() && tag.reference.is_none() {
        let why = "may be said several times of an order, so it needs a ref or an Idempotency-Key";
        return Err(Error::field("/ref", format!("\"{}\" {why}.", tag.kind.as_str())));
    }
    Ok(())
}

/// Appends a tag to the ledger of its conversation. The caller applies what follows.
///
/// # Errors
/// As for [`record`].
pub(in crate::flow) async fn append(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    tag: &Tag,
    actor: &str,
) -> Result<Recorded> {
    check(tag)?;
    let meaning = decide(unit, loaded, tag, actor).await?;
    if let Some(customer) = &tag.customer {
        note_customer(unit, services, loaded, customer).await?;
    }
    match meaning {
        TagMeaning::KnownByReference(known) | TagMeaning::OfChat(ChatDecision::Known(known)) => {
            Ok(Recorded::known(known))
        }
        TagMeaning::OfChat(ChatDecision::Append(occurred_at)) => {
            let fact = fact(services, loaded, tag, actor, Terms::unstated(loaded.page.currency), occurred_at);
            append_to_chat(unit, services, loaded, tag, fact).await
        }
        TagMeaning::OfOrder(Decision::Known { order, outcome_id, also_named, rulings }) => {
            if let Some(number) = also_named {
                let telling = loaded.aggregate.orders[order].id_of_telling(&outcome_id).clone();
                name_telling(unit, loaded, order, &telling, number).await?;
                loaded.touch(Some(&loaded.aggregate.orders[order].id.clone()));
            }
            let about = loaded.aggregate.fact(&outcome_id).cloned();
            let about = about.map(|fact| Fact { actor: actor.to_owned(), source: tag.source, ..fact });
            append_rulings(unit, services, loaded, about.as_ref(), rulings);
            Ok(Recorded::known(outcome_id))
        }
        TagMeaning::OfOrder(Decision::Append { order, terms, occurred_at, rulings }) => {
            let index = match order {
                OrderOfEntry::New { number } => open_order(unit, services, loaded, number, &terms).await?,
                OrderOfEntry::Existing { index, also_named } => {
                    if let Some(number) = also_named {
                        let telling = loaded.aggregate.orders[index].id.clone();
                        name_telling(unit, loaded, index, &telling, number).await?;
                    }
                    index
                }
            };
            let fact = fact(services, loaded, tag, actor, terms, occurred_at);
            let (about, recorded) = (fact.clone(), append_to_order(unit, loaded, index, tag, fact).await?);
            append_rulings(unit, services, loaded, Some(&about), rulings);
            Ok(recorded)
        }
    }
}

async fn decide(unit: &mut Unit, loaded: &LoadedConversation, tag: &Tag, actor: &str) -> Result<TagMeaning> {
    if let Some(known) = fact_of_reference(unit, tag, actor, loaded).await? {
        return Ok(TagMeaning::KnownByReference(known));
    }
    if tag.kind.is_of_conversation() {
        return Ok(TagMeaning::OfChat(chat_tag::decide(tag, &loaded.aggregate, loaded.now)));
    }
    let ConversationAggregate { orders, decisions, .. } = &loaded.aggregate;
    tag_decision::decide(tag, orders, decisions, loaded.now)
        .map(TagMeaning::OfOrder)
        .map_err(|refusal| refused(&refusal, orders))
}

/// The fact to which this sender gave this `ref`, if it says the same.
///
/// # Errors
/// 409 `ref_reused` if it is another fact: a `ref` is equal only with equal kind, order and sums.
async fn fact_of_reference(
    unit: &mut Unit,
    tag: &Tag,
    actor: &str,
    loaded: &LoadedConversation,
) -> Result<Option<OutcomeId>> {
    let Some(reference) = &tag.reference else { return Ok(None) };
    let sender = tag.source.sender(actor);
    let Some(referred) = unit.fact_referred(&loaded.page.id, sender, reference).await? else {
        return Ok(None);
    };
    let ReferredFact { id, conversation, is_own } = referred;
    let known = loaded.aggregate.fact(&id).filter(|_| conversation == *loaded.id());
    let order = loaded.aggregate.order_of(&id);
    // The service's own names of labels and sentences say where a fact comes from, not what it says.
    let is_our_own = matches!(tag.source, Source::Label | Source::Sentence);
    let said = order.map_or_else(|| Some(Cow::Borrowed(tag)), |ledger| tag.said_of(&ledger.order));
    let says_the_same = |fact: &Fact| said.as_ref().is_some_and(|said| said.says_the_same(fact, order));
    if is_own && known.is_some_and(|fact| is_our_own || says_the_same(fact)) {
        return Ok(Some(id));
    }
    if !is_own {
        // Another sender may count its own facts by the same refs.
        let is_named = |fact: &Fact| {
            tag.order_number.is_some() || (fact.time_stated && tag.occurred_at == Some(fact.occurred_at))
        };
        let repeats = |fact: &&Fact| !tag.source.is_person() && is_named(fact) && says_the_same(fact);
        return Ok(known.filter(repeats).map(|fact| fact.id.clone()));
    }
    let earlier = known.map(|fact| {
        let value = fact.terms.money().map(|money| money.to_string());
        json!({
            "id": id.as_str(),
            "kind": fact.kind.as_str(),
            "order_id": order.and_then(|ledger| ledger.numbers.first()),
            "value": value,
        })
    });
    let message = "This ref names another fact already (\"earlier\"): give each fact a ref of its own, or undo that one \
                   first.";
    let error = Error::conflict("ref_reused", message);
    Err(error.with("earlier", earlier.unwrap_or_else(|| json!({"id": id.as_str()}))))
}

/// Merges the customer's details from a tag into what is known of them; the tag's win.
async fn note_customer(
    unit: &mut Unit,
    services: &Services,
    loaded: &LoadedConversation,
    customer: &Customer,
) -> Result<()> {
    let thread = &loaded.aggregate.thread;
    if let Some(phone) = &customer.phone {
        let hash = services.phone_key.hash(phone.as_str())?;
        unit.add_phone_mention(&thread.id, &thread.page_id, &hash, MentionSource::Tag, loaded.now).await?;
    }
    let known = unit.customer(&thread.id).await?.unwrap_or_default();
    unit.set_customer(&thread.id, &customer.merged_over(known)).await
}

async fn append_to_chat(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    tag: &Tag,
    fact: Fact,
) -> Result<Recorded> {
    let position = loaded.aggregate.next_position();
    let position = EntryPosition { thread: &loaded.aggregate.thread, order: None, position };
    unit.append_outcome(position, &fact)?;
    unit.refer_to_fact(&loaded.page.id, fact.source.sender(&fact.actor), &fact);
    add_note(unit, loaded, tag, &fact).await?;
    let recorded = Recorded::new(fact.id.clone());
    settle_pending(unit, loaded, tag, &fact.actor).await?;
    loaded.mark_changed(&fact.id);
    loaded.aggregate.chat_facts.push(fact);
    loaded.conversation_changed(unit, services).await?;
    Ok(recorded)
}

async fn append_to_order(
    unit: &mut Unit,
    loaded: &mut LoadedConversation,
    order: usize,
    tag: &Tag,
    fact: Fact,
) -> Result<Recorded> {
    let position = loaded.aggregate.next_position();
    let ledger = &loaded.aggregate.orders[order];
    let number = tag.order_number.as_deref().filter(|_| !tag.source.is_person());
    let order_id = ledger.id_for_number(number);
    let position = EntryPosition { thread: &loaded.aggregate.thread, order: Some(&order_id), position };
    unit.append_outcome(position, &fact)?;
    unit.refer_to_fact(&loaded.page.id, fact.source.sender(&fact.actor), &fact);
    add_note(unit, loaded, tag, &fact).await?;
    let recorded = Recorded::new(fact.id.clone());
    settle_pending(unit, loaded, tag, &fact.actor).await?;
    loaded.mark_changed(&fact.id);
    loaded.aggregate.orders[order].add(&order_id, fact);
    Ok(recorded)
}

async fn add_note(unit: &mut Unit, loaded: &LoadedConversation, tag: &Tag, fact: &Fact) -> Result<()> {
    match &tag.note {
        Some(note) => unit.add_note(&fact.id, &loaded.page.id, note, loaded.now).await,
        None => Ok(()),
    }
}

/// Settles the pending tags of the conversation that mean the same fact: a person who saw it has decided.
async fn settle_pending(unit: &mut Unit, loaded: &LoadedConversation, tag: &Tag, actor: &str) -> Result<()> {
    if !loaded.aggregate.has_pending_tag || !tag.source.is_typed() {
        return Ok(());
    }
    let about_chat = tag.kind.is_of_conversation();
    unit.settle_pending_tags_of(loaded.id(), about_chat, actor, loaded.now).await
}

fn fact(
    services: &Services,
    loaded: &LoadedConversation,
    tag: &Tag,
    actor: &str,
    terms: Terms,
    occurred_at: Timestamp,
) -> Fact {
    Fact {
        id: OutcomeId(services.ids.next(loaded.now)),
        kind: tag.kind,
        occurred_at,
        recorded_at: loaded.now,
        actor: actor.to_owned(),
        source: tag.source,
        reference: tag.reference.clone(),
        // People see the order, and mean its currency for good; what came from outside follows it.
        terms: if tag.source.is_person() { Terms { written_in: None, ..terms } } else { terms },
        details: tag.details.clone(),
        reason: tag.reason.clone(),
        undone: false,
        accepted: false,
        time_stated: tag.occurred_at.is_some(),
        names_same_sale: tag.same_as.is_some(),
        follow_ups: FollowUps::default(),
    }
}

/// Opens a telling under this number, or without one; gives its index among the aggregate's orders. It gets a number of
/// the service's own as soon as it is known to be no other order.
async fn open_order(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    number: Option<String>,
    terms: &Terms,
) -> Result<usize> {
    let id = OrderId(services.ids.next(loaded.now));
    let policy_version = loaded.page.policy.version;
    let mut ledger = OrderLedger::new(id, number.is_none(), policy_version, terms.currency);
    ledger.opened_at = loaded.now;
    unit.open_order(&loaded.aggregate.thread, &ledger, loaded.now);
    let telling = ledger.id.clone();
    loaded.aggregate.orders.push(ledger);
    let index = loaded.aggregate.orders.len() - 1;
    if let Some(number) = number {
        name_telling(unit, loaded, index, &telling, number).await?;
    }
    Ok(index)
}

/// Gives one of the tellings of the order at `index` a further number.
async fn name_telling(
    unit: &mut Unit,
    loaded: &mut LoadedConversation,
    index: usize,
    telling: &OrderId,
    number: String,
) -> Result<()> {
    let ledger = &mut loaded.aggregate.orders[index];
    unit.name_order(&loaded.page.id, telling, &number, ledger.numbers.len());
    if ledger.add_number(telling, number) {
        unit.set_numbered_by_sender(telling).await?;
    }
    Ok(())
}

fn append_rulings(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    about: Option<&Fact>,
    rulings: Vec<Ruling>,
) {
    let Some(about) = about else { return };
    for Ruling { kind, other } in rulings {
        let is_decided = loaded.aggregate.decisions.last().is_some_and(|last| {
            (last.is_same, &last.fact, &last.other) == (kind == FollowUp::Join, &about.id, &other)
        });
        if !is_decided {
            append_ruling(unit, services, loaded, about, kind, other);
        }
    }
}

/// Appends a person's word that the sale of `about` and that of `other` are one, or two.
pub(in crate::flow) fn append_ruling(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    about: &Fact,
    kind: FollowUp,
    other: OutcomeId,
) {
    let id = OutcomeId(services.ids.next(loaded.now));
    let order = loaded.aggregate.order_of(&about.id).map(|ledger| ledger.id.clone());
    let position = loaded.aggregate.next_position();
    let position = EntryPosition { thread: &loaded.aggregate.thread, order: order.as_ref(), position };
    let entry = FollowUpEntry {
        id,
        about: about.id.clone(),
        kind,
        recorded_at: loaded.now,
        source: about.source,
        actor: about.actor.clone(),
    };
    unit.append_follow_up(position, &entry, Some(&other), about.terms.currency);
    let is_same = kind == FollowUp::Join;
    loaded.aggregate.decisions.push(SaleDecision { is_same, fact: about.id.clone(), other });
    loaded.note_cause(&entry.id);
    loaded.touch(order.as_ref());
}

/// The answer to a tag: its entry, the order and the conversions after it.
pub(in crate::flow) fn answer(loaded: &LoadedConversation, recorded: Recorded) -> Result<Tagged> {
    let Recorded { outcome_id, known } = recorded;
    let fact = loaded.aggregate.fact(&outcome_id).cloned();
    let fact = fact.ok_or_else(|| Error::internal("an entry of the ledger is missing"))?;
    Ok(Tagged { known, ..answer_about(loaded, outcome_id, fact) })
}

/// The answer about an entry that is `fact`, or that undoes or accepts it.
pub(in crate::flow) fn answer_about(
    loaded: &LoadedConversation,
    outcome_id: OutcomeId,
    fact: Fact,
) -> Tagged {
    let order = loaded.aggregate.order_of(&fact.id).cloned();
    let flag = order.as_ref().and_then(|ledger| ledger.order.flag_of(&fact.id));
    let conversions = match &order {
        Some(ledger) => loaded.aggregate.conversions_of(ledger),
        None => loaded.aggregate.conversions.iter().filter(|row| row.order_id.is_none()).cloned().collect(),
    };
    Tagged { outcome_id, fact, follow_up: None, flag, known: false, order, conversions }
}

/// The error by which a refusal is answered.
fn refused(refusal: &Refusal, orders: &[OrderLedger]) -> Error {
    match refusal.at_fault {
        Fault::Field(pointer) => Error::field(pointer, refusal.message.clone()),
        Fault::State => {
            let found = refusal.order.map(|index| &orders[index]);
            let legal = legal_moves(found.map(|ledger| &ledger.order));
            let legal: Vec<&str> = legal.iter().map(|kind| kind.as_str()).collect();
            let candidates: Vec<Value> =
                refusal.candidates.iter().map(|index| candidate(&orders[*index])).collect();
            let mut error = Error::conflict(refusal.code, refusal.message.clone()).with("legal", legal);
            if !candidates.is_empty() {
                error = error.with("candidates", candidates);
            }
            match found {
                Some(ledger) => error.about_order(&ledger.id),
                None => error,
            }
        }
    }
}

/// An order from which the sender of a tag chooses, as the refusal shows it.
fn candidate(ledger: &OrderLedger) -> Value {
    let OrderLedger { order, .. } = ledger;
    let value = order.value.map(|minor| Money::new(minor, order.currency).to_string());
    let at = order.confirmed.map_or(ledger.opened_at, |moment| moment.occurred_at);
    json!({
        "id": ledger.id.as_str(),
        "order_id": ledger.numbers.first(),
        "state": order.state.as_str(),
        "value": value,
        "currency": order.currency.code(),
        "occurred_at": at.to_string(),
    })
}
