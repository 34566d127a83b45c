//! Sending: claim what is due under a lease, open an attempt, and settle what came of it. Between claim and
//! attempt every row is judged again against its ledger; the attempt is committed before its first byte.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::SecretString;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::meta::{payload, verdict};
use crate::store::Unit;
use crate::store::conversion::LEASE;
use crate::store::page::Page;
use crate::vocabulary::attempt::{Answer, Verdict, ZEROS_MAX};
use crate::vocabulary::conversion::{Conversion, Event, EventName, Reason, State};
use crate::vocabulary::identity::{AttemptId, ConversionId, DatasetId, PageId};
use crate::vocabulary::money::Money;
use crate::vocabulary::policy::Mode;
use crate::vocabulary::sale::Standing;
use crate::vocabulary::signal::{self, SEND_WITHIN};

use super::House;
use super::follow::judge;
use super::tag::look;

/// After an answer that says "certainly not taken" the next try waits so long, doubling with each.
const RETRY_FIRST: Duration = Duration::from_secs(5);

/// And at most so long.
const RETRY_MAX: Duration = Duration::from_mins(15);

/// A pause that Meta does not time: first and longest.
const THROTTLE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(15));

/// An open attempt, ready to be sent.
#[derive(Debug)]
pub struct Batch {
    /// Its row.
    pub attempt: AttemptId,
    /// Under which lease.
    pub lease: String,
    /// For which Page.
    pub page: PageId,
    /// To which dataset.
    pub dataset: DatasetId,
    /// With which right.
    pub token: SecretString,
    /// Meta's test event code.
    pub test_event_code: Option<String>,
    /// What it carries: ids and frozen texts, in one order.
    pub conversions: Vec<ConversionId>,
    /// The texts.
    pub texts: Vec<String>,
    /// They bear several event names.
    pub mixed_names: bool,
}

/// The halves of a refused batch; each wants an attempt of its own.
pub type Bisected = Option<(Vec<ConversionId>, Vec<ConversionId>)>;

/// Lets go what was held long enough and ends what grew too old.
pub async fn release(house: &House) -> Result<()> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    unit.release_due(now - SEND_WITHIN, now).await?;
    unit.commit().await
}

/// Settles as `unknown` what was being sent by someone who is gone.
pub async fn recover(house: &House) -> Result<usize> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    let abandoned = unit.abandoned_attempts(now).await?;
    unit.commit().await?;
    for attempt in &abandoned {
        let mut unit = house.store.begin().await?;
        let answer =
            Answer::unanswered(Verdict::Unknown, "the process that sent it ended before the answer came");
        unit.close_attempt(attempt, "unknown", &answer, now).await?;
        unit.settle(attempt, (State::Unknown, Reason::AnswerLost, answer.words), (now, false)).await?;
        rejudge(&mut unit, house, attempt, now).await?;
        unit.commit().await?;
    }
    Ok(abandoned.len())
}

/// Takes a lease on what is due for a Page; none if nothing is.
pub async fn claim(house: &House, page: &PageId) -> Result<Option<String>> {
    let now = house.clock.now();
    let lease = house.ids.next(now);
    let mut unit = house.store.begin().await?;
    let claimed = unit
        .lease_due(page, &lease, (now, now + LEASE), i64::try_from(payload::EVENTS_MAX).unwrap_or(1))
        .await?;
    unit.commit().await?;
    Ok((claimed > 0).then_some(lease))
}

/// Judges what a lease holds (or only `among` it) once more and opens an attempt for what may leave. None,
/// and the lease is given back, if nothing is left of it or the Page stopped meanwhile.
pub async fn open(
    house: &House,
    page_id: &PageId,
    lease: &str,
    among: Option<&[ConversionId]>,
) -> Result<Option<Batch>> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    let page = unit.page(page_id).await?.ok_or_else(|| Error::not_found("Page"))?;
    let among: Option<HashSet<&ConversionId>> = among.map(|ids| ids.iter().collect());
    let mut batch = Batch {
        attempt: AttemptId(house.ids.next(now)),
        lease: lease.to_owned(),
        page: page.id.clone(),
        dataset: page.dataset_id.clone(),
        token: page.token.clone(),
        test_event_code: page.test_event_code.clone(),
        conversions: Vec::new(),
        texts: Vec::new(),
        mixed_names: false,
    };
    if page.mode == Mode::Live && page.fault.is_none() {
        let mut names = HashSet::new();
        for (order, id) in unit.leased(lease, now).await? {
            if among.as_ref().is_some_and(|among| !among.contains(&id)) {
                continue;
            }
            let Some(conversation) = unit.conversation_of_order(&order).await? else { continue };
            let (thread, _, orders) = look(&mut unit, &conversation).await?;
            let Some(standing) = orders.iter().find(|standing| standing.id == order) else { continue };
            let rows = judge(&mut unit, &house.ids, &page, &thread, standing, now).await?;
            let Some(row) = rows.iter().find(|row| row.id == id) else { continue };
            if let Some(text) = text_of(&mut unit, &page, &conversation, standing, row, &rows, now).await? {
                names.insert(row.name);
                batch.conversions.push(id);
                batch.texts.push(text);
            }
        }
        batch.mixed_names = names.len() > 1;
    }
    if batch.conversions.is_empty() {
        if among.is_none() || page.mode != Mode::Live || page.fault.is_some() {
            unit.give_back(lease).await?;
        }
        unit.commit().await?;
        return Ok(None);
    }
    let (attempt, until) = ((&batch.attempt, lease), now + LEASE);
    unit.open_attempt(attempt, (&page.id, &page.dataset_id), &batch.conversions, (now, until)).await?;
    unit.commit().await?;
    Ok(Some(batch))
}

