//! Settling an attempt: its verdict for each conversion that it carried, and what follows for its Page and dataset.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::domain::basic::identity::{AttemptId, PageId};
use crate::domain::retry::Backoff;
use crate::domain::signal::attempt::{GraphAnswer, Verdict, ZEROS_MAX};
use crate::domain::signal::conversion::{EventName, Reason, State};
use crate::error::{Error, Result};
use crate::flow::convert::conversions::update_conversions;
use crate::flow::convert::loaded::{PageRules, Pages};
use crate::flow::deliver::claim::Batch;
use crate::flow::unit::run::{self, yield_between};
use crate::flow::unit::services::Services;
use crate::meta::events::verdict;
use crate::store::Unit;
use crate::store::aggregate::Scope;
use crate::store::page::Page;

/// After an answer that says "certainly not taken", the next try.
const RETRY: Backoff = Backoff { first: Duration::from_secs(5), longest: Duration::from_mins(15) };

/// The pause of a dataset that Meta throttles without saying for how long: the first, and the longest.
const THROTTLE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(15));

/// Writes what an attempt came to. Gives the leases under which there is more to send at once: both halves of a
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
    let page = unit.page(&batch.page).await?.ok_or_else(|| Error::not_found("Page"))?;
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
        unit.settle(attempt, (State::Ready, Reason::TryAgain, None), (now, true)).await?;
        let other = services.ids.next(now);
        let keep = i64::try_from(batch.texts.len() / 2).unwrap_or(1);
        unit.split_lease(&batch.lease, &other, keep).await?;
        return Ok(vec![batch.lease.clone(), other]);
    }
    let (state, reason) = end_of(&verdict);
    let next_at = match answer.verdict {
        Verdict::NotTaken | Verdict::Zero => RETRY.next(now, unit.tries(attempt).await?),
        _ => now,
    };
    unit.settle(attempt, (state, reason, answer.words.clone()), (next_at, false)).await?;
    match &verdict {
        Verdict::LinkBroken if is_link_of(&page, batch) => {
            unit.set_fault(&batch.page, Some(verdict::advice(answer.code, answer.subcode)), now).await?;
        }
        Verdict::NameRefused => {
            for name in names {
                unit.refuse_name(&batch.dataset, name, now).await?;
            }
        }
        Verdict::Throttled(told) => unit.throttle(&batch.dataset, *told, THROTTLE, now).await?,
        Verdict::Sent => unit.unthrottle(&batch.dataset).await?,
        Verdict::Unknown => {
            if answer.verdict == Verdict::Zero {
                unit.spare_below(attempt, ZEROS_MAX, next_at).await?;
            }
            unit.resend_unknown(attempt, now).await?;
        }
        _ => {}
    }
    if let (Some(rest), false) = (answer.rest, matches!(verdict, Verdict::Throttled(_))) {
        unit.throttle(&batch.dataset, Some(rest), THROTTLE, now).await?;
    }
    // What hung on these rows: an uplift waits for its Purchase, and ends with it.
    update_conversions_of(unit, services, attempt, &page.id).await?;
    Ok(Vec::new())
}

/// Settles as `unknown` an attempt that nobody waits for any more; false if it was settled meanwhile.
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
    if !unit.close_attempt(attempt, Verdict::Unknown.as_str(), &answer, now).await? {
        return Ok(false);
    }
    unit.settle(attempt, (State::Unknown, Reason::AnswerLost, answer.words), (now, false)).await?;
    unit.resend_unknown(attempt, now).await?;
    update_conversions_of(unit, services, attempt, page).await?;
    Ok(true)
}

/// Brings the conversions of an attempt's conversations in line with their ledgers. Where every conversion has ended
/// there is nothing to do, and nothing is loaded.
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

/// Whether the Page still has the token and the dataset that the batch was sent with; else they were mended
/// meanwhile.
fn is_link_of(page: &Page, batch: &Batch) -> bool {
    page.dataset_id == batch.dataset && page.token.expose_secret() == batch.token.expose_secret()
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
