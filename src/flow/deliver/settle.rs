//! Settling an attempt: its verdict for each conversion that it carried, and what follows for its lane and dataset.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AttemptId, PageId};
use crate::domain::retry::Backoff;
use crate::domain::signal::attempt::{GraphAnswer, PassingFaults, Verdict, ZEROS_MAX};
use crate::domain::signal::conversion::{EventName, Reason, State};
use crate::error::Result;
use crate::flow::convert::conversions::update_conversions;
use crate::flow::convert::loaded::{PageRules, Pages};
use crate::flow::deliver::lease::Batch;
use crate::flow::unit::run::{self, yield_between};
use crate::flow::unit::services::Services;
use crate::meta::events::verdict;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::attempt::Settlement;
use crate::store::lane::ThrottleSteps;

/// The back-off of the next try, after an answer that is certain not to have been taken.
const RETRY: Backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_mins(15) };

/// How far back a look at a Page's attempts goes, which tells an outage of Meta's from the fault of one event: longer than
/// the longest back-off.
const LOOK_BACK: Duration = Duration::from_hours(1);

/// The pause of a dataset that Meta throttles without saying for how long: the first, and the longest.
const THROTTLE: ThrottleSteps =
    ThrottleSteps { first: Duration::from_mins(1), longest: Duration::from_mins(15) };

/// Settles an attempt by Meta's answer. Gives the leases under which there is more to send at once: both halves of a
/// refused batch.
pub async fn settle(services: &Services, batch: &Batch, answer: &GraphAnswer) -> Result<Vec<String>> {
    run::run(services, "settle", |unit, _| Box::pin(settle_within(unit, services, batch, answer))).await
}

async fn settle_within(
    unit: &mut Unit,
    services: &Services,
    batch: &Batch,
    answer: &GraphAnswer,
) -> Result<Vec<String>> {
    let now = services.clock.now();
    let attempt = &batch.attempt;
    unit.lock_conversations(Scope::Attempt(attempt)).await?;
    let names = unit.names_in(attempt).await?;
    let verdict = match answer.verdict {
        Verdict::Zero if unit.count_zero(attempt).await? >= ZEROS_MAX => Verdict::Unknown,
        Verdict::NameRefused if names.len() == 1 && names.contains(&EventName::Purchase) => {
            Verdict::LinkBroken
        }
        other => other,
    };
    if !unit.close_attempt(attempt, verdict, answer, now).await? {
        return Ok(Vec::new());
    }
    let is_one_name = verdict == Verdict::NameRefused && names.len() == 1;
    let saves_others = match verdict {
        Verdict::TooMuch => passing_faults(unit, batch, now).await?.halve(),
        Verdict::NotTaken if answer.code.is_some() => passing_faults(unit, batch, now).await?.bisect(),
        verdict => verdict.is_of_one_event() && !is_one_name,
    };
    if saves_others && batch.texts.len() > 1 {
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
        return Ok(vec![batch.lease.clone(), other]);
    }
    let (state, reason) = end_of(&verdict);
    let next_at = match answer.verdict {
        Verdict::NotTaken | Verdict::TooMuch | Verdict::Zero => RETRY.next(now, unit.tries(attempt).await?),
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
        Verdict::Throttled(by_meta) => unit.throttle(&batch.lane.dataset_id, *by_meta, THROTTLE, now).await?,
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
    // Other conversions depend on these: an uplift waits for its Purchase, and ends with it.
    update_conversions_of(unit, services, attempt, &batch.page).await?;
    Ok(Vec::new())
}

/// The passing faults that the conversions of a batch met, this one included. What a bisection meets on its way counts as
/// the one that began it.
async fn passing_faults(unit: &mut Unit, batch: &Batch, now: Timestamp) -> Result<PassingFaults> {
    if batch.barren == 0 {
        unit.count_passing_fault(&batch.attempt).await?;
    }
    let met = unit.passing_faults(&batch.attempt).await?;
    let others_taken = unit.took_others(&batch.attempt, &batch.page, now - LOOK_BACK).await?;
    Ok(PassingFaults { met, others_taken, barren: batch.barren })
}

/// Settles as `unknown` an attempt whose answer no process waits for any more; false if it was settled meanwhile.
pub(in crate::flow) async fn abandon(
    unit: &mut Unit,
    services: &Services,
    attempt: &AttemptId,
    page: &PageId,
) -> Result<bool> {
    let now = services.clock.now();
    unit.lock_conversations(Scope::Attempt(attempt)).await?;
    let answer =
        GraphAnswer::unanswered(Verdict::Unknown, "the process that sent it ended before the answer came");
    if !unit.close_attempt(attempt, Verdict::Unknown, &answer, now).await? {
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
    update_conversions_of(unit, services, attempt, page).await?;
    Ok(true)
}

/// Brings the conversions of an attempt's conversations in line with their ledgers. Where every conversion is in a
/// final state, nothing is loaded.
pub(in crate::flow) async fn update_conversions_of(
    unit: &mut Unit,
    services: &Services,
    attempt: &AttemptId,
    page: &PageId,
) -> Result<()> {
    let PageRules { page, rules } = Pages::default().of(unit, page).await?;
    let now = services.clock.now();
    let open = unit.load_conversations(Scope::Open(attempt)).await?;
    for (index, mut aggregate) in open.into_iter().enumerate() {
        yield_between(index).await;
        update_conversions(unit, services, &mut aggregate, &page, &rules, now).await?;
    }
    Ok(())
}

fn end_of(verdict: &Verdict) -> (State, Reason) {
    match verdict {
        Verdict::Sent => (State::Sent, Reason::Taken),
        Verdict::Refused => (State::Rejected, Reason::Refused),
        Verdict::RegionRefused => (State::Rejected, Reason::RegionRefused),
        Verdict::TooOld => (State::Expired, Reason::TooOld),
        Verdict::NameRefused => (State::Suppressed, Reason::NameRefused),
        Verdict::Unknown => (State::Unknown, Reason::AnswerLost),
        Verdict::LinkBroken
        | Verdict::Throttled(_)
        | Verdict::NotTaken
        | Verdict::TooMuch
        | Verdict::Zero => (State::Ready, Reason::TryAgain),
    }
}
