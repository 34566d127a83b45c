//! People's names and pictures, as Meta shows them, and when Meta is asked for them.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, Psid};
use crate::error::Result;
use crate::store::db::sql::{Unit, values};

impl Unit {
    /// The people of a Page whose names are due to be asked for, with the number of tries before; nobody while
    /// the Page waits.
    pub async fn wanted_profiles(
        &mut self,
        page: &PageId,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<(ConversationId, Psid, i64)>> {
        let rows = self
            .rows(
                "select conversation_id, psid, profile_tries
                   from person join page on page.id = person.page_id
                  where person.page_id = $1 and profile_at <= $2 and channel <> 'whatsapp'
                    and fault is null and (profiles_at is null or profiles_at <= $2)
                  order by profile_at limit $3",
                values![page.as_str(), now, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let conversation = ConversationId(row.get("conversation_id")?);
                Ok((conversation, Psid(row.get("psid")?), row.get("profile_tries")?))
            })
            .collect()
    }

    /// Meta showed a person; a name that the shop gave them stays. They are not asked for again.
    pub async fn set_profile(
        &mut self,
        conversation: &ConversationId,
        name: Option<String>,
        picture: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "update person set name = coalesce(name, $2), profile_at = null where conversation_id = $1",
            values![conversation.as_str(), name],
        )
        .await?;
        let Some(picture) = picture else { return Ok(()) };
        self.execute(
            "insert into face (conversation_id, picture, taken_at) values ($1, $2, $3)
             on conflict (conversation_id) do update
                set picture = excluded.picture, taken_at = excluded.taken_at",
            values![conversation.as_str(), picture, now],
        )
        .await?;
        Ok(())
    }

    /// Meta did not show a person; they are asked for again at `next_at`, or no more.
    pub async fn profile_refused(
        &mut self,
        conversation: &ConversationId,
        next_at: Option<Timestamp>,
    ) -> Result<()> {
        self.execute(
            "update person set profile_tries = profile_tries + 1, profile_at = $2 where conversation_id = $1",
            values![conversation.as_str(), next_at],
        )
        .await?;
        Ok(())
    }

    /// Nobody of this Page is asked for before `at`.
    pub async fn put_profiles_off(&mut self, page: &PageId, at: Timestamp) -> Result<()> {
        self.execute("update page set profiles_at = $2 where id = $1", values![page.as_str(), at]).await?;
        Ok(())
    }

    /// The picture of the person of a conversation.
    pub async fn picture(&mut self, conversation: &ConversationId) -> Result<Option<Vec<u8>>> {
        let row = self
            .row("select picture from face where conversation_id = $1", values![conversation.as_str()])
            .await?;
        row.map(|row| row.get("picture")).transpose()
    }
}
