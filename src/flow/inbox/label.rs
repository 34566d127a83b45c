//! Labels in Meta's inbox as tags. Meta gives a label's event no id, so all that is kept is the moments at which a
//! label was put on or taken off a person. The periods that follow from them are the same in whatever order the moments
//! arrived.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OutcomeId, PageId};
use crate::domain::conversation::inbound::{Channel, LabelChange};
use crate::domain::conversation::recipient::Recipient;
use crate::domain::inbox::label::{self, End, LabelMoment, LabelPeriod, WriteBack};
use crate::domain::inbox::pending::PendingReason;
use crate::domain::order::fold::State;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, FollowUp, OutcomeKind, Source};
use crate::domain::order::tag::Tag;
use crate::error::{ErrorKind, Result};
use crate::flow::convert::loaded::{Conversations, LoadedConversation, PageRules};
use crate::flow::inbox::pending::{INBOX, Pending, make_pending, refusal_apart, try_to_record};
use crate::flow::tag::undo::{self, Sender};
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::label::{LabelChangeRow, LabelRemoval};
use crate::store::page::Page;

/// The reason of a `cancelled` that is recorded because the label of the sale was taken off.
const TAKEN_OFF: &str = "label taken off";

/// The `effect` of a label change that led to no entry and never will.
const PASSED: &str = "passed";

/// Records label changes, and the tags that follow from them. Gives what is to be counted, by Page.
pub(in crate::flow) async fn take(
    unit: &mut Unit,
    services: &Services,
    conversations: &mut Conversations,
    changes: &[LabelChange],
) -> Result<Vec<(PageId, &'static str)>> {
    let mut counted = Vec::new();
    let mut touched = BTreeSet::new();
    for change in changes {
        let page = match conversations.pages.of(unit, &change.page_id).await {
            Ok(PageRules { page, .. }) => page,
            Err(error) if error.kind == ErrorKind::NotFound => {
                counted.push((change.page_id.clone(), "page_not_connected"));
                continue;
            }
            Err(error) => return Err(error),
        };
        match note(unit, services, &page, change).await? {
            Ok(conversations) => touched.extend(conversations),
            Err(kind) => counted.push((page.id.clone(), kind)),
        }
    }
    let touched: Vec<ConversationId> = touched.into_iter().collect();
    conversations.load_all(unit, &touched).await?;
    for conversation in &touched {
        let mut loaded = conversations.take(unit, conversation).await?;
        apply_labels(unit, services, &mut loaded).await?;
        conversations.put(loaded);
    }
    Ok(counted)
}

/// Records one label change; gives the conversations whose labels must be applied, or, where nothing follows, the kind
/// under which it is counted.
async fn note(
    unit: &mut Unit,
    services: &Services,
    page: &Page,
    change: &LabelChange,
) -> Result<Result<Vec<ConversationId>, &'static str>> {
    let now = services.clock.now();
    let known = unit.label_name(&page.id, &change.label_id).await?;
    let mut touched = Vec::new();
    if let Some(name) = &change.name {
        unit.set_label_name(&page.id, &change.label_id, name, change.at).await?;
        if known.is_none() {
            touched = unit.conversations_with_label(&page.id, &change.label_id).await?;
        }
    }
    let name = change.name.clone().or(known);
    if name.as_ref().is_some_and(|name| label::meaning(&page.labels, name).is_none()) {
        return Ok(Err("label_unmapped"));
    }
    let conversation = conversation_of(unit, services, page, change).await?;
    let moment = LabelMoment { at: change.at, added: change.added };
    if !unit.add_label_change(&conversation, &page.id, &change.label_id, moment).await? {
        return Ok(Err("label_repeated"));
    }
    if name.is_none() {
        unit.want_label_name(&page.id, &change.label_id, now).await?;
    }
    touched.push(conversation);
    Ok(Ok(touched))
}

async fn conversation_of(
    unit: &mut Unit,
    services: &Services,
    page: &Page,
    change: &LabelChange,
) -> Result<ConversationId> {
    for channel in [Channel::Messenger, Channel::Instagram] {
        if let Some(known) = unit.conversation_of(&page.id, channel, &change.person_id).await? {
            return Ok(known);
        }
    }
    let id = ConversationId(services.ids.next(services.clock.now()));
    unit.open_conversation(
        &id,
        &page.id,
        &Recipient::on_messenger(&page.id, change.person_id.clone()),
        change.at,
    )
    .await
}

