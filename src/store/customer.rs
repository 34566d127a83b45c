//! What is known of a person beside their words.

use crate::domain::basic::identity::ConversationId;
use crate::domain::conversation::customer::Customer;
use crate::error::{Error, Result};
use crate::store::db::sql::{Unit, values};

impl Unit {
    /// What was entered about the customer of a conversation.
    pub async fn customer(&mut self, conversation: &ConversationId) -> Result<Option<Customer>> {
        let row = self
            .row("select details from person where conversation_id = $1", values![conversation.as_str()])
            .await?;
        let text = row.map(|row| row.get::<Option<String>>("details")).transpose()?.flatten();
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| Error::internal("what was entered about a customer can't be read"))
    }

    /// Writes what is known of the customer, and the name by which they are found.
    pub async fn set_customer(&mut self, conversation: &ConversationId, customer: &Customer) -> Result<()> {
        let details = serde_json::to_string(customer)
            .map_err(|_| Error::internal("what was entered about a customer can't be written"))?;
        self.set_person_details(conversation, &details).await?;
        let Some(name) = customer.name() else { return Ok(()) };
        self.execute(
            "update person set name = $2 where conversation_id = $1",
            values![conversation.as_str(), name],
        )
        .await?;
        Ok(())
    }
}
