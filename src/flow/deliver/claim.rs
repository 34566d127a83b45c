//! Sending: claim what is due under a lease, and open an attempt for it. Between claim and attempt every row
//! is judged again against its ledger; the attempt is committed before its first byte.

use std::collections::HashMap;

use crate::domain::basic::identity::{AttemptId, ConversionId, PageId};
use crate::domain::basic::money::Money;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::signal::conversion::{Conversion, Event, EventName};
use crate::domain::signal::lane::Lane;
use crate::domain::signal::policy::Mode;
use crate::domain::signal::{self, SEND_WITHIN};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::convert::apply::update_conversions;
use crate::flow::services::Services;
use crate::flow::unit::{give_way, retried};
use crate::meta::events::payload;
use crate::store::aggregate::Scope;
use crate::store::attempt::NewAttempt;
use crate::store::conversion::{FrozenPayload, Lease};

/// An open attempt, ready to be sent.
#[derive(Debug)]
pub struct Batch {
    /// Its row.
    pub attempt: AttemptId,
    /// Under which lease.
    pub lease: String,
    /// For which Page.
    pub page: PageId,
    /// By which lane, as it stood when the attempt was opened.
    pub lane: Lane,
    /// Meta's test event code.
    pub test_event_code: Option<String>,
    /// The texts of what it carries, in the order in which they leave.
    pub texts: Vec<String>,
}

/// Lets go what was held long enough and ends what grew too old; gives how many that are.
pub async fn release(services: &Services) -> Result<u64> {
    let now = services.clock.now();
    let mut unit = services.store.begin("release").await?;
    let released = unit.release_due(now - SEND_WITHIN, now).await?;
    unit.commit().await?;
    Ok(released)
}

/// Takes a lease on what is due for a Page; none if nothing is.
pub async fn claim(services: &Services, page: &PageId) -> Result<Option<String>> {
    let now = services.clock.now();
    let lease = services.ids.next(now);
    let mut unit = services.store.begin("claim").await?;
    let limit = i64::try_from(payload::EVENTS_MAX).unwrap_or(i64::MAX);
    let claimed = unit.lease_due(page, &Lease::new(&lease, now), limit).await?;
    unit.commit().await?;
    Ok((claimed > 0).then_some(lease))
}

/// Judges what a lease holds once more and opens an attempt for what may leave. None, and the lease is given
/// back, if nothing is left of it, or if the Page or its lane stopped meanwhile.
pub async fn open(services: &Services, page: &PageId, lease: &str) -> Result<Option<Batch>> {
    retried(move || open_once(services, page, lease)).await
}

async fn open_once(services: &Services, page_id: &PageId, lease: &str) -> Result<Option<Batch>> {
    let now = services.clock.now();
    let mut unit = services.store.begin("open").await?;
    let page = unit.page(page_id).await?.ok_or_else(|| Error::not_found("Page"))?;
    if page.mode != Mode::Live || !page.lane.is_open(now) {
        unit.give_back(lease).await?;
        unit.commit().await?;
        return Ok(None);
    }
    let rules = unit.rules(&page).await?;
    let mut aggregates = unit.load_conversations(Scope::Lease(lease)).await?;
    for (place, aggregate) in aggregates.iter_mut().enumerate() {
        give_way(place).await;
        update_conversions(&mut unit, services, aggregate, &page, &rules, now).await?;
    }
    let leaving = unit.leased(lease, now).await?;
    if leaving.is_empty() {
        unit.give_back(lease).await?;
        unit.commit().await?;
        return Ok(None);
    }
    let frozen: HashMap<ConversionId, String> = unit.payloads(lease).await?.into_iter().collect();
    let rows: HashMap<&ConversionId, (&ConversationAggregate, &Conversion)> = aggregates
        .iter()
        .flat_map(|aggregate| aggregate.conversions.iter().map(move |row| (&row.id, (aggregate, row))))
        .collect();
    let text_of = |id: &ConversionId| match frozen.get(id) {
        Some(text) => Ok(text.clone()),
        None => rows
            .get(id)
            .and_then(|(aggregate, row)| event_of(aggregate, row))
            .and_then(|event| payload::event_text(&event).ok())
            .ok_or_else(|| Error::internal(format!("conversion {id} can't be written as an event"))),
    };
    let texts = leaving.iter().map(text_of).collect::<Result<Vec<String>>>()?;
    let fresh: Vec<FrozenPayload<'_>> = leaving
        .iter()
        .zip(&texts)
        .filter(|(id, _)| !frozen.contains_key(id))
        .map(|(id, body)| FrozenPayload { conversion_id: id.as_str(), body })
        .collect();
    if !fresh.is_empty() {
        unit.freeze(&fresh).await?;
    }
    let attempt = AttemptId(services.ids.next(now));
    let opened = NewAttempt {
        id: &attempt,
        page: &page.id,
        dataset: &page.lane.dataset_id,
        lease: Lease::new(lease, now),
    };
    let carried = unit.open_attempt(opened).await?;
    if usize::try_from(carried) != Ok(texts.len()) {
        let message = format!("The lease on {} conversions was lost while they were read", texts.len());
        return Err(Error::new(ErrorKind::Contended, "lease_lost", message));
    }
    unit.commit().await?;
    Ok(Some(Batch {
        attempt,
        lease: lease.to_owned(),
        page: page.id,
        lane: page.lane,
        test_event_code: page.test_event_code,
        texts,
    }))
}

/// What Meta is told by a conversion.
fn event_of(aggregate: &ConversationAggregate, row: &Conversion) -> Option<Event> {
    let ledger = aggregate.orders.iter().find(|ledger| Some(&ledger.id) == row.order_id.as_ref());
    let (value, contents) = match ledger {
        Some(ledger) if row.name == EventName::Purchase => {
            signal::goods(row, &ledger.order, &aggregate.conversions_of(ledger))
        }
        _ => (None, Vec::new()),
    };
    Some(Event {
        name: row.name,
        time: row.event_time,
        event_id: row.event_id.clone(),
        recipient: aggregate.thread.recipient.clone()?,
        value: value.zip(ledger).map(|(minor, ledger)| Money::new(minor, ledger.order.currency)),
        order_number: ledger.and_then(|ledger| ledger.numbers.first().cloned()),
        contents,
    })
}
