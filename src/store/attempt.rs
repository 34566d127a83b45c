//! Attempts: one row per request to Meta, committed before its first byte, and its verdict.

use std::collections::HashSet;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AttemptId, ConversionId, DatasetId, PageId};
use crate::domain::signal::SEND_WITHIN;
use crate::domain::signal::attempt::{AttemptState, GraphAnswer, Verdict};
use crate::domain::signal::conversion::{EventName, Reason, State};
use crate::error::Result;
use crate::store::conversion::Lease;
use crate::store::cursor::ListRange;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, Value, read_word, values};

/// A row of the table `attempt`: one request to Meta, and the verdict on it once there is one.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct AttemptRow {
    pub id: AttemptId,
    pub page_id: PageId,
    pub dataset_id: String,
    pub events: i64,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub verdict: Option<Verdict>,
    pub http_status: Option<i64>,
    pub code: Option<i64>,
    pub subcode: Option<i64>,
    pub message: Option<String>,
    pub fbtrace_id: Option<String>,
    pub resolved_as: Option<String>,
}

/// Selects attempts; `$from` are the clauses from `from` on.
macro_rules! attempt_rows {
    ($from:literal) => {
        concat!(
            "select id, page_id, dataset_id, events, opened_at, closed_at, verdict, http_status, code, subcode, message,
                    fbtrace_id, resolved_as
               ",
            $from
        )
    };
}

/// An attempt to be opened.
#[derive(Clone, Copy, Debug)]
pub struct NewAttempt<'a> {
    /// Our id of the attempt, made before the row.
    pub id: &'a AttemptId,
    /// The Page whose conversions it carries.
    pub page: &'a PageId,
    /// The dataset that its request goes to.
    pub dataset: &'a DatasetId,
    /// The lease whose conversions it carries; opening the attempt renews it.
    pub lease: Lease<'a>,
}

/// A conversion of an attempt, as it stands.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct SettledConversion {
    pub id: ConversionId,
    pub state: State,
}

/// The new state of the conversions of an attempt.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Their state from then on.
    pub state: State,
    /// The reason of that state, which the console puts into words.
    pub reason: Reason,
    /// Meta's own message, where it gave one.
    pub detail: Option<String>,
    /// When those that are `ready` again may be tried.
    pub next_at: Timestamp,
    /// Whether those that are `ready` again stay under their lease.
    pub keep_lease: bool,
}

impl Unit {
    /// Attempts, the last one first. The filter calls one without a verdict `open`, and one that a person resolved
    /// `resolved`, no longer `unknown`.
    pub async fn attempts(
        &mut self,
        part: ListRange<'_>,
        state: Option<AttemptState>,
    ) -> Result<Vec<AttemptRow>> {
        let mut values = part.values();
        values.push(Value::from(state.map(|state| state.as_str().to_owned())));
        let text = attempt_rows!(
            "from attempt
              where page_id = $1
                and ($5 is null
                     or case when resolved_as is not null then 'resolved' else coalesce(verdict, 'open') end = $5)
                and (opened_at < $2 or (opened_at = $2 and id < $3))
              order by opened_at desc, id desc limit $4"
        );
        self.rows(text, values).await?.iter().map(read_attempt).collect()
    }

    /// The attempts that carried a conversion, the first one first.
    pub async fn attempts_of(&mut self, conversion: &ConversionId) -> Result<Vec<AttemptRow>> {
        let text = attempt_rows!(
            "from attempt join attempt_conversion on attempt_conversion.attempt_id = attempt.id
              where conversion_id = $1 order by opened_at, id"
        );
        self.rows(text, values![conversion.as_str()]).await?.iter().map(read_attempt).collect()
    }

