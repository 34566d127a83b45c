//! What a policy would have sent: the same decisions over what is stored, and nothing written.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{Mode, Policy};
use crate::domain::signal::{self, Rules};
use crate::error::Result;
use crate::flow::services::House;
use crate::store::aggregate::Scope;
use crate::store::page::Page;

/// So far back.
const OVER: Duration = Duration::from_hours(30 * 24);

/// Conversations that are looked at, those with the last word first.
const CONVERSATIONS_MAX: i64 = 1000;

/// How many events of one name, and their worth in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Events.
    pub events: u64,
    /// Minor units of the Page's currency.
    pub value: i64,
}

/// What `policy` would have sent over the last 30 days, by event name.
pub async fn preview(house: &House, page: &Page, policy: Policy) -> Result<BTreeMap<EventName, Sum>> {
    let now = house.clock.now();
    let since = now - OVER;
    let policy = Policy { version: 1, since: Timestamp::from_millis(0), ..policy };
    let rules = Rules { mode: Mode::Live, policies: vec![policy], refused: HashSet::new() };
    let mut sums: BTreeMap<EventName, Sum> = BTreeMap::new();
    let mut unit = house.store.read().await?;
    for id in unit.recent_conversations(&page.id, since, CONVERSATIONS_MAX).await? {
        for mut dossier in unit.dossiers(Scope::Conversation(&id)).await? {
            dossier.conversions.clear();
            for standing in &mut dossier.orders {
                standing.policy_version = 1;
            }
            let (_, drafts) = signal::follow(&dossier, &rules, now);
            for draft in drafts.into_iter().filter(|draft| draft.event_time >= since) {
                let sum = sums.entry(draft.name).or_default();
                sum.events += 1;
                sum.value = sum.value.saturating_add(draft.value.unwrap_or(0));
            }
        }
    }
    Ok(sums)
}
