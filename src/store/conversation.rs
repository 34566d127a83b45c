//! Conversations: their people, messages, referrals, phone numbers and chats.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::vocabulary::arrival::{Author, Channel, Referral};
use crate::vocabulary::chat::{Chat, Point};
use crate::vocabulary::dossier::Dossier;
use crate::vocabulary::identity::{ConversationId, PageId, Psid};

use super::sql::{Row, Unit, values};

/// The ids that name a row of a conversation.
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

/// Who said a phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidBy {
    /// The person, in their own words.
    Customer,
    /// The Page.
    Page,
    /// An operator or CRM, in a tag.
    Tag,
}

impl SaidBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Page => "page",
            Self::Tag => "tag",
        }
    }
}

/// The name under which it is remembered that a message was taken back.
fn gone(mid: &str) -> String {
    format!("gone:{mid}")
}

impl Unit {
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

    /// Whether a conversation is a person's; else an order waits in it that only a CRM has told of.
    pub async fn has_person(&mut self, id: &ConversationId) -> Result<bool> {
        let row = self.row("select 1 from person where conversation_id = $1", values![id.as_str()]).await?;
        Ok(row.is_some())
    }

    /// The Page of a conversation.
    pub async fn page_of_conversation(&mut self, id: &ConversationId) -> Result<Option<PageId>> {
        let row = self.row("select page_id from conversation where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("page_id").map(PageId)).transpose()
    }

    /// The conversations with a word since `since` in which this phone number was given.
    pub async fn conversations_with_phone(
        &mut self,
        page: &PageId,
        hash: &str,
        since: Timestamp,
    ) -> Result<Vec<ConversationId>> {
        let rows = self
            .rows(
                "select distinct conversation.id
                   from phone_word join conversation on conversation.id = phone_word.conversation_id
                  where phone_word.page_id = $1 and hash = $2 and said_by in ('customer', 'tag')
                    and last_at >= $3
                    and not exists (select 1 from phone_word as earlier
                                     where earlier.conversation_id = phone_word.conversation_id
                                       and earlier.hash = phone_word.hash and earlier.said_by = 'page'
                                       and earlier.said_at < phone_word.said_at)
                  order by conversation.id",
                values![page.as_str(), hash, since],
            )
            .await?;
        rows.iter().map(|row| row.get("id").map(ConversationId)).collect()
    }

    /// Opens the conversation of a person, under `id` unless another unit was quicker; gives its id.
    pub async fn open_conversation(
        &mut self,
        id: &ConversationId,
        page: &PageId,
        (channel, psid): (Channel, &Psid),
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
        self.open_thread(id, page, channel, at).await?;
        Ok(id.clone())
    }

    /// Opens a thread without a person, in which an order waits that only a CRM has told of.
    pub async fn open_thread(
        &mut self,
        id: &ConversationId,
        page: &PageId,
        channel: Channel,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into conversation (id, page_id, channel, began_at, last_at, state, version)
             values ($1, $2, $3, $4, $4, 'done', 0)",
            values![id.as_str(), page.as_str(), channel.as_str(), at],
        )
        .await?;
        Ok(())
    }

    /// Takes away a thread without a person whose order has found one.
    pub async fn drop_thread(&mut self, id: &ConversationId) -> Result<()> {
        self.execute(
            "delete from conversation
              where id = $1 and not exists (select 1 from sale_order where conversation_id = $1)
                and not exists (select 1 from person where conversation_id = $1)",
            values![id.as_str()],
        )
        .await?;
        Ok(())
    }

    /// Adds a message; without its text if the person took it back before it came.
    pub async fn add_message(
        &mut self,
        place: Place<'_>,
        mid: Option<String>,
        author: Author,
        (text, attachments): (Option<String>, Option<String>),
    ) -> Result<()> {
        self.execute(
            "insert into message (conversation_id, sent_at, id, page_id, mid, author, text, attachments)
             values ($1, $2, $3, $4, $5, $6,
                     case when not exists (select 1 from seen where page_id = $4 and mid = $9) then $7 end, $8)",
            values![
                place.conversation.as_str(),
                place.at,
                place.id,
                place.page.as_str(),
                mid.clone(),
                author.as_str(),
                text,
                attachments,
                mid.map(|mid| gone(&mid)),
            ],
        )
        .await?;
        Ok(())
    }

    /// Sets the text of a message to that of its edit `number`, unless a later edit stands or it is gone.
    pub async fn edit_message(
        &mut self,
        conversation: &ConversationId,
        mid: &str,
        text: Option<String>,
        number: i64,
    ) -> Result<()> {
        self.execute(
            "update message set text = $3, edits = $4
              where conversation_id = $1 and mid = $2 and text is not null and edits < $4",
            values![conversation.as_str(), mid, text, number],
        )
        .await?;
        Ok(())
    }

    /// Drops the text of a message that the person took back, also of one that is still to come.
    pub async fn delete_text(&mut self, place: Place<'_>, mid: &str, now: Timestamp) -> Result<()> {
        self.first_seen(place.page, &gone(mid), now).await?;
        self.execute(
            "update message set text = null where conversation_id = $1 and mid = $2",
            values![place.conversation.as_str(), mid],
        )
        .await?;
        Ok(())
    }

