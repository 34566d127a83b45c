//! Settling: what an attempt came to, per event, and what follows from it for its lane and dataset.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AttemptId, PageId};
use crate::domain::signal::attempt::{GraphAnswer, Verdict, ZEROS_MAX};
use crate::domain::signal::conversion::{EventName, Reason, State};
use crate::error::{Error, Result};
use crate::flow::convert::apply::update_conversions;
use crate::flow::deliver::claim::Batch;
use crate::flow::services::Services;
use crate::flow::unit::{give_way, retried};
use crate::meta::events::verdict;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::attempt::Settlement;
use crate::store::lane::ThrottleSteps;

/// After an answer that says "certainly not taken" the next try waits so long, doubling with each.
const RETRY_FIRST: Duration = Duration::from_secs(5);

/// And at most so long.
const RETRY_MAX: Duration = Duration::from_mins(15);

/// A pause that Meta does not time: first and longest.
const THROTTLE: ThrottleSteps =
    ThrottleSteps { first: Duration::from_mins(1), longest: Duration::from_mins(15) };

/// Writes what an attempt came to. Gives the leases under which there is more to send at once: both halves
/// of a refused batch.
pub async fn settle(services: &Services, batch: &Batch, answer: &GraphAnswer) -> Result<Vec<String>> {
    retried(move || settle_once(services, batch, answer)).await
}

async fn settle_once(services: &Services, batch: &Batch, answer: &GraphAnswer) -> Result<Vec<String>> {
    let now = services.clock.now();
    let attempt = &batch.attempt;
    let mut unit = services.store.begin("settle").await?;
    unit.lock_conversations(Scope::Attempt(attempt)).await?;
    let names = unit.names_in(attempt).await?;
    let verdict = match &answer.verdict {
        Verdict::Zero if unit.count_zero(attempt).await? >= ZEROS_MAX => Verdict::Unknown,
        Verdict::NameRefused if names.len() == 1 && names.contains(&EventName::Purchase) => {
            Verdict::LinkBroken
        }
        other => other.clone(),
    };
    if !unit.close_attempt(attempt, verdict.as_str(), answer, now).await? {
        return Ok(Vec::new());
    }
    let is_one_name = verdict == Verdict::NameRefused && names.len() == 1;
    if verdict.is_of_one_event() && batch.texts.len() > 1 && !is_one_name {
        let again = Settlement {
            state: State::Ready,
            reason: Reason::TryAgain,
            detail: None,
            next_at: now,
            keep_lease: true,
        };
        unit.settle(attempt, again).await?;
        let other = services.ids.next(now);
        let keep = i64::try_from(batch.texts.len() / 2).unwrap_or(1);
        unit.split_lease(&batch.lease, &other, keep).await?;
        unit.commit().await?;
        return Ok(vec![batch.lease.clone(), other]);
    }
    let (state, reason) = end_of(&verdict);
    let next_at = match answer.verdict {
        Verdict::NotTaken | Verdict::Zero => later(now, unit.tries(attempt).await?),
        _ => now,
    };
    let detail = answer.words.clone();
    unit.settle(attempt, Settlement { state, reason, detail, next_at, keep_lease: false }).await?;
    match &verdict {
        Verdict::LinkBroken => {
            unit.set_fault(&batch.lane, Some(verdict::advice(answer.code, answer.subcode)), now).await?;
        }
        Verdict::NameRefused => {
            for name in names {
                unit.refuse_name(&batch.lane.dataset_id, name, now).await?;
            }
        }
        Verdict::Throttled(told) => unit.throttle(&batch.lane.dataset_id, *told, THROTTLE, now).await?,
        Verdict::Sent => unit.unthrottle(&batch.lane.dataset_id).await?,
        Verdict::Unknown => {
            if answer.verdict == Verdict::Zero {
                unit.spare_below(attempt, ZEROS_MAX, next_at).await?;
            }
            unit.resend_unknown(attempt, now).await?;
        }
        _ => {}
    }
    if let (Some(rest), false) = (answer.rest, matches!(verdict, Verdict::Throttled(_))) {
        unit.throttle(&batch.lane.dataset_id, Some(rest), THROTTLE, now).await?;
    }
    // What hung on these rows: an uplift waits for its Purchase, and ends with it.
    update_conversions_of(&mut unit, services, (attempt, &batch.page), now).await?;
    unit.commit().await?;
    Ok(Vec::new())
}

/// Settles an attempt as `unknown` that nobody waits for any more.
pub(in crate::flow) async fn abandon(
    unit: &mut Unit,
    services: &Services,
    (attempt, page): (&AttemptId, &PageId),
    now: Timestamp,
) -> Result<bool> {
    unit.lock_conversations(Scope::Attempt(attempt)).await?;
    let answer =
        GraphAnswer::unanswered(Verdict::Unknown, "the process that sent it ended before the answer came");
    if !unit.close_attempt(attempt, Verdict::Unknown.as_str(), &answer, now).await? {
        return Ok(false);
    }
    let settlement = Settlement {
        state: State::Unknown,
        reason: Reason::AnswerLost,
        detail: answer.words,
        next_at: now,
        keep_lease: false,
    };
    unit.settle(attempt, settlement).await?;
    unit.resend_unknown(attempt, now).await?;
    update_conversions_of(unit, services, (attempt, page), now).await?;
    Ok(true)
}

/// Judges what an attempt touches. Where every conversion has ended there is nothing to judge.
pub(in crate::flow) async fn update_conversions_of(
    unit: &mut Unit,
    services: &Services,
    (attempt, page): (&AttemptId, &PageId),
    now: Timestamp,
) -> Result<()> {
    let page = unit.page(page).await?.ok_or_else(|| Error::not_found("Page"))?;
    let rules = unit.rules(&page).await?;
    for (place, mut aggregate) in unit.load_conversations(Scope::Open(attempt)).await?.into_iter().enumerate()
    {
        give_way(place).await;
        update_conversions(unit, services, &mut aggregate, &page, &rules, now).await?;
    }
    Ok(())
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

/// When a row that was tried so often may be tried again.
fn later(now: Timestamp, tries: i64) -> Timestamp {
    let doublings = u32::try_from(tries.saturating_sub(1).clamp(0, 16)).unwrap_or(0);
    now + (RETRY_FIRST * 2_u32.pow(doublings)).min(RETRY_MAX)
}
