//! Conversations, their people, messages, referrals and chats; and the inbox of raw webhook bodies.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::vocabulary::arrival::{Author, Channel, Referral};
use crate::vocabulary::chat::{Chat, Point};
use crate::vocabulary::identity::{ConversationId, PageId, Psid};

use super::sql::{Pair, Unit, values};

/// The ids that name a message to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The thread.
    pub conversation: &'a ConversationId,
    /// Its Page.
    pub page: &'a PageId,
    /// Our id of the row.
    pub id: &'a str,
    /// When.
    pub at: Timestamp,
}

impl Unit {
    /// Keeps the raw bytes of webhooks.
    pub async fn keep_bodies(&mut self, bodies: Vec<Vec<u8>>, now: Timestamp) -> Result<()> {
        for body in bodies {
            self.execute("insert into inbox (received_at, body) values ($1, $2)", values![now, body]).await?;
        }
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

    /// Counts an event that is kept but not projected.
    pub async fn count_kept(&mut self, page: &PageId, kind: &str) -> Result<()> {
        self.execute(
            "insert into kept (page_id, kind, count) values ($1, $2, 1)
             on conflict (page_id, kind) do update set count = kept.count + 1",
            values![page.as_str(), kind],
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

    /// The conversation of a person, if there is one.
    pub async fn conversation_of(
        &mut self,
        page: &PageId,
        channel: Channel,
        psid: &Psid,
    ) -> Result<Option<ConversationId>> {
        let row = self
            .row(
                "select conversation_id from person where page_id = $1 and channel = $2 and psid = $3",
                values![page.as_str(), channel.as_str(), psid.as_str()],
            )
            .await?;
        row.map(|row| row.get("conversation_id").map(ConversationId)).transpose()
    }

    /// The Page of a conversation.
    pub async fn page_of_conversation(&mut self, id: &ConversationId) -> Result<Option<PageId>> {
        let row = self.row("select page_id from conversation where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("page_id").map(PageId)).transpose()
    }

    /// The person of a conversation.
    pub async fn person_of(&mut self, conversation: &ConversationId) -> Result<Option<Psid>> {
        let row = self
            .row("select psid from person where conversation_id = $1", values![conversation.as_str()])
            .await?;
        row.map(|row| row.get("psid").map(Psid)).transpose()
    }

    /// Opens the conversation of a person, under `id` unless another unit was quicker; gives its id.
    pub async fn open_conversation(
        &mut self,
        id: &ConversationId,
        page: &PageId,
        channel: Channel,
        psid: &Psid,
        at: Timestamp,
    ) -> Result<ConversationId> {
        let won = self
            .execute(
                "insert into person (page_id, channel, psid, conversation_id) values ($1, $2, $3, $4)
                 on conflict (page_id, channel, psid) do nothing",
                values![page.as_str(), channel.as_str(), psid.as_str(), id.as_str()],
            )
            .await?;
        if won == 0 {
            return Ok(self.conversation_of(page, channel, psid).await?.unwrap_or_else(|| id.clone()));
        }
        self.execute(
            "insert into conversation (id, page_id, channel, began_at, last_at, state, version)
             values ($1, $2, $3, $4, $4, 'done', 1)",
            values![id.as_str(), page.as_str(), channel.as_str(), at],
        )
        .await?;
        Ok(id.clone())
    }

    /// Adds a message.
    pub async fn add_message(
        &mut self,
        place: Place<'_>,
        mid: Option<String>,
        author: Author,
        (text, attachments): (Option<String>, Option<String>),
    ) -> Result<()> {
        self.execute(
            "insert into message (conversation_id, sent_at, id, page_id, mid, author, text, attachments)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                place.conversation.as_str(),
                place.at,
                place.id,
                place.page.as_str(),
                mid,
                author.as_str(),
                text,
                attachments,
            ],
        )
        .await?;
        Ok(())
    }

    /// Adds a referral, unless the same one is there.
    pub async fn add_referral(&mut self, place: Place<'_>, referral: &Referral) -> Result<()> {
        self.execute(
            "insert into referral (conversation_id, led_at, id, page_id, ad_id, ref, source, kind, ad_title)
             select $1, $2, $3, $4, $5, $6, $7, $8, $9
              where not exists (select 1 from referral
                                 where conversation_id = $1 and led_at = $2
                                   and coalesce(ad_id, '') = coalesce($5, '')
                                   and coalesce(ref, '') = coalesce($6, ''))",
            values![
                place.conversation.as_str(),
                place.at,
                place.id,
                place.page.as_str(),
                referral.ad_id.clone(),
                referral.r#ref.clone(),
                referral.source.clone(),
                referral.kind.clone(),
                referral.ad_title.clone(),
            ],
        )
        .await?;
        Ok(())
    }

    /// The moments by which a conversation is cut into chats.
    pub async fn points_of(&mut self, conversation: &ConversationId) -> Result<Vec<Point>> {
        let rows = self
            .rows(
                "select sent_at as at, author, cast(null as text) as ad_id from message where conversation_id = $1
                 union all
                 select led_at as at, 'ad' as author, ad_id from referral
                  where conversation_id = $1 and ad_id is not null",
                values![conversation.as_str()],
            )
            .await?;
        let point = |row: &super::sql::Row| {
            let author: String = row.get("author")?;
            Ok(Point {
                at: row.time("at")?,
                by_customer: author == Author::Customer.as_str(),
                ad_id: row.get("ad_id")?,
            })
        };
        rows.iter().map(point).collect()
    }

    /// Writes the chats of a conversation as they are now cut.
    pub async fn put_chats(
        &mut self,
        conversation: &ConversationId,
        page: &PageId,
        chats: &[Chat],
    ) -> Result<()> {
        self.execute("delete from chat where conversation_id = $1", values![conversation.as_str()]).await?;
        for chat in chats {
            self.execute(
                "insert into chat (conversation_id, number, page_id, began_at, last_at, first_word_at, last_word_at,
                                   ad_id)
                 values ($1, $2, $3, $4, $5, $6, $7, $8)",
                values![
                    conversation.as_str(),
                    chat.number,
                    page.as_str(),
                    chat.began_at,
                    chat.last_at,
                    chat.first_word_at.map(Timestamp::millis),
                    chat.last_word_at.map(Timestamp::millis),
                    chat.ad_id.clone(),
                ],
            )
            .await?;
        }
        if let Some(last) = chats.last() {
            self.execute(
                "update conversation set last_at = $2, version = version + 1 where id = $1",
                values![conversation.as_str(), last.last_at],
            )
            .await?;
        }
        Ok(())
    }
}
