//! Conversations: their rows, their positions in the queue, and the phone numbers that were written in them.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::chat::Point;
use crate::domain::conversation::inbound::{Author, Channel};
use crate::error::Result;
use crate::store::cursor::ListRange;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, list, values};

/// Who gave a phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MentionSource {
    /// The person, in their own words.
    Customer,
    /// An operator or app, writing for the Page.
    Page,
    /// An operator or CRM, in a tag.
    Tag,
}

impl MentionSource {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Page => "page",
            Self::Tag => "tag",
        }
    }
}

/// A row of the table `conversation`, with the person and their name.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name")]
pub struct ConversationRow {
    pub id: ConversationId,
    pub page_id: PageId,
    pub channel: String,
    pub person_id: Option<String>,
    pub name: Option<String>,
    pub state: String,
    pub began_at: Timestamp,
    pub last_at: Timestamp,
    pub waiting_since: Option<Timestamp>,
    pub snoozed_until: Option<Timestamp>,
    pub owner: Option<String>,
    pub version: i64,
}

/// Selects conversations; `$which` are the clauses from `where` on.
macro_rules! conversation_rows {
    ($which:literal) => {
        concat!(
            "select conversation.id, conversation.page_id, conversation.channel, person_id, name, state, began_at,
                    last_at, waiting_since, snoozed_until, owner, version
               from conversation left join recipient on recipient.conversation_id = conversation.id
                                 left join customer on customer.conversation_id = conversation.id
              ",
            $which
        )
    };
}
pub(in crate::store) use conversation_rows;

/// The position of a conversation in the queue, and when its silence is due.
#[derive(Debug, Serialize)]
pub struct QueueRow {
    id: String,
    began_at: Option<i64>,
    last_at: Option<i64>,
    waiting_since: Option<i64>,
    silent_at: Option<i64>,
}

impl QueueRow {
    /// The position of this aggregate; `silent_at` is when its last chat falls silent.
    pub fn new(aggregate: &ConversationAggregate, silent_at: Option<Timestamp>) -> Self {
        Self {
            id: aggregate.thread.id.0.clone(),
            began_at: aggregate.chats.first().map(|chat| chat.began_at.millis()),
            last_at: aggregate.chats.last().map(|chat| chat.last_at.millis()),
            waiting_since: aggregate.waiting_since().map(Timestamp::millis),
            silent_at: silent_at.map(Timestamp::millis),
        }
    }
}

/// A conversation in which a chat has fallen silent.
#[derive(Clone, Debug)]
pub struct SilentConversation {
    /// The conversation whose aggregate must be judged anew.
    pub id: ConversationId,
    /// The Page it belongs to, for its `silent_after`.
    pub page_id: PageId,
}

impl Unit {
    /// The conversations of a Page, the one with the latest message first: those in one state, or with an order about which
    /// a person is asked or without one.
    pub async fn conversations(
        &mut self,
        part: ListRange<'_>,
        state: Option<String>,
        flagged: Option<bool>,
    ) -> Result<Vec<ConversationRow>> {
        let mut values = part.values();
        values.extend(values![state, flagged.map(i64::from)]);
        let text = conversation_rows!(
            "where conversation.page_id = $1 and ($5 is null or state = $5)
               and (cast($6 as bigint) is null or $6 = (
                    select count(*) from (select 1 from sale_order
                                           where page_id = $1 and sale_order.conversation_id = conversation.id
                                             and flagged = 1 and joined_into is null limit 1) as asked))
               and (last_at < $2 or (last_at = $2 and conversation.id < $3))
             order by last_at desc, conversation.id desc limit $4"
        );
        self.rows(text, values).await?.iter().map(read_conversation).collect()
    }

    /// The conversation of this id.
    pub async fn conversation(&mut self, id: &ConversationId) -> Result<Option<ConversationRow>> {
        let row = self.row(conversation_rows!("where conversation.id = $1"), values![id.as_str()]).await?;
        row.as_ref().map(read_conversation).transpose()
    }

    /// The conversations of a Page with a message since a moment, the latest first.
    pub async fn recent_conversations(
        &mut self,
        page: &PageId,
        since: Timestamp,
        limit: i64,
    ) -> Result<Vec<ConversationId>> {
        let rows = self
            .rows(
                "select id from conversation where page_id = $1 and last_at >= $2
                  order by last_at desc, id desc limit $3",
                values![page.as_str(), since, limit],
            )
            .await?;
        rows.iter().map(|row| row.get("id").map(ConversationId)).collect()
    }

