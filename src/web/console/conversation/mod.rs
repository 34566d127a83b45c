//! One conversation: its words, its orders with what Meta was told, and the tags that can be put on it.

pub mod pending;
pub mod picture;
pub mod tag;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::ConversationId;
use crate::domain::conversation::aggregate::{ConversationAggregate, waits_for_value};
use crate::domain::conversation::inbound::Author;
use crate::domain::inbox::proposal::last_amount;
use crate::domain::operator::{Language, Permission};
use crate::domain::order::fold;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::tag_decision::OrderLedger;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::message::Message;
use crate::store::page::Page;
use crate::store::product::Product;
use crate::store::referral::ReferralRow;
use crate::web::console::conversation::pending::PendingView;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, money};
use crate::web::console::guard::Visitor;
use crate::web::console::layout::{self, Layout};
use crate::web::console::presenter::{self, Presenter, Section};
use crate::web::console::queue::{Choice, cut, inbox_link, initials, person_name};
use crate::web::console::text::{self, Texts, fill};
use crate::web::server::state::App;

/// Messages that are shown.
const MESSAGES: i64 = 100;

/// Products that can be tapped.
const PRODUCTS: usize = 12;

/// Letters of the message that a proposal comes from.
const QUOTE_MAX: usize = 60;

/// What a conversation is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PageQuery {
    pub from: Option<String>,
    pub order: Option<String>,
    pub saved: Option<String>,
    pub known: Option<String>,
}

/// Why a tag was not taken, and what was typed.
#[derive(Debug)]
pub struct Refused<'a> {
    pub error: &'a Error,
    pub fields: &'a Form,
}

#[derive(Template)]
#[template(path = "conversation/conversation.html", config = "src/web/console/askama.toml")]
struct ConversationPage {
    f: Layout,
    id: String,
    name: String,
    initials: String,
    has_face: bool,
    channel: &'static str,
    page: String,
    state: &'static str,
    ads: Vec<String>,
    inbox: Option<String>,
    back: String,
    here: String,
    from: String,
    keep: String,
    trouble: Option<Trouble>,
    waits: Vec<PendingView>,
    panel_title: String,
    choices: Vec<Choice>,
    moves: Vec<Move>,
    currency: String,
    snoozes: bool,
    owners: Vec<Choice>,
    until: Vec<Choice>,
    orders: Vec<Section>,
    thread: Vec<MessageLine>,
}

#[derive(Debug)]
struct Trouble {
    words: String,
    stands: Option<String>,
}

/// A tag that can be put on the conversation, with its form.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the form, there or not")]
struct Move {
    kind: &'static str,
    name: String,
    open: bool,
    order: Option<String>,
    version: Option<i64>,
    reference: Option<String>,
    new_order: bool,
    asks_value: bool,
    needs_value: bool,
    value_label: &'static str,
    value: String,
    value_from: Option<String>,
    asks_reason: bool,
    reasons: Vec<String>,
    save: String,
    products: Vec<Choice>,
    asks_more: bool,
    asks_number: bool,
    asks_waybill: bool,
    asks_fee: bool,
    number: String,
    delivery_fee: String,
    note: String,
}

/// A message as it is shown.
#[derive(Debug)]
struct MessageLine {
    side: &'static str,
    by: &'static str,
    at: String,
    when: String,
    text: String,
}

/// The page of a conversation.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    render(&app, &visitor, &ConversationId(id), &query, None).await
}

/// The Page of a conversation that the person may work on.
///
/// # Errors
/// 403 for another role, 404 for another Page's.
pub async fn page_of(unit: &mut Unit, visitor: &Visitor, id: &ConversationId) -> Result<Page> {
    visitor.may(Permission::Tag)?;
    let page = unit.page_of_conversation(id).await?.ok_or_else(|| Error::not_found("conversation"))?;
    visitor.sees(&page)?;
    unit.page(&page).await?.ok_or_else(|| Error::not_found("Page"))
}

