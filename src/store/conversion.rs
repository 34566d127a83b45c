//! Conversions, their payloads, and the attempts to send them.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::vocabulary::attempt::Answer;
use crate::vocabulary::conversion::{Conversion, Draft, EventName, Reason, State};
use crate::vocabulary::identity::{AttemptId, ConversionId, DatasetId, OrderId, OutcomeId, PageId};
use crate::vocabulary::money::Currency;

use super::ledger::Thread;
use super::sql::{Pair, Row, Unit, values};

impl Unit {
    /// The conversions of an order, as they were made.
    pub async fn conversions_of(&mut self, order: &OrderId) -> Result<Vec<Conversion>> {
        let reported = self
            .rows(
                "select conversion_id, outcome_id from conversion_outcome
                  where conversion_id in (select id from conversion where order_id = $1) order by outcome_id",
                values![order.as_str()],
            )
            .await?;
        let mut carries: HashMap<String, Vec<OutcomeId>> = HashMap::new();
        for row in &reported {
            carries.entry(row.get("conversion_id")?).or_default().push(OutcomeId(row.get("outcome_id")?));
        }
        let rows = self
            .rows(
                "select id, event_name, number, event_id, event_time, state, reason, value, leaves_at, frozen
                   from conversion where order_id = $1 order by event_name, number",
                values![order.as_str()],
            )
            .await?;
        rows.iter().map(|row| read_conversion(row, &mut carries)).collect()
    }

