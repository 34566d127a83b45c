//! A conversation as a row of the queue or of the search.

use crate::clock::Timestamp;
use crate::domain::conversation::inbound::Author;
use crate::domain::inbox::pending::PendingReason;
use crate::store::page::PageHead;
use crate::store::read::queue::ConversationSummary;
use crate::web::console::customer::{self, inbox_link, initials};
use crate::web::console::formatting::{formatter_of, shortened};
use crate::web::console::text::{self, Texts, fill};

/// The most characters of the last message that a row shows.
const WORDS_MAX: usize = 160;

/// The row of one conversation.
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
    pub pending: Option<String>,
    pub inbox: Option<String>,
    pub inbox_label: String,
    pub back: bool,
}

impl QueueRow {
    /// The row of a conversation on one of `pages`.
    pub fn new(row: ConversationSummary, pages: &[PageHead], texts: &'static Texts, now: Timestamp) -> Self {
        let formatter = formatter_of(pages, Some(&row.page_id), texts, now);
        let name = customer::name(row.name.as_deref(), row.person_id.as_deref(), texts);
        let since = row.waiting_since.unwrap_or(row.last_at);
        let note = row.snoozed_until.map(|until| {
            let owner = row.owner.as_deref().unwrap_or_default();
            fill(texts.snoozed_until, &[&formatter.time(until), owner])
        });
        let language = text::language_of(texts);
        let pending = match row.waits {
            Some((kind, reason)) => Some(format!(
                "{}: {}",
                text::outcome_kind(kind, language),
                text::pending_reason(reason, language)
            )),
            None if row.is_flagged => Some(texts.to_decide.to_owned()),
            None => row
                .lacks_value
                .then(|| text::pending_reason(PendingReason::ValueMissing, language).to_owned()),
        };
        Self {
            id: row.id.0,
            initials: initials(&name),
            has_face: row.has_picture,
            wait: if row.waiting_since.is_some() {
                formatter.waited(since)
            } else {
                formatter.time(row.last_at)
            },
            at: since.to_string(),
            ours: row.words_by.as_deref().is_some_and(|by| by != Author::Customer.as_str()),
            words: shortened(row.words.as_deref().unwrap_or_default(), WORDS_MAX),
            channel: text::channel(row.channel),
            ad: row.ad,
            page: (pages.len() > 1)
                .then(|| pages.iter().find(|page| page.id == row.page_id).map(|page| page.name.clone()))
                .flatten(),
            note,
            pending,
            inbox: inbox_link(&row.page_id, row.channel, row.person_id.as_deref()),
            inbox_label: fill(texts.open_inbox_of, &[&name]),
            back: row.back_at.zip(row.waiting_since).is_some_and(|(back, since)| back >= since),
            name,
        }
    }
}
