//! The page of a conversation, put together from the parts in this folder.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::domain::basic::identity::ConversationId;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::inbox::pending::PendingTag;
use crate::domain::inbox::proposal::{WrittenMessage, newest_amount};
use crate::domain::order::offered_moves::{Offer, focused_order};
use crate::error::{Error, Result};
use crate::store::aggregate::Scope;
use crate::store::message::Message;
use crate::store::operator::OperatorRow;
use crate::store::page::Page;
use crate::store::product::Product;
use crate::store::read::queue::ConversationSummary;
use crate::store::referral::ReferralRow;
use crate::web::console::conversation::access::page_of;
use crate::web::console::conversation::head::Head;
use crate::web::console::conversation::pending::{PendingContext, PendingForm};
use crate::web::console::conversation::refusal::{Refusal, Refused};
use crate::web::console::conversation::snooze::SnoozeForm;
use crate::web::console::conversation::tag_form::{FormContext, TagPanel};
use crate::web::console::conversation::thread::MessageLine;
use crate::web::console::flash::{self, SavedEntry};
use crate::web::console::formatting::Formatter;
use crate::web::console::layout::{self, Layout};
use crate::web::console::presenter::{LedgerSection, Presenter};
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// Messages that are shown, at most: the last ones.
const MESSAGES_MAX: i64 = 100;

/// The query of the page.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PageQuery {
    /// `queue`, if the visitor goes back there.
    pub from: Option<String>,
    /// The id of the order that is looked at, or `new`.
    pub order: Option<String>,
    /// The id of the entry that was just saved.
    pub saved: Option<String>,
    /// Present if the ledger had that entry already, so that nothing was added.
    pub known: Option<String>,
}

#[derive(Template)]
#[template(path = "conversation/conversation.html", config = "src/web/console/askama.toml")]
struct ConversationPage {
    layout: Layout,
    head: Head,
    links: Links,
    refusal: Option<Refusal>,
    pending: Vec<PendingForm>,
    panel: TagPanel,
    snooze: Option<SnoozeForm>,
    orders: Vec<LedgerSection>,
    thread: Vec<MessageLine>,
}

/// Where the page's links and forms lead.
#[derive(Debug)]
struct Links {
    /// The address of the queue.
    back: &'static str,
    /// This page, for forms that lead back to it.
    here: String,
    /// `queue`, if the visitor came from there; else empty.
    from: String,
    /// The parameter `from`, to be appended to a query.
    keep: String,
}

impl Links {
    fn new(id: &ConversationId, query: &PageQuery) -> Self {
        let own = format!("/console/conversations/{id}");
        let from = query.from.as_deref().filter(|from| *from == "queue").unwrap_or_default();
        let keep = if from.is_empty() { String::new() } else { format!("&from={from}") };
        Self {
            back: "/console/queue",
            here: if from.is_empty() { own } else { format!("{own}?from={from}") },
            from: from.to_owned(),
            keep,
        }
    }
}

/// The rows that the page is made from, all of one snapshot.
struct Found {
    page: Page,
    aggregate: ConversationAggregate,
    summary: ConversationSummary,
    messages: Vec<Message>,
    referrals: Vec<ReferralRow>,
    products: Vec<Product>,
    people: Vec<OperatorRow>,
    pending: Vec<PendingTag>,
    layout: Layout,
}

/// Shows the page.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    render(&app, &visitor, &ConversationId(id), &query, None).await
}

/// The page; `refused` is a form that it shows filled in, with the reason of its refusal.
///
/// # Errors
/// 403 or 404 for a visitor who may not see it.
pub async fn render(
    app: &App,
    visitor: &Visitor,
    id: &ConversationId,
    query: &PageQuery,
    refused: Option<Refused<'_>>,
) -> Result<Response> {
    let now = app.services.clock.now();
    let found = find(app, visitor, id, query).await?;
    let Found { page, aggregate, summary, messages, .. } = &found;
    let texts = found.layout.texts;
    let language = visitor.operator.language;
    let presenter = Presenter { visitor, formatter: Formatter::new(&page.timezone, texts, now) };
    let chat_began = aggregate.chats.last().map_or(now, |chat| chat.began_at);
    // The amount that the form proposes.
    let written = newest_amount(messages.iter().map(as_written), chat_began, page.currency);
    let focus = focused_order(aggregate, query.order.as_deref());
    let offer = Offer { aggregate, focus, written: written.as_ref() };
    let pending_context = PendingContext {
        focus,
        written: written.as_ref(),
        reasons: &page.reasons,
        formatter: &presenter.formatter,
        language,
    };
    let form_context = FormContext {
        page,
        products: &found.products,
        language,
        has_pending: !found.pending.is_empty(),
        refused: refused.map(|refused| refused.form),
        new_reference: &|| format!("console:{}", app.services.ids.next(now)),
    };
    let can_be_snoozed = summary.waiting_since.is_some() && summary.state != "done";
    let mut orders: Vec<LedgerSection> =
        aggregate.orders.iter().rev().map(|ledger| presenter.order(ledger, aggregate)).collect();
    orders.extend(presenter.chats(aggregate, page.currency));
    let shown = layout::page(&ConversationPage {
        head: Head::new(summary, page, &found.referrals, texts),
        links: Links::new(id, query),
        refusal: refused.map(|refused| Refusal::new(refused.error, focus, &presenter)),
        pending: found.pending.iter().map(|one| PendingForm::new(one, pending_context)).collect(),
        panel: TagPanel::new(offer, form_context),
        snooze: can_be_snoozed.then(|| SnoozeForm::new(&found.people, page, visitor, texts)),
        orders,
        thread: messages
            .iter()
            .map(|message| MessageLine::new(message, &presenter.formatter, texts))
            .collect(),
        layout: found.layout,
    })?;
    Ok(match refused {
        Some(refused) => layout::refused(refused.error, shown),
        None => shown,
    })
}

/// Reads the rows; the errors are those of [`render`].
async fn find(app: &App, visitor: &Visitor, id: &ConversationId, query: &PageQuery) -> Result<Found> {
    let now = app.services.clock.now();
    let mut unit = app.services.store.read().await?;
    let page = page_of(&mut unit, visitor, id).await?;
    let missing = || Error::not_found("conversation");
    let aggregate = unit.aggregates(Scope::Conversation(id)).await?.pop().ok_or_else(missing)?;
    let summary = unit.summary(id).await?.ok_or_else(missing)?;
    let messages = unit.messages(id, MESSAGES_MAX).await?;
    let referrals = unit.referrals(id).await?;
    let products = unit.products(&page.id).await?;
    let people = unit.operators().await?;
    let pending = unit.pending_tags_of(id).await?;
    let (mut layout, _) = layout::layout_for(&mut unit, visitor, now).await?;
    if let Some(id) = query.saved.as_deref() {
        let saved = SavedEntry { id, known: query.known.is_some() };
        layout.flash = flash::of_saved(&mut unit, visitor, saved, now).await?;
    }
    Ok(Found { page, aggregate, summary, messages, referrals, products, people, pending, layout })
}

fn as_written(message: &Message) -> WrittenMessage<'_> {
    WrittenMessage { sent_at: message.sent_at, author: message.author, text: message.text.as_deref() }
}
