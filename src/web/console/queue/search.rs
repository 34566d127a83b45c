//! Looking for a conversation by an order number, a phone number or a name.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::domain::conversation::phone::Phone;
use crate::domain::operator::Permission;
use crate::error::Result;
use crate::store::read::queue::Sought;
use crate::web::console::guard::Visitor;
use crate::web::console::layout;
use crate::web::console::queue::{QueuePage, summary_row};
use crate::web::console::text::fill;
use crate::web::server::state::App;

/// Conversations that are shown of each Page.
const FOUND_MAX: i64 = 50;

/// What is looked for.
#[derive(Debug, Deserialize)]
pub struct PageQuery {
    q: Option<String>,
}

/// What was found.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    visitor.may(Permission::Tag)?;
    let now = app.services.clock.now();
    let sought = query.q.unwrap_or_default().replace('\0', "");
    let sought = sought.trim();
    let mut unit = app.services.store.read().await?;
    let (mut layout, pages) = layout::layout_for(&mut unit, &visitor, now).await?;
    let mut found = Vec::new();
    for page in pages.iter().filter(|_| !sought.is_empty()) {
        let phone = Phone::parse(sought, &page.country);
        let hash = phone.map(|phone| app.services.phone_key.hash(phone.as_str())).transpose()?;
        let sought = Sought { number: sought, phone_hash: hash.as_deref(), name_like: &like(sought) };
        found.extend(unit.looked_for(&page.id, sought, FOUND_MAX).await?);
    }
    let w = layout.w;
    sought.clone_into(&mut layout.sought);
    let rows: Vec<_> = found.into_iter().map(|row| summary_row(row, &pages, w, now)).collect();
    layout::page(&QueuePage {
        title: fill(w.found, &[&rows.len().to_string()]),
        filters: false,
        states: Vec::new(),
        pages: Vec::new(),
        channels: Vec::new(),
        ads: Vec::new(),
        rows,
        from: "",
        empty: w.empty_search,
        next: None,
        f: layout,
    })
}

/// A text anywhere in a name, letter by letter.
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
