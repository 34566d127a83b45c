//! Asks Meta for the names of labels that its webhooks left out, and takes labels off whose tag is recorded. Pages work
//! side by side, so that a slow or faulty one holds up no other.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use crate::domain::basic::identity::PageId;
use crate::error::Result;
use crate::flow::{self, GraphCall, Services, TakenOff};
use crate::meta::call::CallFailure;
use crate::meta::events::graph::Graph;
use crate::store::label::{LabelRemoval, WantedLabelName};
use crate::worker::driver::{side_by_side, unless_stopped};

/// The calls to Graph that are due on one Page.
#[derive(Default)]
struct Due {
    names: Vec<GraphCall<WantedLabelName>>,
    writes: Vec<GraphCall<LabelRemoval>>,
}

/// Makes all calls that are due now; gives their number.
///
/// # Errors
/// The first failure of a Page; the other Pages are finished nevertheless.
pub async fn drain(services: &Services, graph: &Graph, stop: &CancellationToken) -> Result<usize> {
    let mut pages: BTreeMap<PageId, Due> = BTreeMap::new();
    for call in flow::labels_to_name(services).await? {
        pages.entry(call.page.clone()).or_default().names.push(call);
    }
    for call in flow::labels_to_take_off(services).await? {
        pages.entry(call.page.clone()).or_default().writes.push(call);
    }
    let tasks = pages.into_values().map(|due| {
        let (services, graph, stop) = (services.clone(), graph.clone(), stop.clone());
        async move { drain_page(&services, &graph, due, &stop).await }
    });
    side_by_side(tasks).await
}

async fn drain_page(services: &Services, graph: &Graph, due: Due, stop: &CancellationToken) -> Result<usize> {
    let mut calls = 0;
    for GraphCall { page, token, subject: label } in due.names {
        let Some(answer) = unless_stopped(stop, graph.label_name(&token, &label.label_id)).await else {
            break;
        };
        calls += 1;
        match answer {
            Ok(name) => flow::name_label(services, &page, &label.label_id, &name).await?,
            Err(refused) => {
                log_refusal(&page, "A label's name is not known yet", &refused);
                flow::unnamed(services, &page, &label.label_id, label.tries).await?;
            }
        }
    }
    for GraphCall { page, token, subject: write } in due.writes {
        if stop.is_cancelled() {
            break;
        }
        let Some(psid) = flow::ask_to_take_off(services, &write).await? else { continue };
        let answer = unless_stopped(stop, graph.take_label_off(&token, &write.label_id, &psid)).await;
        calls += 1;
        let outcome = match answer {
            Some(Ok(())) => TakenOff::Done,
            Some(Err(refused)) => {
                log_refusal(&page, "A label that was heard is not taken off", &refused);
                if refused.is_certain {
                    TakenOff::No { again: refused.is_retryable }
                } else {
                    TakenOff::Unknown
                }
            }
            None => TakenOff::Unknown,
        };
        flow::settle_taking_off(services, &write, outcome).await?;
    }
    Ok(calls)
}

fn log_refusal(page: &PageId, what: &str, refused: &CallFailure) {
    let (code, subcode) = (refused.code, refused.subcode);
    tracing::warn!(page.id = %page, code, subcode, "{what} on Page {page}: {refused}");
}
