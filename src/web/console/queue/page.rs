//! The queue: conversations that wait for a tag, the longest wait first.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::conversation::inbound::Channel;
use crate::domain::operator::Permission;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::cursor::ListCursor;
use crate::store::page::PageHead;
use crate::store::read::queue::ConversationSummary;
use crate::store::read::queue::Filter;
use crate::web::console::choice::Choice;
use crate::web::console::flash::{self, SavedEntry};
use crate::web::console::formatting::formatter_of;
use crate::web::console::layout::{self, Layout};
use crate::web::console::path::url_encoded;
use crate::web::console::queue::row::QueueRow;
use crate::web::console::text::{self, fill};
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// Conversations of one page of the list.
const ROWS: i64 = 50;

/// The most ads to choose from.
const ADS_MAX: i64 = 100;

/// The query of the page.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    state: Option<String>,
    page: Option<String>,
    channel: Option<String>,
    ad: Option<String>,
    after: Option<String>,
    saved: Option<String>,
    known: Option<String>,
    snoozed: Option<String>,
}

#[derive(Template)]
#[template(path = "queue/queue.html", config = "src/web/console/askama.toml")]
pub struct QueuePage {
    pub layout: Layout,
    pub title: String,
    pub filters: bool,
    pub states: Vec<Choice>,
    pub pages: Vec<Choice>,
    pub channels: Vec<Choice>,
    pub ads: Vec<Choice>,
    pub rows: Vec<QueueRow>,
    pub from: &'static str,
    pub empty: &'static str,
    pub next: Option<String>,
}

/// Shows the queue.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    visitor.may(Permission::Tag)?;
    let now = app.services.clock.now();
    let page = query.page.clone().filter(|id| !id.is_empty()).map(PageId);
    if let Some(page) = &page {
        visitor.sees(page)?;
    }
    let filter = Filter {
        page: page.or_else(|| visitor.operator.page.clone()),
        channel: query.channel.as_deref().and_then(Channel::parse),
        ad_id: query.ad.clone().filter(|id| !id.is_empty()),
    };
    let state =
        query.state.as_deref().filter(|state| ["snoozed", "done"].contains(state)).unwrap_or("waiting");
    let mut unit = app.services.store.read().await?;
    let (mut layout, pages) = layout::layout_for(&mut unit, &visitor, now).await?;
    if filter.page.as_ref().is_some_and(|id| !pages.iter().any(|page| page.id == *id)) {
        return Err(Error::not_found("Page"));
    }
    let texts = layout.texts;
    let (rows, next) = listed(&mut unit, state, &filter, &pages, query.after.as_deref()).await?;
    let ads = unit.ads_waiting(filter.page.as_ref(), ADS_MAX).await?;
    if let Some(id) = query.saved.as_deref() {
        let saved = SavedEntry { id, known: query.known.is_some() };
        layout.flash = flash::of_saved(&mut unit, &visitor, saved, now).await?;
    }
    if let Some(until) = query.snoozed.as_deref().and_then(|text| Timestamp::parse(text).ok()) {
        let formatter = formatter_of(&pages, filter.page.as_ref(), texts, now);
        let text = fill(texts.snoozed_flash, &[&formatter.time(until)]);
        layout.flash = Some(layout::Flash { text, undo: None, back: String::new() });
    }
    let rows = rows.into_iter().map(|row| QueueRow::new(row, &pages, texts, now)).collect();
    layout::page(&QueuePage {
        title: texts.queue.to_owned(),
        filters: true,
        states: [("waiting", texts.waiting), ("snoozed", texts.snoozed), ("done", texts.done)]
            .map(|(value, name)| Choice::new(value, name, value == state))
            .into(),
        pages: pages
            .iter()
            .map(|page| Choice::new(page.id.as_str(), &page.name, filter.page.as_ref() == Some(&page.id)))
            .collect(),
        channels: [Channel::Messenger, Channel::Instagram, Channel::Whatsapp]
            .map(|channel| {
                Choice::new(channel.as_str(), text::channel(channel), filter.channel == Some(channel))
            })
            .into(),
        ads: ads
            .iter()
            .map(|ad| {
                let name = ad.title.as_deref().unwrap_or(&ad.id);
                Choice::new(&ad.id, name, filter.ad_id.as_ref() == Some(&ad.id))
            })
            .collect(),
        rows,
        from: "?from=queue",
        empty: texts.empty_queue,
        next: next.map(|after| next_href(&query, state, &after)),
        layout,
    })
}

/// A page of the list, and the cursor of the next one.
async fn listed(
    unit: &mut Unit,
    state: &str,
    filter: &Filter,
    pages: &[PageHead],
    after: Option<&str>,
) -> Result<(Vec<ConversationSummary>, Option<ListCursor>)> {
    let after = after.and_then(read_after);
    let limit = ROWS + 1;
    let begin = ListCursor { at: Timestamp::from_millis(0), id: String::new() };
    let end = ListCursor { at: Timestamp::from_millis(i64::MAX), id: String::new() };
    let mut back = Vec::new();
    let mut rows = match state {
        "snoozed" => unit.snoozed(filter, after.as_ref().unwrap_or(&begin), limit).await?,
        "done" => {
            let mut rows = Vec::new();
            let shown = pages.iter().filter(|page| filter.page.as_ref().is_none_or(|id| *id == page.id));
            for page in shown {
                rows.extend(unit.done(&page.id, filter, after.as_ref().unwrap_or(&end), limit).await?);
            }
            rows.sort_by(|a, b| (b.last_at, &b.id).cmp(&(a.last_at, &a.id)));
            rows
        }
        _ => {
            if after.is_none() {
                back = unit.came_back(filter, ROWS).await?;
            }
            unit.in_line(filter, after.as_ref().unwrap_or(&begin), limit).await?
        }
    };
    let whole = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = rows.len() > whole;
    rows.truncate(whole);
    let next = rows.last().filter(|_| more).map(|row| {
        let at = match state {
            "snoozed" => row.snoozed_until,
            "done" => Some(row.last_at),
            _ => row.waiting_since,
        };
        ListCursor { at: at.unwrap_or(row.last_at), id: row.id.0.clone() }
    });
    back.extend(rows);
    Ok((back, next))
}

fn read_after(text: &str) -> Option<ListCursor> {
    let (at, id) = text.split_once('~')?;
    Some(ListCursor { at: Timestamp::from_millis(at.parse().ok()?), id: id.to_owned() })
}

fn next_href(query: &PageQuery, state: &str, after: &ListCursor) -> String {
    let mut href = format!("/console/queue?state={state}&after={}~", after.at.millis());
    href.extend(url_encoded(&after.id));
    for (name, value) in [("page", &query.page), ("channel", &query.channel), ("ad", &query.ad)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            href.push('&');
            href.push_str(name);
            href.push('=');
            href.extend(url_encoded(value));
        }
    }
    href
}
