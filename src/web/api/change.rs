//! `GET /v1/changes`: the change feed, from which a CRM follows everything that happens to conversations and orders.

use std::ops::RangeInclusive;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::domain::feed::change::{Change, Records};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::Services;
use crate::store::change::FeedSlice;
use crate::web::server::caller::{Authenticated, CRM, Caller};
use crate::web::server::read::QueryParameters;
use crate::web::server::state::App;

/// Changes in one answer, unless the request has a `limit`.
const LIMIT: i64 = 100;

/// Changes in an answer at most.
const LIMIT_MAX: i64 = 200;

/// How long an answer may wait for a change, at most.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How often a waiting request queries the database, because another process may publish.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The position, the number of changes, and how long to wait for one.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedQuery {
    /// `cursor` of the answer before; without it, from the beginning of what is kept.
    after: Option<String>,
    /// From 1 to 200; 100 if it is left out.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// How many seconds to wait for a change if there is none: from 0 to 30.
    #[param(value_type = Option<u8>, minimum = 0, maximum = 30)]
    wait: Option<String>,
}

/// A part of the feed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Changes {
    /// The changes, each as of its version.
    data: Vec<Value>,
    /// The `after` of the next request, also when there was no change.
    cursor: String,
}

/// Lists the changes behind a cursor; without one, from the beginning of what is kept.
#[utoipa::path(
    get, path = "/v1/changes", operation_id = "followChanges", tag = "crm", params(FeedQuery),
    responses((status = 200, body = Changes)),
    extensions(("x-roles" = json!(["crm"]))),
)]
pub async fn follow(
    State(app): State<App>,
    Authenticated(caller): Authenticated<CRM>,
    QueryParameters(request): QueryParameters<FeedQuery>,
) -> Result<Json<Changes>> {
    let services = &app.services;
    let limit = number("limit", request.limit.as_deref(), 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let wait = number("wait", request.wait.as_deref(), 0..=i64::try_from(WAIT_MAX.as_secs()).unwrap_or(0))?;
    let wait = Duration::from_secs(wait.unwrap_or(0).unsigned_abs());
    let until = services.clock.now() + wait;
    let mut after = FeedPosition::Cursor(request.after);
    loop {
        // Before the first query, so that no change is missed between the two.
        let mut published = services.feed_signal.listen();
        let answer = look(services, &caller, &after, limit).await?;
        let left = until.since(services.clock.now());
        if !answer.data.is_empty() || left.is_zero() || services.feed_signal.is_closed() {
            return Ok(Json(Changes { data: answer.data, cursor: answer.cursor }));
        }
        after = FeedPosition::Known(answer.until);
        tokio::select! {
            _ = published.changed() => {}
            () = services.clock.sleep(left.min(LOOK_EVERY)) => {}
        }
    }
}

/// The position from which a reader goes on.
enum FeedPosition {
    /// The reader's own cursor, not yet read; none for the beginning of what is kept.
    Cursor(Option<String>),
    /// The number of the last change that was read.
    Known(i64),
}

struct FeedPage {
    data: Vec<Value>,
    until: i64,
    cursor: String,
}

/// The changes behind a position now. The key is checked each time, so that a waiting request ends once it is revoked.
async fn look(services: &Services, caller: &Caller, position: &FeedPosition, limit: i64) -> Result<FeedPage> {
    let mut unit = services.store.read().await?;
    caller.still_holds(&mut unit).await?;
    let feed = unit.feed().await?;
    let after = match position {
        FeedPosition::Known(after) => *after,
        FeedPosition::Cursor(None) => feed.dropped,
        FeedPosition::Cursor(Some(cursor)) => feed.key.read(cursor).ok_or_else(|| {
            let how = "Send it as an answer gave it, or leave it out to begin with the oldest change.";
            Error::field("/after", format!("It is no cursor of this feed. {how}"))
        })?,
    };
    if after > feed.last {
        return Err(gone("cursor_ahead", "lies ahead of the feed, which was perhaps restored from a copy"));
    }
    let slice = FeedSlice { after, until: feed.last, page: caller.page() };
    let changes = if after < feed.last { unit.changes(slice, limit).await? } else { Vec::new() };
    let is_full = i64::try_from(changes.len()).is_ok_and(|found| found == limit);
    let until = changes.last().filter(|_| is_full).map_or(feed.last, |last| last.sequence);
    let records = if changes.is_empty() {
        Records::default()
    } else {
        unit.records(FeedSlice { until, ..slice }).await?
    };
    // Read last: changes that were dropped while this was read are missing in it.
    let forgotten = unit.feed().await?.dropped;
    unit.commit().await?;
    if forgotten > after {
        return Err(gone("cursor_gone", "is older than what is kept"));
    }
    let body = |change: &Change| {
        let cursor = feed.key.cursor(change.sequence);
        let missing = || Error::internal(format!("what change {} is about is missing", change.id));
        change.body(&records, &cursor).ok_or_else(missing)
    };
    let data = changes.iter().map(body).collect::<Result<_>>()?;
    Ok(FeedPage { data, until, cursor: feed.key.cursor(until) })
}

fn gone(code: &'static str, why: &str) -> Error {
    let how = "Read GET /v1/orders and GET /v1/conversations once, then follow the feed without \"after\".";
    Error::new(ErrorKind::Gone, code, format!("The cursor {why}, so changes may be missed. {how}"))
}

fn number(name: &str, text: Option<&str>, range: RangeInclusive<i64>) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    let read = text.parse().ok().filter(|number| range.contains(number));
    let wrong = || {
        Error::field(
            format!("/{name}"),
            format!("It must be a number from {} to {}.", range.start(), range.end()),
        )
    };
    read.ok_or_else(wrong).map(Some)
}
