//! Conversions: their rows, their payloads, and the leases under which they are sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, ConversionId, DatasetId, OrderId, OutcomeId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::signal;
use crate::domain::signal::conversion::{Conversion, EventName, Reason, State};
use crate::error::{Error, Result};
use crate::store::cursor::ListRange;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, Value, list, read_word, rows, values};
use crate::store::db::write_buffer::{Buffered, Table};

/// How long a lease holds: longer than one request to Meta may take, shorter than the 60 s within which a lost attempt
/// must be found.
pub const LEASE: Duration = Duration::from_secs(45);

/// A lease on conversions: who works on them, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// Our id of the lease, a new one for each.
    pub id: &'a str,
    /// When it was taken or last renewed.
    pub now: Timestamp,
    /// When it ends, unless it is renewed.
    pub until: Timestamp,
}

impl<'a> Lease<'a> {
    /// A lease that begins at `now`, and holds for [`LEASE`].
    pub fn new(id: &'a str, now: Timestamp) -> Self {
        Self { id, now, until: now + LEASE }
    }
}

/// A conversion, with the first number of its order.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name; `number` is the order's first one")]
pub struct ConversionRow {
    pub id: ConversionId,
    pub page_id: PageId,
    pub conversation_id: Option<ConversationId>,
    pub number: Option<String>,
    pub name: EventName,
    pub event_id: String,
    pub event_time: Timestamp,
    pub state: State,
    pub reason: Reason,
    pub detail: Option<String>,
    pub currency: Currency,
    pub value: Option<i64>,
    pub made_at: Timestamp,
    pub leaves_at: Timestamp,
}

/// Selects conversions with the first numbers of their orders; `$which` are the clauses from `where` on.
macro_rules! conversion_rows {
    ($which:literal) => {
        concat!(
            "select id, page_id, conversation_id, event_name, event_id, event_time, state, reason, detail, currency,
                    value, made_at, leaves_at,
                    (select order_number.number from order_number where order_id = conversion.order_id
                      order by position, order_number.number limit 1) as order_number
               from conversion
              ",
            $which
        )
    };
}

/// A conversion to be added.
#[derive(Debug, Serialize)]
struct NewConversion {
    id: String,
    page_id: String,
    conversation_id: String,
    order_id: Option<String>,
    chat_number: Option<i64>,
    event_name: &'static str,
    number: i64,
    event_id: String,
    event_time: i64,
    state: &'static str,
    reason: &'static str,
    value: Option<i64>,
    currency: &'static str,
    made_at: i64,
    leaves_at: i64,
    next_at: i64,
    policy_version: i64,
    frozen: i64,
    tries: i64,
    zero_answers: i64,
    passing_faults: i64,
    resent: i64,
    beside: Option<String>,
    contents: Option<String>,
}

impl Buffered for NewConversion {
    const TABLE: Table = Table::Conversion;
    const TEXT: Pair = rows!(insert into conversion (
        id text, page_id text, conversation_id text, order_id text, chat_number bigint, event_name text,
        number bigint, event_id text, event_time bigint, state text, reason text, value bigint, currency text,
        made_at bigint, leaves_at bigint, next_at bigint, policy_version bigint, frozen bigint, tries bigint,
        zero_answers bigint, passing_faults bigint, resent bigint, beside text, contents text
    ));
}

/// The link from a conversion to an entry that it reports.
#[derive(Debug, Serialize)]
struct ConversionOutcomeRow {
    outcome_id: String,
    conversion_id: String,
}

impl Buffered for ConversionOutcomeRow {
    const TABLE: Table = Table::ConversionOutcome;
    const TEXT: Pair = rows!(insert into conversion_outcome (outcome_id text, conversion_id text)
        "on conflict (outcome_id) do update set conversion_id = excluded.conversion_id");
}

