//! The feed: changes numbered after their commit by whoever holds the lease, read in stretches, and everything
//! that a stretch is rendered from in a few queries, however many changes it has.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, PageId, Psid};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::inbound::{Channel, Referral};
use crate::domain::feed::change::{
    Change, CursorKey, OrderRecord, Records, Subject, ThreadRecord, VersionedFact, VersionedReferral,
};
use crate::error::{Error, Result};
use crate::store::aggregate::{ACCEPT, UNDO};
use crate::store::aggregate_rows::FactRow;
use crate::store::db::sql::{Row, Unit, Value, values};

/// The lease of the one publisher.
const PUBLISHER: &str = "publisher";

/// The feed as it stands.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Makes and reads cursors.
    pub key: CursorKey,
    /// The number of its last change.
    pub last: i64,
    /// The number of the last change that is no longer kept.
    pub forgotten: i64,
}

/// A part of the feed: the changes with a number above `after` up to `until`, of one Page or of all.
#[derive(Clone, Copy, Debug)]
pub struct FeedSlice<'a> {
    /// Behind this number.
    pub after: i64,
    /// Up to this number.
    pub until: i64,
    /// Of this Page alone.
    pub page: Option<&'a PageId>,
}

impl FeedSlice<'_> {
    fn values(self) -> Vec<Value> {
        values![self.after, self.until, self.page.map(|page| page.0.clone())]
    }
}

