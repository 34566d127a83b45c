//! Messages: their texts and attachments, edits, and deletions.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::conversation::inbound::Author;
use crate::error::{Error, ErrorKind, Result};
use crate::store::cursor::ListCursor;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, list, object, values};

/// The conversation, row id and time of a message.
#[derive(Clone, Copy, Debug)]
pub struct MessagePosition<'a> {
    /// The conversation that the row belongs to.
    pub conversation: &'a ConversationId,
    /// The Page of that conversation.
    pub page: &'a PageId,
    /// Our id of the row.
    pub id: &'a str,
    /// When it happened, by Meta's clock.
    pub at: Timestamp,
}

/// A message to be written.
#[derive(Debug, Serialize)]
pub struct NewMessage {
    conversation_id: String,
    sent_at: i64,
    id: String,
    page_id: String,
    mid: String,
    author: &'static str,
    text: Option<String>,
    attachments: Option<String>,
}

/// Meta's id of a message, on its Page.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The Page on which the message was written or received.
    pub page_id: PageId,
    /// Meta's `mid`, unique on a Page.
    pub mid: String,
}

#[derive(Serialize, Deserialize)]
struct SeenRow<'a> {
    page_id: Cow<'a, str>,
    mid: Cow<'a, str>,
}

impl MessageId {
    fn row(&self) -> SeenRow<'_> {
        SeenRow { page_id: self.page_id.as_str().into(), mid: self.mid.as_str().into() }
    }
}

/// The content of a message and its author.
#[derive(Debug)]
pub struct MessageContent {
    /// Meta's `mid` of the message.
    pub mid: String,
    /// Who wrote it.
    pub author: Author,
    /// Its text; `None` where it has none or texts are not kept.
    pub text: Option<String>,
    /// The kinds of its attachments, set apart by commas.
    pub attachments: Option<String>,
}

impl NewMessage {
    /// The row of a message.
    pub fn new(place: MessagePosition<'_>, content: MessageContent) -> Self {
        Self {
            conversation_id: place.conversation.0.clone(),
            sent_at: place.at.millis(),
            id: place.id.to_owned(),
            page_id: place.page.0.clone(),
            mid: content.mid,
            author: content.author.as_str(),
            text: content.text,
            attachments: content.attachments,
        }
    }
}

/// A message, as far as it is kept.
#[derive(Clone, Debug)]
pub struct Message {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Who wrote it.
    pub author: Author,
    /// Its text, until `keep_text` is over.
    pub text: Option<String>,
    /// The kinds of its attachments, set apart by commas.
    pub attachments: Option<String>,
}

/// An edit of a message, which replaces its text.
pub struct Edit {
    /// Meta's `mid` of the message.
    pub mid: String,
    /// The new text.
    pub text: Option<String>,
    /// The number of the edit, counted from 1 for each message.
    pub number: i64,
    /// When it was edited, by Meta's clock.
    pub at: Timestamp,
}

/// A message that an operator wrote. Its text must never be logged, so that the type has no `Debug`.
pub struct OperatorText {
    /// The conversation in which it was written.
    pub conversation: ConversationId,
    /// Our id of the message.
    pub id: String,
    /// When it was sent, by Meta's clock.
    pub at: Timestamp,
    /// The text in which a sentence may be found.
    pub text: String,
}

#[derive(Serialize)]
struct MessageName<'a> {
    conversation_id: &'a str,
    mid: &'a str,
}

impl Unit {
    /// The last messages of a conversation, oldest first.
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

    /// The text of a message, as far as it is kept.
    pub async fn text_of(
        &mut self,
        conversation: &ConversationId,
        at: Timestamp,
        id: &str,
    ) -> Result<Option<String>> {
        let row = self
            .row(
                "select text from message where conversation_id = $1 and sent_at = $2 and id = $3",
                values![conversation.as_str(), at, id],
            )
            .await?;
        row.map_or(Ok(None), |row| row.get("text"))
    }

