//! Asks Meta for the names of labels that it left out, and takes labels off that were heard. Pages work side
//! by side, so that one sick neighbour holds nobody up.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::basic::identity::PageId;
use crate::error::{Error, Result};
use crate::flow::{self, GraphCall, Services, TakenOff};
use crate::meta::events::graph::Graph;
use crate::meta::labels::Refused;
use crate::store::label::LabelRemoval;

/// What is due on one Page.
#[derive(Default)]
struct Due {
    names: Vec<GraphCall<(String, i64)>>,
    writes: Vec<GraphCall<LabelRemoval>>,
}

/// Does all that is due now; gives the number of calls that it took.
///
/// # Errors
/// The first failure of a Page; the other Pages are finished nevertheless.
pub async fn drain(services: &Services, graph: &Graph, stop: &CancellationToken) -> Result<usize> {
    let mut pages: BTreeMap<PageId, Due> = BTreeMap::new();
    for wanted in flow::labels_to_name(services).await? {
        pages.entry(wanted.page.clone()).or_default().names.push(wanted);
    }
    for wanted in flow::labels_to_take_off(services).await? {
        pages.entry(wanted.page.clone()).or_default().writes.push(wanted);
    }
    let mut lanes = JoinSet::new();
    for (_, due) in pages {
        let (services, graph, stop) = (services.clone(), graph.clone(), stop.clone());
        lanes.spawn(async move { drain_page(&services, &graph, due, &stop).await });
    }
    let (mut calls, mut failed) = (0, None);
    while let Some(lane) = lanes.join_next().await {
        match lane {
            Ok(Ok(made)) => calls += made,
            Ok(Err(error)) => failed = failed.or(Some(error)),
            Err(ended) => failed = failed.or(Some(Error::internal("a Page's labels").caused_by(ended))),
        }
    }
    failed.map_or(Ok(calls), Err)
}

async fn drain_page(services: &Services, graph: &Graph, due: Due, stop: &CancellationToken) -> Result<usize> {
    let mut calls = 0;
    for wanted in due.names {
        let GraphCall { page, token, about: (label_id, tries) } = wanted;
        let Some(answer) = until(stop, graph.label_name(&token, &label_id)).await else { break };
        calls += 1;
        match answer {
            Ok(name) => flow::name_label(services, &page, &label_id, &name).await?,
            Err(refused) => {
                tell(&page, "A label's name is not known yet", &refused);
                flow::unnamed(services, &page, (&label_id, tries)).await?;
            }
        }
    }
    for GraphCall { page, token, about: write } in due.writes {
        if stop.is_cancelled() {
            break;
        }
        let Some(psid) = flow::ask_to_take_off(services, &write).await? else { continue };
        let answer = until(stop, graph.take_label_off(&token, &write.label_id, &psid)).await;
        calls += 1;
        let came_to = match answer {
            Some(Ok(())) => TakenOff::Done,
            Some(Err(refused)) => {
                tell(&page, "A label that was heard is not taken off", &refused);
                if refused.is_certain { TakenOff::No { again: refused.again } } else { TakenOff::Unknown }
            }
            None => TakenOff::Unknown,
        };
        flow::settle_taking_off(services, &write, came_to).await?;
    }
    Ok(calls)
}

/// Waits for an answer, but not beyond the word to stop.
async fn until<T>(stop: &CancellationToken, answer: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        answer = answer => Some(answer),
        () = stop.cancelled() => None,
    }
}

fn tell(page: &PageId, what: &str, refused: &Refused) {
    let (code, subcode) = (refused.code, refused.subcode);
    tracing::warn!(page.id = %page, code, subcode, "{what} on Page {page}: {refused}");
}
