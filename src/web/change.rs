//! The change feed, from which a CRM follows everything that happens to conversations and orders.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::flow::{House, key};
use crate::store::Unit;
use crate::store::change::Stretch;
use crate::vocabulary::change::{Change, Records};
use crate::vocabulary::identity::PageId;

use super::App;

/// Changes in an answer, if the reader does not say.
const LIMIT: i64 = 100;

/// Changes in an answer at most.
const LIMIT_MAX: i64 = 200;

/// How long an answer may wait for a change.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Another process may publish: a reader who waits looks so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// From where on, how many, and how long to wait for one.
#[derive(Debug, Deserialize)]
pub struct Asked {
    after: Option<String>,
    limit: Option<String>,
    wait: Option<String>,
}

/// The feed behind a cursor; without one, from the beginning of what is kept.
pub async fn follow(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<axum::Json<Value>> {
    let Query(asked) = asked.map_err(|error| Error::invalid("invalid_query", error.body_text()))?;
    let house = &app.house;
    let limit = number("limit", asked.limit.as_deref(), (1, LIMIT_MAX))?.unwrap_or(LIMIT);
    let wait = number("wait", asked.wait.as_deref(), (0, i64::try_from(WAIT_MAX.as_secs()).unwrap_or(0)))?;
    let wait = Duration::from_secs(wait.unwrap_or(0).unsigned_abs());
    let until = house.clock.now() + wait;
    let mut after = Place::Asked(asked.after);
    loop {
        // Before the look, so that nothing is published unheard between the two.
        let mut published = house.published.listen();
        let answer = look(house, &headers, &after, limit).await?;
        let left = until.since(house.clock.now());
        if !answer.data.is_empty() || left.is_zero() || house.published.is_closed() {
            return Ok(axum::Json(json!({"data": answer.data, "cursor": answer.cursor})));
        }
        after = Place::Known(answer.until);
        tokio::select! {
            _ = published.changed() => {}
            () = house.clock.sleep(left.min(LOOK_EVERY)) => {}
        }
    }
}

/// From where on.
enum Place {
    /// As the reader said it.
    Asked(Option<String>),
    /// Behind this number.
    Known(i64),
}

struct Answer {
    data: Vec<Value>,
    until: i64,
    cursor: String,
}

/// What stands behind a place now. The key is read each time, so that a revoke holds for who waits, too.
async fn look(house: &House, headers: &HeaderMap, place: &Place, limit: i64) -> Result<Answer> {
    let mut unit = house.store.read().await?;
    let page = reader(&mut unit, headers).await?;
    let feed = unit.feed().await?;
    let after = match place {
        Place::Known(after) => *after,
        Place::Asked(None) => feed.forgotten,
        Place::Asked(Some(cursor)) => feed.key.read(cursor).ok_or_else(|| {
            let how = "Send it as an answer gave it, or leave it out to begin with the oldest change.";
            Error::field("/after", format!("It is no cursor of this feed. {how}"))
        })?,
    };
    if after > feed.last {
        return Err(gone("cursor_ahead", "lies ahead of the feed, which was perhaps restored from a copy"));
    }
    let stretch = Stretch { after, until: feed.last, page: page.as_ref() };
    let changes = if after < feed.last { unit.changes(stretch, limit).await? } else { Vec::new() };
    let is_full = i64::try_from(changes.len()).is_ok_and(|found| found == limit);
    let until = changes.last().filter(|_| is_full).map_or(feed.last, |last| last.sequence);
    let records = if changes.is_empty() {
        Records::default()
    } else {
        unit.records(Stretch { until, ..stretch }).await?
    };
    // Asked last: what was forgotten while this was read is missing in it.
    let forgotten = unit.feed().await?.forgotten;
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
    Ok(Answer { data, until, cursor: feed.key.cursor(until) })
}

fn gone(code: &'static str, why: &str) -> Error {
    let how = "Read GET /v1/orders and GET /v1/conversations once, then follow the feed without \"after\".";
    Error::new(Kind::Gone, code, format!("The cursor {why}, so changes may be missed. {how}"))
}

/// The Page to which the key of a CRM or admin is bound, if it is.
async fn reader(unit: &mut Unit, headers: &HeaderMap) -> Result<Option<PageId>> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let Some(found) = unit.key_by_hash(&key::hash(secret)).await? else {
        let message = "Send a valid key: Authorization: Bearer …";
        return Err(Error::new(Kind::Unauthorized, "no_valid_key", message));
    };
    if !matches!(found.role.as_str(), "admin" | "crm") {
        let message = "This key may not read the feed; use a CRM's key.";
        return Err(Error::new(Kind::Forbidden, "wrong_role", message));
    }
    Ok(found.page)
}

fn number(name: &str, text: Option<&str>, (least, most): (i64, i64)) -> Result<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    let read = text.parse().ok().filter(|number| (least..=most).contains(number));
    let wrong = || Error::field(format!("/{name}"), format!("It must be a number from {least} to {most}."));
    read.ok_or_else(wrong).map(Some)
}