impl Unit {
    /// The feed as it stands.
    pub async fn feed(&mut self) -> Result<Feed> {
        let row = self
            .row("select key, last_sequence, forgotten from feed where name = 'changes'", Vec::new())
            .await?
            .ok_or_else(|| Error::internal("the feed's row is missing"))?;
        Ok(Feed {
            key: row.word("key", CursorKey::new)?,
            last: row.get("last_sequence")?,
            forgotten: row.get("forgotten")?,
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

    /// Takes or renews the lease of the one publisher; gives its token, which grows whenever it changes hands,
    /// or none while somebody else holds it. Nobody else takes it before this unit ends.
    pub async fn lease_publisher(
        &mut self,
        holder: &str,
        (now, until): (Timestamp, Timestamp),
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

    /// Gives the lease of the publisher back, if `holder` has it.
    pub async fn release_publisher(&mut self, holder: &str) -> Result<()> {
        self.execute(
            "update lease set held_until = 0 where name = $1 and holder = $2",
            values![PUBLISHER, holder],
        )
        .await?;
        Ok(())
    }

    /// Numbers about `limit` of the changes that wait, under the publisher's token; gives how many. They go by
    /// the time of their making, and those of one subject by their version, whatever the clocks said.
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

    /// Forgets the oldest changes, up to the first that was published at or after `before`, at most `limit`;
    /// gives how many.
    pub async fn forget_changes(&mut self, before: Timestamp, limit: i64) -> Result<u64> {
        let feed = self.feed().await?;
        let reach = feed.last.min(feed.forgotten.saturating_add(limit));
        let kept = self
            .row(
                "select min(sequence) as sequence from change
                  where sequence > $1 and sequence <= $2 and published_at >= $3",
                values![feed.forgotten, reach, before],
            )
            .await?;
        let kept: Option<i64> = kept.map(|row| row.get("sequence")).transpose()?.flatten();
        let upto = kept.map_or(reach, |kept| kept - 1);
        self.execute(
            "update feed set forgotten = $1 where name = 'changes' and forgotten < $1",
            values![upto],
        )
        .await?;
        self.execute("delete from change where sequence <= $1", values![upto]).await
    }

    /// The first changes of a stretch, by number.
    pub async fn changes(&mut self, slice: FeedSlice<'_>, limit: i64) -> Result<Vec<Change>> {
        let [after, until, page] = <[Value; 3]>::try_from(slice.values())
            .map_err(|_| Error::internal("a stretch has three values"))?;
        let rows = self
            .rows(
                "select id, sequence, page_id, kind, subject_id, version, occurred_at, parked, conversation_version
                   from change
                  where sequence > $1 and sequence <= $2 and (cast($3 as text) is null or page_id = $3)
                  order by sequence
                  limit $4",
                vec![after, until, page, Value::from(limit)],
            )
            .await?;
        rows.iter().map(read_change).collect()
    }

    /// What the changes of a stretch are rendered from.
    pub async fn records(&mut self, slice: FeedSlice<'_>) -> Result<Records> {
        let mut records = Records::default();
        self.read_orders_told(slice, &mut records).await?;
        self.read_threads_told(slice, &mut records).await?;
        Ok(records)
    }

    async fn read_orders_told(&mut self, slice: FeedSlice<'_>, records: &mut Records) -> Result<()> {
        let orders = self
            .rows(
                "select sale_order.id, conversation_id, sale_order.version, same_as, page.currency
                   from sale_order join page on page.id = sale_order.page_id
                  where sale_order.id in (select subject_id from change
                                           where sequence > $1 and sequence <= $2
                                             and (cast($3 as text) is null or page_id = $3))",
                slice.values(),
            )
            .await?;
        if orders.is_empty() {
            return Ok(());
        }
        let names = self
            .rows(
                "select order_id, name, version, told_of
                   from order_name
                  where order_id in (select coalesce(same_as, id) from sale_order
                                      where id in (select subject_id from change
                                                    where sequence > $1 and sequence <= $2
                                                      and (cast($3 as text) is null or page_id = $3)))
                  order by order_id, position, name",
                slice.values(),
            )
            .await?;
        let entries = self
            .rows(
                "select id, conversation_id, order_id, about, kind, occurred_at, recorded_at, source, actor,
                        reference, currency, value, total, delivery_fee, discount, fee, items, reason, payment,
                        courier, waybill, clamped, coalesce(order_version, 1) as version
                   from outcome
                  where order_id in (select subject_id from change
                                      where sequence > $1 and sequence <= $2
                                        and (cast($3 as text) is null or page_id = $3)
                                     union
                                     select id from sale_order
                                      where same_as in (select subject_id from change
                                                         where sequence > $1 and sequence <= $2
                                                           and (cast($3 as text) is null or page_id = $3)))
                  order by recorded_at, id",
                slice.values(),
            )
            .await?;
        let names = names.iter().map(read_name).collect::<Result<Vec<Name>>>()?;
        let mut by_order: HashMap<String, Vec<&Row>> = HashMap::new();
        for row in &entries {
            by_order.entry(row.get("order_id")?).or_default().push(row);
        }
        for row in &orders {
            let record = read_order(row, &names, &by_order)?;
            records.orders.insert(record.id.clone(), record);
        }
        Ok(())
    }

    async fn read_threads_told(&mut self, slice: FeedSlice<'_>, records: &mut Records) -> Result<()> {
        let threads = self
            .rows(
                "select conversation.id, conversation.page_id, conversation.channel, began_at, psid
                   from conversation left join person on person.conversation_id = conversation.id
                  where conversation.id in
                        (select subject_id from change
                          where sequence > $1 and sequence <= $2 and (cast($3 as text) is null or page_id = $3)
                         union
                         select conversation_id from sale_order
                          where id in (select subject_id from change
                                        where sequence > $1 and sequence <= $2
                                          and (cast($3 as text) is null or page_id = $3)))",
                slice.values(),
            )
            .await?;
        for row in &threads {
            let id = ConversationId(row.get("id")?);
            let record = ThreadRecord {
                id: id.clone(),
                page_id: PageId(row.get("page_id")?),
                channel: row.word("channel", Channel::parse)?,
                psid: row.get::<Option<String>>("psid")?.map(Psid),
                began_at: row.time("began_at")?,
                entries: Vec::new(),
                referrals: Vec::new(),
            };
            records.threads.insert(id, record);
        }
        let referrals = self
            .rows(
                "select conversation_id, led_at, ad_id, ref, source, kind, ad_title, version
                   from referral
                  where conversation_id in
                        (select subject_id from change
                          where sequence > $1 and sequence <= $2 and (cast($3 as text) is null or page_id = $3)
                         union
                         select conversation_id from sale_order
                          where id in (select subject_id from change
                                        where sequence > $1 and sequence <= $2
                                          and (cast($3 as text) is null or page_id = $3)))
                  order by conversation_id, led_at, id",
                slice.values(),
            )
            .await?;
        for row in &referrals {
            let id = ConversationId(row.get("conversation_id")?);
            if let Some(record) = records.threads.get_mut(&id) {
                record.referrals.push(read_led(row)?);
            }
        }
        let entries = self
            .rows(
                "select id, conversation_id, about, kind, occurred_at, recorded_at, source, actor, reference,
                        currency, value, total, delivery_fee, discount, fee, items, reason, payment, courier,
                        waybill, clamped, coalesce(conversation_version, 1) as version
                   from outcome
                  where order_id is null
                    and conversation_id in (select subject_id from change
                                             where sequence > $1 and sequence <= $2
                                               and (cast($3 as text) is null or page_id = $3))
                  order by recorded_at, id",
                slice.values(),
            )
            .await?;
        let mut by_thread: HashMap<String, Vec<(i64, &Row)>> = HashMap::new();
        for row in &entries {
            by_thread.entry(row.get("conversation_id")?).or_default().push((row.get("version")?, row));
        }
        for (id, rows) in by_thread {
            if let Some(record) = records.threads.get_mut(&ConversationId(id)) {
                record.entries = read_entries(&rows)?;
            }
        }
        Ok(())
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
        parked: row.get::<i64>("parked")? != 0,
        conversation_version: row.get("conversation_version")?,
    })
}

/// A name, with the order that it stood for before that turned out to be another one.
struct Name {
    order_id: String,
    text: String,
    version: i64,
    told_of: Option<String>,
}

fn read_name(row: &Row) -> Result<Name> {
    Ok(Name {
        order_id: row.get("order_id")?,
        text: row.get("name")?,
        version: row.get("version")?,
        told_of: row.get("told_of")?,
    })
}

/// An order that turned out to be another one keeps the names and facts that it had; the other one has them
/// from the version on at which they were joined.
fn read_order(row: &Row, names: &[Name], entries: &HashMap<String, Vec<&Row>>) -> Result<OrderRecord> {
    let id: String = row.get("id")?;
    let sale: Option<String> = row.get("same_as")?;
    let stands_in = sale.as_ref().unwrap_or(&id);
    let own = names.iter().filter(|name| match &sale {
        None => name.order_id == id,
        Some(_) => name.told_of.as_ref() == Some(&id),
    });
    let mut versioned: Vec<(i64, &Row)> = Vec::new();
    for entry in entries.get(&id).into_iter().flatten() {
        versioned.push((entry.get("version")?, entry));
    }
    let mut joined: HashMap<&String, i64> = HashMap::new();
    for name in names.iter().filter(|name| name.order_id == id) {
        if let Some(told) = &name.told_of {
            joined.insert(told, name.version);
        }
    }
    for (told, since) in joined {
        for entry in entries.get(told).into_iter().flatten() {
            versioned.push((entry.get::<i64>("version")?.max(since), entry));
        }
    }
    let same_as = sale.as_ref().and_then(|_| names.iter().find(|name| name.order_id == *stands_in));
    let is_joined = sale.is_some();
    Ok(OrderRecord {
        names: own.map(|name| (name.text.clone(), if is_joined { 0 } else { name.version })).collect(),
        same_as: same_as.map(|name| name.text.clone()),
        entries: read_entries(&versioned)?,
        conversation_id: row.get::<Option<String>>("conversation_id")?.map(ConversationId),
        currency: row.word("currency", Currency::parse)?,
        version: row.get("version")?,
        id: OrderId(id),
    })
}

fn read_led(row: &Row) -> Result<VersionedReferral> {
    Ok(VersionedReferral {
        referral: Referral {
            ad_id: row.get("ad_id")?,
            r#ref: row.get("ref")?,
            source: row.get("source")?,
            kind: row.get("kind")?,
            ad_title: row.get("ad_title")?,
            click_id: None,
        },
        at: row.time("led_at")?,
        since: row.get("version")?,
    })
}

/// Facts with what was said about them, each row with the version of the subject at which it appeared.
fn read_entries(rows: &[(i64, &Row)]) -> Result<Vec<VersionedFact>> {
    let (mut undone, mut accepted): (HashMap<String, i64>, HashMap<String, i64>) = Default::default();
    for (version, row) in rows {
        let Some(about) = row.get::<Option<String>>("about")? else { continue };
        match row.get::<String>("kind")?.as_str() {
            UNDO => undone.insert(about, *version),
            ACCEPT => accepted.insert(about, *version),
            _ => None,
        };
    }
    let mut entries = Vec::new();
    for (version, row) in rows {
        if row.get::<Option<String>>("about")?.is_some() {
            continue;
        }
        let fact = FactRow::read(row)?.fact()?;
        entries.push(VersionedFact {
            since: *version,
            undone_since: undone.get(&fact.id.0).copied(),
            accepted_since: accepted.get(&fact.id.0).copied(),
            fact,
        });
    }
    Ok(entries)
}
