//! The settings of a Page: its mode, the signal policy in sentences with a preview, reasons, test code.

pub mod inbox;
pub mod lane;
pub mod prices;

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::Currency;
use crate::domain::operator::{Language, Permission};
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{HOLD_MAX, LeadOn, Mode, OnUnknown, Policy, PurchaseOn};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, PageChange, PreviewTotals};
use crate::store::Unit;
use crate::store::page::Page;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, money};
use crate::web::console::guard::Visitor;
use crate::web::console::layout::{self, Flash, Layout};
use crate::web::console::queue::Choice;
use crate::web::console::settings::inbox::{Inbox, Tryout};
use crate::web::console::text::{self, Texts, fill};
use crate::web::server::state::App;

/// A week, over which shadow shows what would have left.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// The holds to choose from.
const HOLDS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(24),
    Duration::from_hours(3 * 24),
    HOLD_MAX,
];

/// Reasons in one list, and letters of one, at most.
const REASONS_MAX: (usize, usize) = (50, 80);

/// What was just done.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    saved: Option<String>,
    prices: Option<usize>,
}

#[derive(Template)]
#[template(path = "settings/pages.html", config = "src/web/console/askama.toml")]
struct PagesPage {
    f: Layout,
    pages: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "settings/settings.html", config = "src/web/console/askama.toml")]
#[expect(clippy::struct_excessive_bools, reason = "each is a button, there or not")]
struct SettingsPage {
    f: Layout,
    title: String,
    id: String,
    trouble: Option<String>,
    sets: bool,
    mode: &'static str,
    is_shadow: bool,
    is_live: bool,
    is_paused: bool,
    last_week: Option<String>,
    fault: Option<String>,
    refused: Vec<Choice>,
    test_code: String,
    test_until: String,
    policy_version: String,
    sentences: Vec<String>,
    preview: Vec<String>,
    policy: Vec<Rule>,
    inbox: Inbox,
    reasons: Vec<List>,
    products: Vec<PageLine>,
}

#[derive(Debug)]
struct Rule {
    field: &'static str,
    name: &'static str,
    options: Vec<Choice>,
}

#[derive(Debug)]
struct List {
    value: &'static str,
    name: String,
    text: String,
}

#[derive(Debug)]
struct PageLine {
    sku: String,
    name: String,
    price: String,
    cost: String,
}

/// The Pages.
pub async fn list(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    visitor.may(Permission::ReadPages)?;
    let mut unit = app.services.store.read().await?;
    let (f, heads) = layout::layout_for(&mut unit, &visitor, app.services.clock.now()).await?;
    if let [only] = heads.as_slice() {
        return Ok(Redirect::to(&format!("/console/pages/{}", only.id)).into_response());
    }
    let pages = heads.into_iter().map(|page| Choice { value: page.id.0, name: page.name, chosen: false });
    layout::page(&PagesPage { pages: pages.collect(), f })
}

/// The settings of one.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    let w = text::of(visitor.operator.language);
    let said = match (query.saved, query.prices) {
        (_, Some(lines)) => Some(fill(w.prices_saved, &[&lines.to_string()])),
        (Some(_), None) => Some(w.saved_page.to_owned()),
        (None, None) => None,
    };
    render(&app, &visitor, &PageId(id), Shown { said, ..Shown::default() }).await
}

/// What the settings show besides how they stand.
#[derive(Debug, Default)]
pub struct Shown {
    pub said: Option<String>,
    pub trouble: Option<String>,
    pub policy: Option<Policy>,
    pub tryout: Option<Tryout>,
}

/// Whether the person may change this Page.
///
/// # Errors
/// 403 for another role, 404 for another Page.
pub async fn settable(app: &App, visitor: &Visitor, id: &PageId) -> Result<Page> {
    visitor.may(Permission::SetPages)?;
    visitor.sees(id)?;
    app.services.store.look().await?.page(id).await?.ok_or_else(|| Error::not_found("Page"))
}

/// Sets the mode.
pub async fn set_mode(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let mode = fields.text("mode").as_deref().and_then(Mode::parse);
    let mode = mode.ok_or_else(|| Error::field("/mode", "It must be shadow, live or paused."))?;
    let change = PageChange { mode: Some(mode), ..PageChange::default() };
    saved(&app, &visitor, &page, flow::change_page(&app.services, &page.id, &change).await).await
}