    /// Opens an attempt with all conversions under a lease; gives their number. It must be committed before the first
    /// byte of the request.
    pub async fn open_attempt(&mut self, attempt: NewAttempt<'_>) -> Result<u64> {
        let NewAttempt { id, page, dataset, lease } = attempt;
        let events = self
            .execute(
                "update conversion
                    set state = 'sending', reason = 'due', frozen = 1, attempt_id = $2, lease_until = $3,
                        tries = tries + 1
                  where lease = $1 and state = 'ready'",
                values![lease.id, id.as_str(), lease.until],
            )
            .await?;
        self.execute(
            "insert into attempt (id, page_id, dataset_id, lease, events, opened_at) values ($1, $2, $3, $4, $5, $6)",
            values![
                id.as_str(),
                page.as_str(),
                dataset.as_str(),
                lease.id,
                i64::try_from(events).unwrap_or(i64::MAX),
                lease.now,
            ],
        )
        .await?;
        self.execute(
            "insert into attempt_conversion (attempt_id, conversion_id)
             select attempt_id, id from conversion where attempt_id = $1 order by event_time, id",
            values![id.as_str()],
        )
        .await?;
        Ok(events)
    }

    /// Writes the verdict of an attempt; false if it already had one other than `unknown`, or if a person resolved it.
    pub async fn close_attempt(
        &mut self,
        id: &AttemptId,
        verdict: Verdict,
        answer: &GraphAnswer,
        now: Timestamp,
    ) -> Result<bool> {
        let closed = self
            .execute(
                "update attempt
                    set verdict = $2, http_status = $3, code = $4, subcode = $5, message = $6, fbtrace_id = $7,
                        closed_at = $8
                  where id = $1 and coalesce(verdict, 'unknown') = 'unknown' and resolved_as is null",
                values![
                    id.as_str(),
                    verdict.as_str(),
                    answer.http_status.map(i64::from),
                    answer.code,
                    answer.subcode,
                    answer.words.clone(),
                    answer.fbtrace_id.clone(),
                    now,
                ],
            )
            .await?;
        Ok(closed == 1)
    }

    /// Gives the conversions of an attempt their new state, except those that a newer attempt carries. Those that go
    /// back to `ready` are due at `next_at`, and keep their lease with `keep_lease`. One that was certainly not taken is
    /// frozen no longer: its payload follows the ledger again. A conversion of which an earlier
    /// answer was lost may be at Meta already, so it never becomes `expired` or `suppressed`. One that is `ready` to be
    /// sent again because this attempt's answer was lost takes the answer that arrived after all.
    pub async fn settle(&mut self, attempt: &AttemptId, settlement: Settlement) -> Result<u64> {
        let Settlement { state, reason, detail, next_at, keep_lease } = settlement;
        self.execute(
            "update conversion
                set state = case when resent = 1 and $2 in ('expired', 'suppressed') then 'unknown' else $2 end,
                    reason = case when resent = 1 and $2 in ('expired', 'suppressed') then 'answer_lost'
                                  else $3 end,
                    detail = $4, next_at = $5,
                    frozen = case when $2 in ('ready', 'rejected', 'expired', 'suppressed') then resent else frozen end,
                    lease = case when $6 = 1 then lease end,
                    lease_until = case when $6 = 1 then lease_until end
              where attempt_id = $1
                and (state in ('sending', 'unknown') or (state = 'ready' and resent = 1 and $2 <> 'unknown'))",
            values![attempt.as_str(), state.as_str(), reason.as_str(), detail, next_at, keep_lease],
        )
        .await
    }

    /// Makes conversions that an attempt left `unknown` ready once more, where the policy that made them says `resend`
    /// and that was not done before.
    pub async fn resend_unknown(&mut self, attempt: &AttemptId, now: Timestamp) -> Result<u64> {
        self.execute(
            "update conversion set state = 'ready', reason = 'try_again', resent = 1, next_at = $2
              where attempt_id = $1 and state = 'unknown' and resent = 0
                and exists (select 1 from policy
                             where policy.page_id = conversion.page_id
                               and policy.version = conversion.policy_version and on_unknown = 'resend')",
            values![attempt.as_str(), now],
        )
        .await
    }

