//! What a change of a Page touches.

use crate::domain::basic::identity::{ConversationId, DatasetId};
use crate::domain::signal::conversion::EventName;
use crate::error::Result;
use crate::store::db::sql::{Unit, values};

impl Unit {
    /// The conversations that have an event which never left because the dataset refused its name.
    pub async fn held_back(&mut self, dataset: &DatasetId, name: EventName) -> Result<Vec<ConversationId>> {
        let rows = self
            .rows(
                "select distinct conversation_id
                   from conversion join page on page.id = conversion.page_id
                  where dataset_id = $1 and event_name = $2 and state = 'suppressed' and reason = 'name_refused'
                    and conversation_id is not null
                  order by conversation_id",
                values![dataset.as_str(), name.as_str()],
            )
            .await?;
        rows.iter().map(|row| row.get("conversation_id").map(ConversationId)).collect()
    }
}
