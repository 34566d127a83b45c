//! The page of a Page's settings, put together from its sections.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::operator::Permission;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{Mode, Policy};
use crate::error::{Error, Result};
use crate::flow::{self, PreviewTotals};
use crate::store::Unit;
use crate::store::page::Page;
use crate::web::console::formatting::Formatter;
use crate::web::console::layout::{self, Flash, Layout};
use crate::web::console::settings::labels_and_sentences::{LabelsSection, SentencesSection, TriedSentence};
use crate::web::console::settings::mode::ModeSection;
use crate::web::console::settings::policy::{PolicySection, Preview};
use crate::web::console::settings::prices::ProductLine;
use crate::web::console::settings::reasons::{self, ReasonList};
use crate::web::console::settings::test_code::TestCodeSection;
use crate::web::console::text::{self, fill};
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// The span over which a Page in shadow shows what would have left.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// The query of the page: what was just saved.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    saved: Option<String>,
    /// How many lines a price list has that was just saved.
    prices: Option<usize>,
}

#[derive(Template)]
#[template(path = "settings/settings.html", config = "src/web/console/askama.toml")]
struct SettingsPage {
    layout: Layout,
    title: String,
    id: String,
    trouble: Option<String>,
    may_set: bool,
    mode: ModeSection,
    test: TestCodeSection,
    policy: PolicySection,
    labels: LabelsSection,
    sentences: SentencesSection,
    reasons: Vec<ReasonList>,
    products: Vec<ProductLine>,
}

/// What the page shows besides the saved settings.
#[derive(Debug, Default)]
pub struct Beside {
    /// What was just saved.
    pub saved: Option<String>,
    /// Why a form was refused.
    pub trouble: Option<String>,
    /// A policy that is previewed before it is saved.
    pub policy: Option<Policy>,
    /// A sentence that is tried before it is switched on.
    pub tried: Option<TriedSentence>,
}

/// Shows the settings page.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    let texts = text::of(visitor.operator.language);
    let saved = match (query.saved, query.prices) {
        (_, Some(lines)) => Some(fill(texts.prices_saved, &[&lines.to_string()])),
        (Some(_), None) => Some(texts.saved_page.to_owned()),
        (None, None) => None,
    };
    render(&app, &visitor, &PageId(id), Beside { saved, ..Beside::default() }).await
}

/// Renders the settings of a Page, with what is shown `beside` them.
///
/// # Errors
/// 403 or 404 for a visitor who may not see it.
pub async fn render(app: &App, visitor: &Visitor, id: &PageId, beside: Beside) -> Result<Response> {
    visitor.may(Permission::ReadPages)?;
    visitor.sees(id)?;
    let now = app.services.clock.now();
    let language = visitor.operator.language;
    let mut unit = app.services.store.read().await?;
    let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
    let (mut layout, heads) = layout::layout_for(&mut unit, visitor, now).await?;
    let texts = layout.texts;
    layout.flash = beside.saved.map(|text| Flash { text, undo: None, back: String::new() });
    let last_week = match page.mode {
        Mode::Shadow => Some(shadowed(&mut unit, &page, now - WEEK).await?),
        Mode::Live | Mode::Paused => None,
    };
    let products = unit.products(id).await?;
    let mut refused: Vec<EventName> = unit.rules(&page).await?.refused.into_iter().collect();
    refused.sort_by_key(|name| name.as_str());
    drop(unit);
    let preview = match beside.policy {
        Some(policy) => Some(Preview {
            policy,
            totals: flow::preview(&app.services, &page, policy).await?,
            in_force: flow::preview(&app.services, &page, page.policy).await?,
        }),
        None => None,
    };
    let test_until = heads.iter().find(|head| head.id == *id).and_then(|head| head.test_until);
    let formatter = Formatter::new(&page.timezone, texts, now);
    layout::page(&SettingsPage {
        title: fill(texts.settings, &[&page.name]),
        id: id.0.clone(),
        trouble: beside.trouble,
        may_set: visitor.operator.role.may(Permission::SetPages),
        mode: ModeSection::new(&page, &refused, last_week.as_ref(), language),
        test: TestCodeSection::new(&page, test_until, &formatter),
        policy: PolicySection::new(&page, preview.as_ref(), language),
        labels: LabelsSection::new(&page, language),
        sentences: SentencesSection::new(&page, beside.tried.as_ref(), &formatter, language),
        reasons: reasons::lists(&page, language),
        products: products.into_iter().map(|product| ProductLine::new(product, page.currency)).collect(),
        layout,
    })
}

/// The events since then that shadow mode kept from being sent, by name.
async fn shadowed(
    unit: &mut Unit,
    page: &Page,
    since: Timestamp,
) -> Result<BTreeMap<EventName, PreviewTotals>> {
    let mut totals = BTreeMap::new();
    for shadowed in unit.shadowed_since(&page.id, since).await? {
        let events = u64::try_from(shadowed.number).unwrap_or(0);
        totals.insert(shadowed.name, PreviewTotals { events, value: shadowed.worth });
    }
    Ok(totals)
}
