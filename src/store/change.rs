//! The change feed: changes are numbered after their commit by the holder of the publisher's lease, and read in slices.
//! A few queries read all that a slice is rendered from, however many changes it has.

use std::collections::HashMap;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId, PageId, PersonId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::conversation::inbound::Channel;
use crate::domain::feed::change::{
    CONVERSATION_UPDATED, Cause, Change, CursorKey, ORDER_UPDATED, OrderRecord, Records, Subject,
    ThreadRecord, VersionedFact, VersionedFollowUp, VersionedReferral,
};
use crate::domain::order::ledger::OrderLedger;
use crate::error::{Error, Result};
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, Value, list, rows, values};
use crate::store::db::write_buffer::{Buffered, Table};
use crate::store::outcome::{OutcomeRow, outcome_columns};
use crate::store::referral::{ReferralRow, referral_columns};

/// The row of the one publisher's lease.
const PUBLISHER: &str = "publisher";

/// The subjects of a slice of the feed, whose values are those of [`FeedSlice::values`].
macro_rules! changed_subjects {
    () => {
        "select subject_id from change
          where sequence > $1 and sequence <= $2 and (cast($3 as text) is null or page_id = $3)"
    };
}

/// The conversations of a slice of the feed: those among its subjects, and those of its orders.
macro_rules! changed_threads {
    () => {
        concat!(
            changed_subjects!(),
            " union select conversation_id from sale_order where id in (",
            changed_subjects!(),
            ")"
        )
    };
}

/// A change to be added.
#[derive(Debug)]
pub struct NewChange<'a> {
    /// Our id of the change.
    pub id: String,
    /// The conversation that changed, or in which the order is.
    pub thread: &'a Thread,
    /// The entry of the ledger that led to it.
    pub cause: Option<&'a OutcomeId>,
    /// When it is recorded.
    pub now: Timestamp,
}

/// A change to be written.
#[derive(Debug, Serialize)]
struct ChangeRow {
    id: String,
    page_id: String,
    kind: &'static str,
    subject_id: String,
    version: i64,
    occurred_at: i64,
    parked: i64,
    conversation_version: i64,
    entries: i64,
    tellings: Option<String>,
    numbers: Option<String>,
    became: Option<String>,
    caused_by: Option<String>,
    sequence: Option<i64>,
    published_at: Option<i64>,
}

impl Buffered for ChangeRow {
    const TABLE: Table = Table::Change;
    const TEXT: Pair = rows!(insert into change (
        id text, page_id text, kind text, subject_id text, version bigint, occurred_at bigint, parked bigint,
        conversation_version bigint, entries bigint, tellings text, numbers text, became text, caused_by text,
        sequence bigint, published_at bigint
    ));
    /// On SQLite, where units commit one after the other, changes are numbered when they are written; on PostgreSQL,
    /// and while older changes wait, they wait for the publisher.
    const NUMBERING: Option<Pair> = Some({
        let text = "update feed set last_sequence = last_sequence + $1
                     where name = 'changes' and not exists (select 1 from change where sequence is null)
                    returning last_sequence";
        Pair { sqlite: text, postgres: text }
    });

    fn number(changes: &mut [Self], answer: &Row) -> Result<()> {
        let last: i64 = answer.get("last_sequence")?;
        let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
        for (sequence, change) in (last - count + 1..).zip(changes) {
            (change.sequence, change.published_at) = (Some(sequence), Some(change.occurred_at));
        }
        Ok(())
    }
}

/// The present extent of the feed.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The key that makes and reads cursors.
    pub key: CursorKey,
    /// The number of its last change.
    pub last: i64,
    /// The number of the last change that retention has dropped.
    pub dropped: i64,
}

/// A slice of the feed: the changes with a number above `after` and up to `until`, of one Page or of all.
#[derive(Clone, Copy, Debug)]
pub struct FeedSlice<'a> {
    /// The number behind which the slice begins.
    pub after: i64,
    /// The last number of the slice.
    pub until: i64,
    /// Only changes of this Page; `None` for all Pages.
    pub page: Option<&'a PageId>,
}

impl FeedSlice<'_> {
    fn values(self) -> Vec<Value> {
        values![self.after, self.until, self.page.map(|page| page.0.clone())]
    }
}

