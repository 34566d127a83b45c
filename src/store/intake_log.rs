//! The intake log: the raw bodies of webhooks, from their arrival until `keep_text` is over, and the shapes of those
//! that could not be read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::error::{Error, Result};
use crate::store::db::sql::{Store, Unit};
use crate::store::db::statement::{Pair, Row, list, values};

/// The position of a body within the packed bodies of a row.
#[derive(Debug, Serialize, Deserialize)]
struct BodyPosition {
    /// Its first byte, from 1.
    start: usize,
    /// Its length in bytes.
    length: usize,
}

/// The limits of a read: it ends with the body by which one of them is reached, so at least one is read.
#[derive(Clone, Copy, Debug)]
pub struct BodiesMax {
    /// The number of bodies after which a read ends.
    pub count: i64,
    /// The number of bytes after which a read ends.
    pub bytes: i64,
}

/// A body that is not projected yet.
#[derive(Clone, Debug)]
pub struct LoggedBody {
    /// The id of the row in `intake_log` that holds it; on SQLite one row packs several bodies.
    pub row: i64,
    /// Its place among the bodies of its row, from 0.
    pub place: usize,
    /// The raw bytes.
    pub body: Bytes,
}

impl Store {
    /// Stores the raw bytes of webhooks, all in one statement, durable when it returns: packed into one value, with a
    /// list of their positions. On SQLite they stay packed, as one row.
    pub async fn keep_bodies(&self, bodies: &[Bytes], now: Timestamp) -> Result<()> {
        let mut packed = Vec::with_capacity(bodies.iter().map(Bytes::len).sum());
        let mut places: Vec<BodyPosition> = Vec::with_capacity(bodies.len());
        for body in bodies {
            places.push(BodyPosition { start: packed.len() + 1, length: body.len() });
            packed.extend_from_slice(body);
        }
        let number = i64::try_from(bodies.len()).unwrap_or(i64::MAX);
        let text = Pair {
            sqlite: "insert into intake_log (received_at, bodies, places, number) values ($1, $2, $3, $4)",
            postgres: "insert into intake_log (received_at, body)
                       select $1, substring($2 from (value ->> 'start')::int for (value ->> 'length')::int)
                         from json_array_elements($3::json) limit $4",
        };
        self.execute_in_intake(text, values![now, packed, list(&places)?, number]).await?;
        Ok(())
    }

    /// Drops projected bodies from before a moment; gives how many rows.
    pub async fn drop_bodies(&self, before: Timestamp) -> Result<u64> {
        let Some(file) = self.intake_file() else {
            let text = "delete from intake_log where projected_at is not null and received_at < $1";
            return self.execute_in_intake(text, values![before]).await;
        };
        // Only what is committed counts: a unit that is under way may still be rolled back.
        let mark = self.look().await?.mark_of(file).await?;
        let text = "delete from intake_log
                     where id <= $1
                       and id < coalesce((select id from intake_log where received_at >= $2 order by id limit 1), $1 + 1)";
        let dropped = self.execute_in_intake(text, values![mark, before]).await?;
        let text = "delete from unread where id < coalesce((select min(id) from intake_log), $1 + 1)";
        self.execute_in_intake(text, values![mark]).await?;
        Ok(dropped)
    }
}

impl Unit {
    /// The last row of an intake file that is projected; 0 if none is.
    async fn mark_of(&mut self, file: &str) -> Result<i64> {
        let row = self.row("select projected_row from intake_mark where file = $1", values![file]).await?;
        row.map_or(Ok(0), |row| row.get("projected_row"))
    }

