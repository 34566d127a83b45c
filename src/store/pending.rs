//! Pending tags: tags from Meta's inbox that wait for a person.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, PendingTagId};
use crate::domain::basic::money::Currency;
use crate::domain::inbox::pending::{PendingReason, PendingTag};
use crate::domain::order::outcome::{OutcomeKind, Source};
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// Selects pending tags; `$which` are the clauses from `where` on.
macro_rules! pending_tags {
    ($which:literal) => {
        concat!(
            "select id, page_id, conversation_id, source, kind, takes_back, value, currency, reason, reference,
                    occurred_at, made_at, settled_at
               from pending_tag ",
            $which
        )
    };
}

impl Unit {
    /// Adds a pending tag, unless the same one waits or was settled.
    pub async fn add_waiting(&mut self, pending: &PendingTag) -> Result<bool> {
        let added = self
            .execute(
                "insert into pending_tag (id, page_id, conversation_id, source, kind, takes_back, value, currency,
                                          reason, reference, occurred_at, made_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                 on conflict (page_id, source, reference) do nothing",
                values![
                    pending.id.as_str(),
                    pending.page_id.as_str(),
                    pending.conversation_id.as_str(),
                    pending.source.as_str(),
                    pending.kind.as_str(),
                    pending.takes_back,
                    pending.value,
                    pending.currency.code(),
                    pending.reason.as_str(),
                    pending.reference.as_str(),
                    pending.occurred_at,
                    pending.made_at,
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// The pending tags of a conversation, oldest first.
    pub async fn pending_tags_of(&mut self, conversation: &ConversationId) -> Result<Vec<PendingTag>> {
        let rows = self
            .rows(
                pending_tags!("where conversation_id = $1 and settled_at is null order by occurred_at, id"),
                values![conversation.as_str()],
            )
            .await?;
        rows.iter().map(read_waiting).collect()
    }

    /// A pending tag, and whether it still waits.
    pub async fn pending_tag(&mut self, id: &PendingTagId) -> Result<Option<(PendingTag, bool)>> {
        let row = self.row(pending_tags!("where id = $1"), values![id.as_str()]).await?;
        let Some(row) = row else { return Ok(None) };
        let settled_at: Option<i64> = row.get("settled_at")?;
        Ok(Some((read_waiting(&row)?, settled_at.is_none())))
    }

    /// Whether the pending tag of this source and `ref` was settled by a person.
    pub async fn was_settled(&mut self, page: &PageId, source: Source, reference: &str) -> Result<bool> {
        let row = self
            .row(
                "select id from pending_tag
                  where page_id = $1 and source = $2 and reference = $3 and settled_at is not null",
                values![page.as_str(), source.as_str(), reference],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Settles a pending tag; false if it does not wait.
    pub async fn settle_pending_tag(&mut self, id: &PendingTagId, by: &str, now: Timestamp) -> Result<bool> {
        let settled = self
            .execute(
                "update pending_tag set settled_at = $2, settled_by = $3 where id = $1 and settled_at is null",
                values![id.as_str(), now, by],
            )
            .await?;
        Ok(settled == 1)
    }

    /// Settles the pending tag of this source and `ref`.
    pub async fn settle_named(
        &mut self,
        page: &PageId,
        source: Source,
        reference: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let settled = self
            .execute(
                "update pending_tag set settled_at = $4, settled_by = $5
                  where page_id = $1 and source = $2 and reference = $3 and settled_at is null",
                values![page.as_str(), source.as_str(), reference, now, by],
            )
            .await?;
        Ok(settled == 1)
    }

    /// Settles the pending tags of a conversation, about its chat or about its orders, because a person who saw it has
    /// tagged it.
    pub async fn settle_pending_tags_of(
        &mut self,
        conversation: &ConversationId,
        about_chat: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "update pending_tag set settled_at = $3, settled_by = $4
              where conversation_id = $1 and settled_at is null
                and case when kind in ('qualified', 'lost') then 1 else 0 end = $2",
            values![conversation.as_str(), about_chat, now, by],
        )
        .await?;
        Ok(())
    }
}

fn read_waiting(row: &Row) -> Result<PendingTag> {
    Ok(PendingTag {
        id: PendingTagId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        conversation_id: ConversationId(row.get("conversation_id")?),
        source: row.word("source", Source::parse)?,
        kind: row.word("kind", OutcomeKind::parse)?,
        takes_back: row.get::<i64>("takes_back")? != 0,
        value: row.get("value")?,
        currency: row.word("currency", Currency::parse)?,
        reason: row.word("reason", PendingReason::parse)?,
        reference: row.get("reference")?,
        occurred_at: row.time("occurred_at")?,
        made_at: row.time("made_at")?,
    })
}
