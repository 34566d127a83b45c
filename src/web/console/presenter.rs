//! What was said and what Meta was told, as lines that a person reads.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversionId, OutcomeId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::operator::{Language, Permission};
use crate::domain::order::fold::Order;
use crate::domain::order::outcome::{Fact, Flag};
use crate::domain::order::tag_decision::OrderLedger;
use crate::domain::signal::conversion::{Conversion, EventName, Reason, State};
use crate::error::Result;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::conversion::ConversionRow;
use crate::store::outcome::EntryOrigin;
use crate::web::console::formatting::{Formatter, money};
use crate::web::console::guard::Visitor;
use crate::web::console::layout::Flash;
use crate::web::console::text::{self, fill};

/// A conversion as a line.
#[derive(Debug)]
pub struct StatusText {
    pub text: String,
    pub tone: &'static str,
    pub advice: Option<String>,
    pub send: Option<String>,
}

/// A fact as a line of the ledger.
#[derive(Debug)]
pub struct EntryText {
    pub id: String,
    pub what: &'static str,
    pub more: Option<String>,
    pub at: String,
    pub when: String,
    pub by: String,
    pub undone: bool,
    pub undoable: bool,
    pub flag: Option<&'static str>,
    pub acceptable: bool,
}

/// An order, or what was said of the chats, with its ledger and what Meta was told.
#[derive(Debug)]
pub struct Section {
    pub title: String,
    pub told: Vec<StatusText>,
    pub ledger: Vec<EntryText>,
}

/// Tells things in one language.
#[derive(Debug)]
pub struct Presenter<'a> {
    pub visitor: &'a Visitor,
    pub teller: Formatter,
}

impl Presenter<'_> {
    fn language(&self) -> Language {
        self.visitor.operator.language
    }

    /// Where a conversion stands, in words.
    pub fn conversion(&self, row: &Conversion, currency: Currency) -> StatusText {
        let worth = row.value.map(|value| money(value, currency));
        self.told(&row.id, (row.name, worth), (row.state, row.reason, row.leaves_at))
    }

    /// The same of a row of the list.
    pub fn listed(&self, row: &ConversionRow) -> StatusText {
        let worth = row.value.map(|value| money(value, row.currency));
        self.told(&row.id, (row.name, worth), (row.state, row.reason, row.leaves_at))
    }

    fn told(
        &self,
        id: &ConversionId,
        (name, worth): (EventName, Option<String>),
        (state, reason, leaves_at): (State, Reason, Timestamp),
    ) -> StatusText {
        let (language, w) = (self.language(), text::of(self.language()));
        let what = text::event(name, language);
        let what = worth.map_or_else(|| what.to_owned(), |worth| format!("{what} {worth}"));
        let waits = state == State::LoadedConversation && reason == Reason::Hold;
        let stands = if waits {
            fill(w.goes_at, &[&self.teller.time(leaves_at)])
        } else if state == State::Sent {
            text::state(state, language).to_owned()
        } else {
            format!("{}: {}", text::state(state, language), text::reason(reason, language))
        };
        let may_send = waits && self.visitor.operator.role.may(Permission::SendNow);
        StatusText {
            text: fill(w.told_state, &[&what, &stands]),
            tone: tone(state),
            advice: text::what_to_do(state, reason, language).map(|advice| fill(w.what_to_do, &[advice])),
            send: may_send.then(|| id.0.clone()),
        }
    }

    /// A fact, in words.
    pub fn fact(&self, fact: &Fact, order: Option<&Order>) -> String {
        let what = text::outcome_kind(fact.kind, self.language());
        Self::more(fact, order).map_or_else(|| what.to_owned(), |more| format!("{what} {more}"))
    }

    fn more(fact: &Fact, order: Option<&Order>) -> Option<String> {
        let value = order
            .map_or(fact.terms.value, |order| order.value_of(fact))
            .map(|value| money(value, fact.terms.currency));
        let items = fact.terms.items.iter().filter_map(|item| item.name.clone().or_else(|| item.sku.clone()));
        let goods = Some(items.collect::<Vec<_>>().join(", ")).filter(|goods| !goods.is_empty());
        let parts = [value, goods, fact.reason.clone(), fact.details.waybill.clone()];
        let more: Vec<String> = parts.into_iter().flatten().collect();
        (!more.is_empty()).then(|| more.join(" · "))
    }

    fn entry(&self, fact: &Fact, (newest, order): (Option<&OutcomeId>, Option<&Order>)) -> EntryText {
        let language = self.language();
        let flag = order.and_then(|order| order.flag_of(&fact.id));
        EntryText {
            id: fact.id.0.clone(),
            what: text::outcome_kind(fact.kind, language),
            more: Self::more(fact, order),
            at: fact.occurred_at.to_string(),
            when: self.teller.time(fact.occurred_at),
            by: format!("{}, {}", fact.actor, text::source(fact.source, language)),
            undone: fact.undone,
            undoable: newest == Some(&fact.id),
            flag: flag.map(|flag| text::flag(flag, language)),
            acceptable: flag.is_some_and(Flag::can_be_accepted),
        }
    }

    /// An order.
    pub fn order(&self, ledger: &OrderLedger, aggregate: &ConversationAggregate) -> Section {
        let newest = newest_of(&ledger.facts);
        let beside = (newest, Some(&ledger.order));
        Section {
            title: self.order_title(ledger),
            told: aggregate
                .conversions_of(ledger)
                .iter()
                .map(|row| self.conversion(row, ledger.order.currency))
                .collect(),
            ledger: ledger.facts.iter().rev().map(|fact| self.entry(fact, beside)).collect(),
        }
    }

    /// `Order S-1001 · Order confirmed · 120.50 ₾ · paid 120.50 ₾`.
    pub fn order_title(&self, ledger: &OrderLedger) -> String {
        let (language, w) = (self.language(), text::of(self.language()));
        let number = ledger.numbers.first().map_or("", String::as_str);
        let mut title = fill(w.order, &[number]);
        let order = &ledger.order;
        let mut add = |part: &str| {
            title.push_str(" · ");
            title.push_str(part);
        };
        add(text::order_state(order.state, language));
        if let Some(value) = order.value {
            add(&money(value, order.currency));
        }
        if order.paid > 0 {
            add(&fill(w.paid_of, &[&money(order.paid, order.currency)]));
        }
        title
    }

    /// What was said of the chats themselves, with their leads; nothing where there is neither.
    pub fn chats(&self, aggregate: &ConversationAggregate, currency: Currency) -> Option<Section> {
        let leads = aggregate.conversions.iter().filter(|row| row.order_id.is_none());
        let told: Vec<StatusText> = leads.map(|row| self.conversion(row, currency)).collect();
        if told.is_empty() && aggregate.said.is_empty() {
            return None;
        }
        let here = aggregate.chats.last().map(|chat| chat.number);
        let in_last = |fact: &&Fact| aggregate.chat_at(fact.occurred_at).map(|chat| chat.number) == here;
        let of_last: Vec<Fact> = aggregate.said.iter().filter(in_last).cloned().collect();
        let newest = newest_of(&of_last);
        Some(Section {
            title: text::of(self.language()).chats.to_owned(),
            told,
            ledger: aggregate.said.iter().rev().map(|fact| self.entry(fact, (newest, None))).collect(),
        })
    }
}