/// A conversion as an aggregate has it, with the entries that it reports.
#[derive(Deserialize)]
pub(in crate::store) struct LedgerConversion {
    pub(in crate::store) id: String,
    pub(in crate::store) conversation_id: String,
    order_id: Option<String>,
    policy_version: i64,
    event_name: String,
    number: i64,
    event_id: String,
    event_time: i64,
    state: String,
    reason: String,
    value: Option<i64>,
    leaves_at: i64,
    frozen: i64,
    resent: i64,
    /// Null where it reports none.
    outcome_ids: Option<Vec<String>>,
    /// A JSON list; null where it reports a sale that one telling alone told.
    beside: Option<String>,
    contents: Option<String>,
}

impl LedgerConversion {
    /// The sort key among the conversions of its conversation.
    pub(in crate::store) fn place(&self) -> (&str, i64, &str) {
        (&self.event_name, self.number, &self.id)
    }

    pub(in crate::store) fn conversion(self) -> Result<Conversion> {
        Ok(Conversion {
            id: ConversionId(self.id),
            order_id: self.order_id.map(OrderId),
            policy_version: self.policy_version,
            name: read_word("event_name", EventName::parse, &self.event_name)?,
            number: self.number,
            event_id: self.event_id,
            event_time: Timestamp::from_millis(self.event_time),
            state: read_word("state", State::parse, &self.state)?,
            reason: read_word("reason", Reason::parse, &self.reason)?,
            value: self.value,
            leaves_at: Timestamp::from_millis(self.leaves_at),
            frozen: self.frozen != 0,
            resent: self.resent != 0,
            uplift_ids: self.outcome_ids.unwrap_or_default().into_iter().map(OutcomeId).collect(),
            beside: read_beside(self.beside.as_deref())?,
            contents: self.contents,
        })
    }
}

/// The payload of a conversion, frozen for an attempt.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FrozenPayload<'a> {
    /// Our id of the conversion, the key of its row.
    pub conversion_id: &'a str,
    /// The payload as Meta is sent it, byte for byte.
    pub body: &'a str,
}

const FREEZE: Pair = rows!(insert into conversion_payload (conversion_id text, body text)
    "on conflict (conversion_id) do update set body = excluded.body");

impl Unit {
    /// The conversions of a Page, the newest first.
    pub async fn conversions(
        &mut self,
        part: ListRange<'_>,
        state: Option<String>,
    ) -> Result<Vec<ConversionRow>> {
        let mut values = part.values();
        values.push(Value::from(state));
        let text = conversion_rows!(
            "where page_id = $1 and ($5 is null or state = $5)
               and (made_at < $2 or (made_at = $2 and id < $3))
             order by made_at desc, id desc limit $4"
        );
        self.rows(text, values).await?.iter().map(read_conversion).collect()
    }

    /// The conversions of one order, the newest first.
    pub async fn conversions_of_order(&mut self, order: &OrderId) -> Result<Vec<ConversionRow>> {
        let text = conversion_rows!("where order_id = $1 order by made_at desc, id desc");
        self.rows(text, values![order.as_str()]).await?.iter().map(read_conversion).collect()
    }

    /// The conversion of this id; `None` if there is none.
    pub async fn conversion(&mut self, id: &ConversionId) -> Result<Option<ConversionRow>> {
        let row = self.row(conversion_rows!("where id = $1"), values![id.as_str()]).await?;
        row.as_ref().map(read_conversion).transpose()
    }