/// The text of a conversion that may leave now: frozen by its first attempt, the same ever after.
async fn text_of(
    unit: &mut Unit,
    page: &Page,
    conversation: &crate::vocabulary::identity::ConversationId,
    standing: &Standing,
    row: &Conversion,
    rows: &[Conversion],
    now: Timestamp,
) -> Result<Option<String>> {
    if row.state != State::Ready || signal::is_expired(row.event_time, now) {
        return Ok(None);
    }
    if row.frozen {
        return unit.payload(&row.id).await;
    }
    let Some(psid) = unit.person_of(conversation).await? else { return Ok(None) };
    let (value, contents) = signal::goods(row, &standing.order, rows);
    let text = payload::event_text(&Event {
        name: row.name,
        time: row.event_time,
        event_id: row.event_id.clone(),
        channel: crate::vocabulary::arrival::Channel::Messenger,
        page_id: page.id.clone(),
        psid,
        value: value.map(|minor| Money::new(minor, standing.order.currency)),
        order_number: standing.numbers.first().cloned(),
        contents,
    });
    unit.freeze(&row.id, &text).await?;
    Ok(Some(text))
}

/// Writes what an attempt came to, per event. A refused batch comes back in halves, still under its lease.
pub async fn settle(house: &House, batch: &Batch, answer: &Answer) -> Result<Bisected> {
    let now = house.clock.now();
    let mut unit = house.store.begin().await?;
    let several = batch.conversions.len() > 1;
    let attempt = &batch.attempt;
    let tries = unit.tries(attempt).await?;
    let later = now + backoff(tries);
    let verdict = verdict_for(&mut unit, attempt, answer, batch.mixed_names).await?;
    let word = format!("{verdict:?}").to_lowercase();
    if !unit.close_attempt(attempt, verdict_word(&verdict, &word), answer, now).await? {
        return Ok(None);
    }
    let detail = answer.words.clone();
    let halves = match verdict {
        Verdict::Refused | Verdict::TooOld | Verdict::NameRefused if several => {
            unit.settle(attempt, (State::Ready, Reason::TryAgain, None), (now, true)).await?;
            let (left, right) = batch.conversions.split_at(batch.conversions.len() / 2);
            Some((left.to_vec(), right.to_vec()))
        }
        ref other => {
            let (state, reason) = end_of(other);
            let waits = state == State::Ready && *other != Verdict::LinkBroken;
            let next_at = if waits { later } else { now };
            unit.settle(attempt, (state, reason, detail), (next_at, false)).await?;
            None
        }
    };
    match verdict {
        Verdict::LinkBroken => {
            let advice = verdict::advice(answer.code, answer.subcode);
            unit.set_fault(&batch.page, Some(advice), now).await?;
            unit.give_back(&batch.lease).await?;
        }
        Verdict::Throttled(told) => unit.throttle(&batch.dataset, told, THROTTLE, now).await?,
        Verdict::Sent => match answer.rest {
            Some(rest) => unit.throttle(&batch.dataset, Some(rest), THROTTLE, now).await?,
            None => unit.unthrottle(&batch.dataset).await?,
        },
        _ => {}
    }
    if halves.is_none() {
        rejudge(&mut unit, house, attempt, now).await?;
    }
    unit.commit().await?;
    Ok(halves)
}

/// An answer of zero may be tried again a few times only; a refused `Purchase` is a fault of the link.
async fn verdict_for(unit: &mut Unit, attempt: &AttemptId, answer: &Answer, mixed: bool) -> Result<Verdict> {
    Ok(match &answer.verdict {
        Verdict::Zero if unit.count_zero(attempt).await? >= ZEROS_MAX => Verdict::Unknown,
        Verdict::NameRefused if !mixed && carries_purchases(unit, attempt).await? => Verdict::LinkBroken,
        other => other.clone(),
    })
}

async fn carries_purchases(unit: &mut Unit, attempt: &AttemptId) -> Result<bool> {
    for order in unit.orders_in(attempt).await? {
        let rows = unit.conversions_of(&order).await?;
        if rows.iter().any(|row| row.state == State::Sending && row.name == EventName::Purchase) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn verdict_word<'a>(verdict: &Verdict, other: &'a str) -> &'a str {
    match verdict {
        Verdict::Throttled(_) => "throttled",
        _ => other,
    }
}

fn end_of(verdict: &Verdict) -> (State, Reason) {
    match verdict {
        Verdict::Sent => (State::Sent, Reason::Taken),
        Verdict::Refused => (State::Rejected, Reason::Refused),
        Verdict::TooOld => (State::Expired, Reason::TooOld),
        Verdict::NameRefused => (State::Suppressed, Reason::NameRefused),
        Verdict::Unknown => (State::Unknown, Reason::AnswerLost),
        Verdict::LinkBroken | Verdict::Throttled(_) | Verdict::NotTaken | Verdict::Zero => {
            (State::Ready, Reason::TryAgain)
        }
    }
}

fn backoff(tries: i64) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    (RETRY_FIRST * 2_u32.pow(doublings)).min(RETRY_MAX)
}

/// What hung on the rows of an attempt: an uplift waits for its Purchase, and ends with it.
async fn rejudge(unit: &mut Unit, house: &House, attempt: &AttemptId, now: Timestamp) -> Result<()> {
    for order in unit.orders_in(attempt).await? {
        let Some(conversation) = unit.conversation_of_order(&order).await? else { continue };
        let (thread, page, orders) = look(unit, &conversation).await?;
        if let Some(standing) = orders.iter().find(|standing| standing.id == order) {
            judge(unit, &house.ids, &page, &thread, standing, now).await?;
        }
    }
    Ok(())
}
