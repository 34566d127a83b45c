//! Preview of a policy: what it would have sent, derived from the stored ledgers by the same decisions. Nothing is
//! written.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{Mode, Policy};
use crate::domain::signal::{self, SignalRules};
use crate::error::Result;
use crate::flow::unit::services::Services;
use crate::store::aggregate::Scope;
use crate::store::page::Page;

/// The span of time that a preview covers, up to now.
const OVER: Duration = Duration::from_hours(30 * 24);

/// The most conversations that a preview reads, those with the latest message first.
const CONVERSATIONS_MAX: i64 = 1000;

/// The events of one name that a policy would have sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreviewTotals {
    /// How many events would have been sent.
    pub events: u64,
    /// Their value in all, in minor units of the Page's currency.
    pub value: i64,
}

/// What `policy` would have sent over the last 30 days, by event name.
pub async fn preview(
    services: &Services,
    page: &Page,
    policy: Policy,
) -> Result<BTreeMap<EventName, PreviewTotals>> {
    let now = services.clock.now();
    let since = now - OVER;
    let policy = Policy { version: 1, since: Timestamp::from_millis(0), ..policy };
    let not_a_sale = page.reasons.not_a_sale.clone();
    let rules = SignalRules { mode: Mode::Live, policies: vec![policy], refused: HashSet::new(), not_a_sale };
    let mut sums: BTreeMap<EventName, PreviewTotals> = BTreeMap::new();
    let mut unit = services.store.read().await?;
    for id in unit.recent_conversations(&page.id, since, CONVERSATIONS_MAX).await? {
        for mut aggregate in unit.aggregates(Scope::Conversation(&id)).await? {
            aggregate.conversions.clear();
            for ledger in &mut aggregate.orders {
                ledger.policy_version = 1;
            }
            let derived = signal::derive(&aggregate, &rules, now);
            for draft in derived.drafts.into_iter().filter(|draft| draft.event_time >= since) {
                let sum = sums.entry(draft.name).or_default();
                sum.events += 1;
                sum.value = sum.value.saturating_add(draft.value.unwrap_or(0));
            }
        }
    }
    Ok(sums)
}