    /// The Page of a conversion.
    pub async fn page_of_conversion(&mut self, id: &ConversionId) -> Result<Option<PageId>> {
        let row = self.row("select page_id from conversion where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("page_id").map(PageId)).transpose()
    }

    /// The conversation that a conversion belongs to.
    pub async fn conversation_of_conversion(&mut self, id: &ConversionId) -> Result<Option<ConversationId>> {
        let row =
            self.row("select conversation_id from conversion where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("conversation_id").map(ConversationId)).transpose()
    }

    /// The conversations with a conversion that is suppressed because the dataset refused its event name.
    pub async fn held_back(&mut self, dataset: &DatasetId, name: EventName) -> Result<Vec<ConversationId>> {
        let rows = self
            .rows(
                "select distinct conversation_id
                   from conversion join page on page.id = conversion.page_id join lane on lane.id = page.lane_id
                  where dataset_id = $1 and event_name = $2 and state = 'suppressed' and reason = 'name_refused'
                    and conversation_id is not null
                  order by conversation_id",
                values![dataset.as_str(), name.as_str()],
            )
            .await?;
        rows.iter().map(|row| row.get("conversation_id").map(ConversationId)).collect()
    }

    /// Adds a conversion.
    pub fn add_conversion(
        &mut self,
        thread: &Thread,
        conversion: &Conversion,
        currency: Currency,
        now: Timestamp,
    ) -> Result<()> {
        self.write_buffer.of().push(NewConversion {
            id: conversion.id.0.clone(),
            page_id: thread.page_id.0.clone(),
            conversation_id: thread.id.0.clone(),
            order_id: conversion.order_id.as_ref().map(|order| order.0.clone()),
            chat_number: conversion.order_id.is_none().then_some(conversion.number),
            event_name: conversion.name.as_str(),
            number: conversion.number,
            event_id: conversion.event_id.clone(),
            event_time: conversion.event_time.millis(),
            state: conversion.state.as_str(),
            reason: conversion.reason.as_str(),
            value: conversion.value,
            currency: currency.code(),
            made_at: now.millis(),
            leaves_at: conversion.leaves_at.millis(),
            next_at: conversion.leaves_at.millis(),
            policy_version: conversion.policy_version,
            frozen: i64::from(conversion.frozen),
            tries: 0,
            zero_answers: 0,
            passing_faults: 0,
            resent: i64::from(conversion.resent),
            beside: write_beside(&conversion.beside)?,
            contents: conversion.contents.clone(),
        });
        self.add_uplift_ids(&conversion.id, &conversion.uplift_ids);
        Ok(())
    }

    /// Writes a conversion that changed. Unless it is frozen its old payload is dropped; unless it is ready, its lease.
    pub async fn put_conversion(&mut self, row: &Conversion) -> Result<()> {
        self.execute(
            "update conversion
                set event_time = $2, state = $3, reason = $4, value = $5, leaves_at = $6, frozen = $7, beside = $8,
                    contents = $9,
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
                write_beside(&row.beside)?,
                row.contents.clone(),
            ],
        )
        .await?;
        if !row.frozen {
            self.execute("delete from conversion_payload where conversion_id = $1", values![row.id.as_str()])
                .await?;
        }
        self.set_uplift_ids(&row.id, &row.uplift_ids).await
    }

    /// Deletes a conversion that nothing gives cause for any more and that Meta has certainly not taken.
    pub async fn drop_conversion(&mut self, id: &ConversionId) -> Result<()> {
        for text in [
            "delete from conversion_outcome where conversion_id = $1",
            "delete from conversion_payload where conversion_id = $1",
            "delete from conversion where id = $1",
        ] {
            self.execute(text, values![id.as_str()]).await?;
        }
        Ok(())
    }

    async fn set_uplift_ids(&mut self, id: &ConversionId, outcomes: &[OutcomeId]) -> Result<()> {
        self.execute("delete from conversion_outcome where conversion_id = $1", values![id.as_str()]).await?;
        self.add_uplift_ids(id, outcomes);
        Ok(())
    }

    fn add_uplift_ids(&mut self, id: &ConversionId, outcomes: &[OutcomeId]) {
        for outcome in outcomes {
            let row = ConversionOutcomeRow { outcome_id: outcome.0.clone(), conversion_id: id.0.clone() };
            let rows = self.write_buffer.of::<ConversionOutcomeRow>();
            match rows.iter_mut().find(|known| known.outcome_id == row.outcome_id) {
                Some(known) => *known = row,
                None => rows.push(row),
            }
        }
    }

    /// Makes held conversions ready whose hold is over, and expires those that are too old, on every Page, paused or
    /// not. An event from before `too_old_before` can't be sent any more. One whose answer was lost before is left to
    /// be judged by its ledger, because Meta may have it.
    pub async fn release_due(&mut self, too_old_before: Timestamp, now: Timestamp) -> Result<u64> {
        let expired = self
            .execute(
                "update conversion
                    set state = 'expired', lease = null, lease_until = null,
                        reason = case when reason in ('contradiction', 'perhaps_same_sale', 'perhaps_told')
                                      then reason else 'too_old' end
                  where state in ('held', 'ready') and resent = 0
                    and event_time < case when reason = 'contradiction' then $2 else $1 end",
                values![too_old_before, too_old_before + signal::ASKED_WITHIN],
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
    pub async fn lease_due(&mut self, page: &PageId, lease: &Lease<'_>, limit: i64) -> Result<u64> {
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
        self.execute(text, values![page.as_str(), lease.id, lease.now, lease.until, limit]).await
    }

    /// The conversions that are still under a lease and ready, in the order in which they are sent. Empty once the
    /// lease is lost.
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

    /// Gives a lease back; its conversions are due again.
    pub async fn give_back(&mut self, lease: &str) -> Result<()> {
        self.execute(
            "update conversion set lease = null, lease_until = null where lease = $1 and state = 'ready'",
            values![lease],
        )
        .await?;
        Ok(())
    }

    /// Moves the later half of a lease, all but the first `keep` conversions, to another lease.
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

    /// The frozen payloads of the conversions under a lease.
    pub async fn payloads(&mut self, lease: &str) -> Result<Vec<(ConversionId, String)>> {
        let rows = self
            .rows(
                "select conversion_id, body
                   from conversion_payload join conversion on conversion.id = conversion_payload.conversion_id
                  where lease = $1 and frozen = 1",
                values![lease],
            )
            .await?;
        rows.iter().map(|row| Ok((ConversionId(row.get("conversion_id")?), row.get("body")?))).collect()
    }

    /// The payload of a conversion, once an attempt froze it.
    pub async fn payload(&mut self, id: &ConversionId) -> Result<Option<String>> {
        let text = "select body from conversion_payload where conversion_id = $1";
        let row = self.row(text, values![id.as_str()]).await?;
        row.map(|row| row.get("body")).transpose()
    }

    /// Stores payloads, which no later attempt changes.
    pub async fn freeze(&mut self, texts: &[FrozenPayload<'_>]) -> Result<()> {
        self.execute(FREEZE, values![list(texts)?]).await.map(drop)
    }

    /// Makes a conversion of the state `from` ready at once. A rejected one gets its payload built anew.
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
}

fn read_beside(text: Option<&str>) -> Result<Vec<OrderId>> {
    let ids: Option<Vec<String>> = text.map(serde_json::from_str).transpose().map_err(|error| {
        Error::internal("the tellings beside a conversion can't be read").caused_by(error)
    })?;
    Ok(ids.unwrap_or_default().into_iter().map(OrderId).collect())
}

fn write_beside(ids: &[OrderId]) -> Result<Option<String>> {
    (!ids.is_empty()).then(|| list(ids.iter().map(OrderId::as_str))).transpose()
}

fn read_conversion(row: &Row) -> Result<ConversionRow> {
    Ok(ConversionRow {
        id: ConversionId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        conversation_id: row.get::<Option<String>>("conversation_id")?.map(ConversationId),
        number: row.get("order_number")?,
        name: row.word("event_name", EventName::parse)?,
        event_id: row.get("event_id")?,
        event_time: row.time("event_time")?,
        state: row.word("state", State::parse)?,
        reason: row.word("reason", Reason::parse)?,
        detail: row.get("detail")?,
        currency: row.word("currency", Currency::parse)?,
        value: row.get("value")?,
        made_at: row.time("made_at")?,
        leaves_at: row.time("leaves_at")?,
    })
}
