//! Names and pictures of the people who write, as far as Meta shows them: asked for once each, and less and
//! less often where Meta does not answer.

use std::time::Duration;

use crate::domain::basic::identity::{ConversationId, PageId, PersonId};
use crate::error::Result;
use crate::flow::GraphCall;
use crate::flow::services::Services;

/// People of one Page that one round asks for.
const ASKED_AT_ONCE: i64 = 20;

/// So often somebody is asked for.
const TRIES_MAX: i64 = 4;

/// A failed call is made again after so long, doubling with each.
const AGAIN_FIRST: Duration = Duration::from_mins(1);

/// Somebody of whom Meta is to be asked.
pub type Unnamed = GraphCall<(ConversationId, PersonId, i64)>;

/// The people whose profiles are due to be asked for.
pub async fn people_to_name(services: &Services) -> Result<Vec<Unnamed>> {
    let now = services.clock.now();
    let mut unit = services.store.read().await?;
    let mut wanted = Vec::new();
    for head in unit.page_heads(None).await? {
        let due = unit.wanted_profiles(&head.id, now, ASKED_AT_ONCE).await?;
        if due.is_empty() {
            continue;
        }
        let Some(page) = unit.page(&head.id).await? else { continue };
        wanted.extend(due.into_iter().map(|wanted| GraphCall {
            page: head.id.clone(),
            token: page.lane.token.clone(),
            about: (wanted.conversation, wanted.person, wanted.tries),
        }));
    }
    Ok(wanted)
}

/// Meta showed a person.
pub async fn name_person(
    services: &Services,
    conversation: &ConversationId,
    name: Option<String>,
    picture: Option<Vec<u8>>,
) -> Result<()> {
    let mut unit = services.store.begin("name_person").await?;
    unit.set_profile(conversation, name, picture, services.clock.now()).await?;
    unit.commit().await
}

/// Why a person was not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotShown {
    /// Meta shows nothing of this person.
    Never,
    /// The call failed.
    Later,
    /// Nobody of this Page is shown for so long.
    Page(Duration),
}

/// Meta did not show a person.
pub async fn not_shown(
    services: &Services,
    page: &PageId,
    (conversation, tries): (&ConversationId, i64),
    why: NotShown,
) -> Result<()> {
    let now = services.clock.now();
    let mut unit = services.store.begin("person_not_shown").await?;
    match why {
        NotShown::Never => unit.profile_refused(conversation, None).await?,
        NotShown::Later => {
            let doubled = AGAIN_FIRST.saturating_mul(1 << tries.clamp(0, 8));
            let again = (tries + 1 < TRIES_MAX).then(|| now + doubled);
            unit.profile_refused(conversation, again).await?;
        }
        NotShown::Page(span) => unit.put_profiles_off(page, now + span).await?,
    }
    unit.commit().await
}
