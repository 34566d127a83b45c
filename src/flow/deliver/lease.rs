//! Leasing due conversions, and opening an attempt for them. Between lease and attempt every conversion
//! is brought in line with its ledger once more; the attempt is committed before its first byte.

use std::collections::HashMap;

use crate::domain::basic::identity::{AttemptId, ConversionId, PageId};
use crate::domain::basic::money::Money;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::signal::conversion::{Conversion, Event, EventName};
use crate::domain::signal::lane::Lane;
use crate::domain::signal::policy::Mode;
use crate::domain::signal::{self, SEND_WITHIN};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::convert::conversions::update_conversions;
use crate::flow::convert::loaded::{PageRules, Pages};
use crate::flow::unit::run::{self, yield_between};
use crate::flow::unit::services::Services;
use crate::meta::events::payload;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::attempt::NewAttempt;
use crate::store::conversion::{FrozenPayload, Lease};

/// An open attempt with all that its request needs. It borrows nothing, so that it outlives its unit of work.
#[derive(Debug)]
pub struct Batch {
    /// The id of the attempt, which is committed.
    pub attempt: AttemptId,
    /// The lease under which its conversions are.
    pub lease: String,
    /// The Page whose conversions it carries.
    pub page: PageId,
    /// The lane by which it is sent, as it was when the attempt was opened.
    pub lane: Lane,
    /// Meta's test event code, while the Page has one: with it, Meta takes the events as tests.
    pub test_event_code: Option<String>,
    /// The JSON of each event, in the order of the request.
    pub texts: Vec<String>,
    /// How many requests in a row, just before this one and for the same claim, Meta took nothing of.
    pub barren: usize,
}

/// Makes held conversions ready whose hold is over, and expires those that are too old for Meta; gives how many
/// conversions changed.
pub async fn release(services: &Services) -> Result<u64> {
    run::run(services, "release", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            unit.release_due(now - SEND_WITHIN, now).await
        })
    })
    .await
}

/// Takes a lease on the due conversions of a Page, at most as many as one request carries; gives its id, or `None` if
/// nothing is due.
pub async fn lease(services: &Services, page: &PageId) -> Result<Option<String>> {
    run::run(services, "lease", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            let lease = services.ids.next(now);
            let limit = i64::try_from(payload::EVENTS_MAX).unwrap_or(i64::MAX);
            let leased = unit.lease_due(page, &Lease::new(&lease, now), limit).await?;
            Ok((leased > 0).then_some(lease))
        })
    })
    .await
}

/// Judges the conversions under a lease by their ledgers once more, and opens an attempt for those that may leave.
/// `None`, with the lease given back, if none of them may, or if the Page or its lane was stopped meanwhile.
///
/// # Errors
/// Contended when the lease ran out and another process took it.
pub async fn open(services: &Services, page: &PageId, lease: &str) -> Result<Option<Batch>> {
    run::run(services, "open", |unit, _| {
        Box::pin(async move {
            let batch = open_within(unit, services, page, lease).await?;
            if batch.is_none() {
                unit.give_back(lease).await?;
            }
            Ok(batch)
        })
    })
    .await
}

async fn open_within(
    unit: &mut Unit,
    services: &Services,
    page: &PageId,
    lease: &str,
) -> Result<Option<Batch>> {
    let now = services.clock.now();
    let PageRules { page, rules } = Pages::default().of(unit, page).await?;
    if page.mode != Mode::Live || !page.lane.is_open(now) {
        return Ok(None);
    }
    let mut aggregates = unit.load_conversations(Scope::Lease(lease)).await?;
    for (index, aggregate) in aggregates.iter_mut().enumerate() {
        yield_between(index).await;
        update_conversions(unit, services, aggregate, &page, &rules, now).await?;
    }
    let leaving = unit.leased(lease, now).await?;
    if leaving.is_empty() {
        return Ok(None);
    }
    let texts = freeze(unit, lease, &leaving, &aggregates).await?;
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
    Ok(Some(Batch {
        attempt,
        lease: lease.to_owned(),
        page: page.id.clone(),
        lane: page.lane.clone(),
        test_event_code: page.test_event_code.clone(),
        texts,
        barren: 0,
    }))
}

/// The payloads of the conversions that leave: those that an earlier attempt froze, and new ones, which are frozen now,
/// so that every further attempt carries the same bytes.
async fn freeze(
    unit: &mut Unit,
    lease: &str,
    leaving: &[ConversionId],
    aggregates: &[ConversationAggregate],
) -> Result<Vec<String>> {
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
    Ok(texts)
}

/// The event that a conversion reports; `None` where its aggregate lacks what the event needs.
fn event_of(aggregate: &ConversationAggregate, row: &Conversion) -> Option<Event> {
    let ledger = aggregate.orders.iter().find(|ledger| Some(&ledger.id) == row.order_id.as_ref());
    let (value, contents) = match ledger {
        Some(ledger) if row.name == EventName::Purchase => signal::goods(row, &ledger.order),
        _ => (None, Vec::new()),
    };
    Some(Event {
        name: row.name,
        time: row.event_time,
        event_id: row.event_id.clone(),
        recipient: aggregate.thread.recipient.clone()?,
        value: value.zip(ledger).map(|(minor, ledger)| Money::new(minor, ledger.order.currency)),
        order_number: ledger.and_then(|ledger| ledger.shops_number().map(str::to_owned)),
        contents,
    })
}
