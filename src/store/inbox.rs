//! The raw bodies of webhooks, from their arrival until `keep_text` is over, and what was seen in them.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::vocabulary::identity::PageId;

use super::sql::{Pair, Unit, values};

impl Unit {
    /// Keeps the raw bytes of webhooks, all in one statement: packed, with a list of `[offset, length]`. (For
    /// SQLite a part of nothing is null, also an empty one.)
    pub async fn keep_bodies(&mut self, bodies: &[bytes::Bytes], now: Timestamp) -> Result<()> {
        let mut packed = Vec::with_capacity(bodies.iter().map(bytes::Bytes::len).sum());
        let mut places: Vec<[usize; 2]> = Vec::with_capacity(bodies.len());
        for body in bodies {
            places.push([packed.len() + 1, body.len()]);
            packed.extend_from_slice(body);
        }
        let places = serde_json::to_string(&places)
            .map_err(|error| Error::internal("places can't be written").caused_by(error))?;
        let text = Pair {
            sqlite: "insert into inbox (received_at, body)
                     select $1, coalesce(substr($2, value ->> 0, value ->> 1), x'') from json_each($3)",
            postgres: "insert into inbox (received_at, body)
                       select $1, substring($2 from (value ->> 0)::int for (value ->> 1)::int)
                         from json_array_elements($3::json)",
        };
        self.execute(text, values![now, packed, places]).await?;
        Ok(())
    }

    /// The oldest bodies that are not projected yet, held until this unit ends.
    pub async fn waiting_bodies(&mut self, limit: i64) -> Result<Vec<(i64, Vec<u8>)>> {
        let text = Pair {
            sqlite: "select id, body from inbox where projected_at is null order by id limit $1",
            postgres: "select id, body from inbox where projected_at is null order by id limit $1
                          for update skip locked",
        };
        let rows = self.rows(text, values![limit]).await?;
        rows.iter().map(|row| Ok((row.get("id")?, row.get("body")?))).collect()
    }

    /// A body is projected; `unread` is the shape of one that could not be read.
    pub async fn projected(&mut self, id: i64, unread: Option<String>, now: Timestamp) -> Result<()> {
        self.execute(
            "update inbox set projected_at = $2, unread = $3 where id = $1",
            values![id, now, unread],
        )
        .await?;
        Ok(())
    }

    /// Counts events that are kept but not projected.
    pub async fn count_kept(&mut self, page: &PageId, kind: &str, number: i64) -> Result<()> {
        self.execute(
            "insert into kept (page_id, kind, count) values ($1, $2, $3)
             on conflict (page_id, kind) do update set count = kept.count + excluded.count",
            values![page.as_str(), kind, number],
        )
        .await?;
        Ok(())
    }

    /// Remembers a message's id; false if it was seen before.
    pub async fn first_seen(&mut self, page: &PageId, mid: &str, now: Timestamp) -> Result<bool> {
        let added = self
            .execute(
                "insert into seen (page_id, mid, seen_at) values ($1, $2, $3) on conflict (page_id, mid) do nothing",
                values![page.as_str(), mid, now],
            )
            .await?;
        Ok(added == 1)
    }

    /// Forgets ids of messages that Meta no longer repeats.
    pub async fn forget_seen(&mut self, before: Timestamp) -> Result<u64> {
        self.execute("delete from seen where seen_at < $1", values![before]).await
    }

    /// Drops the texts of messages and notes, and the raw bodies, from before a moment.
    pub async fn drop_texts(&mut self, before: Timestamp) -> Result<u64> {
        let mut dropped = 0;
        for text in [
            "update message set text = null where text is not null and sent_at < $1",
            "delete from note where written_at < $1",
            "delete from inbox where projected_at is not null and received_at < $1",
        ] {
            dropped += self.execute(text, values![before]).await?;
        }
        Ok(dropped)
    }
}
