//! What follows from a fact: the order as it now folds, its conversions by policy, a change for the feed.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::id::Ids;
use crate::store::Unit;
use crate::store::ledger::Thread;
use crate::store::page::Page;
use crate::vocabulary::arrival::Channel;
use crate::vocabulary::conversion::{Conversion, event_id};
use crate::vocabulary::identity::ConversionId;
use crate::vocabulary::sale::Standing;
use crate::vocabulary::signal::{self, Setting};

/// Brings the conversions of an order in line with its ledger; gives them as they now stand.
pub(super) async fn judge(
    unit: &mut Unit,
    ids: &Ids,
    page: &Page,
    thread: &Thread,
    standing: &Standing,
    now: Timestamp,
) -> Result<Vec<Conversion>> {
    let policy_version = unit.order_policy(&standing.id).await?;
    let policy = unit.policy(&page.id, policy_version).await?;
    let setting = Setting {
        policy: &policy,
        mode: page.mode,
        person_known: unit.person_of(&thread.id).await?.is_some(),
        channel_is_sent: thread.channel == Channel::Messenger,
        now,
    };
    let rows = unit.conversions_of(&standing.id).await?;
    let (changed, drafts) = signal::follow(&standing.order, &rows, setting);
    for row in &changed {
        unit.put_conversion(row).await?;
    }
    let subject = standing.numbers.first().map_or("", String::as_str);
    for draft in &drafts {
        let id = ConversionId(ids.next(now));
        let event_id = event_id(&page.id, subject, draft.name, draft.number);
        let made_by = (policy_version, standing.order.currency);
        unit.add_conversion((&id, &event_id), thread, &standing.id, draft, made_by, now).await?;
    }
    if changed.is_empty() && drafts.is_empty() {
        return Ok(rows);
    }
    unit.conversions_of(&standing.id).await
}