    /// Adds messages; one whose deletion arrived before it is added without its text.
    pub async fn add_messages(&mut self, messages: &[NewMessage]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let text = Pair {
            sqlite: "insert into message (conversation_id, sent_at, id, page_id, mid, author, text, attachments)
                     select value ->> 'conversation_id', value ->> 'sent_at', value ->> 'id', value ->> 'page_id',
                            value ->> 'mid', value ->> 'author',
                            case when not exists (select 1 from message_seen
                                                   where page_id = value ->> 'page_id'
                                                     and mid = 'gone:' || (value ->> 'mid'))
                                 then value ->> 'text' end,
                            value ->> 'attachments'
                       from jsonb_each($1)",
            postgres: "insert into message (conversation_id, sent_at, id, page_id, mid, author, text, attachments)
                       select conversation_id, sent_at, id, page_id, mid, author,
                              case when not exists (select 1 from message_seen as seen
                                                     where seen.page_id = given.page_id
                                                       and seen.mid = 'gone:' || given.mid)
                                   then text end,
                              attachments
                         from json_to_recordset($1::json)
                           as given (conversation_id text, sent_at bigint, id text, page_id text, mid text,
                                     author text, text text, attachments text)",
        };
        self.execute(text, values![list(messages)?]).await.map(drop)
    }

    /// Replaces the text of a message by an edit, unless a later edit was applied or the message was deleted. An edit
    /// that arrives before its message is kept for it.
    pub async fn edit_message(&mut self, conversation: &ConversationId, edit: &Edit) -> Result<()> {
        let (mid, text, number) = (edit.mid.as_str(), edit.text.clone(), edit.number);
        let edited = self
            .execute(
                "update message set text = $3, edits = $4
                  where conversation_id = $1 and mid = $2 and text is not null and edits < $4",
                values![conversation.as_str(), mid, text.clone(), number],
            )
            .await?;
        if edited > 0 {
            return Ok(());
        }
        self.execute(
            "insert into early_edit (conversation_id, mid, text, number, edited_at)
             select $1, $2, $3, $4, $5
              where not exists (select 1 from message where conversation_id = $1 and mid = $2)
             on conflict (conversation_id, mid) do update
                set text = excluded.text, number = excluded.number, edited_at = excluded.edited_at
              where early_edit.number < excluded.number",
            values![conversation.as_str(), mid, text, number, edit.at],
        )
        .await?;
        Ok(())
    }

    /// Applies the edits that arrived before these messages.
    pub async fn edit_late(&mut self, messages: &[NewMessage]) -> Result<()> {
        let text = Pair {
            sqlite: "delete from early_edit
                      where (conversation_id, mid) in (select value ->> 'conversation_id', value ->> 'mid'
                                                         from jsonb_each($1))
                     returning conversation_id, mid, text, number, edited_at",
            postgres: "delete from early_edit
                        where (conversation_id, mid) in (select value ->> 'conversation_id', value ->> 'mid'
                                                           from json_array_elements($1::json))
                       returning conversation_id, mid, text, number, edited_at",
        };
        let names = messages
            .iter()
            .map(|message| MessageName { conversation_id: &message.conversation_id, mid: &message.mid });
        for row in &self.rows(text, values![list(names)?]).await? {
            let edit = Edit {
                mid: row.get("mid")?,
                text: row.get("text")?,
                number: row.get("number")?,
                at: row.time("edited_at")?,
            };
            self.edit_message(&ConversationId(row.get("conversation_id")?), &edit).await?;
        }
        Ok(())
    }

    /// Drops the text of a message that its author deleted; if the message has not arrived yet, its text is never
    /// stored.
    pub async fn delete_text(&mut self, place: MessagePosition<'_>, mid: &str, now: Timestamp) -> Result<()> {
        let gone = MessageId { page_id: place.page.clone(), mid: format!("gone:{mid}") };
        self.first_seen(&BTreeSet::from([gone]), now).await?;
        for text in [
            "update message set text = null where conversation_id = $1 and mid = $2",
            "delete from early_edit where conversation_id = $1 and mid = $2",
        ] {
            self.execute(text, values![place.conversation.as_str(), mid]).await?;
        }
        Ok(())
    }

