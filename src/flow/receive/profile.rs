//! Profiles (names and pictures) of the people who write: each is asked for until Meta shows it, with back-off and a
//! limit of tries.

use std::time::Duration;

use crate::domain::basic::identity::{ConversationId, PageId};
use crate::domain::retry::Backoff;
use crate::error::Result;
use crate::flow::unit::graph_call::GraphCall;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::customer::WantedProfile;

/// The most people of one Page whose profiles one round asks for.
const ASKED_AT_ONCE: i64 = 20;

/// The most calls for one person.
const TRIES_MAX: i64 = 4;

/// The back-off of a call that failed.
const RETRY: Backoff = Backoff { first: Duration::from_mins(1), longest: Duration::from_hours(6) };

/// A call for the profile of a person whose name is not known.
pub type ProfileCall = GraphCall<WantedProfile>;

/// The people whose profiles are due to be asked for.
pub async fn people_to_name(services: &Services) -> Result<Vec<ProfileCall>> {
    let now = services.clock.now();
    let mut unit = services.store.read().await?;
    let mut wanted = Vec::new();
    for head in unit.page_heads(None).await? {
        let due = unit.wanted_profiles(&head.id, now, ASKED_AT_ONCE).await?;
        if due.is_empty() {
            continue;
        }
        let Some(page) = unit.page(&head.id).await? else { continue };
        wanted.extend(due.into_iter().map(|due| GraphCall {
            page: head.id.clone(),
            token: page.lane.token.clone(),
            subject: due,
        }));
    }
    Ok(wanted)
}

/// Records the name and picture that Meta shows of a person.
pub async fn name_person(
    services: &Services,
    conversation: &ConversationId,
    name: Option<String>,
    picture: Option<Vec<u8>>,
) -> Result<()> {
    let (name, picture) = (&name, &picture);
    run::run(services, "name_person", |unit, _| {
        Box::pin(unit.set_profile(conversation, name.clone(), picture.clone(), services.clock.now()))
    })
    .await
}

/// Why Meta did not show a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotShown {
    /// Meta shows nothing of this person.
    Never,
    /// The call failed; another try may help.
    Later,
    /// Meta shows nobody of this Page, for about this time.
    Page(Duration),
}

/// Records that Meta did not show a person, after `tries` earlier calls.
pub async fn not_shown(
    services: &Services,
    page: &PageId,
    conversation: &ConversationId,
    tries: i64,
    why: NotShown,
) -> Result<()> {
    let now = services.clock.now();
    run::run(services, "person_not_shown", |unit, _| {
        Box::pin(async move {
            match why {
                NotShown::Never => unit.profile_refused(conversation, None).await?,
                NotShown::Later => {
                    let again = (tries + 1 < TRIES_MAX).then(|| RETRY.next(now, tries + 1));
                    unit.profile_refused(conversation, again).await?;
                }
                NotShown::Page(span) => unit.put_profiles_off(page, now + span).await?,
            }
            Ok(())
        })
    })
    .await
}