/// The page of a conversation, perhaps with why a tag was not taken.
pub async fn render(
    app: &App,
    visitor: &Visitor,
    id: &ConversationId,
    query: &PageQuery,
    refused: Option<Refused<'_>>,
) -> Result<Response> {
    let now = app.services.clock.now();
    let mut unit = app.services.store.read().await?;
    let page = page_of(&mut unit, visitor, id).await?;
    let missing = || Error::not_found("conversation");
    let aggregate = unit.aggregates(Scope::Conversation(id)).await?.pop().ok_or_else(missing)?;
    let summary = unit.summary(id).await?.ok_or_else(missing)?;
    let messages = unit.messages(id, MESSAGES).await?;
    let ads = unit.referrals(id).await?;
    let products = unit.products(&page.id).await?;
    let people = unit.operators().await?;
    let waiting = unit.waiting_in(id).await?;
    let (mut layout, _) = layout::layout_for(&mut unit, visitor, now).await?;
    let flash = (query.saved.as_deref(), query.known.is_some());
    layout.flash = presenter::flash(&mut unit, visitor, flash, now).await?;
    drop(unit);

    let w = layout.w;
    let language = visitor.operator.language;
    let teller = Formatter::new(&page.timezone, w, now);
    let narrator = Presenter { visitor, teller: teller.clone() };
    let name = person_name(summary.name.as_deref(), summary.person_id.as_deref(), w);
    let chosen = chosen_order(&aggregate, query.order.as_deref());
    let offer = Offer {
        app,
        page: &page,
        aggregate: &aggregate,
        messages: &messages,
        products: &products,
        waits: !waiting.is_empty(),
        language,
        fields: refused.as_ref().map(|refused| refused.fields),
        now,
    };
    let from = query.from.as_deref().filter(|from| *from == "queue").unwrap_or_default();
    let snoozes = summary.waiting_since.is_some() && summary.state != "done";
    let mut orders: Vec<Section> =
        aggregate.orders.iter().rev().map(|ledger| narrator.order(ledger, &aggregate)).collect();
    orders.extend(narrator.chats(&aggregate, page.currency));
    let here = if from.is_empty() {
        format!("/console/conversations/{id}")
    } else {
        format!("/console/conversations/{id}?from={from}")
    };
    let owners = people.iter().filter(|one| one.ended_at.is_none() && one.operator.sees(&page.id));
    layout::page(&ConversationPage {
        id: id.0.clone(),
        initials: initials(&name),
        has_face: summary.has_picture,
        name,
        channel: text::channel(summary.channel),
        page: page.name.clone(),
        state: match summary.state.as_str() {
            "waiting" => w.waiting,
            "snoozed" => w.snoozed,
            _ => w.done,
        },
        ads: ad_lines(&ads, w),
        inbox: inbox_link(&page.id, summary.channel, summary.person_id.as_deref()),
        back: "/console/queue".to_owned(),
        here,
        from: from.to_owned(),
        keep: if from.is_empty() { String::new() } else { format!("&from={from}") },
        trouble: refused.as_ref().map(|refused| trouble(refused.error, chosen, &narrator, w)),
        waits: waiting
            .iter()
            .map(|one| {
                let proposed = offer.proposal().map(|(minor, _)| minor);
                let given = (proposed, offer.reasons(one.kind));
                pending::shown(one, chosen, given, (&teller, language))
            })
            .collect(),
        panel_title: chosen.and_then(|ledger| ledger.numbers.first()).map_or_else(
            || w.tag_this.to_owned(),
            |number| format!("{}: {}", w.tag_this, fill(w.order, &[number])),
        ),
        choices: order_choices(&aggregate, chosen, w),
        moves: offer.moves(chosen),
        currency: if page.currency.code() == "GEL" { "₾" } else { page.currency.code() }.to_owned(),
        snoozes,
        owners: owners
            .map(|one| {
                let name = one.operator.name.clone();
                Choice { chosen: name == visitor.operator.name, value: name.clone(), name }
            })
            .collect(),
        until: [
            ("1h", w.snooze_hour),
            ("3h", w.snooze_three),
            ("tomorrow", w.snooze_tomorrow),
            ("week", w.snooze_week),
        ]
        .map(|(value, name)| Choice { value: value.to_owned(), name: name.to_owned(), chosen: false })
        .into(),
        orders,
        thread: messages.iter().map(|message| line(message, &teller, w)).collect(),
        f: layout,
    })
    .map(|page| match &refused {
        Some(refused) => layout::refused(refused.error, page),
        None => page,
    })
}

