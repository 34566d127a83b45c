//! Deliveries: every conversion with its state, the reason, and what can be done.

use askama::Template;
use axum::extract::{Path, Query, State as AppState};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AttemptId, ConversionId};
use crate::domain::operator::Permission;
use crate::domain::signal::attempt::Verdict;
use crate::domain::signal::conversion::State;
use crate::error::{Error, Result};
use crate::flow::{self, IdempotentRequest, Resolution};
use crate::store::Unit;
use crate::store::attempt::AttemptRow;
use crate::store::conversion::ConversionRow;
use crate::store::cursor::ListCursor;
use crate::store::cursor::ListRange;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, formatter_of};
use crate::web::console::layout::{self, Layout};
use crate::web::console::path::{local, url_encoded};
use crate::web::console::presenter::{Presenter, StatusLine};
use crate::web::console::text;
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// Conversions of one page of the list.
const ROWS: usize = 50;

/// The query of the page.
#[derive(Debug, Deserialize)]
pub struct PageQuery {
    state: Option<String>,
    order: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "deliveries/deliveries.html", config = "src/web/console/askama.toml")]
struct DeliveriesPage {
    layout: Layout,
    states: Vec<Choice>,
    order: String,
    rows: Vec<Delivery>,
    here: String,
    next: Option<String>,
}

#[derive(Debug)]
struct Delivery {
    id: String,
    title: String,
    href: Option<String>,
    status: StatusLine,
    retries: bool,
    attempts: Vec<Attempt>,
}

#[derive(Debug)]
struct Attempt {
    id: String,
    line: String,
    resolves: bool,
}

/// Shows the conversions, the one that was made last first.
pub async fn show(
    AppState(app): AppState<App>,
    visitor: Visitor,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    visitor.may(Permission::ReadSignals)?;
    let now = app.services.clock.now();
    let mut unit = app.services.store.read().await?;
    let (layout, pages) = layout::layout_for(&mut unit, &visitor, now).await?;
    let state = query.state.as_deref().and_then(State::parse);
    let order =
        query.order.as_deref().map(|text| text.replace('\0', "").trim().to_owned()).unwrap_or_default();
    let begin = ListCursor { at: Timestamp::from_millis(i64::MAX), id: String::new() };
    let after = query.after.as_deref().and_then(read_cursor).unwrap_or(begin);
    let mut found = Vec::new();
    for page in &pages {
        if order.is_empty() {
            let limit = i64::try_from(ROWS).unwrap_or(i64::MAX) + 1;
            let range = ListRange { page: &page.id, after: &after, limit };
            found.extend(unit.conversions(range, state.map(|state| state.as_str().to_owned())).await?);
        } else if let Some((id, _)) = unit.order_named(&page.id, &order).await? {
            let of_it = unit.conversions_of_order(&id).await?;
            found.extend(of_it.into_iter().filter(|row| state.is_none_or(|state| row.state == state)));
        }
    }
    found.sort_by(|a, b| (b.made_at, &b.id).cmp(&(a.made_at, &a.id)));
    let more = order.is_empty() && found.len() > ROWS;
    found.truncate(ROWS);
    let next = found.last().filter(|_| more).map(|row| {
        let mut href = format!("/console/deliveries?after={}~", row.made_at.millis());
        href.extend(url_encoded(row.id.as_str()));
        if let Some(state) = state {
            href.push_str("&state=");
            href.push_str(state.as_str());
        }
        href
    });
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        let formatter = formatter_of(&pages, Some(&row.page_id), layout.texts, now);
        rows.push(delivery(&mut unit, &visitor, formatter, row).await?);
    }
    let language = visitor.operator.language;
    let choice = |one: State| Choice::new(one.as_str(), text::state(one, language), state == Some(one));
    layout::page(&DeliveriesPage {
        states: State::ALL.into_iter().map(choice).collect(),
        order,
        rows,
        here: visitor.path.clone(),
        next,
        layout,
    })
}

async fn delivery(
    unit: &mut Unit,
    visitor: &Visitor,
    formatter: Formatter,
    row: ConversionRow,
) -> Result<Delivery> {
    let may_resolve = visitor.operator.role.may(Permission::Resolve);
    let attempts = unit.attempts_of(&row.id).await?;
    let presenter = Presenter { visitor, formatter };
    let when = presenter.formatter.time(row.event_time);
    let attempts = attempts.into_iter().map(|attempt| attempt_of(attempt, &presenter.formatter, may_resolve));
    let may_tag = visitor.operator.role.may(Permission::Tag);
    Ok(Delivery {
        title: row.number.as_ref().map_or_else(|| when.clone(), |number| format!("{number} · {when}")),
        href: row
            .conversation_id
            .as_ref()
            .filter(|_| may_tag)
            .map(|conversation| format!("/console/conversations/{conversation}")),
        status: presenter.listed_conversion(&row),
        retries: may_resolve && row.state == State::Rejected,
        attempts: attempts.collect(),
        id: row.id.0,
    })
}

/// `14:35 · sent · HTTP 200 · fbtrace_id …`: codes and words as Meta gave them.
fn attempt_of(attempt: AttemptRow, formatter: &Formatter, may_resolve: bool) -> Attempt {
    let is_unknown = attempt.verdict == Some(Verdict::Unknown) && attempt.resolved_as.is_none();
    let numbers = [
        attempt.http_status.map(|status| format!("HTTP {status}")),
        attempt.code.map(|code| match attempt.subcode {
            Some(subcode) => format!("{code}/{subcode}"),
            None => code.to_string(),
        }),
    ];
    let verdict = attempt.verdict.map_or("…", Verdict::as_str).to_owned();
    let verdict = attempt.resolved_as.unwrap_or(verdict);
    let line = [Some(formatter.time(attempt.opened_at)), Some(verdict)]
        .into_iter()
        .chain(numbers)
        .chain([attempt.message, attempt.fbtrace_id.map(|id| format!("fbtrace_id {id}"))]);
    let line = line.flatten().collect::<Vec<_>>().join(" · ");
    Attempt { id: attempt.id.0, line, resolves: may_resolve && is_unknown }
}

fn read_cursor(text: &str) -> Option<ListCursor> {
    let (at, id) = text.split_once('~')?;
    Some(ListCursor { at: Timestamp::from_millis(at.parse().ok()?), id: id.to_owned() })
}

/// Tries a rejected event again.
pub async fn retry(
    AppState(app): AppState<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    visitor.may(Permission::Resolve)?;
    let id = ConversionId(id);
    let page = app.services.store.look().await?.page_of_conversion(&id).await?;
    visitor.sees(&page.ok_or_else(|| Error::not_found("conversion"))?)?;
    flow::retry(&app.services, &id, &IdempotentRequest::unkeyed()).await?;
    Ok(back(&form))
}

/// Resolves an unknown attempt.
pub async fn resolve(
    AppState(app): AppState<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    visitor.may(Permission::Resolve)?;
    let id = AttemptId(id);
    let page = app.services.store.look().await?.page_of_attempt(&id).await?;
    visitor.sees(&page.ok_or_else(|| Error::not_found("attempt"))?)?;
    let as_what = form.text("as").as_deref().and_then(Resolution::parse);
    let as_what = as_what.ok_or_else(|| Error::field("/as", "It must be sent or resend."))?;
    flow::resolve(&app.services, &id, as_what, &IdempotentRequest::unkeyed()).await?;
    Ok(back(&form))
}

fn back(form: &Form) -> Response {
    let path = form.text("back");
    Redirect::to(path.as_deref().and_then(local).unwrap_or("/console/deliveries")).into_response()
}
