//! Looking for a conversation by an order number, a phone number or a name.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::domain::conversation::phone::Phone;
use crate::domain::operator::Permission;
use crate::error::Result;
use crate::store::read::queue::SearchTerms;
use crate::web::console::layout;
use crate::web::console::queue::page::QueuePage;
use crate::web::console::queue::row::QueueRow;
use crate::web::console::text::fill;
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// The most conversations that are shown of each Page.
const FOUND_MAX: i64 = 50;

/// The query of the page.
#[derive(Debug, Deserialize)]
pub struct PageQuery {
    q: Option<String>,
}

/// Shows what was found.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    visitor.may(Permission::Tag)?;
    let now = app.services.clock.now();
    let words = query.q.unwrap_or_default().replace('\0', "");
    let words = words.trim();
    let mut unit = app.services.store.read().await?;
    let (mut layout, pages) = layout::layout_for(&mut unit, &visitor, now).await?;
    let mut found = Vec::new();
    for page in pages.iter().filter(|_| !words.is_empty()) {
        let phone = Phone::parse(words, &page.country);
        let hash = phone.map(|phone| app.services.phone_key.hash(phone.as_str())).transpose()?;
        let terms = SearchTerms { number: words, phone_hash: hash.as_deref(), name_like: &like(words) };
        found.extend(unit.looked_for(&page.id, terms, FOUND_MAX).await?);
    }
    let texts = layout.texts;
    words.clone_into(&mut layout.search);
    let rows: Vec<_> = found.into_iter().map(|row| QueueRow::new(row, &pages, texts, now)).collect();
    layout::page(&QueuePage {
        title: fill(texts.found, &[&rows.len().to_string()]),
        filters: false,
        states: Vec::new(),
        pages: Vec::new(),
        channels: Vec::new(),
        ads: Vec::new(),
        rows,
        from: "",
        empty: texts.empty_search,
        next: None,
        layout,
    })
}

/// The pattern of SQL's `like … escape '!'` for `text` anywhere in a name.
fn like(text: &str) -> String {
    let mut like = "%".to_owned();
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '!') {
            like.push('!');
        }
        like.push(letter);
    }
    like.push('%');
    like
}