/// Sets the signal policy, or shows what it would have sent.
pub async fn set_policy(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let policy = read_policy(&fields, page.policy)?;
    if fields.text("do").as_deref() == Some("preview") {
        return render(&app, &visitor, &page.id, Shown { policy: Some(policy), ..Shown::default() }).await;
    }
    let change = PageChange {
        purchase_on: Some(policy.purchase_on),
        hold: Some(policy.hold),
        lead_on: Some(policy.lead_on),
        lifecycle: Some(policy.lifecycle),
        on_unknown: Some(policy.on_unknown),
        ..PageChange::default()
    };
    saved(&app, &visitor, &page, flow::change_page(&app.services, &page.id, &change).await).await
}

fn read_policy(fields: &Form, policy: Policy) -> Result<Policy> {
    let word = |name: &str| fields.text(name);
    let wrong = |field: &str| Error::field(format!("/{field}"), "Choose one of the list.");
    let hold = word("hold").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let hold = hold.filter(|hold| *hold <= HOLD_MAX).ok_or_else(|| wrong("hold"))?;
    Ok(Policy {
        purchase_on: word("purchase_on")
            .as_deref()
            .and_then(PurchaseOn::parse)
            .ok_or_else(|| wrong("purchase_on"))?,
        hold,
        lead_on: word("lead_on").as_deref().and_then(LeadOn::parse).ok_or_else(|| wrong("lead_on"))?,
        lifecycle: word("lifecycle").as_deref() == Some("on"),
        on_unknown: word("on_unknown")
            .as_deref()
            .and_then(OnUnknown::parse)
            .ok_or_else(|| wrong("on_unknown"))?,
        ..policy
    })
}

/// Sets the reasons.
pub async fn set_reasons(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let list = |name: &str| {
        let text = fields.text(name).unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        let list: Vec<String> = lines.collect();
        let (most, letters) = REASONS_MAX;
        let fits = list.len() <= most && list.iter().all(|reason| reason.chars().count() <= letters);
        fits.then_some(list).ok_or_else(|| Error::field("/reason", "At most 50 reasons of 80 letters."))
    };
    let change = PageChange {
        lost: Some(list("lost")?),
        cancelled: Some(list("cancelled")?),
        returned: Some(list("returned")?),
        not_a_sale: Some(list("not_a_sale")?),
        ..PageChange::default()
    };
    saved(&app, &visitor, &page, flow::change_page(&app.services, &page.id, &change).await).await
}

/// Sets or ends the test event code.
pub async fn set_test(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let w = text::of(visitor.operator.language);
    let teller = Formatter::new(&page.timezone, w, app.services.clock.now());
    let until = fields.text("until").and_then(|text| teller.read(&text));
    let done = match (fields.text("code"), until) {
        (None, _) => flow::set_test_code(&app.services, &page.id, None).await,
        (Some(code), Some(until)) => flow::set_test_code(&app.services, &page.id, Some((&code, until))).await,
        (Some(_), None) => Err(Error::field("/until", "Say until when.")),
    };
    saved(&app, &visitor, &page, done).await
}

/// Back to the settings, saved; or the settings with why they were not.
///
/// # Errors
/// What no other form would mend.
pub async fn saved(app: &App, visitor: &Visitor, page: &Page, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/console/pages/{}?saved=1", page.id)).into_response()),
        Err(error) => not_saved(app, visitor, page, &error, Shown::default()).await,
    }
}

/// The settings with why they were not taken.
///
/// # Errors
/// What no other form would mend.
pub async fn not_saved(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    error: &Error,
    shown: Shown,
) -> Result<Response> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict) {
        return Err(Error::new(error.kind, error.code, error.message.clone()));
    }
    let language = visitor.operator.language;
    let trouble = text::trouble(error.code, language).unwrap_or(&error.message).to_owned();
    let page = render(app, visitor, &page.id, Shown { trouble: Some(trouble), ..shown }).await?;
    Ok(layout::refused(error, page))
}

