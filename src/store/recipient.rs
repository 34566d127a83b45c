//! Recipients: whom the events of a conversation are about, and the key by which a conversation is found.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, PersonId};
use crate::domain::conversation::inbound::Channel;
use crate::domain::conversation::recipient::Recipient;
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, list, object, read_word, values};

/// The key by which the conversation of a person with a Page is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecipientKey {
    /// The connected Page.
    pub page_id: PageId,
    /// The channel on which they talk.
    pub channel: Channel,
    /// The id by which the channel knows the person: PSID, IGSID or `wa_id`.
    pub person_id: PersonId,
}

#[derive(Serialize)]
struct KeyRow<'a> {
    page_id: &'a str,
    channel: &'a str,
    person_id: &'a str,
}

#[derive(Deserialize)]
struct FoundRow {
    page_id: String,
    channel: String,
    person_id: String,
    conversation_id: String,
}

macro_rules! found_row {
    ($object:literal) => {
        object!($object: page_id = "recipient.page_id", channel = "recipient.channel",
                         person_id = "recipient.person_id", conversation_id = "recipient.conversation_id")
    };
}

/// The conversations of a list of [`KeyRow`]s. PostgreSQL's planner guesses that any list has a hundred rows, for which
/// it would read a table of some ten thousand whole; therefore its text looks the rows up one by one.
const FIND: Pair = Pair {
    sqlite: concat!(
        "select json_group_array(",
        found_row!("json_object"),
        ") as known
           from jsonb_each($1) as given
           join recipient on recipient.page_id = given.value ->> 'page_id'
                         and recipient.channel = given.value ->> 'channel'
                         and recipient.person_id = given.value ->> 'person_id'"
    ),
    postgres: concat!(
        "select cast(json_agg(",
        found_row!("json_build_object"),
        ") as text) as known
           from json_array_elements($1::json) as given (value)
           join lateral (select page_id, channel, person_id, conversation_id from recipient
                          where page_id = given.value ->> 'page_id' and channel = given.value ->> 'channel'
                            and person_id = given.value ->> 'person_id' limit 1) as recipient on true"
    ),
};

impl Unit {
    /// The conversation of a person, if there is one.
    pub async fn conversation_of(
        &mut self,
        page: &PageId,
        channel: Channel,
        person: &PersonId,
    ) -> Result<Option<ConversationId>> {
        let row = self
            .row(
                "select conversation_id from recipient where page_id = $1 and channel = $2 and person_id = $3",
                values![page.as_str(), channel.as_str(), person.as_str()],
            )
            .await?;
        row.map(|row| row.get("conversation_id").map(ConversationId)).transpose()
    }

    /// The conversations of these persons, as far as they have one.
    pub async fn conversations_of(
        &mut self,
        keys: &HashSet<RecipientKey>,
    ) -> Result<HashMap<RecipientKey, ConversationId>> {
        let given = keys.iter().map(|key| KeyRow {
            page_id: key.page_id.as_str(),
            channel: key.channel.as_str(),
            person_id: key.person_id.as_str(),
        });
        let Some(row) = self.row(FIND, values![list(given)?]).await? else { return Ok(HashMap::new()) };
        let found = row.list::<FoundRow>("known")?.into_iter().map(|found| {
            let key = RecipientKey {
                page_id: PageId(found.page_id),
                channel: read_word("channel", Channel::parse, &found.channel)?,
                person_id: PersonId(found.person_id),
            };
            Ok((key, ConversationId(found.conversation_id)))
        });
        found.collect()
    }

    /// Whether a conversation has a person; else it is a thread for an order that only an outside sender has reported.
    pub async fn has_recipient(&mut self, id: &ConversationId) -> Result<bool> {
        let row =
            self.row("select 1 from recipient where conversation_id = $1", values![id.as_str()]).await?;
        Ok(row.is_some())
    }

    /// The person of a conversation, for a call to Meta.
    pub async fn person_of(&mut self, conversation: &ConversationId) -> Result<Option<PersonId>> {
        let row = self
            .row("select person_id from recipient where conversation_id = $1", values![conversation.as_str()])
            .await?;
        row.map(|row| row.get("person_id").map(PersonId)).transpose()
    }

    /// Opens the conversation of a person with a Page, with the id `id` unless another unit opened it first; gives its
    /// id.
    pub async fn open_conversation(
        &mut self,
        id: &ConversationId,
        page: &PageId,
        recipient: &Recipient,
        at: Timestamp,
    ) -> Result<ConversationId> {
        let Recipient::Messaging { channel, account_id, person_id } = recipient;
        let won = self
            .execute(
                "insert into recipient (page_id, channel, account_id, person_id, conversation_id)
                 values ($1, $2, $3, $4, $5)
                 on conflict (page_id, channel, person_id) do nothing",
                values![
                    page.as_str(),
                    channel.as_str(),
                    account_id.as_str(),
                    person_id.as_str(),
                    id.as_str(),
                ],
            )
            .await?;
        if won == 0 {
            return Ok(self.conversation_of(page, *channel, person_id).await?.unwrap_or_else(|| id.clone()));
        }
        self.add_customer(id, page).await?;
        self.open_thread(id, page, *channel, at).await?;
        Ok(id.clone())
    }
}
