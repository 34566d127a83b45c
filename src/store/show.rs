//! What is shown of one thing beside its dossier.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, ConversionId, OrderId, OutcomeId, PageId};
use crate::domain::conversation::inbound::Author;
use crate::domain::order::outcome::Source;
use crate::error::{Error, Result};
use crate::store::db::sql::{Row, Unit, values};
use crate::store::list::ConversationRow;

/// A message, as far as it is kept.
#[derive(Clone, Debug)]
pub struct Message {
    /// When.
    pub sent_at: Timestamp,
    /// Who wrote it.
    pub author: Author,
    /// Its text, until `keep_text` is over.
    pub text: Option<String>,
    /// The kinds of its attachments, set apart by commas.
    pub attachments: Option<String>,
}

/// An ad or link that led into a conversation.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct ReferralRow {
    pub led_at: Timestamp,
    pub ad_id: Option<String>,
    pub r#ref: Option<String>,
    pub source: Option<String>,
    pub kind: Option<String>,
    pub ad_title: Option<String>,
}

impl Unit {
    /// The head of a conversation.
    pub async fn conversation(&mut self, id: &ConversationId) -> Result<Option<ConversationRow>> {
        let row = self
            .row(
                "select conversation.id, conversation.page_id, conversation.channel, psid, name, state, began_at,
                        last_at, waiting_since, snoozed_until, owner, version
                   from conversation left join person on person.conversation_id = conversation.id
                  where conversation.id = $1",
                values![id.as_str()],
            )
            .await?;
        row.as_ref().map(super::list::read_conversation).transpose()
    }

    /// The last messages of a conversation, in their order.
    pub async fn messages(&mut self, id: &ConversationId, limit: i64) -> Result<Vec<Message>> {
        let rows = self
            .rows(
                "select sent_at, author, text, attachments from message
                  where conversation_id = $1 order by sent_at desc, id desc limit $2",
                values![id.as_str(), limit],
            )
            .await?;
        let message = |row: &Row| {
            Ok(Message {
                sent_at: row.time("sent_at")?,
                author: row.word("author", Author::parse)?,
                text: row.get("text")?,
                attachments: row.get("attachments")?,
            })
        };
        rows.iter().rev().map(message).collect()
    }

    /// The referrals of a conversation, in their order.
    pub async fn referrals(&mut self, id: &ConversationId) -> Result<Vec<ReferralRow>> {
        let rows = self
            .rows(
                "select led_at, ad_id, ref, source, kind, ad_title from referral
                  where conversation_id = $1 order by led_at, id",
                values![id.as_str()],
            )
            .await?;
        let led = |row: &Row| {
            Ok(ReferralRow {
                led_at: row.time("led_at")?,
                ad_id: row.get("ad_id")?,
                r#ref: row.get("ref")?,
                source: row.get("source")?,
                kind: row.get("kind")?,
                ad_title: row.get("ad_title")?,
            })
        };
        rows.iter().map(led).collect()
    }

    /// The remarks beside the entries of a conversation, as far as they are kept.
    pub async fn notes(&mut self, id: &ConversationId) -> Result<Vec<(OutcomeId, String)>> {
        let rows = self
            .rows(
                "select outcome_id, text from note join outcome on outcome.id = note.outcome_id
                  where conversation_id = $1",
                values![id.as_str()],
            )
            .await?;
        rows.iter().map(|row| Ok((OutcomeId(row.get("outcome_id")?), row.get("text")?))).collect()
    }

    /// The text that Meta is sent for a conversion, once an attempt froze it.
    pub async fn payload(&mut self, id: &ConversionId) -> Result<Option<String>> {
        let row = self.row("select body from payload where conversion_id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("body")).transpose()
    }

    /// When, from where and by whom an entry was written.
    pub async fn written_by(&mut self, id: &OutcomeId) -> Result<(Timestamp, Source, String)> {
        let row = self
            .row("select recorded_at, source, actor from outcome where id = $1", values![id.as_str()])
            .await?
            .ok_or_else(|| Error::not_found("outcome"))?;
        Ok((row.time("recorded_at")?, row.word("source", Source::parse)?, row.get("actor")?))
    }

    /// The facts that outside sources told under this name (`ref`), on all Pages or on one.
    pub async fn told_under(&mut self, reference: &str, page: Option<&PageId>) -> Result<Vec<OutcomeId>> {
        let rows = self
            .rows(
                "select outcome.id
                   from page join outcome on outcome.page_id = page.id
                  where source in ('crm', 'courier', 'bank', 'site') and reference = $1
                    and (cast($2 as text) is null or page.id = $2)",
                values![reference, page.map(|page| page.0.clone())],
            )
            .await?;
        rows.iter().map(|row| row.get("id").map(OutcomeId)).collect()
    }

    /// The order that an entry is about.
    pub async fn order_of_outcome(&mut self, id: &OutcomeId) -> Result<Option<OrderId>> {
        let row = self
            .row(
                "select coalesce(same_as, order_id) as order_id
                   from outcome left join sale_order on sale_order.id = outcome.order_id where outcome.id = $1",
                values![id.as_str()],
            )
            .await?;
        Ok(row.map(|row| row.get::<Option<String>>("order_id")).transpose()?.flatten().map(OrderId))
    }

    /// The Page of a conversion.
    pub async fn page_of_conversion(&mut self, id: &ConversionId) -> Result<Option<PageId>> {
        let row = self.row("select page_id from conversion where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("page_id").map(PageId)).transpose()
    }
}