    /// Adds a conversion.
    pub async fn add_conversion(
        &mut self,
        (id, event_id): (&ConversionId, &str),
        thread: &Thread,
        order: &OrderId,
        draft: &Draft,
        (policy_version, currency): (i64, Currency),
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into conversion (id, page_id, conversation_id, order_id, event_name, number, event_id,
                                     event_time, state, reason, value, currency, made_at, leaves_at, next_at,
                                     policy_version, frozen, tries, zeros, resent)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, 0, 0, 0, 0)",
            values![
                id.as_str(),
                thread.page_id.as_str(),
                thread.id.as_str(),
                order.as_str(),
                draft.name.as_str(),
                draft.number,
                event_id,
                draft.event_time,
                draft.state.as_str(),
                draft.reason.as_str(),
                draft.value,
                currency.code(),
                now,
                draft.leaves_at,
                policy_version,
            ],
        )
        .await?;
        self.set_carries(id, &draft.carries).await
    }

    /// Writes a conversion that changed. One that is not frozen loses its old payload.
    pub async fn put_conversion(&mut self, row: &Conversion) -> Result<()> {
        self.execute(
            "update conversion
                set event_time = $2, state = $3, reason = $4, value = $5, leaves_at = $6, frozen = $7
              where id = $1",
            values![
                row.id.as_str(),
                row.event_time,
                row.state.as_str(),
                row.reason.as_str(),
                row.value,
                row.leaves_at,
                row.frozen,
            ],
        )
        .await?;
        if !row.frozen {
            self.execute("delete from payload where conversion_id = $1", values![row.id.as_str()]).await?;
        }
        self.set_carries(&row.id, &row.carries).await
    }

    async fn set_carries(&mut self, id: &ConversionId, outcomes: &[OutcomeId]) -> Result<()> {
        self.execute("delete from conversion_outcome where conversion_id = $1", values![id.as_str()]).await?;
        for outcome in outcomes {
            self.execute(
                "insert into conversion_outcome (outcome_id, conversion_id) values ($1, $2)
                 on conflict (outcome_id) do update set conversion_id = excluded.conversion_id",
                values![outcome.as_str(), id.as_str()],
            )
            .await?;
        }
        Ok(())
    }

    /// Lets go what has been held long enough, and ends what grew too old, on every Page, paused or not.
    /// An event made before `too_old_before` can't be sent any more.
    pub async fn release_due(&mut self, too_old_before: Timestamp, now: Timestamp) -> Result<()> {
        self.execute(
            "update conversion set state = 'expired', reason = 'too_old'
              where state in ('held', 'ready') and event_time < $1",
            values![too_old_before],
        )
        .await?;
        self.execute(
            "update conversion set state = 'ready', reason = 'due', next_at = leaves_at
              where state = 'held' and reason = 'hold' and leaves_at <= $1",
            values![now],
        )
        .await?;
        Ok(())
    }

    /// Takes a lease on the due conversions of a Page, nearest deadline first.
    pub async fn lease_due(
        &mut self,
        page: &PageId,
        lease: &str,
        (now, until): (Timestamp, Timestamp),
        limit: i64,
    ) -> Result<u64> {
        let text = Pair {
            sqlite: "update conversion set lease = $2, lease_until = $4
                      where id in (select id from conversion
                                    where page_id = $1 and state = 'ready' and next_at <= $3
                                      and coalesce(lease_until, 0) <= $3
                                    order by event_time, id limit $5)",
            postgres: "update conversion set lease = $2, lease_until = $4
                        where id in (select id from conversion
                                      where page_id = $1 and state = 'ready' and next_at <= $3
                                        and coalesce(lease_until, 0) <= $3
                                      order by event_time, id limit $5 for update skip locked)",
        };
        self.execute(text, values![page.as_str(), lease, now, until, limit]).await
    }

    /// What is still under a lease and due: the order and id of each, in the order in which they leave.
    pub async fn leased(&mut self, lease: &str, now: Timestamp) -> Result<Vec<(OrderId, ConversionId)>> {
        let rows = self
            .rows(
                "select id, order_id from conversion
                  where lease = $1 and lease_until > $2 and state = 'ready' order by event_time, id",
                values![lease, now],
            )
            .await?;
        rows.iter().map(|row| Ok((OrderId(row.get("order_id")?), ConversionId(row.get("id")?)))).collect()
    }

    /// Gives a lease back; what it held is due again.
    pub async fn give_back(&mut self, lease: &str) -> Result<()> {
        self.execute(
            "update conversion set lease = null, lease_until = null where lease = $1",
            values![lease],
        )
        .await?;
        Ok(())
    }

    /// The frozen text of a conversion.
    pub async fn payload(&mut self, id: &ConversionId) -> Result<Option<String>> {
        let row = self.row("select body from payload where conversion_id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("body")).transpose()
    }

    /// Freezes the text of a conversion.
    pub async fn freeze(&mut self, id: &ConversionId, body: &str) -> Result<()> {
        self.execute("insert into payload (conversion_id, body) values ($1, $2)", values![id.as_str(), body])
            .await?;
        Ok(())
    }

    /// Opens an attempt. It must be committed before the first byte of the request.
    pub async fn open_attempt(
        &mut self,
        (id, lease): (&AttemptId, &str),
        (page, dataset): (&PageId, &DatasetId),
        conversions: &[ConversionId],
        (now, until): (Timestamp, Timestamp),
    ) -> Result<()> {
        let events = i64::try_from(conversions.len()).unwrap_or(i64::MAX);
        self.execute(
            "insert into attempt (id, page_id, dataset_id, lease, events, opened_at) values ($1, $2, $3, $4, $5, $6)",
            values![id.as_str(), page.as_str(), dataset.as_str(), lease, events, now],
        )
        .await?;
        for conversion in conversions {
            self.execute(
                "insert into attempt_conversion (attempt_id, conversion_id) values ($1, $2)",
                values![id.as_str(), conversion.as_str()],
            )
            .await?;
            self.execute(
                "update conversion
                    set state = 'sending', reason = 'due', frozen = 1, attempt_id = $2, lease_until = $3,
                        tries = tries + 1
                  where id = $1",
                values![conversion.as_str(), id.as_str(), until],
            )
            .await?;
        }
        Ok(())
    }

    /// Writes what an attempt came to; false if it already had a verdict other than `unknown`.
    pub async fn close_attempt(
        &mut self,
        id: &AttemptId,
        verdict: &str,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<bool> {
        let closed = self
            .execute(
                "update attempt
                    set verdict = $2, http_status = $3, code = $4, subcode = $5, words = $6, fbtrace_id = $7,
                        closed_at = $8
                  where id = $1 and coalesce(verdict, 'unknown') = 'unknown'",
                values![
                    id.as_str(),
                    verdict,
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

    /// Gives every conversion of an attempt, unless a newer attempt carries it, its new state. Those that go
    /// back to `ready` keep the lease when `keep_lease` and are due at `next_at`.
    pub async fn settle(
        &mut self,
        attempt: &AttemptId,
        (state, reason, detail): (State, Reason, Option<String>),
        (next_at, keep_lease): (Timestamp, bool),
    ) -> Result<u64> {
        self.execute(
            "update conversion
                set state = $2, reason = $3, detail = $4, next_at = $5,
                    lease = case when $6 = 1 then lease end,
                    lease_until = case when $6 = 1 then lease_until end
              where attempt_id = $1 and state in ('sending', 'unknown')",
            values![attempt.as_str(), state.as_str(), reason.as_str(), detail, next_at, keep_lease],
        )
        .await
    }

    /// Counts an answer of zero for every conversion of an attempt; gives the largest count.
    pub async fn count_zero(&mut self, attempt: &AttemptId) -> Result<i64> {
        self.execute(
            "update conversion set zeros = zeros + 1 where attempt_id = $1",
            values![attempt.as_str()],
        )
        .await?;
        let row = self
            .row(
                "select coalesce(max(zeros), 0) as zeros from conversion where attempt_id = $1",
                values![attempt.as_str()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.get("zeros"))
    }

    /// The most often tried conversion of an attempt: how many attempts carried it.
    pub async fn tries(&mut self, attempt: &AttemptId) -> Result<i64> {
        let row = self
            .row(
                "select coalesce(max(tries), 1) as tries from conversion where attempt_id = $1",
                values![attempt.as_str()],
            )
            .await?;
        row.map_or(Ok(1), |row| row.get("tries"))
    }

    /// The orders of what an attempt carried.
    pub async fn orders_in(&mut self, attempt: &AttemptId) -> Result<Vec<OrderId>> {
        let rows = self
            .rows(
                "select distinct order_id from conversion where attempt_id = $1 and order_id is not null
                  order by order_id",
                values![attempt.as_str()],
            )
            .await?;
        rows.iter().map(|row| row.get("order_id").map(OrderId)).collect()
    }

    /// The attempts without a verdict whose lease ran out before `now`: nobody waits for their answers.
    pub async fn abandoned_attempts(&mut self, now: Timestamp) -> Result<Vec<AttemptId>> {
        let rows = self
            .rows(
                "select id from attempt
                  where verdict is null
                    and not exists (select 1 from conversion
                                     where conversion.attempt_id = attempt.id and lease_until > $1)
                  order by opened_at, id",
                values![now],
            )
            .await?;
        rows.iter().map(|row| row.get("id").map(AttemptId)).collect()
    }

    /// The earliest moment at which something may leave or be tried again, `after` now.
    pub async fn next_due(&mut self, after: Timestamp) -> Result<Option<Timestamp>> {
        let row = self
            .row(
                "select min(case when state = 'held' then leaves_at else next_at end) as due from conversion
                  where ((state = 'held' and reason = 'hold') or state = 'ready')
                    and (case when state = 'held' then leaves_at else next_at end) > $1",
                values![after],
            )
            .await?;
        Ok(row.map(|row| row.get::<Option<i64>>("due")).transpose()?.flatten().map(Timestamp::from_millis))
    }
}

fn read_conversion(row: &Row, carries: &mut HashMap<String, Vec<OutcomeId>>) -> Result<Conversion> {
    let id: String = row.get("id")?;
    Ok(Conversion {
        carries: carries.remove(&id).unwrap_or_default(),
        id: ConversionId(id),
        name: row.word("event_name", EventName::parse)?,
        number: row.get("number")?,
        event_id: row.get("event_id")?,
        event_time: row.time("event_time")?,
        state: row.word("state", State::parse)?,
        reason: row.word("reason", Reason::parse)?,
        value: row.get("value")?,
        leaves_at: row.time("leaves_at")?,
        frozen: row.get::<i64>("frozen")? != 0,
    })
}

/// How long a lease holds: longer than one request to Meta may take, shorter than the 60 s within which a
/// lost attempt must be seen.
pub const LEASE: Duration = Duration::from_secs(45);