    /// The oldest bodies that are not projected yet, within the limits; no other unit projects them before this one
    /// ends.
    pub async fn waiting_bodies(&mut self, store: &Store, max: BodiesMax) -> Result<Vec<LoggedBody>> {
        let Some(file) = store.intake_file() else {
            let text = "select id, cast(1 as bigint) as number, cast(octet_length(body) as bigint) as bytes
                          from intake_log where projected_at is null order by id limit $1 for update skip locked";
            let ids = reach(&self.rows(text, values![max.count]).await?, max)?;
            let text = "select id, body from intake_log
                         where id = any(array(select value::text::bigint from json_array_elements($1::json)))
                         order by id";
            let rows = self.rows(text, values![list(&ids)?]).await?;
            let waiting = |row: &Row| {
                Ok(LoggedBody { row: row.get("id")?, place: 0, body: row.get::<Vec<u8>>("body")?.into() })
            };
            return rows.iter().map(waiting).collect();
        };
        let mark = self.mark_of(file).await?;
        let text =
            "select id, number, length(bodies) as bytes from intake_log where id > $1 order by id limit $2";
        let ids = reach(&store.rows_of_intake(text, values![mark, max.count]).await?, max)?;
        let Some(last) = ids.last() else { return Ok(Vec::new()) };
        let text = "select id, places, bodies from intake_log where id > $1 and id <= $2 order by id";
        let rows = store.rows_of_intake(text, values![mark, *last]).await?;
        let mut waiting = Vec::new();
        for row in &rows {
            let (id, places) = (row.get("id")?, row.list::<BodyPosition>("places")?);
            let bodies = Bytes::from(row.get::<Vec<u8>>("bodies")?);
            for (place, BodyPosition { start, length }) in places.into_iter().enumerate() {
                let within = start.checked_sub(1).filter(|from| from + length <= bodies.len());
                let from = within
                    .ok_or_else(|| Error::internal(format!("row {id} of the intake log can't be read")))?;
                waiting.push(LoggedBody { row: id, place, body: bodies.slice(from..from + length) });
            }
        }
        Ok(waiting)
    }

    /// Marks bodies as projected.
    pub async fn projected(&mut self, store: &Store, bodies: &[LoggedBody], now: Timestamp) -> Result<()> {
        if let Some(file) = store.intake_file() {
            let last = bodies.iter().map(|waiting| waiting.row).max().unwrap_or(0);
            let text = "insert into intake_mark (file, projected_row) values ($1, $2)
                        on conflict (file) do update set projected_row = excluded.projected_row";
            return self.execute(text, values![file, last]).await.map(drop);
        }
        let ids: Vec<i64> = bodies.iter().map(|waiting| waiting.row).collect();
        let text = "update intake_log set projected_at = $1
                     where id = any(array(select value::text::bigint from json_array_elements($2::json)))";
        self.execute(text, values![now, list(&ids)?]).await.map(drop)
    }

    /// Records the shape of a body that could not be read.
    pub async fn unreadable(&mut self, store: &Store, waiting: &LoggedBody, shape: &str) -> Result<()> {
        if store.is_shared() {
            let text = "update intake_log set unread = $2 where id = $1";
            return self.execute(text, values![waiting.row, shape]).await.map(drop);
        }
        let place = i64::try_from(waiting.place).unwrap_or(i64::MAX);
        let text =
            "insert into unread (id, place, shape) values ($1, $2, $3) on conflict (id, place) do nothing";
        store.execute_in_intake(text, values![waiting.row, place, shape]).await.map(drop)
    }

    /// How many webhooks are not projected yet, and when the oldest of them arrived.
    pub async fn waiting(&mut self, store: &Store) -> Result<(i64, Option<Timestamp>)> {
        let rows = if let Some(file) = store.intake_file() {
            let mark = self.mark_of(file).await?;
            let text = "select coalesce(sum(number), 0) as number, min(received_at) as oldest
                          from intake_log where id > $1";
            store.rows_of_intake(text, values![mark]).await?
        } else {
            let text = "select count(*) as number, min(received_at) as oldest from intake_log where projected_at is null";
            self.rows(text, values![]).await?
        };
        let Some(row) = rows.first() else { return Ok((0, None)) };
        Ok((row.get("number")?, row.get::<Option<i64>>("oldest")?.map(Timestamp::from_millis)))
    }

    /// Counts events that are kept but not applied, by their kind.
    pub async fn count_kept(&mut self, page: &PageId, kind: &str, number: i64) -> Result<()> {
        self.execute(
            "insert into intake_count (page_id, kind, count) values ($1, $2, $3)
             on conflict (page_id, kind) do update set count = intake_count.count + excluded.count",
            values![page.as_str(), kind, number],
        )
        .await?;
        Ok(())
    }
}

/// The ids of the first rows, up to the one by which a limit is reached.
fn reach(rows: &[Row], max: BodiesMax) -> Result<Vec<i64>> {
    let (mut ids, mut counted, mut weighed) = (Vec::new(), 0, 0);
    for row in rows {
        if counted >= max.count || weighed >= max.bytes {
            break;
        }
        ids.push(row.get("id")?);
        counted += row.get::<i64>("number")?;
        weighed += row.get::<i64>("bytes")?;
    }
    Ok(ids)
}