fn ad_lines(led: &[ReferralRow], w: &Texts) -> Vec<String> {
    let ads: Vec<(&String, &String)> = led
        .iter()
        .filter_map(|led| {
            let id = led.referral.ad_id.as_ref()?;
            Some((id, led.referral.ad_title.as_ref().unwrap_or(id)))
        })
        .collect();
    match ads.as_slice() {
        [] => Vec::new(),
        [(_, only)] => vec![fill(w.ad_last, &[only])],
        [(first, _), .., (last, title)] if first == last => vec![fill(w.ad_last, &[title])],
        [(_, first), .., (_, last)] => vec![fill(w.ad_first, &[first]), fill(w.ad_last, &[last])],
    }
}

fn line(message: &Message, teller: &Formatter, w: &Texts) -> MessageLine {
    let (side, by) = match message.author {
        Author::Customer => ("theirs", w.by_customer),
        Author::Operator => ("ours", w.by_page),
        Author::App => ("ours", w.by_app),
    };
    let text = message.text.clone().filter(|text| !text.is_empty());
    let text = text
        .unwrap_or_else(|| if message.attachments.is_some() { w.attachment } else { w.no_text }.to_owned());
    MessageLine { side, by, at: message.sent_at.to_string(), when: teller.time(message.sent_at), text }
}

/// The order that the tags are about: the one that was chosen, else the last one that stands.
fn chosen_order<'a>(aggregate: &'a ConversationAggregate, asked: Option<&str>) -> Option<&'a OrderLedger> {
    if let Some(id) = asked {
        return aggregate.orders.iter().find(|ledger| ledger.id.as_str() == id);
    }
    let open = aggregate.orders.iter().rev().find(|ledger| ledger.order.state.is_open());
    let latest = |ledger: &&OrderLedger| {
        let chat = aggregate.chats.last();
        let confirmed = ledger.order.confirmed.map(|moment| moment.occurred_at);
        confirmed.zip(chat).is_some_and(|(at, chat)| at >= chat.began_at)
    };
    open.or_else(|| aggregate.orders.iter().rev().find(latest))
}

fn order_choices(aggregate: &ConversationAggregate, chosen: Option<&OrderLedger>, w: &Texts) -> Vec<Choice> {
    let known = aggregate.orders.iter().filter(|ledger| ledger.order.state != fold::State::None);
    let mut choices: Vec<Choice> = known
        .map(|ledger| Choice {
            value: ledger.id.0.clone(),
            name: ledger.numbers.first().cloned().unwrap_or_default(),
            chosen: chosen.is_some_and(|chosen| chosen.id == ledger.id),
        })
        .collect();
    if !choices.is_empty() {
        choices.push(Choice {
            value: "new".to_owned(),
            name: w.new_order.to_owned(),
            chosen: chosen.is_none(),
        });
    }
    choices
}

fn trouble(error: &Error, chosen: Option<&OrderLedger>, narrator: &Presenter<'_>, w: &Texts) -> Trouble {
    let language = narrator.visitor.operator.language;
    let said = text::trouble(error.code, language).map_or_else(|| error.message.clone(), str::to_owned);
    let field = error.fields.first().and_then(|field| match field.pointer.as_str() {
        "/value" | "/total" => Some(w.value),
        "/order_id" => Some(w.order_number),
        "/delivery_fee" => Some(w.delivery_fee),
        "/fee" => Some(w.fee),
        "/reason" => Some(w.reason),
        "/until" => Some(w.until),
        _ => None,
    });
    let stands = chosen.map(|ledger| {
        let last = ledger.facts.iter().rev().find(|fact| !fact.undone);
        let by = last.map_or(String::new(), |fact| {
            format!(" ({}, {})", fact.actor, narrator.teller.time(fact.recorded_at))
        });
        fill(w.now_stands, &[&format!("{}{by}", narrator.order_title(ledger))])
    });
    Trouble { words: field.map_or_else(|| said.clone(), |field| format!("{field}: {said}")), stands }
}