    /// The messages that operators wrote on a Page, as far as their texts are kept, oldest first, from behind a
    /// position on.
    pub async fn texts_of_operators(
        &mut self,
        page: &PageId,
        after: &ListCursor,
        limit: i64,
    ) -> Result<Vec<OperatorText>> {
        let rows = self
            .rows(
                "select conversation_id, id, sent_at, text from message
                  where page_id = $1 and author = 'operator' and text is not null
                    and (sent_at > $2 or (sent_at = $2 and id > $3))
                  order by sent_at, id limit $4",
                values![page.as_str(), after.at, after.id.as_str(), limit],
            )
            .await?;
        let written = |row: &Row| {
            Ok(OperatorText {
                conversation: ConversationId(row.get("conversation_id")?),
                id: row.get("id")?,
                at: row.time("sent_at")?,
                text: row.get("text")?,
            })
        };
        rows.iter().map(written).collect()
    }

    /// Stores ids of messages; gives those that were not stored before.
    pub async fn first_seen(
        &mut self,
        ids: &BTreeSet<MessageId>,
        now: Timestamp,
    ) -> Result<HashSet<MessageId>> {
        let text = Pair {
            sqlite: concat!(
                "select json_group_array(",
                object!("json_object": page_id = "message_seen.page_id", mid = "message_seen.mid"),
                ") as known
                   from jsonb_each($1) as given
                   join message_seen on message_seen.page_id = given.value ->> 'page_id'
                                    and message_seen.mid = given.value ->> 'mid'"
            ),
            postgres: concat!(
                "select cast(json_agg(",
                object!("json_build_object": page_id, mid),
                ") as text) as known
                   from json_array_elements($1::json) as given (value)
                   join lateral (select page_id, mid from message_seen
                                  where page_id = given.value ->> 'page_id' and mid = given.value ->> 'mid'
                                  limit 1) as before on true"
            ),
        };
        let mut fresh: HashSet<MessageId> = ids.iter().cloned().collect();
        if let Some(row) = self.row(text, values![list(ids.iter().map(MessageId::row))?]).await? {
            for known in row.list::<SeenRow<'static>>("known")? {
                let (page_id, mid) = (PageId(known.page_id.into_owned()), known.mid.into_owned());
                fresh.remove(&MessageId { page_id, mid });
            }
        }
        let text = Pair {
            sqlite: "insert into message_seen (page_id, mid, seen_at)
                     select value ->> 'page_id', value ->> 'mid', $1 from jsonb_each($2) where true
                     on conflict (page_id, mid) do nothing",
            postgres: "insert into message_seen (page_id, mid, seen_at)
                       select value ->> 'page_id', value ->> 'mid', $1 from json_array_elements($2::json)
                       on conflict (page_id, mid) do nothing",
        };
        let in_order = ids.iter().filter(|id| fresh.contains(id)).map(MessageId::row);
        let written = self.execute(text, values![now, list(in_order)?]).await?;
        if written < fresh.len() as u64 {
            let message = "The same message is read elsewhere at this moment";
            return Err(Error::new(ErrorKind::Contended, "message_taken", message));
        }
        Ok(fresh)
    }

    /// Drops the ids of messages that Meta no longer repeats.
    pub async fn drop_old_message_ids(&mut self, before: Timestamp) -> Result<u64> {
        self.execute("delete from message_seen where seen_at < $1", values![before]).await
    }

    /// Drops the texts of messages and remarks from before a moment.
    pub async fn drop_texts(&mut self, before: Timestamp) -> Result<u64> {
        let mut dropped = 0;
        for text in [
            "update message set text = null where text is not null and sent_at < $1",
            "delete from early_edit where edited_at < $1",
            "delete from outcome_note where written_at < $1",
        ] {
            dropped += self.execute(text, values![before]).await?;
        }
        Ok(dropped)
    }
}
