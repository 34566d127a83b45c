//! API keys.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::vocabulary::identity::PageId;

use super::sql::{Unit, values};

/// A key in force.
#[derive(Clone, Debug)]
pub struct Key {
    /// Whose.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// For which Page alone.
    pub page: Option<PageId>,
}

impl Unit {
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

    /// The key of this hash, unless it is revoked.
    pub async fn key_by_hash(&mut self, hash: &str) -> Result<Option<Key>> {
        let row = self
            .row(
                "select name, role, page_id from api_key where hash = $1 and revoked_at is null",
                values![hash],
            )
            .await?;
        row.map(|row| {
            let page: Option<String> = row.get("page_id")?;
            Ok(Key { name: row.get("name")?, role: row.get("role")?, page: page.map(PageId) })
        })
        .transpose()
    }
}
