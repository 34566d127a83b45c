//! Asks Meta for the names and pictures of the people who write. Pages work side by side.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::basic::identity::PageId;
use crate::error::Result;
use crate::flow::{self, NotShown, ProfileCall, Services};
use crate::meta::call::CallFailure;
use crate::meta::events::graph::Graph;
use crate::worker::driver::{side_by_side, unless_stopped};

/// How long a Page's profiles are not asked for when its token may not read them, or its link has a fault.
const NOT_GRANTED: Duration = Duration::from_hours(6);

/// How long a Page's profiles are not asked for after Meta throttled.
const THROTTLED: Duration = Duration::from_mins(15);

/// Asks for all who are due now; gives the number of calls that it took.
///
/// # Errors
/// The first failure of a Page; the other Pages are finished nevertheless.
pub async fn drain(services: &Services, graph: &Graph, stop: &CancellationToken) -> Result<usize> {
    let mut pages: BTreeMap<PageId, Vec<ProfileCall>> = BTreeMap::new();
    for unnamed in flow::people_to_name(services).await? {
        pages.entry(unnamed.page.clone()).or_default().push(unnamed);
    }
    let tasks = pages.into_values().map(|people| {
        let (services, graph, stop) = (services.clone(), graph.clone(), stop.clone());
        async move { drain_page(&services, &graph, people, &stop).await }
    });
    side_by_side(tasks).await
}

async fn drain_page(
    services: &Services,
    graph: &Graph,
    people: Vec<ProfileCall>,
    stop: &CancellationToken,
) -> Result<usize> {
    let mut calls = 0;
    for ProfileCall { page, token, subject: person } in people {
        let Some(answer) = unless_stopped(stop, graph.profile(&token, &person.person)).await else { break };
        calls += 1;
        let profile = match answer {
            Ok(profile) => profile,
            Err(refused) => {
                let shown = meaning(&refused);
                flow::not_shown(services, &page, &person.conversation, person.tries, shown).await?;
                if let NotShown::Page(span) = shown {
                    let (code, subcode) = (refused.code, refused.subcode);
                    tracing::warn!(
                        page.id = %page, code, subcode,
                        "Names of people are not shown on Page {page}, and asked for again in {span:?}"
                    );
                    break;
                }
                continue;
            }
        };
        let picture = match &profile.picture {
            Some(address) => unless_stopped(stop, graph.picture(address)).await.flatten(),
            None => None,
        };
        flow::name_person(services, &person.conversation, profile.name, picture).await?;
    }
    Ok(calls)
}

/// What a refusal means for the person, or for all of the Page.
fn meaning(refused: &CallFailure) -> NotShown {
    if refused.is_not_granted() {
        NotShown::Page(NOT_GRANTED)
    } else if refused.is_throttled() {
        NotShown::Page(THROTTLED)
    } else if refused.is_about_the_object() {
        NotShown::Never
    } else {
        NotShown::Later
    }
}
