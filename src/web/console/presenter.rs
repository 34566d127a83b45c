//! Orders, facts and conversions as lines of text: what the conversation page and the deliveries show.

use crate::clock::Timestamp;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::operator::{Language, Permission};
use crate::domain::order::fold::Order;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, Flag, FollowUp, FollowUpEntry, newest_by_person};
use crate::domain::signal::conversion::{Conversion, EventName, Reason, State};
use crate::store::conversion::ConversionRow;
use crate::web::console::choice::Choice;
use crate::web::console::formatting::{Formatter, money};
use crate::web::console::text::{self, Texts, fill};
use crate::web::console::visitor::Visitor;

/// The state of a conversion, as a line.
#[derive(Debug)]
pub struct StatusLine {
    pub text: String,
    /// The CSS class of its colour.
    pub tone: &'static str,
    /// What a person can do about it.
    pub advice: Option<String>,
    /// The id of the conversion, if the visitor may release it now.
    pub send: Option<String>,
}

/// A fact as a line of the ledger.
#[derive(Debug)]
pub struct EntryLine {
    pub id: String,
    pub name: &'static str,
    /// Amount, goods, reason, waybill.
    pub details: Option<String>,
    /// In RFC 3339, for the `datetime` of its `time` element.
    pub occurred_at: String,
    /// The same time as text, in the Page's time zone.
    pub time: String,
    pub by: String,
    pub undone: bool,
    /// The id of the entry, if the visitor may take it back.
    pub undoable: Option<String>,
    pub follow_ups: Vec<FollowUpLine>,
    pub flag: Option<&'static str>,
    pub acceptable: bool,
}

/// The acceptance or the undo of a fact.
#[derive(Debug)]
pub struct FollowUpLine {
    /// What was done, by whom, and through which door.
    pub text: String,
    /// In RFC 3339, for the `datetime` of its `time` element.
    pub recorded_at: String,
    pub time: String,
    /// The id of the entry, if the visitor may take it back.
    pub undoable: Option<String>,
}

/// An order, or the chats' own facts, with the conversions and the ledger.
#[derive(Debug)]
pub struct LedgerSection {
    /// The id of the order; none for the chats' own facts.
    pub order: Option<String>,
    pub title: String,
    /// Meta was told of it twice.
    pub warning: Option<&'static str>,
    pub question: Option<SaleQuestion>,
    pub conversions: Vec<StatusLine>,
    pub entries: Vec<EntryLine>,
}

/// Whether an order and others are one sale.
#[derive(Debug)]
pub struct SaleQuestion {
    pub text: String,
    /// The orders that it may be: by id, each a button.
    pub same: Vec<Choice>,
    /// The text of the button that says that they are two.
    pub two: &'static str,
}

/// The fields of a conversion that its line is made of.
struct ConversionStatus<'a> {
    id: &'a str,
    name: EventName,
    worth: Option<String>,
    state: State,
    reason: Reason,
    leaves_at: Timestamp,
}

/// The order and the rights in whose context an entry is shown.
#[derive(Clone, Copy)]
struct EntryContext<'a> {
    order: Option<&'a Order>,
    /// The entry that the visitor may undo.
    undoable: Option<&'a OutcomeId>,
}

/// Presents domain types to one visitor: in their language, with what their role may do.
#[derive(Debug)]
pub struct Presenter<'a> {
    pub visitor: &'a Visitor,
    pub formatter: Formatter,
}