/// The settings as they stand.
pub async fn render(app: &App, visitor: &Visitor, id: &PageId, shown: Shown) -> Result<Response> {
    visitor.may(Permission::ReadPages)?;
    visitor.sees(id)?;
    let now = app.services.clock.now();
    let mut unit = app.services.store.read().await?;
    let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
    let (mut f, heads) = layout::layout_for(&mut unit, visitor, now).await?;
    let w = f.w;
    let language = visitor.operator.language;
    f.flash = shown.said.map(|text| Flash { text, undo: None, back: String::new() });
    let last_week = match page.mode {
        Mode::Shadow => Some(last_week(&mut unit, &page, language, now - WEEK).await?),
        _ => None,
    };
    let products = unit.products(id).await?;
    let mut refused: Vec<EventName> = unit.rules(&page).await?.refused.into_iter().collect();
    refused.sort_by_key(|name| name.as_str());
    drop(unit);
    let mut preview = Vec::new();
    if let Some(policy) = shown.policy {
        for (line, policy) in [(w.preview_line, policy), (w.preview_now, page.policy)] {
            let sums = flow::preview(&app.services, &page, policy).await?;
            preview.push(fill(line, &[&summed(&sums, page.currency, language)]));
        }
    }
    let head = heads.iter().find(|head| head.id == *id);
    let teller = Formatter::new(&page.timezone, w, now);
    let policy = shown.policy.unwrap_or(page.policy);
    let amount = |minor: i64| money(minor, page.currency);
    layout::page(&SettingsPage {
        title: fill(w.settings, &[&page.name]),
        id: id.0.clone(),
        trouble: shown.trouble,
        sets: visitor.operator.role.may(Permission::SetPages),
        mode: text::mode(page.mode, language),
        is_shadow: page.mode == Mode::Shadow,
        is_live: page.mode == Mode::Live,
        is_paused: page.mode == Mode::Paused,
        last_week,
        fault: page.lane.fault.clone(),
        refused: refused
            .into_iter()
            .map(|name| Choice {
                value: name.as_str().to_owned(),
                name: text::event(name, language).to_owned(),
                chosen: false,
            })
            .collect(),
        test_code: page.test_event_code.clone().unwrap_or_default(),
        test_until: head
            .and_then(|head| head.test_until)
            .map(|until| teller.field(until))
            .unwrap_or_default(),
        policy_version: fill(w.policy_version, &[&page.policy.version.to_string()]),
        sentences: sentences(&policy, w, language),
        preview,
        policy: rules(&policy, w, language),
        inbox: inbox::shown(&page, shown.tryout.as_ref(), language, now),
        reasons: [
            ("lost", text::outcome_kind(OutcomeKind::Lost, language), &page.reasons.lost),
            ("cancelled", text::outcome_kind(OutcomeKind::Cancelled, language), &page.reasons.cancelled),
            ("returned", text::outcome_kind(OutcomeKind::Returned, language), &page.reasons.returned),
            ("not_a_sale", w.not_a_sale, &page.reasons.not_a_sale),
        ]
        .map(|(value, name, list)| List { value, name: name.to_owned(), text: list.join("\n") })
        .into(),
        products: products
            .into_iter()
            .map(|product| PageLine {
                sku: product.sku,
                name: product.name,
                price: amount(product.price),
                cost: product.cost.map(amount).unwrap_or_default(),
            })
            .collect(),
        f,
    })
}

async fn last_week(
    unit: &mut Unit,
    page: &Page,
    language: Language,
    since: crate::clock::Timestamp,
) -> Result<String> {
    let mut sums = BTreeMap::new();
    for shadowed in unit.shadowed_since(&page.id, since).await? {
        let events = u64::try_from(shadowed.number).unwrap_or(0);
        sums.insert(shadowed.name, PreviewTotals { events, value: shadowed.worth });
    }
    Ok(fill(text::of(language).last_week, &[&summed(&sums, page.currency, language)]))
}