/// The entry that a person may take back.
fn newest_of(facts: &[Fact]) -> Option<&OutcomeId> {
    facts.iter().rev().find(|fact| fact.source.is_person() && !fact.undone).map(|fact| &fact.id)
}

const fn tone(state: State) -> &'static str {
    match state {
        State::LoadedConversation | State::Ready | State::Sending => "waits",
        State::Sent => "good",
        State::Rejected | State::Unknown => "bad",
        State::Suppressed | State::Expired => "quiet",
    }
}

/// What was just saved, with what Meta will be told of it and the way back.
pub async fn flash(
    unit: &mut Unit,
    visitor: &Visitor,
    (saved, known): (Option<&str>, bool),
    now: Timestamp,
) -> Result<Option<Flash>> {
    let Some(saved) = saved else { return Ok(None) };
    let Some(origin) = unit.entry_origin(&OutcomeId::from(saved)).await? else { return Ok(None) };
    let EntryOrigin { conversation, about, .. } = origin;
    let Some(page) = unit.page_of_conversation(&conversation).await? else { return Ok(None) };
    let page = unit.page_heads(Some(&page)).await?.pop().filter(|page| visitor.operator.sees(&page.id));
    let Some(page) = page else { return Ok(None) };
    let found = unit.aggregates(Scope::Conversation(&conversation)).await?.pop();
    let Some(aggregate) = found else { return Ok(None) };
    let w = text::of(visitor.operator.language);
    let narrator = Presenter { visitor, teller: Formatter::new(&page.timezone, w, now) };
    let meant = about.clone().unwrap_or_else(|| OutcomeId::from(saved));
    let facts = aggregate.orders.iter().flat_map(|ledger| &ledger.facts).chain(&aggregate.said);
    let Some(fact) = facts.into_iter().find(|fact| fact.id == meant) else { return Ok(None) };
    let ledger = aggregate.orders.iter().find(|ledger| ledger.facts.iter().any(|one| one.id == meant));
    let mut said = narrator.fact(fact, ledger.map(|ledger| &ledger.order));
    if let Some(number) = ledger.and_then(|ledger| ledger.numbers.first()) {
        said = format!("{said} ({number})");
    }
    let text = if fact.undone {
        format!("{}: {said}", w.undone)
    } else if known {
        fill(w.already_said, &[&fact.actor, &said])
    } else {
        fill(w.saved, &[&said])
    };
    let told = ledger.map(|ledger| aggregate.conversions_of(ledger)).unwrap_or_default();
    let told = told.iter().map(|row| narrator.conversion(row, page.currency).text);
    let text = std::iter::once(text).chain(told).collect::<Vec<_>>().join(" · ");
    let own = ledger.map_or(aggregate.said.as_slice(), |ledger| ledger.facts.as_slice());
    let undo = (newest_of(own) == Some(&meant) && about.is_none() && !known).then(|| meant.0.clone());
    Ok(Some(Flash { text, undo, back: without_flash(&visitor.path) }))
}

/// A path without what was said of the last deed.
pub fn without_flash(path: &str) -> String {
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter(|pair| !["saved=", "known=", "snoozed="].iter().any(|name| pair.starts_with(name)))
        .collect();
    if kept.is_empty() { place.to_owned() } else { format!("{place}?{}", kept.join("&")) }
}
