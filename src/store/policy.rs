//! Signal policies: each change of a Page's rules is a version of its own.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::signal::policy::{LeadOn, OnUnknown, Policy, PurchaseOn};
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};

/// The columns of a policy, for a query that joins it to a Page.
macro_rules! policy_columns {
    () => {
        "policy.version, policy.purchase_on, policy.hold, policy.lead_on, policy.lifecycle, policy.on_unknown,
         policy.made_at"
    };
}
pub(in crate::store) use policy_columns;

impl Unit {
    pub(in crate::store) async fn add_policy(
        &mut self,
        page: &PageId,
        policy: Policy,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into policy (page_id, version, purchase_on, hold, lead_on, lifecycle, value, on_unknown, made_at)
             values ($1, $2, $3, $4, $5, $6, 'revenue', $7, $8)",
            values![
                page.as_str(),
                policy.version,
                policy.purchase_on.as_str(),
                millis(policy.hold),
                policy.lead_on.as_str(),
                policy.lifecycle,
                policy.on_unknown.as_str(),
                now,
            ],
        )
        .await?;
        Ok(())
    }
}

/// Reads a row with [`policy_columns!`].
pub(in crate::store) fn read_policy(row: &Row) -> Result<Policy> {
    let version = row.get("version")?;
    Ok(Policy {
        version,
        since: if version > 1 { row.time("made_at")? } else { Timestamp::from_millis(0) },
        purchase_on: row.word("purchase_on", PurchaseOn::parse)?,
        hold: span(row.get("hold")?),
        lead_on: row.word("lead_on", LeadOn::parse)?,
        lifecycle: row.truth("lifecycle")?,
        on_unknown: row.word("on_unknown", OnUnknown::parse)?,
    })
}

/// A span as its column has it, in milliseconds.
pub(in crate::store) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The span of a column, in milliseconds.
pub(in crate::store) fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