impl Presenter<'_> {
    /// The visitor's language.
    pub const fn language(&self) -> Language {
        self.visitor.operator.language
    }

    /// The texts of that language.
    pub const fn texts(&self) -> &'static Texts {
        text::of(self.language())
    }

    /// The state of a conversion in a conversation.
    pub fn conversion(&self, row: &Conversion, currency: Currency) -> StatusLine {
        self.status(&ConversionStatus {
            id: row.id.as_str(),
            name: row.name,
            worth: row.value.map(|value| money(value, currency)),
            state: row.state,
            reason: row.reason,
            leaves_at: row.leaves_at,
        })
    }

    /// The state of a conversion in a list.
    pub fn listed_conversion(&self, row: &ConversionRow) -> StatusLine {
        self.status(&ConversionStatus {
            id: row.id.as_str(),
            name: row.name,
            worth: row.value.map(|value| money(value, row.currency)),
            state: row.state,
            reason: row.reason,
            leaves_at: row.leaves_at,
        })
    }

    fn status(&self, status: &ConversionStatus<'_>) -> StatusLine {
        let (language, texts) = (self.language(), self.texts());
        let ConversionStatus { id, name, worth, state, reason, leaves_at } = status;
        let event = text::event(*name, language);
        let event = worth.as_ref().map_or_else(|| event.to_owned(), |worth| format!("{event} {worth}"));
        let is_on_hold = state.may_be_sent_now(*reason);
        let standing = if is_on_hold {
            fill(texts.goes_at, &[&self.formatter.time(*leaves_at)])
        } else if *state == State::Sent {
            text::state(*state, language).to_owned()
        } else {
            format!("{}: {}", text::state(*state, language), text::reason(*reason, language))
        };
        let may_send = is_on_hold && self.visitor.operator.role.may(Permission::SendNow);
        StatusLine {
            text: fill(texts.conversion_state, &[&event, &standing]),
            tone: tone(*state),
            advice: text::what_to_do(*state, *reason, language)
                .map(|advice| fill(texts.what_to_do, &[advice])),
            send: may_send.then(|| (*id).to_owned()),
        }
    }

    /// A fact with its details, in one line.
    pub fn fact(&self, fact: &Fact, order: Option<&Order>) -> String {
        let name = text::outcome_kind(fact.kind, self.language());
        details(fact, order).map_or_else(|| name.to_owned(), |details| format!("{name} {details}"))
    }

    fn entry(&self, fact: &Fact, context: EntryContext<'_>) -> EntryLine {
        let language = self.language();
        let flag = context.order.and_then(|order| order.flag_of(&fact.id));
        // Whether it is the same sale is asked of the order as a whole.
        let is_asked = flag.is_some_and(|flag| flag != Flag::PerhapsSameSale);
        let is_undoable = context.undoable == Some(&fact.id) || is_asked;
        EntryLine {
            id: fact.id.0.clone(),
            name: text::outcome_kind(fact.kind, language),
            details: details(fact, context.order),
            occurred_at: fact.occurred_at.to_string(),
            time: self.formatter.time(fact.occurred_at),
            by: format!("{}, {}", fact.actor, text::source(fact.source, language)),
            undone: fact.undone,
            undoable: is_undoable.then(|| fact.id.0.clone()),
            follow_ups: self.follow_ups(fact, context),
            flag: flag.map(|flag| text::flag(flag, language)),
            acceptable: is_asked && flag.is_some_and(Flag::can_be_accepted),
        }
    }

    /// Who accepted a fact or took it back, and when.
    fn follow_ups(&self, fact: &Fact, context: EntryContext<'_>) -> Vec<FollowUpLine> {
        let entries = [&fact.follow_ups.acceptance, &fact.follow_ups.undo].into_iter().flatten();
        let line = |entry: &FollowUpEntry| {
            let name = if entry.kind == FollowUp::Undo { self.texts().undone } else { self.texts().accepted };
            FollowUpLine {
                text: format!("{name}: {}, {}", entry.actor, text::source(entry.source, self.language())),
                recorded_at: entry.recorded_at.to_string(),
                time: self.formatter.time(entry.recorded_at),
                undoable: (context.undoable == Some(&entry.id)).then(|| entry.id.0.clone()),
            }
        };
        entries.map(|entry| line(entry)).collect()
    }

    /// An order with its conversions and its ledger, the newest entry first.
    pub fn order(&self, ledger: &OrderLedger, aggregate: &ConversationAggregate) -> LedgerSection {
        let undoable = newest_by_person(ledger.facts.iter()).map(|entry| entry.id().clone());
        let context = EntryContext { order: Some(&ledger.order), undoable: undoable.as_ref() };
        LedgerSection {
            order: Some(ledger.id.0.clone()),
            warning: ledger.is_told_twice.then_some(self.texts().was_told_twice),
            question: self.question(ledger, aggregate),
            title: self.order_title(ledger),
            conversions: aggregate
                .conversions_of(ledger)
                .iter()
                .map(|row| self.conversion(row, ledger.order.currency))
                .collect(),
            entries: ledger.facts.iter().rev().map(|fact| self.entry(fact, context)).collect(),
        }
    }

    /// What is asked about an order that is perhaps another one told again, or that only its value makes one sale.
    fn question(&self, ledger: &OrderLedger, aggregate: &ConversationAggregate) -> Option<SaleQuestion> {
        let texts = self.texts();
        if ledger.doubt.is_parked || ledger.doubt.is_perhaps_told {
            let others = ledger.doubt.with.iter();
            let others = others.filter_map(|id| aggregate.orders.iter().find(|other| other.id == *id));
            let same = |other: &OrderLedger| {
                let name = fill(texts.same_order, &[&order_name(other)]);
                Choice::button(other.id.0.clone(), name)
            };
            return Some(SaleQuestion {
                text: texts.perhaps_same.to_owned(),
                same: others.map(same).collect(),
                two: texts.new_order,
            });
        }
        let by_value = SaleQuestion {
            text: texts.joined_by_value.to_owned(),
            same: Vec::new(),
            two: texts.are_two_sales,
        };
        (!ledger.by_value.is_empty()).then_some(by_value)
    }

    /// `Order S-1001 · Order confirmed · 120.50 ₾ · paid 120.50 ₾`.
    pub fn order_title(&self, ledger: &OrderLedger) -> String {
        let texts = self.texts();
        let number = ledger.numbers.first().map_or("", String::as_str);
        let order = &ledger.order;
        let mut parts =
            vec![fill(texts.order, &[number]), text::order_state(order.state, self.language()).to_owned()];
        parts.extend(order.value.map(|value| money(value, order.currency)));
        if order.paid > 0 {
            parts.push(fill(texts.paid_of, &[&money(order.paid, order.currency)]));
        }
        parts.join(" · ")
    }

    /// The chats' own facts, with their leads; `None` where there is neither.
    pub fn chats(&self, aggregate: &ConversationAggregate, currency: Currency) -> Option<LedgerSection> {
        let leads = aggregate.conversions.iter().filter(|row| row.order_id.is_none());
        let conversions: Vec<StatusLine> = leads.map(|row| self.conversion(row, currency)).collect();
        if conversions.is_empty() && aggregate.chat_facts.is_empty() {
            return None;
        }
        let last = aggregate.chats.last().map(|chat| chat.number);
        let is_of_last = |fact: &&Fact| aggregate.chat_at(fact.occurred_at).map(|chat| chat.number) == last;
        let undoable = newest_by_person(aggregate.chat_facts.iter().filter(is_of_last));
        let undoable = undoable.map(|entry| entry.id().clone());
        let context = EntryContext { order: None, undoable: undoable.as_ref() };
        Some(LedgerSection {
            order: None,
            warning: None,
            question: None,
            title: self.texts().chats.to_owned(),
            conversions,
            entries: aggregate.chat_facts.iter().rev().map(|fact| self.entry(fact, context)).collect(),
        })
    }
}

/// `S-1001 · 120.50 ₾`.
fn order_name(ledger: &OrderLedger) -> String {
    let number = ledger.numbers.first().cloned().unwrap_or_default();
    let value = ledger.order.value.map(|value| money(value, ledger.order.currency));
    value.map_or_else(|| number.clone(), |value| format!("{number} · {value}"))
}

/// Amount, goods, reason and waybill of a fact, in one line; `None` if it has none of them.
fn details(fact: &Fact, order: Option<&Order>) -> Option<String> {
    let value = order
        .map_or(fact.terms.value, |order| order.value_of(fact))
        .map(|value| money(value, fact.terms.currency));
    let items = fact.terms.items.iter().filter_map(|item| item.name.clone().or_else(|| item.sku.clone()));
    let goods = Some(items.collect::<Vec<_>>().join(", ")).filter(|goods| !goods.is_empty());
    let parts = [value, goods, fact.reason.clone(), fact.details.waybill.clone()];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

const fn tone(state: State) -> &'static str {
    match state {
        State::Held | State::Ready | State::Sending => "waits",
        State::Sent => "good",
        State::Rejected | State::Unknown => "bad",
        State::Suppressed | State::Expired => "quiet",
    }
}
