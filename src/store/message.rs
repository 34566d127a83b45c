//! Messages: what was said, what was edited or unsent of it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::conversation::inbound::Author;
use crate::error::Result;
use crate::store::db::sql::{Pair, Row, Unit, list, values};

/// The ids that name a row of a conversation.
#[derive(Clone, Copy, Debug)]
pub struct MessagePosition<'a> {
    /// The thread.
    pub conversation: &'a ConversationId,
    /// Its Page.
    pub page: &'a PageId,
    /// Our id of the row.
    pub id: &'a str,
    /// When.
    pub at: Timestamp,
}

/// A message to be written: conversation, time, id, Page, `mid`, author, text, attachments.
#[derive(Debug, Serialize)]
pub struct NewMessage(String, i64, String, String, String, &'static str, Option<String>, Option<String>);

impl NewMessage {
    /// At its place, under its `mid`.
    pub fn new(
        place: MessagePosition<'_>,
        mid: String,
        author: Author,
        (text, attachments): (Option<String>, Option<String>),
    ) -> Self {
        let (conversation, page) = (place.conversation.0.clone(), place.page.0.clone());
        let author = author.as_str();
        Self(conversation, place.at.millis(), place.id.to_owned(), page, mid, author, text, attachments)
    }
}

/// An edit of a message: its text is another one now.
pub struct Edit {
    /// The message's name.
    pub mid: String,
    /// What it says now.
    pub text: Option<String>,
    /// Counts the edits of a message from 1.
    pub number: i64,
    /// When.
    pub at: Timestamp,
}

/// What an operator wrote. Its text is no matter for logs.
pub struct Written {
    /// In which conversation.
    pub conversation: ConversationId,
    /// Our id of the message.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The text.
    pub text: String,
}

impl Unit {
    /// Adds messages; without their text those that the person took back before they came.
    pub async fn add_messages(&mut self, messages: &[NewMessage]) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let text = Pair {
            sqlite:
                "insert into message (conversation_id, sent_at, id, page_id, mid, author, text, attachments)
                 select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
                        case when not exists (select 1 from seen
                                               where page_id = value ->> 3 and mid = 'gone:' || (value ->> 4))
                             then value ->> 6 end,
                        value ->> 7
                   from jsonb_each($1)",
            postgres:
                "insert into message (conversation_id, sent_at, id, page_id, mid, author, text, attachments)
                 select value ->> 0, (value ->> 1)::bigint, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
                        case when not exists (select 1 from seen
                                               where page_id = value ->> 3 and mid = 'gone:' || (value ->> 4))
                             then value ->> 6 end,
                        value ->> 7
                   from json_array_elements($1::json)",
        };
        self.execute(text, values![list(messages)?]).await.map(drop)
    }

    /// Sets the text of a message to that of its edit, unless a later edit stands or it is gone. An edit waits
    /// for a message that has not come yet.
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

    /// Sets the texts of messages that came after their edits.
    pub async fn edit_late(&mut self, messages: &[NewMessage]) -> Result<()> {
        let names: Vec<_> = messages.iter().map(|message| (&message.0, &message.4)).collect();
        let text = Pair {
            sqlite: "delete from early_edit
                      where (conversation_id, mid) in (select value ->> 0, value ->> 1 from jsonb_each($1))
                     returning conversation_id, mid, text, number, edited_at",
            postgres: "delete from early_edit
                        where (conversation_id, mid) in (select value ->> 0, value ->> 1
                                                           from json_array_elements($1::json))
                       returning conversation_id, mid, text, number, edited_at",
        };
        for row in &self.rows(text, values![list(&names)?]).await? {
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

    /// Drops the text of a message that the person took back, also of one that is still to come.
    pub async fn delete_text(&mut self, place: MessagePosition<'_>, mid: &str, now: Timestamp) -> Result<()> {
        let name = (place.page.clone(), format!("gone:{mid}"));
        self.first_seen(&BTreeSet::from([name]), now).await?;
        for text in [
            "update message set text = null where conversation_id = $1 and mid = $2",
            "delete from early_edit where conversation_id = $1 and mid = $2",
        ] {
            self.execute(text, values![place.conversation.as_str(), mid]).await?;
        }
        Ok(())
    }

    /// What operators wrote on a Page since a moment, as far as it is kept: conversation, message, time and
    /// text, oldest first, from behind the message `after` on.
    pub async fn words_of_operators(
        &mut self,
        page: &PageId,
        after: (Timestamp, &str),
        limit: i64,
    ) -> Result<Vec<Written>> {
        let rows = self
            .rows(
                "select conversation_id, id, sent_at, text from message
                  where page_id = $1 and author = 'operator' and text is not null
                    and (sent_at > $2 or (sent_at = $2 and id > $3))
                  order by sent_at, id limit $4",
                values![page.as_str(), after.0, after.1, limit],
            )
            .await?;
        let written = |row: &Row| {
            Ok(Written {
                conversation: ConversationId(row.get("conversation_id")?),
                id: row.get("id")?,
                at: row.time("sent_at")?,
                text: row.get("text")?,
            })
        };
        rows.iter().map(written).collect()
    }
}
