//! Conversions: their rows, their payloads, and the leases under which they leave.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversionId, OutcomeId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::signal::conversion::{Conversion, Draft, State};
use crate::error::Result;
use crate::store::db::sql::{Pair, Unit, list, values};
use crate::store::db::write_buffer::{CarriesRow, ConversionRow};

/// How long a lease holds: longer than one request to Meta may take, shorter than the 60 s within which a
/// lost attempt must be seen.
pub const LEASE: Duration = Duration::from_secs(45);

impl Unit {
    /// Adds a conversion.
    pub fn add_conversion(
        &mut self,
        (id, event_id): (&ConversionId, &str),
        thread: &Thread,
        draft: &Draft,
        currency: Currency,
        now: Timestamp,
    ) {
        self.write_buffer.conversions.push(ConversionRow {
            id: id.0.clone(),
            page_id: thread.page_id.0.clone(),
            conversation_id: thread.id.0.clone(),
            order_id: draft.order_id.as_ref().map(|order| order.0.clone()),
            event_name: draft.name.as_str(),
            number: draft.number,
            event_id: event_id.to_owned(),
            event_time: draft.event_time.millis(),
            state: draft.state.as_str(),
            reason: draft.reason.as_str(),
            value: draft.value,
            currency: currency.code(),
            made_at: now.millis(),
            leaves_at: draft.leaves_at.millis(),
            next_at: draft.leaves_at.millis(),
            policy_version: draft.policy_version,
            frozen: 0,
            tries: 0,
            zeros: 0,
            resent: 0,
            chat_number: draft.order_id.is_none().then_some(draft.number),
        });
        self.add_carries(id, &draft.carries);
    }

    /// Writes a conversion that changed. One that is not frozen loses its old payload, and one that is not
    /// ready its lease.
    pub async fn put_conversion(&mut self, row: &Conversion) -> Result<()> {
        self.execute(
            "update conversion
                set event_time = $2, state = $3, reason = $4, value = $5, leaves_at = $6, frozen = $7,
                    lease = case when $3 = 'ready' then lease end,
                    lease_until = case when $3 = 'ready' then lease_until end
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

    /// Takes away a conversion that nothing asks for any more and that no attempt ever carried.
    pub async fn drop_conversion(&mut self, id: &ConversionId) -> Result<()> {
        for text in [
            "delete from conversion_outcome where conversion_id = $1",
            "delete from payload where conversion_id = $1",
            "delete from conversion where id = $1",
        ] {
            self.execute(text, values![id.as_str()]).await?;
        }
        Ok(())
    }

    async fn set_carries(&mut self, id: &ConversionId, outcomes: &[OutcomeId]) -> Result<()> {
        self.execute("delete from conversion_outcome where conversion_id = $1", values![id.as_str()]).await?;
        self.add_carries(id, outcomes);
        Ok(())
    }

    fn add_carries(&mut self, id: &ConversionId, outcomes: &[OutcomeId]) {
        for outcome in outcomes {
            let (outcome_id, conversion_id) = (outcome.0.clone(), id.0.clone());
            self.write_buffer.put_carries(CarriesRow { outcome_id, conversion_id });
        }
    }

    /// Lets go what has been held long enough, and ends what grew too old, on every Page, paused or not.
    /// An event made before `too_old_before` can't be sent any more; one whose answer was lost before is left
    /// to the judgement of its ledger, for Meta may have it.
    pub async fn release_due(&mut self, too_old_before: Timestamp, now: Timestamp) -> Result<u64> {
        let expired = self
            .execute(
                "update conversion set state = 'expired', reason = 'too_old', lease = null, lease_until = null
                  where state in ('held', 'ready') and resent = 0 and event_time < $1",
                values![too_old_before],
            )
            .await?;
        let due = self
            .execute(
                "update conversion set state = 'ready', reason = 'due', next_at = leaves_at
                  where state = 'held' and reason = 'hold' and leaves_at <= $1",
                values![now],
            )
            .await?;
        Ok(expired + due)
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

    /// What is still under a lease and ready, in the order in which it leaves. Empty once the lease is lost.
    pub async fn leased(&mut self, lease: &str, now: Timestamp) -> Result<Vec<ConversionId>> {
        let text = Pair {
            sqlite: "select json_group_array(id order by event_time, id) as leased
                       from conversion where lease = $1 and lease_until > $2 and state = 'ready'",
            postgres: "select cast(json_agg(id order by event_time, id) as text) as leased
                         from conversion where lease = $1 and lease_until > $2 and state = 'ready'",
        };
        let Some(row) = self.row(text, values![lease, now]).await? else { return Ok(Vec::new()) };
        Ok(row.list::<String>("leased")?.into_iter().map(ConversionId).collect())
    }

    /// Gives a lease back; what it held is due again.
    pub async fn give_back(&mut self, lease: &str) -> Result<()> {
        self.execute(
            "update conversion set lease = null, lease_until = null where lease = $1 and state = 'ready'",
            values![lease],
        )
        .await?;
        Ok(())
    }

    /// Hands the later half of what a lease holds, all but the first `keep`, to another lease.
    pub async fn split_lease(&mut self, lease: &str, other: &str, keep: i64) -> Result<u64> {
        self.execute(
            "update conversion set lease = $2
              where id in (select id from
                            (select id, row_number() over (order by event_time, id) as place
                               from conversion where lease = $1 and state = 'ready') as placed
                            where place > $3)",
            values![lease, other, keep],
        )
        .await
    }

    /// The frozen texts of what a lease holds.
    pub async fn payloads(&mut self, lease: &str) -> Result<Vec<(ConversionId, String)>> {
        let rows = self
            .rows(
                "select conversion_id, body
                   from payload join conversion on conversion.id = payload.conversion_id
                  where lease = $1 and frozen = 1",
                values![lease],
            )
            .await?;
        rows.iter().map(|row| Ok((ConversionId(row.get("conversion_id")?), row.get("body")?))).collect()
    }

    /// Freezes the texts of conversions.
    pub async fn freeze(&mut self, texts: &[(&ConversionId, &str)]) -> Result<()> {
        let text = Pair {
            sqlite: "insert into payload (conversion_id, body)
                     select value ->> 0, value ->> 1 from jsonb_each($1) where true
                     on conflict (conversion_id) do update set body = excluded.body",
            postgres: "insert into payload (conversion_id, body)
                       select value ->> 0, value ->> 1 from json_array_elements($1::json)
                       on conflict (conversion_id) do update set body = excluded.body",
        };
        let rows: Vec<_> = texts.iter().map(|(id, body)| (id.as_str(), body)).collect();
        self.execute(text, values![list(&rows)?]).await?;
        Ok(())
    }

    /// A held conversion may leave at once, a rejected one once more with a payload that is built anew.
    pub async fn set_ready(&mut self, id: &ConversionId, from: State, now: Timestamp) -> Result<bool> {
        let changed = self
            .execute(
                "update conversion
                    set state = 'ready', reason = 'due', detail = null, leaves_at = $3, next_at = $3,
                        frozen = case when state = 'rejected' then 0 else frozen end
                  where id = $1 and state = $2",
                values![id.as_str(), from.as_str(), now],
            )
            .await?;
        Ok(changed == 1)
    }

    /// The conversation that a conversion belongs to.
    pub async fn conversation_of_conversion(
        &mut self,
        id: &ConversionId,
    ) -> Result<Option<crate::domain::basic::identity::ConversationId>> {
        let row =
            self.row("select conversation_id from conversion where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("conversation_id").map(crate::domain::basic::identity::ConversationId))
            .transpose()
    }
}
