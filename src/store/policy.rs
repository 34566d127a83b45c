//! What a Page's rules are: its policies as they followed each other, and the names its dataset refuses.

use std::collections::HashSet;

use crate::clock::Timestamp;
use crate::domain::basic::identity::DatasetId;
use crate::domain::signal::SignalRules;
use crate::domain::signal::conversion::EventName;
use crate::error::Result;
use crate::store::db::sql::{Unit, values};
use crate::store::page::{Page, read_policy};

impl Unit {
    /// What decides about the conversions of a Page.
    pub async fn rules(&mut self, page: &Page) -> Result<SignalRules> {
        let rows = self
            .rows(
                "select version, purchase_on, hold, lead_on, lifecycle, on_unknown, made_at, event_name
                   from policy left join refused_name on dataset_id = $3
                  where page_id = $1 and version <= $2 order by version",
                values![page.id.as_str(), page.policy.version, page.dataset_id.as_str()],
            )
            .await?;
        let mut rules = SignalRules { mode: page.mode, policies: Vec::new(), refused: HashSet::new() };
        for row in &rows {
            let policy = read_policy(row)?;
            if rules.policies.last().is_none_or(|last| last.version != policy.version) {
                rules.policies.push(policy);
            }
            if row.get::<Option<String>>("event_name")?.is_some() {
                rules.refused.insert(row.word("event_name", EventName::parse)?);
            }
        }
        Ok(rules)
    }

    /// Remembers that a dataset does not take events of this name.
    pub async fn refuse_name(&mut self, dataset: &DatasetId, name: EventName, now: Timestamp) -> Result<()> {
        self.execute(
            "insert into refused_name (dataset_id, event_name, refused_at) values ($1, $2, $3)
             on conflict (dataset_id, event_name) do nothing",
            values![dataset.as_str(), name.as_str(), now],
        )
        .await?;
        Ok(())
    }

    /// Forgets that a dataset refused this name, so that it is tried again.
    pub async fn allow_name(&mut self, dataset: &DatasetId, name: EventName) -> Result<u64> {
        self.execute(
            "delete from refused_name where dataset_id = $1 and event_name = $2",
            values![dataset.as_str(), name.as_str()],
        )
        .await
    }
}