/// A beginning or an end of a label's period that has had no effect yet.
struct Step {
    at: Timestamp,
    label_id: String,
    name: String,
    kind: OutcomeKind,
    period: LabelPeriod,
    /// The entry that the period has led to already.
    entry: Option<String>,
    edge: PeriodEdge,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PeriodEdge {
    /// The label was put on.
    On {
        /// Whether it was taken off again before a later period that has led to an entry already.
        past: bool,
    },
    /// The label was taken off by a person.
    Off,
}

/// Applies the labels of a conversation: every step that has had no effect yet, in the order in which they happened.
pub(in crate::flow) async fn apply_labels(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
) -> Result<()> {
    let conversation = loaded.id().clone();
    let mut changes = unit.label_changes(&conversation).await?;
    let writes = unit.label_writes(&conversation).await?;
    let mut steps = all_steps(&loaded.page, &changes, &writes);
    if let Some(first) = steps.first().map(|step| step.at)
        && reopen(unit, services, loaded, &changes, first).await?
    {
        changes = unit.label_changes(&conversation).await?;
        steps = all_steps(&loaded.page, &changes, &writes);
    }
    let mut led_to: HashMap<(String, Timestamp), String> = HashMap::new();
    for mut step in steps {
        let period = (step.label_id.clone(), step.period.began_at());
        match step.edge {
            PeriodEdge::On { past } => {
                if let Some(entry) = put_on(unit, services, loaded, &step, past).await? {
                    led_to.insert(period, entry);
                }
            }
            PeriodEdge::Off => {
                step.entry = step.entry.take().or_else(|| led_to.get(&period).cloned());
                taken_off(unit, services, loaded, &step).await?;
            }
        }
    }
    Ok(())
}

/// Undoes what was recorded because labels were taken off later than `from`, so that it is decided anew together with
/// what arrived late. True if there was any.
async fn reopen(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    changes: &[LabelChangeRow],
    from: Timestamp,
) -> Result<bool> {
    let mut reopened = false;
    for later in changes.iter().rev().filter(|row| !row.change.added && row.change.at > from) {
        let Some(entry) = later.effect.as_ref().filter(|taken| *taken != PASSED) else { continue };
        if undo(unit, services, loaded, &OutcomeId(entry.clone())).await? {
            unit.label_change_taken(loaded.id(), &later.label_id, later.change, None).await?;
            reopened = true;
        }
    }
    Ok(reopened)
}

fn all_steps(page: &Page, changes: &[LabelChangeRow], writes: &[LabelRemoval]) -> Vec<Step> {
    let mut labels: BTreeMap<&str, Vec<&LabelChangeRow>> = BTreeMap::new();
    for change in changes {
        labels.entry(&change.label_id).or_default().push(change);
    }
    let mut steps = Vec::new();
    for (label_id, rows) in labels {
        let Some(name) = rows.iter().find_map(|row| row.name.clone()) else { continue };
        let Some(kind) = label::meaning(&page.labels, &name) else { continue };
        let moments: Vec<LabelMoment> = rows.iter().map(|row| row.change).collect();
        let of_it = writes.iter().filter(|write| write.label_id == label_id);
        let own: Vec<WriteBack> = of_it.filter_map(LabelRemoval::as_write_back).collect();
        let taken = |at: Timestamp, added: bool| {
            let row = rows.iter().find(|row| row.change == LabelMoment { at, added });
            row.and_then(|row| row.effect.clone())
        };
        let entry_of = |period: &LabelPeriod| period.adds.iter().find_map(|at| taken(*at, true));
        let periods = label::periods(&moments, &own);
        for (index, period) in periods.iter().enumerate() {
            let entry = entry_of(period);
            let step = |at, edge| Step {
                at,
                label_id: label_id.to_owned(),
                name: name.clone(),
                kind,
                period: period.clone(),
                entry: entry.clone(),
                edge,
            };
            let end = match period.end {
                Some(End::ByPerson(at)) => Some(at),
                _ => None,
            };
            if entry.is_none() {
                let past =
                    end.is_some() && periods[index + 1..].iter().any(|later| entry_of(later).is_some());
                steps.push(step(period.began_at(), PeriodEdge::On { past }));
            }
            if let Some(at) = end.filter(|at| taken(*at, false).is_none()) {
                steps.push(step(at, PeriodEdge::Off));
            }
        }
    }
    steps.sort_by(|a, b| (a.at, a.edge, a.kind, &a.label_id).cmp(&(b.at, b.edge, b.kind, &b.label_id)));
    steps
}

/// Records the tag of a label that was put on; gives its entry, or `None` where the tag became pending.
async fn put_on(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    step: &Step,
    past: bool,
) -> Result<Option<String>> {
    let (conversation, page) = (loaded.id().clone(), Arc::clone(&loaded.page));
    let mut tag = tag_of(loaded, step, step.kind, step.period.began_at());
    let reference = label::reference(&conversation, &step.label_id, step.period.began_at());
    tag.reference = Some(reference.clone());
    tag.reason = step.kind.wants_reason().then(|| step.name.trim().to_owned());
    let was_decided = unit.was_settled(&page.id, Source::Label, &reference).await?;
    // Put on and taken off within the hold, it cancels out.
    let within =
        || step.period.end.is_some_and(|end| is_within_hold(loaded, None, step.period.began_at(), end));
    let cancels_out = past && (step.kind != OutcomeKind::Confirmed || within());
    if was_decided || cancels_out {
        return pass(unit, &conversation, step).await;
    }
    if step.kind.is_amount() {
        let pending = Pending::tag(PendingReason::ValueMissing);
        make_pending(unit, services, loaded, &tag, pending).await?;
        return Ok(None);
    }
    match try_to_record(unit, services, loaded, &tag).await? {
        Ok(tagged) => {
            let entry = tagged.fact.id.0;
            mark(unit, &conversation, step, &entry).await?;
            if unit.settle_named(&page.id, Source::Label, &reference, INBOX, loaded.now).await? {
                loaded.queue(unit).await?;
            }
            if page.take_off_labels && step.period.end.is_none() {
                let began_at = step.period.began_at();
                unit.add_label_write(&loaded.aggregate.thread, &step.label_id, began_at, loaded.now).await?;
            }
            Ok(Some(entry))
        }
        Err(_) if is_implied(loaded, step) => pass(unit, &conversation, step).await,
        Err(error) => {
            let pending = Pending::tag(PendingReason::of_refusal(error.code));
            make_pending(unit, services, loaded, &tag, pending).await?;
            Ok(None)
        }
    }
}

async fn pass(unit: &mut Unit, conversation: &ConversationId, step: &Step) -> Result<Option<String>> {
    mark(unit, conversation, step, PASSED).await?;
    Ok(Some(PASSED.to_owned()))
}

/// Writes the effect of putting the label on: the id of an entry, or [`PASSED`].
async fn mark(unit: &mut Unit, conversation: &ConversationId, step: &Step, taken: &str) -> Result<()> {
    let change = LabelMoment { at: step.period.began_at(), added: true };
    unit.label_change_taken(conversation, &step.label_id, change, Some(taken)).await
}

fn tag_of(loaded: &LoadedConversation, step: &Step, kind: OutcomeKind, at: Timestamp) -> Tag {
    let mut tag = Tag::bare(kind, Source::Label, loaded.page.currency);
    // Meta's clock may be ahead of ours.
    tag.details.clamped = at > loaded.now;
    tag.occurred_at = Some(at.min(loaded.now));
    let name = match step.edge {
        PeriodEdge::On { .. } => label::reference(&loaded.aggregate.thread.id, &step.label_id, at),
        PeriodEdge::Off => {
            format!("{}:off", label::reference(&loaded.aggregate.thread.id, &step.label_id, at))
        }
    };
    tag.reference = Some(name);
    tag
}

/// Whether the label is a `shipped` that follows from a later `delivered` of the order, so that it adds nothing.
fn is_implied(loaded: &LoadedConversation, step: &Step) -> bool {
    let later = |ledger: &OrderLedger| {
        let delivered = ledger.order.delivered.is_some_and(|moment| moment.occurred_at >= step.at);
        delivered && matches!(ledger.order.state, State::Delivered | State::PartReturned | State::Returned)
    };
    step.kind == OutcomeKind::Shipped && loaded.aggregate.orders.last().is_some_and(later)
}

/// Whether a person took the label off within the hold, while its fact could still be undone before Meta gets it.
fn is_within_hold(
    loaded: &LoadedConversation,
    order: Option<&OrderLedger>,
    began_at: Timestamp,
    end: End,
) -> bool {
    let policy = match order {
        Some(ledger) => loaded.rules.policy(ledger.policy_version),
        None => loaded.rules.in_force(),
    };
    match end {
        End::ByPerson(at) => at <= began_at + policy.hold,
        End::ByService => false,
    }
}

/// Takes back the fact of a label that was taken off. Within the hold it is undone. Later, a `confirmed` is answered by
/// a `cancelled`, and any other fact that still determines the order's state becomes pending for a person; an order
/// that has moved on stays. A fact about a chat is undone at any time, unless a later one prevents it.
async fn taken_off(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    step: &Step,
) -> Result<()> {
    let conversation = loaded.id().clone();
    let reference = label::reference(&conversation, &step.label_id, step.period.began_at());
    unit.drop_label_writes(&conversation, &step.label_id).await?;
    let off = LabelMoment { at: step.at, added: false };
    unit.label_change_taken(&conversation, &step.label_id, off, Some(PASSED)).await?;
    let Some(entry) = &step.entry else {
        // Its tag was pending, and is withdrawn.
        mark(unit, &conversation, step, PASSED).await?;
        unit.settle_named(&loaded.page.id, Source::Label, &reference, INBOX, loaded.now).await?;
        return loaded.queue(unit).await;
    };
    let id = OutcomeId(entry.clone());
    let Some(fact) = loaded.aggregate.fact(&id).filter(|fact| !fact.undone).cloned() else { return Ok(()) };
    let named = |at: &Timestamp| Some(label::reference(&conversation, &step.label_id, *at)) == fact.reference;
    let is_own = fact.source == Source::Label && step.period.adds.iter().any(named);
    let Some(order) = loaded.aggregate.order_of(&id).cloned() else {
        if is_own {
            undo(unit, services, loaded, &id).await?;
        }
        return Ok(());
    };
    let mut tag = tag_of(loaded, step, fact.kind, step.at);
    if !is_own {
        if stands(&fact, &order) {
            let pending = Pending::taking_back(PendingReason::SaidElsewhere);
            make_pending(unit, services, loaded, &tag, pending).await?;
        }
        return Ok(());
    }
    let within = is_within_hold(loaded, Some(&order), fact.occurred_at, End::ByPerson(step.at));
    if within && undo(unit, services, loaded, &id).await? {
        // The order may stand by another door's word.
        let order = loaded.aggregate.order_of(&id).cloned();
        if fact.kind == OutcomeKind::Confirmed && order.is_some_and(|order| stands(&fact, &order)) {
            let pending = Pending::taking_back(PendingReason::SaidElsewhere);
            make_pending(unit, services, loaded, &tag, pending).await?;
        }
        return Ok(());
    }
    if !stands(&fact, &order) {
        return Ok(());
    }
    if fact.kind != OutcomeKind::Confirmed {
        let pending = Pending::taking_back(PendingReason::LabelTakenOff);
        return make_pending(unit, services, loaded, &tag, pending).await;
    }
    tag.kind = OutcomeKind::Cancelled;
    tag.order_number = order.numbers.first().cloned();
    tag.reason = Some(TAKEN_OFF.to_owned());
    // Without a `ref`: undone by [`reopen`] and recorded again, it is another entry.
    tag.reference = None;
    match try_to_record(unit, services, loaded, &tag).await? {
        Ok(tagged) => {
            let entry = tagged.fact.id.as_str();
            unit.label_change_taken(&conversation, &step.label_id, off, Some(entry)).await
        }
        Err(error) => {
            let tag = Tag { kind: fact.kind, reference: Some(reference + ":off"), ..tag };
            let pending = Pending::taking_back(PendingReason::of_refusal(error.code));
            make_pending(unit, services, loaded, &tag, pending).await
        }
    }
}

/// Whether the order is still in the state that the fact brought it to, so that taking the fact back would change it.
fn stands(fact: &Fact, ledger: &OrderLedger) -> bool {
    match (fact.kind, ledger.order.state) {
        (OutcomeKind::Confirmed, State::Confirmed)
        | (OutcomeKind::Shipped, State::Shipped)
        | (OutcomeKind::Delivered, State::Delivered)
        | (OutcomeKind::Returned, State::Returned | State::PartReturned)
        | (OutcomeKind::Cancelled, State::Cancelled) => true,
        (kind, _) => kind.is_amount(),
    }
}

/// Undoes a fact; false if the undo is refused, because a later fact prevents it.
async fn undo(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    id: &OutcomeId,
) -> Result<bool> {
    let sender = Sender::person(INBOX, Source::Label);
    let undone = undo::append(unit, services, loaded, id, FollowUp::Undo, sender).await;
    Ok(refusal_apart(undone)?.is_ok())
}
