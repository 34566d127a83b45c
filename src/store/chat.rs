//! Chats: the stretches into which a conversation is cut.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::basic::identity::ConversationId;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::conversation::chat::{Chat, Stage};
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, list, read_word, rows, values};

/// A row of the table `chat`: where the chat begins and ends, and its stage.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChatRow {
    pub(in crate::store) conversation_id: String,
    pub(in crate::store) number: i64,
    #[serde(default)]
    page_id: String,
    began_at: i64,
    last_at: i64,
    first_word_at: Option<i64>,
    last_word_at: Option<i64>,
    contact_at: Option<i64>,
    ad_id: Option<String>,
    stage: Cow<'static, str>,
}

const PUT: Pair = rows!(insert into chat (
    conversation_id text, number bigint, page_id text, began_at bigint, last_at bigint, first_word_at bigint,
    last_word_at bigint, contact_at bigint, ad_id text, stage text
) "on conflict (conversation_id, number) do update
      set began_at = excluded.began_at, last_at = excluded.last_at, first_word_at = excluded.first_word_at,
          last_word_at = excluded.last_word_at, contact_at = excluded.contact_at, ad_id = excluded.ad_id,
          stage = excluded.stage");

impl ChatRow {
    /// The row of a chat of `thread`.
    pub fn new(thread: &Thread, chat: &Chat, stage: Stage) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::millis);
        Self {
            conversation_id: thread.id.0.clone(),
            number: chat.number,
            page_id: thread.page_id.0.clone(),
            began_at: chat.began_at.millis(),
            last_at: chat.last_at.millis(),
            first_word_at: millis(chat.first_word_at),
            last_word_at: millis(chat.last_word_at),
            contact_at: millis(chat.contact_at),
            ad_id: chat.ad_id.clone(),
            stage: stage.as_str().into(),
        }
    }

    pub(in crate::store) fn chat(self) -> Result<(Chat, Stage)> {
        let chat = Chat {
            number: self.number,
            began_at: Timestamp::from_millis(self.began_at),
            last_at: Timestamp::from_millis(self.last_at),
            first_word_at: self.first_word_at.map(Timestamp::from_millis),
            last_word_at: self.last_word_at.map(Timestamp::from_millis),
            contact_at: self.contact_at.map(Timestamp::from_millis),
            ad_id: self.ad_id,
        };
        Ok((chat, read_word("stage", Stage::parse, &self.stage)?))
    }
}

impl Unit {
    /// Adds or changes the rows of chats.
    pub async fn put_chats(&mut self, chats: &[ChatRow]) -> Result<()> {
        if chats.is_empty() {
            return Ok(());
        }
        self.execute(PUT, values![list(chats)?]).await.map(drop)
    }

    /// Deletes the chats of a conversation from number `from` on.
    pub async fn drop_chats(&mut self, conversation: &ConversationId, from: i64) -> Result<()> {
        self.execute(
            "delete from chat where conversation_id = $1 and number >= $2",
            values![conversation.as_str(), from],
        )
        .await?;
        Ok(())
    }
}
