//! Changing a Page at run time: its mode, policy, labels, sentences and reasons. What is confirmed afterwards follows
//! the new policy; conversions that a refused event name suppressed are judged again once the name is allowed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use secrecy::SecretString;

use crate::clock::Timestamp;
use crate::domain::basic::hours::WorkingHours;
use crate::domain::basic::identity::{LaneId, PageId};
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{LeadOn, Mode, OnUnknown, PurchaseOn};
use crate::error::{Error, Result};
use crate::flow::convert::loaded::load;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::page::Page;

/// The settings of a Page that are to change; `None` leaves a setting as it is.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "each is the field of that name, of a Page, its policy or its reasons")]
#[allow(clippy::option_option, reason = "left out, null and given are three things")]
pub struct PageChange {
    pub mode: Option<Mode>,
    pub purchase_on: Option<PurchaseOn>,
    pub hold: Option<Duration>,
    pub lead_on: Option<LeadOn>,
    pub lifecycle: Option<bool>,
    pub on_unknown: Option<OnUnknown>,
    pub labels: Option<BTreeMap<String, OutcomeKind>>,
    pub take_off_labels: Option<bool>,
    pub sentences: Option<BTreeMap<OutcomeKind, Vec<String>>>,
    pub lost: Option<Vec<String>>,
    pub cancelled: Option<Vec<String>>,
    pub returned: Option<Vec<String>>,
    pub not_a_sale: Option<Vec<String>>,
    /// The event names that stay refused; every other one is allowed again.
    pub refused_names: Option<HashSet<EventName>>,
    /// The access token. Any, even the same one, clears a fault of the lane, for all its Pages.
    pub access_token: Option<SecretString>,
    pub test_event_code: Option<Option<String>>,
    pub silent_after: Option<Duration>,
    pub working_hours: Option<Option<WorkingHours>>,
}

/// Changes the settings of a Page.
///
/// # Errors
/// `not_found`; 422 for a name in `refused_names` that is not refused.
pub async fn change_page(services: &Services, id: &PageId, change: &PageChange) -> Result<()> {
    run::run(services, "change_page", |unit, _| Box::pin(change_within(unit, services, id, change))).await
}

async fn change_within(unit: &mut Unit, services: &Services, id: &PageId, change: &PageChange) -> Result<()> {
    let now = services.clock.now();
    unit.hold_page(id).await?;
    let mut page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
    let rules = unit.rules(&page).await?;
    set(&mut page, change);
    unit.put_page(&page, &LaneId(services.ids.next(now)), now).await?;
    if change.access_token.is_some() {
        mend_lane(unit, id, now).await?;
    }
    let Some(keep) = &change.refused_names else { return Ok(()) };
    if let Some(unknown) = keep.difference(&rules.refused).next() {
        let message = format!("{} is not refused: leave it out.", unknown.as_str());
        return Err(Error::field("/refused_names", message));
    }
    let mut held_back = BTreeSet::new();
    for name in rules.refused.difference(keep) {
        unit.allow_name(&page.lane.dataset_id, *name).await?;
        held_back.extend(unit.held_back(&page.lane.dataset_id, *name).await?);
    }
    for conversation in &held_back {
        load(unit, conversation, now).await?.apply(unit, services).await?;
    }
    Ok(())
}

/// Clears the fault of a Page's lane, for all Pages that share it.
pub(in crate::flow) async fn mend_lane(unit: &mut Unit, id: &PageId, now: Timestamp) -> Result<()> {
    let page = unit.page(id).await?.ok_or_else(|| Error::not_found("Page"))?;
    unit.set_fault(&page.lane, None, now).await
}

fn set(page: &mut Page, change: &PageChange) {
    fn put<T: Clone>(to: &mut T, from: Option<&T>) {
        if let Some(from) = from {
            to.clone_from(from);
        }
    }
    put(&mut page.mode, change.mode.as_ref());
    put(&mut page.policy.purchase_on, change.purchase_on.as_ref());
    put(&mut page.policy.hold, change.hold.as_ref());
    put(&mut page.policy.lead_on, change.lead_on.as_ref());
    put(&mut page.policy.lifecycle, change.lifecycle.as_ref());
    put(&mut page.policy.on_unknown, change.on_unknown.as_ref());
    put(&mut page.labels, change.labels.as_ref());
    put(&mut page.take_off_labels, change.take_off_labels.as_ref());
    put(&mut page.sentences, change.sentences.as_ref());
    put(&mut page.reasons.lost, change.lost.as_ref());
    put(&mut page.reasons.cancelled, change.cancelled.as_ref());
    put(&mut page.reasons.returned, change.returned.as_ref());
    put(&mut page.reasons.not_a_sale, change.not_a_sale.as_ref());
    put(&mut page.lane.token, change.access_token.as_ref());
    put(&mut page.test_event_code, change.test_event_code.as_ref());
    put(&mut page.silent_after, change.silent_after.as_ref());
    put(&mut page.working_hours, change.working_hours.as_ref());
}