impl Unit {
    /// The present extent of the feed.
    pub async fn feed(&mut self) -> Result<Feed> {
        let row = self
            .row("select key, last_sequence, dropped_sequence from feed where name = 'changes'", Vec::new())
            .await?
            .ok_or_else(|| Error::internal("the feed's row is missing"))?;
        Ok(Feed {
            key: row.word("key", CursorKey::new)?,
            last: row.get("last_sequence")?,
            dropped: row.get("dropped_sequence")?,
        })
    }

    /// The number of the feed's last change, and whether a committed change waits for its own.
    pub async fn published(&mut self) -> Result<(i64, bool)> {
        let text = "select last_sequence,
                           cast((select count(*) from (select 1 from change where sequence is null limit 1) as one)
                                as bigint) as waits
                      from feed where name = 'changes'";
        let row = self.row(text, Vec::new()).await?;
        let row = row.ok_or_else(|| Error::internal("the feed's row is missing"))?;
        Ok((row.get("last_sequence")?, row.get::<i64>("waits")? > 0))
    }

    /// Takes or renews the publisher's lease; gives its fencing token, which grows with every new holder, or `None`
    /// while another process holds the lease. The row stays locked until this unit ends.
    pub async fn lease_publisher(
        &mut self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<i64>> {
        let row = self
            .row(
                "insert into lease (name, holder, token, held_until) values ($1, $2, 1, $4)
                 on conflict (name) do update
                    set holder = excluded.holder, held_until = excluded.held_until,
                        token = lease.token + case when lease.holder = excluded.holder then 0 else 1 end
                  where lease.holder = excluded.holder or lease.held_until <= $3
                 returning token",
                values![PUBLISHER, holder, now, until],
            )
            .await?;
        row.map(|row| row.get("token")).transpose()
    }

    /// Gives the publisher's lease back, if `holder` has it.
    pub async fn release_publisher(&mut self, holder: &str) -> Result<()> {
        self.execute(
            "update lease set held_until = 0 where name = $1 and holder = $2",
            values![PUBLISHER, holder],
        )
        .await?;
        Ok(())
    }

    /// Numbers about `limit` of the changes that wait, under the publisher's fencing token; gives how many. They are
    /// ordered by when they were made, and those of one subject by their version, whatever the clocks were.
    pub async fn number_changes(&mut self, token: i64, limit: i64, now: Timestamp) -> Result<u64> {
        let numbered = self
            .execute(
                "update change
                    set sequence = numbered.sequence, published_at = $4
                   from (select ordered.id,
                                (select last_sequence from feed where name = 'changes')
                                + row_number() over (order by ordered.turn, ordered.version, ordered.id) as sequence
                           from (select waiting.id, waiting.version,
                                        max(waiting.id) over (partition by waiting.subject_id
                                                              order by waiting.version) as turn
                                   from (select oldest.subject_id, max(oldest.version) as version
                                           from (select subject_id, version from change
                                                  where sequence is null order by id limit $3) as oldest
                                          group by oldest.subject_id) as reached
                                   join change as waiting
                                     on waiting.subject_id = reached.subject_id
                                    and waiting.version <= reached.version
                                  where waiting.sequence is null) as ordered) as numbered
                  where change.id = numbered.id
                    and exists (select 1 from lease where name = $1 and token = $2)",
                values![PUBLISHER, token, limit, now],
            )
            .await?;
        let count = i64::try_from(numbered).unwrap_or(i64::MAX);
        self.execute(
            "update feed set last_sequence = last_sequence + $1 where name = 'changes'",
            values![count],
        )
        .await?;
        Ok(numbered)
    }

    /// Drops the oldest changes, up to the first that was published at or after `before`, at most `limit`; gives how
    /// many.
    pub async fn drop_old_changes(&mut self, before: Timestamp, limit: i64) -> Result<u64> {
        let feed = self.feed().await?;
        let reach = feed.last.min(feed.dropped.saturating_add(limit));
        let kept = self
            .row(
                "select min(sequence) as sequence from change
                  where sequence > $1 and sequence <= $2 and published_at >= $3",
                values![feed.dropped, reach, before],
            )
            .await?;
        let kept: Option<i64> = kept.map(|row| row.get("sequence")).transpose()?.flatten();
        let upto = kept.map_or(reach, |kept| kept - 1);
        self.execute(
            "update feed set dropped_sequence = $1 where name = 'changes' and dropped_sequence < $1",
            values![upto],
        )
        .await?;
        self.execute("delete from change where sequence <= $1", values![upto]).await
    }

    /// The first changes of a slice, by number.
    pub async fn changes(&mut self, slice: FeedSlice<'_>, limit: i64) -> Result<Vec<Change>> {
        let mut values = slice.values();
        values.push(Value::from(limit));
        let text = "select change.id, sequence, change.page_id, change.kind, subject_id, version, change.occurred_at,
                           parked, conversation_version, entries, tellings, numbers, became, caused_by,
                           outcome.kind as cause_kind, outcome.actor as cause_actor
                      from change left join outcome on outcome.id = change.caused_by
                     where sequence > $1 and sequence <= $2 and (cast($3 as text) is null or change.page_id = $3)
                     order by sequence
                     limit $4";
        self.rows(text, values).await?.iter().map(read_change).collect()
    }

    /// All that the changes of a slice are rendered from.
    pub async fn records(&mut self, slice: FeedSlice<'_>) -> Result<Records> {
        let mut records = Records::default();
        self.read_changed_orders(slice, &mut records).await?;
        self.read_changed_threads(slice, &mut records).await?;
        Ok(records)
    }

    async fn read_changed_orders(&mut self, slice: FeedSlice<'_>, records: &mut Records) -> Result<()> {
        let text = concat!(
            "select sale_order.id, conversation_id, page.currency
               from sale_order join page on page.id = sale_order.page_id
              where sale_order.id in (",
            changed_subjects!(),
            ")"
        );
        for row in &self.rows(text, slice.values()).await? {
            let id = OrderId(row.get("id")?);
            let record = OrderRecord {
                id: id.clone(),
                conversation_id: row.get::<Option<String>>("conversation_id")?.map(ConversationId),
                currency: row.word("currency", Currency::parse)?,
            };
            records.orders.insert(id, record);
        }
        if records.orders.is_empty() {
            return Ok(());
        }
        // Of the whole conversation: an order's facts may have come under any of its tellings.
        let text = concat!(
            "select ",
            outcome_columns!(),
            " from outcome where conversation_id in (select conversation_id from sale_order where id in (",
            changed_subjects!(),
            ")) and order_id is not null order by position, id"
        );
        let mut entries: HashMap<String, Vec<OutcomeRow>> = HashMap::new();
        for row in &self.rows(text, slice.values()).await? {
            let entry = OutcomeRow::read(row)?;
            entries.entry(entry.conversation_id.clone()).or_default().push(entry);
        }
        for (conversation, rows) in entries {
            records.ledgers.insert(ConversationId(conversation), versioned(&rows)?);
        }
        Ok(())
    }

    async fn read_changed_threads(&mut self, slice: FeedSlice<'_>, records: &mut Records) -> Result<()> {
        let text = concat!(
            "select conversation.id, conversation.page_id, conversation.channel, began_at, person_id
               from conversation left join recipient on recipient.conversation_id = conversation.id
              where conversation.id in (",
            changed_threads!(),
            ")"
        );
        for row in &self.rows(text, slice.values()).await? {
            let id = ConversationId(row.get("id")?);
            let record = ThreadRecord {
                id: id.clone(),
                page_id: PageId(row.get("page_id")?),
                channel: row.word("channel", Channel::parse)?,
                person_id: row.get::<Option<String>>("person_id")?.map(PersonId),
                began_at: row.time("began_at")?,
                entries: Vec::new(),
                referrals: Vec::new(),
            };
            records.threads.insert(id, record);
        }
        let text = concat!(
            "select conversation_id, version, ",
            referral_columns!(),
            " from referral where conversation_id in (",
            changed_threads!(),
            ") order by conversation_id, referred_at, id"
        );
        for row in &self.rows(text, slice.values()).await? {
            let id = ConversationId(row.get("conversation_id")?);
            if let Some(record) = records.threads.get_mut(&id) {
                let ReferralRow { referred_at, referral } = ReferralRow::read(row)?;
                let since = row.get("version")?;
                record.referrals.push(VersionedReferral { referral, at: referred_at, since });
            }
        }
        let text = concat!(
            "select ",
            outcome_columns!(),
            " from outcome where order_id is null and conversation_id in (",
            changed_subjects!(),
            ") order by position, id"
        );
        let mut entries: HashMap<String, Vec<OutcomeRow>> = HashMap::new();
        for row in &self.rows(text, slice.values()).await? {
            let entry = OutcomeRow::read(row)?;
            entries.entry(entry.conversation_id.clone()).or_default().push(entry);
        }
        for (id, rows) in entries {
            if let Some(record) = records.threads.get_mut(&ConversationId(id)) {
                record.entries = versioned(&rows)?;
            }
        }
        Ok(())
    }

    /// Adds a change: an order of the thread is now at its version. One that turned out to be another order ends with it,
    /// and names the number of that one as `became`.
    pub fn order_changed(
        &mut self,
        new: NewChange<'_>,
        order: &OrderLedger,
        became: Option<String>,
    ) -> Result<()> {
        let ids: Vec<&str> = order.ids().map(OrderId::as_str).collect();
        let change = ChangeRow::of(new);
        self.write_buffer.of().push(ChangeRow {
            kind: ORDER_UPDATED,
            subject_id: order.id.0.clone(),
            version: order.version,
            parked: i64::from(order.doubt.is_parked),
            tellings: (ids.len() > 1).then(|| list(ids.iter().copied())).transpose()?,
            numbers: Some(list(order.numbers.iter().map(String::as_str))?),
            became,
            ..change
        });
        Ok(())
    }

    /// Adds a change: the conversation is now at its version.
    pub async fn conversation_changed(&mut self, new: NewChange<'_>) -> Result<()> {
        self.execute(
            "update conversation set version = $2 where id = $1",
            values![new.thread.id.as_str(), new.thread.version],
        )
        .await?;
        self.write_buffer.of().push(ChangeRow::of(new));
        Ok(())
    }
}

impl ChangeRow {
    /// A change of a thread at its version; it gets its number in the feed after the commit.
    fn of(NewChange { id, thread, cause, now }: NewChange<'_>) -> Self {
        Self {
            id,
            page_id: thread.page_id.0.clone(),
            kind: CONVERSATION_UPDATED,
            subject_id: thread.id.0.clone(),
            version: thread.version,
            occurred_at: now.millis(),
            parked: 0,
            conversation_version: thread.version,
            entries: thread.entries,
            tellings: None,
            numbers: None,
            became: None,
            caused_by: cause.map(|cause| cause.0.clone()),
            sequence: None,
            published_at: None,
        }
    }
}

fn read_change(row: &Row) -> Result<Change> {
    let subject: String = row.get("subject_id")?;
    Ok(Change {
        id: row.get("id")?,
        sequence: row.get("sequence")?,
        page_id: PageId(row.get("page_id")?),
        subject: row.word("kind", |kind| Subject::parse(kind, subject.clone()))?,
        version: row.get("version")?,
        occurred_at: row.time("occurred_at")?,
        parked: row.truth("parked")?,
        conversation_version: row.get("conversation_version")?,
        entries: row.get("entries")?,
        tellings: texts(row, "tellings")?.into_iter().map(OrderId).collect(),
        numbers: texts(row, "numbers")?,
        became: row.get("became")?,
        cause: read_cause(row)?,
    })
}

/// The entry that led to a change, as far as it is there.
fn read_cause(row: &Row) -> Result<Option<Cause>> {
    let (id, kind): (Option<String>, Option<String>) = (row.get("caused_by")?, row.get("cause_kind")?);
    let Some((id, kind)) = id.zip(kind) else { return Ok(None) };
    Ok(Some(Cause { outcome: OutcomeId(id), kind, actor: row.get("cause_actor")? }))
}

/// A column with a JSON list of texts; empty where it is null.
fn texts(row: &Row, column: &'static str) -> Result<Vec<String>> {
    match row.get::<Option<String>>(column)? {
        None => Ok(Vec::new()),
        Some(text) => serde_json::from_str(&text)
            .map_err(|error| Error::internal("a list of the feed can't be read").caused_by(error)),
    }
}

/// Facts with their follow-ups, each entry with its position in the ledger.
fn versioned(entries: &[OutcomeRow]) -> Result<Vec<VersionedFact>> {
    let mut follow_ups: HashMap<String, Vec<VersionedFollowUp>> = HashMap::new();
    for row in entries {
        if let Some(entry) = row.follow_up_entry()? {
            let about = follow_ups.entry(entry.about.0.clone()).or_default();
            about.push(VersionedFollowUp { entry, since: row.position });
        }
    }
    let about = |id: &str| follow_ups.get(id).map(Vec::as_slice).unwrap_or_default();
    let facts = entries.iter().filter(|entry| entry.about.is_none());
    let versioned = facts.map(|entry| {
        let own = about(&entry.id).iter();
        let own = own.flat_map(|one| std::iter::once(one).chain(about(&one.entry.id.0)));
        Ok(VersionedFact {
            telling: entry.order_id.clone().map(OrderId),
            since: entry.position,
            follow_ups: own.cloned().collect(),
            fact: entry.clone().fact()?,
        })
    });
    versioned.collect()
}
