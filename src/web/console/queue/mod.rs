//! The queue: who waits for a tag, the longest wait first.

pub mod search;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::conversation::inbound::{Author, Channel};
use crate::domain::inbox::pending::PendingReason;
use crate::domain::operator::Permission;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::cursor::ListCursor;
use crate::store::page::PageHead;
use crate::store::read::queue::{ConversationSummary, Filter};
use crate::web::console::formatting::Formatter;
use crate::web::console::guard::{Visitor, url_encoded};
use crate::web::console::layout::{self, Layout};
use crate::web::console::presenter;
use crate::web::console::text::{self, Texts, fill};
use crate::web::server::state::App;

/// Conversations on one page.
const ROWS: i64 = 50;

/// Letters of the last words that a row shows.
const WORDS_MAX: usize = 160;

/// Ads to choose from.
const ADS_MAX: i64 = 100;

/// What the queue is asked for.
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
    pub f: Layout,
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

/// Something to choose.
#[derive(Debug)]
pub struct Choice {
    pub value: String,
    pub name: String,
    pub chosen: bool,
}

/// A conversation as a row.
#[derive(Debug)]
pub struct QueueRow {
    pub id: String,
    pub name: String,
    pub initials: String,
    pub has_face: bool,
    pub wait: String,
    pub at: String,
    pub ours: bool,
    pub words: String,
    pub channel: &'static str,
    pub ad: Option<String>,
    pub page: Option<String>,
    pub note: Option<String>,
    pub waits: Option<String>,
    pub inbox: Option<String>,
    pub inbox_label: String,
    pub back: bool,
}

/// The queue.
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
    let w = layout.w;
    let (rows, next) = listed(&mut unit, state, &filter, &pages, query.after.as_deref()).await?;
    let ads = unit.ads_waiting(filter.page.as_ref(), ADS_MAX).await?;
    layout.flash =
        presenter::flash(&mut unit, &visitor, (query.saved.as_deref(), query.known.is_some()), now).await?;
    if let Some(until) = query.snoozed.as_deref().and_then(|text| Timestamp::parse(text).ok()) {
        let teller = teller_of(&pages, filter.page.as_ref(), w, now);
        let text = fill(w.snoozed_flash, &[&teller.time(until)]);
        layout.flash = Some(layout::Flash { text, undo: None, back: String::new() });
    }
    let rows = rows.into_iter().map(|row| summary_row(row, &pages, w, now)).collect();
    let choice = |value: &str, name: &str, chosen: bool| Choice {
        value: value.to_owned(),
        name: name.to_owned(),
        chosen,
    };
    layout::page(&QueuePage {
        title: w.queue.to_owned(),
        filters: true,
        states: [("waiting", w.waiting), ("snoozed", w.snoozed), ("done", w.done)]
            .map(|(value, name)| choice(value, name, value == state))
            .into(),
        pages: pages
            .iter()
            .map(|page| choice(page.id.as_str(), &page.name, filter.page.as_ref() == Some(&page.id)))
            .collect(),
        channels: [Channel::Messenger, Channel::Instagram, Channel::Whatsapp]
            .map(|channel| choice(channel.as_str(), text::channel(channel), filter.channel == Some(channel)))
            .into(),
        ads: ads
            .iter()
            .map(|ad| {
                let name = ad.title.as_deref().unwrap_or(&ad.id);
                choice(&ad.id, name, filter.ad_id.as_ref() == Some(&ad.id))
            })
            .collect(),
        rows,
        from: "?from=queue",
        empty: w.empty_queue,
        next: next.map(|after| next_href(&query, state, &after)),
        f: layout,
    })
}

/// A part of the list, and where it goes on.
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

/// Tells times as the Page does; of several Pages, as the first.
pub fn teller_of(pages: &[PageHead], page: Option<&PageId>, w: &'static Texts, now: Timestamp) -> Formatter {
    let found = page.and_then(|id| pages.iter().find(|page| page.id == *id)).or(pages.first());
    Formatter::new(found.map_or("UTC", |page| &page.timezone), w, now)
}

/// A conversation as a row.
pub fn summary_row(
    row: ConversationSummary,
    pages: &[PageHead],
    w: &'static Texts,
    now: Timestamp,
) -> QueueRow {
    let teller = teller_of(pages, Some(&row.page_id), w, now);
    let name = person_name(row.name.as_deref(), row.person_id.as_deref(), w);
    let since = row.waiting_since.unwrap_or(row.last_at);
    let note = row.snoozed_until.map(|until| {
        let owner = row.owner.as_deref().unwrap_or_default();
        fill(w.snoozed_until, &[&teller.time(until), owner])
    });
    let language = text::language_of(w);
    let waits = match row.waits {
        Some((kind, why)) => {
            Some(format!("{}: {}", text::outcome_kind(kind, language), text::why(why, language)))
        }
        None => row.lacks_value.then(|| text::why(PendingReason::ValueMissing, language).to_owned()),
    };
    QueueRow {
        id: row.id.0,
        initials: initials(&name),
        has_face: row.has_picture,
        wait: if row.waiting_since.is_some() { teller.waited(since) } else { teller.time(row.last_at) },
        at: since.to_string(),
        ours: row.words_by.as_deref().is_some_and(|by| by != Author::Customer.as_str()),
        words: cut(row.words.as_deref().unwrap_or_default(), WORDS_MAX),
        channel: text::channel(row.channel),
        ad: row.ad,
        page: (pages.len() > 1)
            .then(|| pages.iter().find(|page| page.id == row.page_id).map(|page| page.name.clone()))
            .flatten(),
        note,
        waits,
        inbox: inbox_link(&row.page_id, row.channel, row.person_id.as_deref()),
        inbox_label: fill(w.open_inbox_of, &[&name]),
        back: row.back_at.zip(row.waiting_since).is_some_and(|(back, since)| back >= since),
        name,
    }
}

/// What a person is called; until Meta told it, by the last digits of their id.
pub fn person_name(name: Option<&str>, psid: Option<&str>, w: &Texts) -> String {
    match (name, psid) {
        (Some(name), _) => name.to_owned(),
        (None, Some(psid)) => {
            let digits: Vec<char> = psid.chars().collect();
            let last: String = digits[digits.len().saturating_sub(4)..].iter().collect();
            fill(w.customer, &[&format!("·{last}")])
        }
        (None, None) => fill(w.customer, &["?"]),
    }
}

/// The first letters of a name.
pub fn initials(name: &str) -> String {
    let words = name.split_whitespace();
    let firsts = words.filter_map(|word| word.trim_start_matches('·').chars().next());
    firsts.take(2).flat_map(char::to_uppercase).collect()
}

/// The first letters of a text.
pub fn cut(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).collect();
    if text.chars().count() > most {
        shown.push('…');
    }
    shown
}

/// This chat in Meta's inbox.
pub fn inbox_link(page: &PageId, channel: Channel, psid: Option<&str>) -> Option<String> {
    let (room, psid) = match channel {
        Channel::Messenger => ("messenger", psid?),
        Channel::Instagram => ("instagram_direct", psid?),
        Channel::Whatsapp => return None,
    };
    Some(format!("https://business.facebook.com/latest/inbox/{room}?asset_id={page}&selected_item_id={psid}"))
}