    /// Adds a referral, which appears with `version`, unless the same one is there; true if it was added.
    pub async fn add_referral(
        &mut self,
        place: Place<'_>,
        referral: &Referral,
        version: i64,
    ) -> Result<bool> {
        let added = self
            .execute(
                "insert into referral (conversation_id, led_at, id, page_id, ad_id, ref, source, kind, ad_title,
                                       version, click_id)
                 select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
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
                    version,
                    referral.click_id.clone(),
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// Notes that a phone number was said.
    pub async fn add_phone_word(
        &mut self,
        (conversation, page): (&ConversationId, &PageId),
        hash: &str,
        by: SaidBy,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into phone_word (conversation_id, hash, said_at, said_by, page_id) values ($1, $2, $3, $4, $5)
             on conflict (conversation_id, hash, said_at, said_by) do nothing",
            values![conversation.as_str(), hash, at, by.as_str(), page.as_str()],
        )
        .await?;
        Ok(())
    }

    /// The moments by which a conversation is cut into chats. A phone number counts where the customer gave
    /// it, unless the Page had written it before.
    pub async fn points_of(&mut self, conversation: &ConversationId) -> Result<Vec<Point>> {
        let rows = self
            .rows(
                "select sent_at as at, author as what, cast(null as text) as ad_id
                   from message where conversation_id = $1
                 union all
                 select led_at as at, 'ad' as what, ad_id
                   from referral where conversation_id = $1 and ad_id is not null
                 union all
                 select said_at as at, 'phone' as what, cast(null as text) as ad_id
                   from phone_word
                  where conversation_id = $1 and said_by = 'customer'
                    and not exists (select 1 from phone_word as earlier
                                     where earlier.conversation_id = $1 and earlier.hash = phone_word.hash
                                       and earlier.said_by = 'page' and earlier.said_at < phone_word.said_at)",
                values![conversation.as_str()],
            )
            .await?;
        let point = |row: &Row| {
            let what: String = row.get("what")?;
            let gave_phone = what == "phone";
            Ok(Point {
                at: row.time("at")?,
                by_customer: gave_phone || what == Author::Customer.as_str(),
                ad_id: row.get("ad_id")?,
                gave_phone,
            })
        };
        rows.iter().map(point).collect()
    }

    /// Writes the chats of a conversation from number `from` on, as they are now cut and staged.
    pub async fn put_chats(&mut self, dossier: &Dossier, from: i64) -> Result<()> {
        let thread = &dossier.thread;
        self.execute(
            "delete from chat where conversation_id = $1 and number >= $2",
            values![thread.id.as_str(), from],
        )
        .await?;
        for chat in dossier.chats.iter().filter(|chat| chat.number >= from) {
            self.put_chat(dossier, chat).await?;
        }
        Ok(())
    }

    async fn put_chat(&mut self, dossier: &Dossier, chat: &Chat) -> Result<()> {
        self.execute(
            "insert into chat (conversation_id, number, page_id, began_at, last_at, first_word_at, last_word_at,
                               contact_at, ad_id, stage)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                dossier.thread.id.as_str(),
                chat.number,
                dossier.thread.page_id.as_str(),
                chat.began_at,
                chat.last_at,
                chat.first_word_at,
                chat.last_word_at,
                chat.contact_at,
                chat.ad_id.clone(),
                dossier.stage(chat).as_str(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Writes the stages of the chats where they changed.
    pub async fn put_stages(&mut self, dossier: &Dossier) -> Result<()> {
        for chat in &dossier.chats {
            self.execute(
                "update chat set stage = $3 where conversation_id = $1 and number = $2 and stage <> $3",
                values![dossier.thread.id.as_str(), chat.number, dossier.stage(chat).as_str()],
            )
            .await?;
        }
        Ok(())
    }

    /// Writes where a conversation stands in the queue, and when its silence is due.
    pub async fn put_standing(&mut self, dossier: &Dossier, silent_at: Option<Timestamp>) -> Result<()> {
        let waiting_since = dossier.waiting_since();
        let state = if waiting_since.is_some() { "waiting" } else { "done" };
        self.execute(
            "update conversation
                set began_at = coalesce($2, began_at), last_at = coalesce($3, last_at), waiting_since = $4,
                    silent_at = $5,
                    state = case when snoozed_until is not null and $6 = 'waiting' then 'snoozed' else $6 end
              where id = $1",
            values![
                dossier.thread.id.as_str(),
                dossier.chats.first().map(|chat| chat.began_at),
                dossier.chats.last().map(|chat| chat.last_at),
                waiting_since,
                silent_at,
                state,
            ],
        )
        .await?;
        Ok(())
    }

    /// Conversations in which a chat has fallen silent by `now`.
    pub async fn fallen_silent(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<(ConversationId, PageId)>> {
        let rows = self
            .rows(
                "select id, page_id from conversation where silent_at <= $1 order by silent_at, id limit $2",
                values![now, limit],
            )
            .await?;
        rows.iter().map(|row| Ok((ConversationId(row.get("id")?), PageId(row.get("page_id")?)))).collect()
    }

    /// Writes what an operator entered about the customer.
    pub async fn set_person_details(&mut self, conversation: &ConversationId, details: &str) -> Result<()> {
        self.execute(
            "update person set details = $2 where conversation_id = $1",
            values![conversation.as_str(), details],
        )
        .await?;
        Ok(())
    }
}
