//! Attempts: the requests to Meta, and how a person resolves those whose answer was lost.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::crm::json;
use crate::domain::basic::identity::{AttemptId, PageId};
use crate::domain::operator::Role;
use crate::domain::signal::attempt::{AttemptState, Verdict};
use crate::error::{Error, Result};
use crate::flow::{self, Reply, Resolution, Resolved};
use crate::meta::events::verdict;
use crate::store::attempt::AttemptRow;
use crate::store::cursor;
use crate::store::cursor::ListCursor;
use crate::web::server::caller::{ADMIN, ANALYST, Authenticated};
use crate::web::server::idempotency::{self, NamedRequest};
use crate::web::server::list::{Listed, Pagination};
use crate::web::server::problem;
use crate::web::server::read::{Id, IdempotencyKey, QueryParameters, RawBody, non_empty, one_of};
use crate::web::server::state::App;
use crate::web::view::time;

/// The query of the list of attempts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AttemptFilter {
    /// Only attempts of this Page.
    page_id: Option<String>,
    /// Only attempts with this verdict: open, sent, refused, `region_refused`, `too_much`, `too_old`, `name_refused`,
    /// `link_broken`, throttled, `not_taken`, zero, unknown, or resolved by a person.
    verdict: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// From 1 to 200; 50 if it is left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Option<String>,
}

/// One request to Meta.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    /// Our id of the attempt.
    id: String,
    /// The Page whose events it carried.
    page_id: String,
    /// The dataset that it was sent to.
    dataset_id: String,
    /// How many events it carried.
    events: i64,
    opened_at: String,
    closed_at: Option<String>,
    /// The verdict; null while it is open.
    verdict: Option<&'static str>,
    http_status: Option<i64>,
    /// Graph's error code.
    code: Option<i64>,
    /// Graph's error subcode.
    subcode: Option<i64>,
    /// Meta's error message.
    words: Option<String>,
    /// What to do about the verdict.
    advice: Option<&'static str>,
    /// Meta's id of the request, for its support.
    fbtrace_id: Option<String>,
    /// How a person resolved it: sent or resend.
    resolved_as: Option<String>,
}

impl AttemptView {
    /// An attempt as a role may see it: Meta's message may quote an event, which an analyst must not see.
    pub fn of(row: AttemptRow, role: Role) -> Self {
        Self {
            id: row.id.0,
            page_id: row.page_id.0,
            dataset_id: row.dataset_id,
            events: row.events,
            opened_at: row.opened_at.to_string(),
            closed_at: time(row.closed_at),
            verdict: row.verdict.map(Verdict::as_str),
            http_status: row.http_status,
            code: row.code,
            subcode: row.subcode,
            words: row.message.filter(|_| role != Role::Analyst),
            advice: match row.verdict {
                Some(Verdict::RegionRefused) => Some(verdict::REGION_ADVICE),
                _ => row.code.map(|code| verdict::advice(Some(code), row.subcode)),
            },
            fbtrace_id: row.fbtrace_id,
            resolved_as: row.resolved_as,
        }
    }
}

/// How a person resolves an attempt whose answer was lost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"as": "sent"}))]
pub struct ResolveBody {
    /// `sent`: Meta took it. `resend`: it is sent again.
    r#as: String,
}

/// An attempt that a person resolved.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResolvedView {
    /// Our id of the attempt.
    id: String,
    /// sent or resend.
    resolved_as: &'static str,
    /// How many conversions were unknown.
    conversions: usize,
    /// How many of them are sent again, as soon as their Page sends.
    sent_again: usize,
    /// How many could not be sent again: the sum of the next two.
    not_sent_again: usize,
    /// They are older than the 7 days that Meta takes, and ended as `expired`.
    too_old: usize,
    /// Their orders were called off since, or the dataset refuses their event name by now. They stay `unknown`, and the
    /// attempt can be resolved once more.
    called_off: usize,
}

/// Lists attempts, the last one first.
#[utoipa::path(
    get, path = "/v1/attempts", operation_id = "listAttempts", tag = "running", params(AttemptFilter),
    responses((status = 200, body = Listed<AttemptView>)),
    extensions(("x-roles" = json!(["analyst"]))),
)]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated<ANALYST>,
    QueryParameters(filter): QueryParameters<AttemptFilter>,
) -> Result<Json<Listed<AttemptView>>> {
    let pagination = Pagination::read(filter.cursor, filter.limit)?;
    let words: Vec<&str> = AttemptState::all().map(AttemptState::as_str).collect();
    let state = one_of("verdict", filter.verdict, &words)?.as_deref().and_then(AttemptState::parse);
    let mut unit = app.services.store.read().await?;
    let mut rows = Vec::new();
    for page in &caller.pages(&mut unit, non_empty(filter.page_id).map(PageId)).await? {
        let range = cursor::ListRange { page, after: &pagination.after, limit: pagination.limit() };
        rows.extend(unit.attempts(range, state).await?);
    }
    let position = |row: &AttemptRow| ListCursor { at: row.opened_at, id: row.id.0.clone() };
    Ok(Json(pagination.show(rows, position, |row| AttemptView::of(row, caller.role))))
}

/// Resolves an unknown attempt, with all conversions that it carried.
#[utoipa::path(
    post, path = "/v1/attempts/{id}/resolve", operation_id = "resolveAttempt", tag = "running",
    params(("id" = String, Path, description = "Our id of the attempt")),
    request_body = ResolveBody,
    responses((status = 200, body = ResolvedView)),
    extensions(("x-roles" = json!([]))),
)]
pub async fn resolve(
    State(app): State<App>,
    Authenticated(caller): Authenticated<ADMIN>,
    Id(id): Id,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: format!("attempts/{id}/resolve"), body: &body };
    let request = named.claim(&app, resolved)?;
    let verb = Box::pin(async {
        let (id, missing) = (AttemptId(id), || Error::not_found("attempt"));
        let page = app.services.store.look().await?.page_of_attempt(&id).await?.ok_or_else(missing)?;
        caller.sees(&page, "attempt")?;
        let ResolveBody { r#as } = json::read(&body)?;
        let as_what = Resolution::parse(&r#as)
            .ok_or_else(|| Error::field("/as", "It must be \"sent\" or \"resend\"."))?;
        flow::resolve(&app.services, &id, as_what, &request).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

fn resolved(done: &Resolved) -> Reply {
    let view = ResolvedView {
        id: done.attempt.0.clone(),
        resolved_as: done.as_what.as_str(),
        conversions: done.conversions,
        sent_again: done.again.ready,
        not_sent_again: done.again.too_old + done.again.called_off,
        too_old: done.again.too_old,
        called_off: done.again.called_off,
    };
    problem::json(200, &view)
}
