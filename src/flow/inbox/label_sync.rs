//! What the service asks of Meta about labels: the names that Meta left out, and taking off what was heard.

use std::time::Duration;

use secrecy::SecretString;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{PageId, PersonId};
use crate::domain::inbox::label;
use crate::error::Result;
use crate::flow::inbox::label::apply_labels;
use crate::flow::services::Services;
use crate::flow::unit::retried;
use crate::store::label::{LabelRemoval, RemovalOutcome, WantedLabelName};

/// Things that one round does.
const DONE_AT_ONCE: i64 = 200;

/// A failed call is made again after so long, doubling with each.
const AGAIN_FIRST: Duration = Duration::from_secs(30);

/// And at most so long.
const AGAIN_MAX: Duration = Duration::from_hours(6);

/// So often Meta is asked to take one label off.
const TRIES_MAX: i64 = 8;

/// While Meta is asked, nobody else asks.
const ASKED_FOR: Duration = Duration::from_mins(2);

/// What a call about a label needs.
#[derive(Clone, Debug)]
pub struct GraphCall<T> {
    /// The Page.
    pub page: PageId,
    /// Its token.
    pub token: SecretString,
    /// What about.
    pub about: T,
}

/// The labels whose names are due to be asked for, with the number of tries before.
pub async fn labels_to_name(services: &Services) -> Result<Vec<GraphCall<(String, i64)>>> {
    let mut unit = services.store.read().await?;
    let mut wanted = Vec::new();
    for wanted_name in unit.wanted_label_names(services.clock.now(), DONE_AT_ONCE).await? {
        let WantedLabelName { page, label_id, tries } = wanted_name;
        let Some(known) = unit.page(&page).await? else { continue };
        wanted.push(GraphCall { page, token: known.lane.token, about: (label_id, tries) });
    }
    Ok(wanted)
}

/// Meta gave a label's name: what waited for it takes effect.
pub async fn name_label(services: &Services, page: &PageId, label_id: &str, name: &str) -> Result<()> {
    retried(move || async move {
        let mut unit = services.store.begin("name_label").await?;
        unit.set_label_name(page, label_id, name, services.clock.now()).await?;
        let labels = unit.page(page).await?.map(|page| page.labels);
        if labels.is_some_and(|labels| label::meaning(&labels, name).is_none()) {
            unit.count_kept(page, "label_unmapped", 1).await?;
            unit.forget_label_changes(page, label_id).await?;
        }
        for conversation in unit.conversations_with_label(page, label_id).await? {
            apply_labels(&mut unit, services, &conversation).await?;
        }
        unit.commit().await
    })
    .await
}

/// Meta did not give a label's name. It is asked for again, less and less often.
pub async fn unnamed(services: &Services, page: &PageId, (label_id, tries): (&str, i64)) -> Result<()> {
    let mut unit = services.store.begin("label_not_named").await?;
    unit.label_name_refused(page, label_id, Some(again(services.clock.now(), tries))).await?;
    unit.commit().await
}

/// The labels that are due to be taken off.
pub async fn labels_to_take_off(services: &Services) -> Result<Vec<GraphCall<LabelRemoval>>> {
    let mut unit = services.store.read().await?;
    let mut wanted = Vec::new();
    for (page, write) in unit.due_label_writes(services.clock.now(), DONE_AT_ONCE).await? {
        let Some(known) = unit.page(&page).await? else { continue };
        wanted.push(GraphCall { page, token: known.lane.token, about: write });
    }
    Ok(wanted)
}

/// Writes down that Meta is about to be asked, so that the webhook which tells of it is known as the service's
/// own. Gives the person; none if nothing is to be asked.
pub async fn ask_to_take_off(services: &Services, write: &LabelRemoval) -> Result<Option<PersonId>> {
    retried(move || async move {
        let now = services.clock.now();
        let mut unit = services.store.begin("ask_to_take_off").await?;
        if !unit.ask_label_write(write, now, now + ASKED_FOR).await? {
            return Ok(None);
        }
        let person = unit.person_of(&write.conversation).await?;
        if person.is_none() {
            unit.settle_label_write(write, RemovalOutcome::default()).await?;
        }
        unit.commit().await?;
        Ok(person)
    })
    .await
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenOff {
    /// It is off.
    Done,
    /// Certainly not; worth another try or not.
    No {
        /// It may be done later.
        again: bool,
    },
    /// Nobody knows.
    Unknown,
}

/// Writes down what came of asking.
pub async fn settle_taking_off(services: &Services, write: &LabelRemoval, came_to: TakenOff) -> Result<()> {
    retried(move || async move {
        let now = services.clock.now();
        let mut unit = services.store.begin("settle_taking_off").await?;
        let request = unit.label_writes(&write.conversation).await?;
        let request =
            request.iter().find(|row| row.label_id == write.label_id && row.began_at == write.began_at);
        let asked_at = request.and_then(|row| row.asked_at);
        let later = (write.tries + 1 < TRIES_MAX).then(|| again(now, write.tries));
        let none = RemovalOutcome::default();
        let outcome = match came_to {
            TakenOff::Done => RemovalOutcome { asked_at, done_at: Some(now), ..none },
            TakenOff::No { again } => RemovalOutcome { next_at: later.filter(|_| again), ..none },
            TakenOff::Unknown => RemovalOutcome { asked_at, next_at: later, ..none },
        };
        unit.settle_label_write(write, outcome).await?;
        unit.commit().await
    })
    .await
}

fn again(now: Timestamp, tries: i64) -> Timestamp {
    let doubled = AGAIN_FIRST.saturating_mul(1 << tries.clamp(0, 16));
    now + doubled.min(AGAIN_MAX)
}
