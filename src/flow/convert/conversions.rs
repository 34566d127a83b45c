//! Conversions in line with the ledger: they are derived anew from what an order or a chat has now become.

use crate::clock::Timestamp;
use crate::domain::basic::identity::ConversionId;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::signal::conversion::{Conversion, EventName, event_id};
use crate::domain::signal::{self, DerivedConversions, SignalRules};
use crate::error::Result;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::page::Page;

/// Brings the conversions of a conversation in line with its ledger.
pub(in crate::flow) async fn update_conversions(
    unit: &mut Unit,
    services: &Services,
    aggregate: &mut ConversationAggregate,
    page: &Page,
    rules: &SignalRules,
    now: Timestamp,
) -> Result<()> {
    drop_unfounded(unit, aggregate, signal::has_lost_its_order).await?;
    let DerivedConversions { changed, drafts } = signal::derive(aggregate, rules, now);
    for row in changed {
        unit.put_conversion(&row).await?;
        if let Some(stands) = aggregate.conversions.iter_mut().find(|stands| stands.id == row.id) {
            *stands = row;
        }
    }
    for draft in drafts {
        let order = aggregate.orders.iter().find(|ledger| Some(&ledger.id) == draft.order_id.as_ref());
        let person = aggregate.thread.recipient.as_ref().map_or("", |known| known.person_id().as_str());
        let subject = order.and_then(OrderLedger::own_number).unwrap_or(person);
        let currency = order.map_or(page.currency, |ledger| ledger.order.currency);
        let beside = order.filter(|_| draft.name == EventName::Purchase);
        let beside = beside.into_iter().flat_map(|ledger| &ledger.joined).map(|joined| joined.id.clone());
        let conversion = Conversion {
            id: ConversionId(services.ids.next(now)),
            event_id: event_id(&page.id, subject, draft.name, draft.number),
            name: draft.name,
            number: draft.number,
            order_id: draft.order_id,
            policy_version: draft.policy_version,
            event_time: draft.event_time,
            state: draft.state,
            reason: draft.reason,
            value: draft.value,
            leaves_at: draft.leaves_at,
            resent: false,
            frozen: false,
            uplift_ids: draft.uplift_ids,
            beside: beside.collect(),
            contents: draft.contents,
        };
        unit.add_conversion(&aggregate.thread, &conversion, currency, now)?;
        aggregate.conversions.push(conversion);
    }
    drop_unfounded(unit, aggregate, |aggregate, row| signal::is_unfounded(aggregate, row, rules)).await
}

/// Drops the conversions that exist only because of the order of arrival: those that no entry gives cause for now, and
/// that Meta has certainly not taken.
async fn drop_unfounded(
    unit: &mut Unit,
    aggregate: &mut ConversationAggregate,
    is_unfounded: impl Fn(&ConversationAggregate, &Conversion) -> bool,
) -> Result<()> {
    let never_left = aggregate.conversions.iter().filter(|row| !row.frozen && !row.may_be_taken());
    let gone: Vec<ConversionId> =
        never_left.filter(|row| is_unfounded(aggregate, row)).map(|row| row.id.clone()).collect();
    for id in &gone {
        unit.drop_conversion(id).await?;
    }
    aggregate.conversions.retain(|row| !gone.contains(&row.id));
    Ok(())
}