    /// Counts an answer of `events_received: 0` for every conversion of an attempt; gives the largest count.
    pub async fn count_zero(&mut self, attempt: &AttemptId) -> Result<i64> {
        self.execute(
            "update conversion set zero_answers = zero_answers + 1 where attempt_id = $1",
            values![attempt.as_str()],
        )
        .await?;
        let row = self
            .row(
                "select coalesce(max(zero_answers), 0) as zeros from conversion where attempt_id = $1",
                values![attempt.as_str()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("zeros"))
    }

    /// Makes conversions of an attempt that are `unknown` for answers of zero ready again at `next_at`, where they met
    /// fewer than `zeros` of them. They were certainly not taken, so their payloads follow the ledger again.
    pub async fn spare_below(&mut self, attempt: &AttemptId, zeros: i64, next_at: Timestamp) -> Result<u64> {
        self.execute(
            "update conversion set state = 'ready', reason = 'try_again', next_at = $3, frozen = resent
              where attempt_id = $1 and state = 'unknown' and zero_answers < $2",
            values![attempt.as_str(), zeros, next_at],
        )
        .await
    }

    /// How many attempts carried the most often tried conversion of this attempt.
    pub async fn tries(&mut self, attempt: &AttemptId) -> Result<i64> {
        let row = self
            .row(
                "select coalesce(max(tries), 1) as tries from conversion where attempt_id = $1",
                values![attempt.as_str()],
            )
            .await?;
        row.map_or(Ok(1), |row| row.get("tries"))
    }

    /// Counts a passing fault for every conversion of an attempt.
    pub async fn count_passing_fault(&mut self, attempt: &AttemptId) -> Result<()> {
        self.execute(
            "update conversion set passing_faults = passing_faults + 1 where attempt_id = $1",
            values![attempt.as_str()],
        )
        .await
        .map(drop)
    }

    /// The most passing faults that a conversion of an attempt met.
    pub async fn passing_faults(&mut self, attempt: &AttemptId) -> Result<i64> {
        let row = self
            .row(
                "select coalesce(max(passing_faults), 0) as met from conversion where attempt_id = $1",
                values![attempt.as_str()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("met"))
    }

    /// Whether Meta took events of a Page since the last passing fault that another attempt of it met. Looked at are the
    /// attempts from `since` on.
    pub async fn took_others(
        &mut self,
        attempt: &AttemptId,
        page: &PageId,
        since: Timestamp,
    ) -> Result<bool> {
        let row = self
            .row(
                "select max(case when verdict = 'sent' then opened_at end) as sent_at,
                        max(case when verdict in ('not_taken', 'too_much') and code is not null and id <> $1
                                 then opened_at end) as fault_at
                   from attempt where page_id = $2 and opened_at >= $3",
                values![attempt.as_str(), page.as_str(), since],
            )
            .await?;
        let Some(row) = row else { return Ok(false) };
        let (sent_at, fault_at) = (row.time_if_any("sent_at")?, row.time_if_any("fault_at")?);
        Ok(sent_at.is_some_and(|sent_at| fault_at.is_none_or(|fault_at| sent_at >= fault_at)))
    }

    /// The names of the events that an attempt carries.
    pub async fn names_in(&mut self, attempt: &AttemptId) -> Result<HashSet<EventName>> {
        let rows = self
            .rows(
                "select distinct event_name from conversion where attempt_id = $1",
                values![attempt.as_str()],
            )
            .await?;
        rows.iter().map(|row| row.word("event_name", EventName::parse)).collect()
    }

    /// The attempts without a verdict whose lease ran out before `now`: no process waits for their answers.
    pub async fn abandoned_attempts(&mut self, now: Timestamp) -> Result<Vec<(AttemptId, PageId)>> {
        let rows = self
            .rows(
                "select id, page_id from attempt
                  where verdict is null
                    and not exists (select 1 from conversion
                                     where conversion.attempt_id = attempt.id and lease_until > $1)
                  order by opened_at, id",
                values![now],
            )
            .await?;
        rows.iter().map(|row| Ok((AttemptId(row.get("id")?), PageId(row.get("page_id")?)))).collect()
    }

    /// Whether [`Unit::abandoned_attempts`] would list this attempt.
    pub async fn is_abandoned(&mut self, id: &AttemptId, now: Timestamp) -> Result<bool> {
        let row = self
            .row(
                "select id from attempt
                  where id = $1 and verdict is null
                    and not exists (select 1 from conversion
                                     where conversion.attempt_id = attempt.id and lease_until > $2)",
                values![id.as_str(), now],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Gives the conversions that an attempt left `unknown` the state by which a person resolved it. Those that are
    /// sent again are marked `resent`, because Meta may have them already; those that Meta takes no more are expired.
    pub async fn settle_unknown(
        &mut self,
        attempt: &AttemptId,
        state: State,
        reason: Reason,
        now: Timestamp,
    ) -> Result<u64> {
        self.execute(
            "update conversion
                set state = case when $2 = 'ready' and event_time < $5 then 'expired' else $2 end,
                    reason = case when $2 = 'ready' and event_time < $5 then 'too_old' else $3 end,
                    next_at = $4,
                    resent = case when $2 = 'ready' and event_time >= $5 then 1 else resent end
              where attempt_id = $1 and state = 'unknown'",
            values![attempt.as_str(), state.as_str(), reason.as_str(), now, now - SEND_WITHIN],
        )
        .await
    }

    /// The conversions whose last attempt is this one, as they stand.
    pub async fn conversions_of_attempt(&mut self, attempt: &AttemptId) -> Result<Vec<SettledConversion>> {
        let text = "select id, state from conversion where attempt_id = $1 order by event_time, id";
        let read = |row: &Row| {
            Ok(SettledConversion {
                id: ConversionId(row.get("id")?),
                state: row.word("state", State::parse)?,
            })
        };
        self.rows(text, values![attempt.as_str()]).await?.iter().map(read).collect()
    }

    /// Gives back every lease: what was claimed and not sent is due again.
    pub async fn give_back_all(&mut self) -> Result<u64> {
        self.execute(
            "update conversion set lease = null, lease_until = null
              where lease is not null and state = 'ready'",
            values![],
        )
        .await
    }

    /// Writes how a person resolved an unknown attempt; false if it is not unknown or was resolved before. One of which
    /// something could not be sent again and is unknown still may be resolved once more.
    pub async fn resolve_attempt(&mut self, id: &AttemptId, as_what: &str, now: Timestamp) -> Result<bool> {
        let resolved = self
            .execute(
                "update attempt set resolved_as = $2, closed_at = coalesce(closed_at, $3)
                  where id = $1 and verdict = 'unknown'
                    and (resolved_as is null
                         or exists (select 1 from conversion where attempt_id = $1 and state = 'unknown'))",
                values![id.as_str(), as_what, now],
            )
            .await?;
        Ok(resolved == 1)
    }

    /// The Page of an attempt.
    pub async fn page_of_attempt(&mut self, id: &AttemptId) -> Result<Option<PageId>> {
        let row = self.row("select page_id from attempt where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("page_id").map(PageId)).transpose()
    }
}

fn read_attempt(row: &Row) -> Result<AttemptRow> {
    Ok(AttemptRow {
        id: AttemptId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        dataset_id: row.get("dataset_id")?,
        events: row.get("events")?,
        opened_at: row.time("opened_at")?,
        closed_at: row.time_if_any("closed_at")?,
        verdict: row
            .get::<Option<String>>("verdict")?
            .map(|word| read_word("verdict", Verdict::parse, &word))
            .transpose()?,
        http_status: row.get("http_status")?,
        code: row.get("code")?,
        subcode: row.get("subcode")?,
        message: row.get("message")?,
        fbtrace_id: row.get("fbtrace_id")?,
        resolved_as: row.get("resolved_as")?,
    })
}
