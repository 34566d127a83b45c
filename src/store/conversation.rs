//! Conversations: their people, referrals, phone numbers and chats.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, Psid};
use crate::domain::conversation::aggregate::{ConversationAggregate, Thread};
use crate::domain::conversation::chat::{Chat, Point, Stage};
use crate::domain::conversation::inbound::{Author, Channel, Referral};
use crate::error::Result;
use crate::store::db::sql::{Pair, Row, Unit, list, read_word, values};
use crate::store::message::MessagePosition;

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

/// A chat as it is now cut and staged: conversation, number, Page, began, last, first word, last word, contact,
/// ad, stage.
#[derive(Debug, Serialize)]
pub struct ChatRow(
    String,
    i64,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    &'static str,
);

impl ChatRow {
    /// A chat of a thread.
    pub fn new(thread: &Thread, chat: &Chat, stage: Stage) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::millis);
        Self(
            thread.id.0.clone(),
            chat.number,
            thread.page_id.0.clone(),
            chat.began_at.millis(),
            chat.last_at.millis(),
            millis(chat.first_word_at),
            millis(chat.last_word_at),
            millis(chat.contact_at),
            chat.ad_id.clone(),
            stage.as_str(),
        )
    }
}

/// Where a conversation stands: its id, when it began, its last moment, since when it waits for a tag, when its
/// silence is due.
#[derive(Debug, Serialize)]
pub struct StandingRow(String, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

impl StandingRow {
    /// Of a conversation.
    pub fn new(aggregate: &ConversationAggregate, silent_at: Option<Timestamp>) -> Self {
        Self(
            aggregate.thread.id.0.clone(),
            aggregate.chats.first().map(|chat| chat.began_at.millis()),
            aggregate.chats.last().map(|chat| chat.last_at.millis()),
            aggregate.waiting_since().map(Timestamp::millis),
            silent_at.map(Timestamp::millis),
        )
    }
}

/// A person on a Page.
pub type Person = (PageId, Channel, Psid);

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

    /// The conversations of those of these persons who have one. (PostgreSQL takes a list for a hundred rows,
    /// and would rather read a table of some ten thousand whole than look up so many: here one by one.)
    pub async fn conversations_of(
        &mut self,
        persons: &HashSet<Person>,
    ) -> Result<HashMap<Person, ConversationId>> {
        let given: Vec<_> = persons
            .iter()
            .map(|(page, channel, psid)| (page.as_str(), channel.as_str(), psid.as_str()))
            .collect();
        let text = Pair {
            sqlite: "select json_group_array(json_array(person.page_id, person.channel, person.psid,
                                                        conversation_id)) as known
                       from jsonb_each($1) as given
                       join person on person.page_id = given.value ->> 0 and person.channel = given.value ->> 1
                                  and person.psid = given.value ->> 2",
            postgres: "select cast(json_agg(json_build_array(given.value ->> 0, given.value ->> 1,
                                                             given.value ->> 2, conversation_id)) as text) as known
                         from json_array_elements($1::json) as given (value)
                         join lateral (select conversation_id from person
                                        where page_id = given.value ->> 0 and channel = given.value ->> 1
                                          and psid = given.value ->> 2 limit 1) as known on true",
        };
        let Some(row) = self.row(text, values![list(&given)?]).await? else { return Ok(HashMap::new()) };
        let known: Vec<(String, String, String, String)> = row.list("known")?;
        let found = known.into_iter().map(|(page, channel, psid, conversation)| {
            let channel = read_word("channel", Channel::parse, &channel)?;
            Ok(((PageId(page), channel, Psid(psid)), ConversationId(conversation)))
        });
        found.collect()
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

    /// Adds a referral, which appears with `version`, unless the same one is there; true if it was added.
    pub async fn add_referral(
        &mut self,
        place: MessagePosition<'_>,
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

    /// Takes away the chats of a conversation from number `from` on.
    pub async fn drop_chats(&mut self, conversation: &ConversationId, from: i64) -> Result<()> {
        self.execute(
            "delete from chat where conversation_id = $1 and number >= $2",
            values![conversation.as_str(), from],
        )
        .await?;
        Ok(())
    }

    /// Writes chats as they are now cut and staged.
    pub async fn put_chats(&mut self, chats: &[ChatRow]) -> Result<()> {
        if chats.is_empty() {
            return Ok(());
        }
        let text = Pair {
            sqlite: "insert into chat (conversation_id, number, page_id, began_at, last_at, first_word_at,
                                       last_word_at, contact_at, ad_id, stage)
                     select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
                            value ->> 6, value ->> 7, value ->> 8, value ->> 9
                       from jsonb_each($1) where true
                     on conflict (conversation_id, number) do update
                        set began_at = excluded.began_at, last_at = excluded.last_at,
                            first_word_at = excluded.first_word_at, last_word_at = excluded.last_word_at,
                            contact_at = excluded.contact_at, ad_id = excluded.ad_id, stage = excluded.stage",
            postgres: "insert into chat (conversation_id, number, page_id, began_at, last_at, first_word_at,
                                         last_word_at, contact_at, ad_id, stage)
                       select value ->> 0, (value ->> 1)::bigint, value ->> 2, (value ->> 3)::bigint,
                              (value ->> 4)::bigint, (value ->> 5)::bigint, (value ->> 6)::bigint,
                              (value ->> 7)::bigint, value ->> 8, value ->> 9
                         from json_array_elements($1::json)
                       on conflict (conversation_id, number) do update
                          set began_at = excluded.began_at, last_at = excluded.last_at,
                              first_word_at = excluded.first_word_at, last_word_at = excluded.last_word_at,
                              contact_at = excluded.contact_at, ad_id = excluded.ad_id, stage = excluded.stage",
        };
        self.execute(text, values![list(chats)?]).await.map(drop)
    }

    /// Writes where conversations stand in the queue, and when their silence is due. What waits for a person
    /// keeps a conversation there. Most messages move the times alone, so that the rest, which many indexes
    /// follow, is written only where it differs; and a silence that is due later than was written is found when
    /// the written moment comes.
    pub async fn put_standings(&mut self, ledgers: &[StandingRow], now: Timestamp) -> Result<()> {
        macro_rules! times {
            ($given:literal, $these:literal) => {
                concat!(
                    "update conversation
                        set began_at = coalesce(given.began_at, conversation.began_at),
                            last_at = coalesce(given.last_at, conversation.last_at)
                       from (",
                    $given,
                    ") as given
                      where conversation.id = given.id
                        and (conversation.began_at <> given.began_at or conversation.last_at <> given.last_at) ",
                    $these
                )
            };
        }
        macro_rules! places {
            ($given:literal, $these:literal) => {
                concat!(
                    "with placed as materialized (
                       select given.id, given.silent_at,
                              coalesce(given.waiting_since,
                                       (select min(made_at) from waiting_tag
                                         where conversation_id = given.id and settled_at is null))
                                as waiting_since
                         from (",
                    $given,
                    ") as given)
                     update conversation
                        set silent_at = placed.silent_at, waiting_since = placed.waiting_since,
                            state = case when placed.waiting_since is null then 'done'
                                         when snoozed_until is not null then 'snoozed' else 'waiting' end
                       from placed
                      where conversation.id = placed.id
                        and (conversation.waiting_since is distinct from placed.waiting_since
                             or (conversation.state = 'done') <> (placed.waiting_since is null)
                             or (conversation.silent_at is null) <> (placed.silent_at is null)
                             or placed.silent_at < conversation.silent_at or conversation.silent_at <= $2) ",
                    $these
                )
            };
        }
        macro_rules! in_both {
            ($text:ident) => {
                Pair {
                    sqlite: $text!(
                        "select value ->> 0 as id, value ->> 1 as began_at, value ->> 2 as last_at,
                                value ->> 3 as waiting_since, value ->> 4 as silent_at
                           from jsonb_each($1)",
                        ""
                    ),
                    // Found by their index, whatever the list is thought to hold.
                    postgres: $text!(
                        "select value ->> 0 as id, (value ->> 1)::bigint as began_at, (value ->> 2)::bigint as last_at,
                                (value ->> 3)::bigint as waiting_since, (value ->> 4)::bigint as silent_at
                           from json_array_elements($1::json)",
                        "and conversation.id = any(array(select value ->> 0 from json_array_elements($1::json)))"
                    ),
                }
            };
        }
        let ledgers = list(ledgers)?;
        self.execute(in_both!(times), values![ledgers.as_str()]).await?;
        self.execute(in_both!(places), values![ledgers, now]).await.map(drop)
    }

    /// Where a conversation stands in the queue: `waiting`, `snoozed` or `done`.
    pub async fn queue_state(&mut self, conversation: &ConversationId) -> Result<Option<String>> {
        let row =
            self.row("select state from conversation where id = $1", values![conversation.as_str()]).await?;
        row.map(|row| row.get("state")).transpose()
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
