//! API keys: the hash of each, its role, and the Page that it is limited to.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, KeyId, PageId};
use crate::domain::basic::money::Currency;
use crate::error::{Error, Result};
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// A key in force.
#[derive(Clone, Debug)]
pub struct Key {
    /// Our id of the key, under which its requests are known.
    pub id: KeyId,
    /// The name of the client that it was made for.
    pub name: String,
    /// The word of its role, as `domain::operator::Role` parses it.
    pub role: String,
    /// The only Page that it is for; `None` for all Pages.
    pub page: Option<PageId>,
}

/// What a tag needs to know of the Page of its conversation.
#[derive(Clone, Debug)]
pub struct PageContext {
    /// The Page to which the conversation belongs.
    pub page: PageId,
    /// The currency of the Page's sales.
    pub currency: Currency,
    /// ISO 3166 country of its customers' phones.
    pub country: String,
}

/// An API key as a list shows it.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// Its id, by which it is revoked.
    pub id: KeyId,
    /// The name of the client that it was made for.
    pub name: String,
    /// The word of its role, as `domain::operator::Role` parses it.
    pub role: String,
    /// The only Page that it is for; `None` for all Pages.
    pub page: Option<PageId>,
    /// When it was made, and from when on it is in force.
    pub made_at: Timestamp,
    /// When it was revoked; `None` while it is in force.
    pub revoked_at: Option<Timestamp>,
}

impl Unit {
    /// All keys, in the order in which they were made.
    pub async fn keys(&mut self) -> Result<Vec<KeyRow>> {
        let rows = self
            .rows(
                "select id, name, role, page_id, made_at, revoked_at from api_key order by made_at, id",
                values![],
            )
            .await?;
        let keys = rows.iter().map(|row| {
            Ok(KeyRow {
                id: KeyId(row.get("id")?),
                name: row.get("name")?,
                role: row.get("role")?,
                page: row.get::<Option<String>>("page_id")?.map(PageId),
                made_at: Timestamp::from_millis(row.get("made_at")?),
                revoked_at: row.get::<Option<i64>>("revoked_at")?.map(Timestamp::from_millis),
            })
        });
        keys.collect()
    }

    /// Revokes a key; gives whether there is one of this id. One that was revoked before keeps its time.
    pub async fn revoke_key(&mut self, id: &KeyId, now: Timestamp) -> Result<bool> {
        let text = "update api_key set revoked_at = coalesce(revoked_at, $2) where id = $1";
        Ok(self.execute(text, values![id.as_str(), now]).await? > 0)
    }

    /// Whether there is a key of this name, in force or revoked.
    pub async fn has_key_named(&mut self, name: &str) -> Result<bool> {
        let row = self.row("select 1 as found from api_key where name = $1 limit 1", values![name]).await?;
        Ok(row.is_some())
    }

    /// Gives a sender another name: its keys, the facts that it told, and their `ref`s.
    pub async fn rename_sender(&mut self, name: &str, new_name: &str) -> Result<()> {
        for text in [
            "update api_key set name = $2 where name = $1",
            "update fact_reference set sender = $2 where sender = $1",
            "update outcome set actor = $2
              where actor = $1 and source in ('api', 'crm', 'courier', 'bank', 'site')",
        ] {
            self.execute(text, values![name, new_name]).await?;
        }
        Ok(())
    }

    /// Adds a key by its hash.
    pub async fn add_key(
        &mut self,
        id: &str,
        name: &str,
        role: &str,
        page: Option<&PageId>,
        hash: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into api_key (id, name, role, page_id, hash, made_at) values ($1, $2, $3, $4, $5, $6)",
            values![id, name, role, page.map(|page| page.0.clone()), hash, now],
        )
        .await?;
        Ok(())
    }

    /// Whether a key is in force, so not revoked.
    pub async fn key_holds(&mut self, id: &KeyId) -> Result<bool> {
        let row = self
            .row("select id from api_key where id = $1 and revoked_at is null", values![id.as_str()])
            .await?;
        Ok(row.is_some())
    }

    /// The key of this hash, unless it is revoked.
    pub async fn key_by_hash(&mut self, hash: &str) -> Result<Option<Key>> {
        let row = self
            .row(
                "select id, name, role, page_id from api_key where hash = $1 and revoked_at is null",
                values![hash],
            )
            .await?;
        row.as_ref().map(read_key).transpose()
    }

    /// The key of this hash, unless it is revoked, and the context of the conversation's Page, if there is such a
    /// conversation: one query, because each tag needs both.
    pub async fn key_with_page_context(
        &mut self,
        hash: &str,
        conversation: &ConversationId,
    ) -> Result<Option<(Key, Option<PageContext>)>> {
        let row = self
            .row(
                "select api_key.id, api_key.name, role, api_key.page_id, page.id as around, currency, country
                   from api_key left join conversation on conversation.id = $2
                                left join page on page.id = conversation.page_id
                  where hash = $1 and revoked_at is null",
                values![hash, conversation.as_str()],
            )
            .await?;
        let Some(row) = &row else { return Ok(None) };
        let page_context = row.get::<Option<String>>("around")?.map(|page| {
            let currency = row.word("currency", Currency::parse)?;
            Ok::<_, Error>(PageContext { page: PageId(page), currency, country: row.get("country")? })
        });
        Ok(Some((read_key(row)?, page_context.transpose()?)))
    }
}

fn read_key(row: &Row) -> Result<Key> {
    Ok(Key {
        id: KeyId(row.get("id")?),
        name: row.get("name")?,
        role: row.get("role")?,
        page: row.get::<Option<String>>("page_id")?.map(PageId),
    })
}