/// `Sale (Purchase): 12, 1450.00 ₾; …`
fn summed(sums: &BTreeMap<EventName, PreviewTotals>, currency: Currency, language: Language) -> String {
    if sums.is_empty() {
        return text::of(language).needs_nothing.to_owned();
    }
    let line = |(name, sum): (&EventName, &PreviewTotals)| {
        let worth = if sum.value > 0 { format!(", {}", money(sum.value, currency)) } else { String::new() };
        format!("{}: {}{worth}", text::event(*name, language), sum.events)
    };
    sums.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn held_for(hold: Duration, w: &Texts) -> String {
    let minutes = hold.as_secs() / 60;
    match (minutes / 1440, minutes / 60) {
        (days, _) if days > 0 && minutes.is_multiple_of(1440) => fill(w.hold_days, &[&days.to_string()]),
        (_, hours) if hours > 0 && minutes.is_multiple_of(60) => fill(w.hold_hours, &[&hours.to_string()]),
        _ => fill(w.hold_minutes, &[&minutes.to_string()]),
    }
}

const fn reached(on: PurchaseOn) -> OutcomeKind {
    match on {
        PurchaseOn::Confirmed => OutcomeKind::Confirmed,
        PurchaseOn::Shipped => OutcomeKind::Shipped,
        PurchaseOn::Delivered => OutcomeKind::Delivered,
        PurchaseOn::Paid => OutcomeKind::Paid,
    }
}

/// What the policy will do, in words.
fn sentences(policy: &Policy, w: &Texts, language: Language) -> Vec<String> {
    let purchase = text::outcome_kind(reached(policy.purchase_on), language);
    vec![
        fill(w.policy_purchase, &[purchase, &held_for(policy.hold, w)]),
        lead_sentence(policy.lead_on, w).to_owned(),
        if policy.lifecycle { w.policy_lifecycle_on } else { w.policy_lifecycle_off }.to_owned(),
        unknown_sentence(policy.on_unknown, w).to_owned(),
    ]
}

const fn lead_sentence(on: LeadOn, w: &Texts) -> &'static str {
    match on {
        LeadOn::FirstMessage => w.policy_lead_first,
        LeadOn::Contact => w.policy_lead_contact,
        LeadOn::Qualified => w.policy_lead_qualified,
        LeadOn::Off => w.policy_lead_off,
    }
}

const fn unknown_sentence(on: OnUnknown, w: &Texts) -> &'static str {
    match on {
        OnUnknown::Keep => w.policy_unknown_keep,
        OnUnknown::Resend => w.policy_unknown_resend,
    }
}

fn rules(policy: &Policy, w: &Texts, language: Language) -> Vec<Rule> {
    let option = |value: &str, name: &str, chosen: bool| Choice {
        value: value.to_owned(),
        name: name.to_owned(),
        chosen,
    };
    let purchase = [PurchaseOn::Confirmed, PurchaseOn::Shipped, PurchaseOn::Delivered, PurchaseOn::Paid]
        .map(|on| option(on.as_str(), text::outcome_kind(reached(on), language), on == policy.purchase_on));
    let mut holds: Vec<Duration> = HOLDS.to_vec();
    if !holds.contains(&policy.hold) {
        holds.push(policy.hold);
        holds.sort();
    }
    let holds = holds
        .into_iter()
        .map(|hold| option(&hold.as_secs().to_string(), &held_for(hold, w), hold == policy.hold));
    let leads = [LeadOn::FirstMessage, LeadOn::Contact, LeadOn::Qualified, LeadOn::Off]
        .map(|on| option(on.as_str(), lead_sentence(on, w), on == policy.lead_on));
    let life = [("on", w.yes, policy.lifecycle), ("off", w.no, !policy.lifecycle)]
        .map(|(value, name, chosen)| option(value, name, chosen));
    let unknown = [OnUnknown::Keep, OnUnknown::Resend]
        .map(|on| option(on.as_str(), unknown_sentence(on, w), on == policy.on_unknown));
    vec![
        Rule { field: "purchase_on", name: w.purchase_on, options: purchase.into() },
        Rule { field: "hold", name: w.hold, options: holds.collect() },
        Rule { field: "lead_on", name: w.leads, options: leads.into() },
        Rule { field: "lifecycle", name: w.lifecycle, options: life.into() },
        Rule { field: "on_unknown", name: w.on_unknown, options: unknown.into() },
    ]
}
