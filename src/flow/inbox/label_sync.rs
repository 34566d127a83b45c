//! Calls to Meta about labels: the names that a webhook left out, and taking a label off a person once its tag is
//! recorded, so that the next order can carry it.

use std::time::Duration;

use crate::domain::basic::identity::{PageId, PersonId};
use crate::domain::inbox::label;
use crate::domain::retry::Backoff;
use crate::error::Result;
use crate::flow::convert::loaded::Conversations;
use crate::flow::inbox::label::apply_labels;
use crate::flow::unit::graph_call::GraphCall;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::label::{LabelRemoval, RemovalOutcome, WantedLabelName};

/// The most calls that one round makes.
const DONE_AT_ONCE: i64 = 200;

/// The back-off of a call that failed.
const RETRY: Backoff = Backoff { first: Duration::from_secs(30), longest: Duration::from_hours(6) };

/// The most calls to take one label off one person.
const TRIES_MAX: i64 = 8;

/// How long a replica has a call to itself, so that no other makes it too.
const ASKED_FOR: Duration = Duration::from_mins(2);

/// The calls for label names that are due.
pub async fn labels_to_name(services: &Services) -> Result<Vec<GraphCall<WantedLabelName>>> {
    let mut unit = services.store.read().await?;
    let mut wanted = Vec::new();
    for due in unit.wanted_label_names(services.clock.now(), DONE_AT_ONCE).await? {
        let Some(known) = unit.page(&due.page).await? else { continue };
        wanted.push(GraphCall { page: known.id, token: known.lane.token, subject: due });
    }
    Ok(wanted)
}

/// Records a label's name that Meta gave, and applies the label changes that waited for it.
pub async fn name_label(services: &Services, page: &PageId, label_id: &str, name: &str) -> Result<()> {
    run::run(services, "name_label", |unit, _| {
        Box::pin(async move {
            unit.set_label_name(page, label_id, name, services.clock.now()).await?;
            let labels = unit.page(page).await?.map(|page| page.labels);
            if labels.is_some_and(|labels| label::meaning(&labels, name).is_none()) {
                unit.count_kept(page, "label_unmapped", 1).await?;
                unit.drop_label_changes(page, label_id).await?;
            }
            let touched = unit.conversations_with_label(page, label_id).await?;
            let mut conversations = Conversations::new(services.clock.now());
            conversations.load_all(unit, &touched).await?;
            for conversation in &touched {
                let mut loaded = conversations.take(unit, conversation).await?;
                apply_labels(unit, services, &mut loaded).await?;
            }
            Ok(())
        })
    })
    .await
}

/// Records that Meta did not give a label's name, after `tries` earlier calls; the next call follows by back-off.
pub async fn unnamed(services: &Services, page: &PageId, label_id: &str, tries: i64) -> Result<()> {
    run::run(services, "label_not_named", |unit, _| {
        Box::pin(async move {
            unit.label_name_refused(page, label_id, Some(RETRY.next(services.clock.now(), tries + 1)))
                .await?;
            Ok(())
        })
    })
    .await
}

/// The calls to take labels off that are due.
pub async fn labels_to_take_off(services: &Services) -> Result<Vec<GraphCall<LabelRemoval>>> {
    let mut unit = services.store.read().await?;
    let mut wanted = Vec::new();
    for (page, write) in unit.due_label_writes(services.clock.now(), DONE_AT_ONCE).await? {
        let Some(known) = unit.page(&page).await? else { continue };
        wanted.push(GraphCall { page, token: known.lane.token, subject: write });
    }
    Ok(wanted)
}

/// Records that Meta is about to be asked to take a label off, so that the webhook which reports this is recognised as
/// the service's own change. Gives the person; `None` if there is nothing to ask any more.
pub async fn ask_to_take_off(services: &Services, write: &LabelRemoval) -> Result<Option<PersonId>> {
    run::run(services, "ask_to_take_off", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            if !unit.ask_label_write(write, now, now + ASKED_FOR).await? {
                return Ok(None);
            }
            let person = unit.person_of(&write.conversation).await?;
            if person.is_none() {
                unit.settle_label_write(write, RemovalOutcome::default()).await?;
            }
            Ok(person)
        })
    })
    .await
}

/// What a call to take a label off came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenOff {
    /// Meta took it off.
    Done,
    /// Meta certainly did not take it off.
    No {
        /// Whether another try may help.
        again: bool,
    },
    /// The answer was lost: it is not known whether Meta took it off.
    Unknown,
}

/// Records what a call to take a label off came to.
pub async fn settle_taking_off(services: &Services, write: &LabelRemoval, came_to: TakenOff) -> Result<()> {
    run::run(services, "settle_taking_off", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            let rows = unit.label_writes(&write.conversation).await?;
            let row =
                rows.iter().find(|row| row.label_id == write.label_id && row.began_at == write.began_at);
            let asked_at = row.and_then(|row| row.asked_at);
            let later = (write.tries + 1 < TRIES_MAX).then(|| RETRY.next(now, write.tries + 1));
            let none = RemovalOutcome::default();
            let outcome = match came_to {
                TakenOff::Done => RemovalOutcome { asked_at, done_at: Some(now), ..none },
                TakenOff::No { again } => RemovalOutcome { next_at: later.filter(|_| again), ..none },
                TakenOff::Unknown => RemovalOutcome { asked_at, next_at: later, ..none },
            };
            unit.settle_label_write(write, outcome).await
        })
    })
    .await
}
