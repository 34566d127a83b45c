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
use crate::flow::{self, IdempotentRequest, Resolution, SentAgain};
use crate::store::Unit;
use crate::store::attempt::AttemptRow;
use crate::store::conversion::ConversionRow;
use crate::store::cursor::ListCursor;
use crate::store::cursor::ListRange;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, formatter_of};
use crate::web::console::layout::{self, Flash, Layout};
use crate::web::console::path::{local, url_encoded, without_flash};
use crate::web::console::presenter::{Presenter, StatusLine};
use crate::web::console::text::{self, Texts, fill};
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
    #[serde(flatten)]
    resolved: ResolvedQuery,
}

/// What became of an attempt that was just resolved, for the line at the top.
#[derive(Debug, Deserialize)]
struct ResolvedQuery {
    taken: Option<String>,
    again: Option<String>,
    too_old: Option<String>,
    called_off: Option<String>,
}

impl ResolvedQuery {
    /// `Sent again: 3 · older than 7 days and can't be sent any more: 1`; `None` if nothing was resolved just now.
    fn line(&self, texts: &Texts) -> Option<String> {
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<usize>().ok());
        if let Some(taken) = number(&self.taken) {
            return Some(fill(texts.resolved_sent, &[&taken.to_string()]));
        }
        let mut line = fill(texts.resolved_resend, &[&number(&self.again)?.to_string()]);
        let left = [(&self.too_old, texts.resolved_too_old), (&self.called_off, texts.resolved_called_off)];
        for (count, text) in left {
            if let Some(count) = number(count).filter(|count| *count > 0) {
                line.push_str(" · ");
                line.push_str(&fill(text, &[&count.to_string()]));
            }
        }
        Some(line)
    }
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
    let (mut layout, pages) = layout::layout_for(&mut unit, &visitor, now).await?;
    let here = without_flash(&visitor.path);
    let line = query.resolved.line(layout.texts);
    layout.flash = line.map(|text| Flash { text, undo: None, back: here.clone() });
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
        here,
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
    let is_unknown = row.state == State::Unknown;
    let attempts = unit.attempts_of(&row.id).await?;
    let presenter = Presenter { visitor, formatter };
    let when = presenter.formatter.time(row.event_time);
    let last = attempts.len().saturating_sub(1);
    let attempts = attempts.into_iter().enumerate().map(|(index, attempt)| {
        // One that was resolved, and left this conversion unknown, may be resolved once more.
        let is_open = attempt.resolved_as.is_none() || (is_unknown && index == last);
        attempt_of(attempt, &presenter.formatter, may_resolve && is_open)
    });
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
    let is_unknown = attempt.verdict == Some(Verdict::Unknown);
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
    let resolved = flow::resolve(&app.services, &id, as_what, &IdempotentRequest::unkeyed()).await?;
    let Some(resolved) = resolved.done() else { return Ok(back(&form)) };
    let SentAgain { ready, too_old, called_off } = resolved.again;
    let told = match as_what {
        Resolution::Sent => format!("taken={}", resolved.conversions),
        Resolution::Resend => format!("again={ready}&too_old={too_old}&called_off={called_off}"),
    };
    let path = back_to(&form);
    let path = without_flash(&path);
    let joint = if path.contains('?') { '&' } else { '?' };
    Ok(Redirect::to(&format!("{path}{joint}{told}")).into_response())
}

fn back(form: &Form) -> Response {
    Redirect::to(&back_to(form)).into_response()
}

/// The list from which a form was sent.
fn back_to(form: &Form) -> String {
    let path = form.text("back");
    path.as_deref().and_then(local).unwrap_or("/console/deliveries").to_owned()
}