    /// The Page of a conversation.
    pub async fn page_of_conversation(&mut self, id: &ConversationId) -> Result<Option<PageId>> {
        let row = self.row("select page_id from conversation where id = $1", values![id.as_str()]).await?;
        row.map(|row| row.get("page_id").map(PageId)).transpose()
    }

    /// Opens a thread: of a person, or, without one, for an order that only a CRM has reported.
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

    /// Deletes a thread without a person, after its order was adopted by another conversation.
    pub async fn drop_thread(&mut self, id: &ConversationId) -> Result<()> {
        self.execute(
            "delete from conversation
              where id = $1 and not exists (select 1 from sale_order where conversation_id = $1)
                and not exists (select 1 from recipient where conversation_id = $1)",
            values![id.as_str()],
        )
        .await?;
        Ok(())
    }

    /// Records that a phone number was given in a conversation.
    pub async fn add_phone_mention(
        &mut self,
        conversation: &ConversationId,
        page: &PageId,
        hash: &str,
        by: MentionSource,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into phone_mention (conversation_id, hash, mentioned_at, mentioned_by, page_id)
             values ($1, $2, $3, $4, $5)
             on conflict (conversation_id, hash, mentioned_at, mentioned_by) do nothing",
            values![conversation.as_str(), hash, at, by.as_str(), page.as_str()],
        )
        .await?;
        Ok(())
    }

    /// The conversations with a message since `since` in which this phone number was given.
    pub async fn conversations_with_phone(
        &mut self,
        page: &PageId,
        hash: &str,
        since: Timestamp,
    ) -> Result<Vec<ConversationId>> {
        let rows = self
            .rows(
                "select distinct conversation.id
                   from phone_mention join conversation on conversation.id = phone_mention.conversation_id
                  where phone_mention.page_id = $1 and hash = $2 and mentioned_by in ('customer', 'tag')
                    and last_at >= $3
                    and exists (select 1 from recipient where recipient.conversation_id = conversation.id)
                    and not exists (select 1 from phone_mention as earlier
                                     where earlier.conversation_id = phone_mention.conversation_id
                                       and earlier.hash = phone_mention.hash and earlier.mentioned_by = 'page'
                                       and earlier.mentioned_at < phone_mention.mentioned_at)
                  order by conversation.id",
                values![page.as_str(), hash, since],
            )
            .await?;
        rows.iter().map(|row| row.get("id").map(ConversationId)).collect()
    }

    /// The threads without a person, with an order, for which an outside sender gave this phone number.
    pub async fn threads_with_phone(&mut self, page: &PageId, hash: &str) -> Result<Vec<ConversationId>> {
        let rows = self
            .rows(
                "select distinct conversation_id as id from phone_mention
                  where page_id = $1 and hash = $2 and mentioned_by = 'tag'
                    and not exists (select 1 from recipient
                                     where recipient.conversation_id = phone_mention.conversation_id)
                    and exists (select 1 from sale_order
                                 where sale_order.conversation_id = phone_mention.conversation_id)
                  order by 1",
                values![page.as_str(), hash],
            )
            .await?;
        rows.iter().map(|row| row.get("id").map(ConversationId)).collect()
    }

    /// The moments by which a conversation is cut into chats. A phone number counts where the customer gave it, unless
    /// the Page had written it before.
    pub async fn points_of(&mut self, conversation: &ConversationId) -> Result<Vec<Point>> {
        let rows = self
            .rows(
                "select sent_at as at, author as kind, cast(null as text) as ad_id
                   from message where conversation_id = $1
                 union all
                 select referred_at as at, 'ad' as kind, ad_id
                   from referral where conversation_id = $1 and ad_id is not null
                 union all
                 select mentioned_at as at, 'phone' as kind, cast(null as text) as ad_id
                   from phone_mention
                  where conversation_id = $1 and mentioned_by = 'customer'
                    and not exists (select 1 from phone_mention as earlier
                                     where earlier.conversation_id = $1 and earlier.hash = phone_mention.hash
                                       and earlier.mentioned_by = 'page'
                                       and earlier.mentioned_at < phone_mention.mentioned_at)",
                values![conversation.as_str()],
            )
            .await?;
        let point = |row: &Row| {
            let kind: String = row.get("kind")?;
            let gave_phone = kind == "phone";
            Ok(Point {
                at: row.time("at")?,
                by_customer: gave_phone || kind == Author::Customer.as_str(),
                ad_id: row.get("ad_id")?,
                gave_phone,
            })
        };
        rows.iter().map(point).collect()
    }

    /// Writes positions in the queue, and when silence is due. A pending tag keeps a conversation waiting. Most
    /// messages change only the times; therefore the other columns, which many indexes include, are written only where
    /// they differ. A due time of silence that moved to later is not written: it is found out when the written one
    /// comes.
    pub async fn put_queue(&mut self, rows: &[QueueRow], now: Timestamp) -> Result<()> {
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
                                       (select min(made_at) from pending_tag
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
                        "select value ->> 'id' as id, value ->> 'began_at' as began_at,
                                value ->> 'last_at' as last_at, value ->> 'waiting_since' as waiting_since,
                                value ->> 'silent_at' as silent_at
                           from jsonb_each($1)",
                        ""
                    ),
                    // Found by their index, whatever the planner guesses about the length of the list.
                    postgres: $text!(
                        "select id, began_at, last_at, waiting_since, silent_at
                           from json_to_recordset($1::json)
                             as given (id text, began_at bigint, last_at bigint, waiting_since bigint,
                                       silent_at bigint)",
                        "and conversation.id = any(array(select value ->> 'id'
                                                           from json_array_elements($1::json)))"
                    ),
                }
            };
        }
        let rows = list(rows)?;
        self.execute(in_both!(times), values![rows.as_str()]).await?;
        self.execute(in_both!(places), values![rows, now]).await.map(drop)
    }

    /// The state of a conversation in the queue: `waiting`, `snoozed` or `done`.
    pub async fn queue_state(&mut self, conversation: &ConversationId) -> Result<Option<String>> {
        let row =
            self.row("select state from conversation where id = $1", values![conversation.as_str()]).await?;
        row.map(|row| row.get("state")).transpose()
    }

    /// Takes a conversation out of the queue until a time; false if it does not wait.
    pub async fn snooze(&mut self, id: &ConversationId, until: Timestamp, owner: &str) -> Result<bool> {
        let snoozed = self
            .execute(
                "update conversation set state = 'snoozed', snoozed_until = $2, owner = $3, back_at = null
                  where id = $1 and waiting_since is not null and state in ('waiting', 'snoozed')",
                values![id.as_str(), until, owner],
            )
            .await?;
        Ok(snoozed == 1)
    }

    /// Returns conversations to the queue whose snooze is over by `now`. One that was tagged meanwhile stays out.
    pub async fn call_back(&mut self, now: Timestamp) -> Result<u64> {
        self.execute(
            "update conversation
                set state = case when waiting_since is null then 'done' else 'waiting' end,
                    back_at = snoozed_until, snoozed_until = null
              where state = 'snoozed' and snoozed_until <= $1",
            values![now],
        )
        .await
    }

    /// The conversations in which a chat has fallen silent by `now`.
    pub async fn fallen_silent(&mut self, now: Timestamp, limit: i64) -> Result<Vec<SilentConversation>> {
        let rows = self
            .rows(
                "select id, page_id from conversation where silent_at <= $1 order by silent_at, id limit $2",
                values![now, limit],
            )
            .await?;
        let silent = |row: &Row| {
            Ok(SilentConversation {
                id: ConversationId(row.get("id")?),
                page_id: PageId(row.get("page_id")?),
            })
        };
        rows.iter().map(silent).collect()
    }
}

/// Reads a row of [`conversation_rows!`].
pub(in crate::store) fn read_conversation(row: &Row) -> Result<ConversationRow> {
    Ok(ConversationRow {
        id: ConversationId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        channel: row.get("channel")?,
        person_id: row.get("person_id")?,
        name: row.get("name")?,
        state: row.get("state")?,
        began_at: row.time("began_at")?,
        last_at: row.time("last_at")?,
        waiting_since: row.time_if_any("waiting_since")?,
        snoozed_until: row.time_if_any("snoozed_until")?,
        owner: row.get("owner")?,
        version: row.get("version")?,
    })
}