/// What can be said of a conversation, and with what it is filled in.
struct Offer<'a> {
    app: &'a App,
    page: &'a Page,
    aggregate: &'a ConversationAggregate,
    messages: &'a [Message],
    products: &'a [Product],
    waits: bool,
    language: Language,
    fields: Option<&'a Form>,
    now: Timestamp,
}

impl Offer<'_> {
    fn moves(&self, chosen: Option<&OrderLedger>) -> Vec<Move> {
        let state = chosen.map_or(fold::State::None, |ledger| ledger.order.state);
        let mut kinds: Vec<OutcomeKind> = state.legal().to_vec();
        let lacks_value = chosen.is_some_and(waits_for_value);
        if lacks_value {
            // What the order is worth comes before all else that can be said of it.
            kinds.sort_by_key(|kind| *kind != OutcomeKind::Amended);
        }
        let sold_here = self.aggregate.waiting_since().is_none() && chosen.is_some();
        if state == fold::State::None && !sold_here {
            kinds.extend([OutcomeKind::Qualified, OutcomeKind::Lost]);
        }
        let mut moves: Vec<Move> = kinds.into_iter().map(|kind| self.of(kind, chosen)).collect();
        let retried = self.fields.and_then(|fields| fields.text("kind"));
        let open = moves.iter().position(|one| retried.as_deref() == Some(one.kind)).unwrap_or(0);
        // What stands first of an order is seldom what is said next of it: nothing is open then.
        // Nor while something else is to be decided first.
        let opens = retried.is_some() || (!self.waits && (chosen.is_none() || lacks_value));
        if let Some(one) = moves.get_mut(open).filter(|_| opens) {
            one.open = true;
        }
        moves
    }

    fn of(&self, kind: OutcomeKind, chosen: Option<&OrderLedger>) -> Move {
        let w = text::of(self.language);
        let typed = |name: &str| {
            let same = |fields: &&Form| fields.text("kind").as_deref() == Some(kind.as_str());
            self.fields.filter(same).and_then(|fields| fields.text(name))
        };
        let asks_reason = kind.wants_reason();
        let asks_value = !matches!(
            kind,
            OutcomeKind::Qualified
                | OutcomeKind::Lost
                | OutcomeKind::Cancelled
                | OutcomeKind::Shipped
                | OutcomeKind::Delivered
        );
        let proposed = self.proposal().filter(|_| match kind {
            OutcomeKind::Confirmed | OutcomeKind::CrossSold => true,
            OutcomeKind::Amended => chosen.is_some_and(waits_for_value),
            _ => false,
        });
        let known = chosen.and_then(|ledger| match kind {
            OutcomeKind::Amended => ledger.order.value,
            OutcomeKind::Paid => {
                ledger.order.value.map(|value| value - ledger.order.paid).filter(|due| *due > 0)
            }
            _ => None,
        });
        let (proposed, from) = match (known, proposed) {
            (Some(known), _) => (Some(known), None),
            (None, Some((minor, quote))) => (Some(minor), Some(fill(w.from_message, &[&quote]))),
            (None, None) => (None, None),
        };
        let plain =
            |minor: i64| crate::domain::basic::money::Money::new(minor, self.page.currency).to_string();
        let value = typed("value").or_else(|| proposed.map(plain)).filter(|_| asks_value).unwrap_or_default();
        let of_order = !kind.is_of_conversation();
        let is_sale = kind == OutcomeKind::Confirmed && chosen.is_none();
        let repeats = matches!(
            kind,
            OutcomeKind::CrossSold | OutcomeKind::Paid | OutcomeKind::Refunded | OutcomeKind::Returned
        );
        Move {
            kind: kind.as_str(),
            name: text::outcome_kind(kind, self.language).to_owned(),
            open: false,
            order: chosen.filter(|_| of_order).and_then(|ledger| ledger.numbers.first().cloned()),
            version: of_order.then(|| self.version_seen(chosen)),
            reference: repeats.then(|| format!("console:{}", self.app.services.ids.next(self.now))),
            new_order: is_sale && self.aggregate.orders.iter().any(|one| one.order.state.is_open()),
            asks_value,
            needs_value: asks_value && kind != OutcomeKind::Returned && self.products.is_empty(),
            value_label: match kind {
                OutcomeKind::CrossSold => w.value_uplift,
                OutcomeKind::Amended => w.amended_value,
                OutcomeKind::Returned => w.value_part,
                OutcomeKind::Paid | OutcomeKind::Refunded => w.value_sum,
                _ => w.value,
            },
            value_from: from,
            asks_reason,
            reasons: if asks_reason { self.reasons(kind) } else { Vec::new() },
            save: format!("{}: {}", w.save, text::outcome_kind(kind, self.language)),
            products: if matches!(kind, OutcomeKind::Confirmed | OutcomeKind::CrossSold) {
                self.products.iter().take(PRODUCTS).map(|product| self.product(product)).collect()
            } else {
                Vec::new()
            },
            asks_more: true,
            asks_number: is_sale,
            asks_waybill: kind == OutcomeKind::Shipped,
            asks_fee: kind == OutcomeKind::Paid,
            number: typed("number").unwrap_or_default(),
            delivery_fee: typed("delivery_fee").unwrap_or_default(),
            note: typed("note").unwrap_or_default(),
            value,
        }
    }

    /// The version of the order that a tag is about. A sale is, while nothing is open, the one that was wholly
    /// taken back.
    fn version_seen(&self, chosen: Option<&OrderLedger>) -> i64 {
        let orders = &self.aggregate.orders;
        let is_open = orders.iter().any(|one| one.order.state.is_open());
        let taken_back = || orders.iter().rfind(|one| one.order.state == fold::State::None && !one.parked);
        let meant = chosen.or_else(|| if is_open { None } else { taken_back() });
        meant.map_or(0, |ledger| ledger.version)
    }

    /// The last amount that an operator wrote, with the words that it stands in.
    fn proposal(&self) -> Option<(i64, String)> {
        let ours = self.messages.iter().rev().filter(|message| message.author == Author::Operator);
        let began = self.aggregate.chats.last().map_or(self.now, |chat| chat.began_at);
        let mut texts =
            ours.filter(|message| message.sent_at >= began).filter_map(|message| message.text.as_deref());
        texts.find_map(|text| {
            last_amount(text, self.page.currency).map(|amount| (amount.minor, cut(text, QUOTE_MAX)))
        })
    }

    /// The reasons to choose from, those of the person's own language first.
    fn reasons(&self, kind: OutcomeKind) -> Vec<String> {
        let georgian = |text: &str| text.chars().any(|letter| ('\u{10d0}'..='\u{10ff}').contains(&letter));
        let wanted = self.language == Language::Georgian;
        let choices = self.page.reasons.choices(kind);
        let (own, other): (Vec<&str>, Vec<&str>) =
            choices.into_iter().partition(|reason| georgian(reason) == wanted);
        let built_in = self.page.reasons == crate::domain::order::reason::Reasons::default();
        let other = other.into_iter().filter(|_| !built_in);
        own.into_iter().chain(other).map(str::to_owned).collect()
    }

    fn product(&self, product: &Product) -> Choice {
        let name = format!("{} {}", product.name, money(product.price, self.page.currency));
        Choice { value: product.sku.clone(), name, chosen: false }
    }
}
