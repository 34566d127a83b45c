//! Customers: what is known of the person of a conversation from the shop, and their name and picture, which Meta is
//! asked for.

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, PageId, PersonId};
use crate::domain::conversation::customer::Customer;
use crate::error::{Error, Result};
use crate::store::db::sql::Unit;
use crate::store::db::statement::values;

impl Unit {
    /// Adds the customer of a conversation that is opened; their profile is due to be asked for at once.
    pub(in crate::store) async fn add_customer(
        &mut self,
        conversation: &ConversationId,
        page: &PageId,
    ) -> Result<()> {
        let text = "insert into customer (conversation_id, page_id) values ($1, $2)";
        self.execute(text, values![conversation.as_str(), page.as_str()]).await.map(drop)
    }

    /// The details that the shop has entered about the customer of a conversation.
    pub async fn customer(&mut self, conversation: &ConversationId) -> Result<Option<Customer>> {
        let row = self
            .row("select details from customer where conversation_id = $1", values![conversation.as_str()])
            .await?;
        let text = row.map(|row| row.get::<Option<String>>("details")).transpose()?.flatten();
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| Error::internal("what was entered about a customer can't be read"))
    }

    /// Writes the details of a customer, and the name by which a search finds them.
    pub async fn set_customer(&mut self, conversation: &ConversationId, customer: &Customer) -> Result<()> {
        let details = serde_json::to_string(customer)
            .map_err(|_| Error::internal("what was entered about a customer can't be written"))?;
        self.execute(
            "update customer set details = $2, name = coalesce($3, name) where conversation_id = $1",
            values![conversation.as_str(), details, customer.name()],
        )
        .await
        .map(drop)
    }

    /// The customers of a Page whose profiles are due to be asked for; none while the Page is paused for profiles.
    pub async fn wanted_profiles(
        &mut self,
        page: &PageId,
        now: Timestamp,
        limit: i64,
    ) -> Result<Vec<WantedProfile>> {
        let rows = self
            .rows(
                "select customer.conversation_id, person_id, profile_tries
                   from customer join recipient on recipient.conversation_id = customer.conversation_id
                                 join page on page.id = customer.page_id join lane on lane.id = page.lane_id
                  where customer.page_id = $1 and profile_at <= $2 and channel <> 'whatsapp'
                    and fault is null and (profiles_after is null or profiles_after <= $2)
                  order by profile_at limit $3",
                values![page.as_str(), now, limit],
            )
            .await?;
        let wanted = rows.iter().map(|row| {
            Ok(WantedProfile {
                conversation: ConversationId(row.get("conversation_id")?),
                person: PersonId(row.get("person_id")?),
                tries: row.get("profile_tries")?,
            })
        });
        wanted.collect()
    }

    /// Stores the profile that Meta showed; a name from the shop stays. The person is not asked for again.
    pub async fn set_profile(
        &mut self,
        conversation: &ConversationId,
        name: Option<String>,
        picture: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "update customer set name = coalesce(name, $2), profile_at = null where conversation_id = $1",
            values![conversation.as_str(), name],
        )
        .await?;
        let Some(picture) = picture else { return Ok(()) };
        self.execute(
            "insert into customer_picture (conversation_id, picture, taken_at) values ($1, $2, $3)
             on conflict (conversation_id) do update
                set picture = excluded.picture, taken_at = excluded.taken_at",
            values![conversation.as_str(), picture, now],
        )
        .await?;
        Ok(())
    }

    /// Records that Meta did not show a person; they are asked for again at `next_at`, or never.
    pub async fn profile_refused(
        &mut self,
        conversation: &ConversationId,
        next_at: Option<Timestamp>,
    ) -> Result<()> {
        self.execute(
            "update customer set profile_tries = profile_tries + 1, profile_at = $2 where conversation_id = $1",
            values![conversation.as_str(), next_at],
        )
        .await?;
        Ok(())
    }

    /// Pauses the profiles of a Page until `at`.
    pub async fn put_profiles_off(&mut self, page: &PageId, at: Timestamp) -> Result<()> {
        self.execute("update page set profiles_after = $2 where id = $1", values![page.as_str(), at]).await?;
        Ok(())
    }

    /// The picture of the person of a conversation.
    pub async fn picture(&mut self, conversation: &ConversationId) -> Result<Option<Vec<u8>>> {
        let text = "select picture from customer_picture where conversation_id = $1";
        let row = self.row(text, values![conversation.as_str()]).await?;
        row.map(|row| row.get("picture")).transpose()
    }
}

/// A person whose profile Meta is to be asked for.
#[derive(Clone, Debug)]
pub struct WantedProfile {
    /// The conversation whose customer row takes the name and picture.
    pub conversation: ConversationId,
    /// The person's id at Meta, by which Graph is asked.
    pub person: PersonId,
    /// How often Meta was asked before.
    pub tries: i64,
}
