//! Sends what is due, lane by lane. Lanes work side by side, so that a slow or faulty one holds up no other; several
//! Pages may share one.

use std::collections::VecDeque;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::domain::basic::identity::PageId;
use crate::domain::signal::attempt::{GraphAnswer, Verdict};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::flow::{self, Batch, Services};
use crate::meta::events::graph::Graph;
use crate::meta::events::payload;
use crate::store::lane::SendingLane;
use crate::worker::driver::side_by_side;

/// The most requests of one lane that are in flight at the same time.
const IN_FLIGHT: usize = 4;

/// The two stages of ending delivery.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// First stage: nothing more is leased, and no further attempt is opened.
    pub soon: CancellationToken,
    /// Second stage: an attempt that still waits for its answer is settled as `unknown`.
    pub now: CancellationToken,
}

/// Sends everything that is due now on every lane; gives the number of requests that were sent.
///
/// # Errors
/// The first failure of a lane; the other lanes are finished nevertheless.
pub async fn drain(services: &Services, graph: &Graph, stop: &Stop) -> Result<usize> {
    flow::recover(services).await?;
    flow::release(services).await?;
    let mut unit = services.store.read().await?;
    let sending = unit.sending_lanes(services.clock.now()).await?;
    unit.commit().await?;
    let lanes = sending.into_iter().map(|lane| {
        let (services, graph, stop) = (services.clone(), graph.clone(), stop.clone());
        async move { drain_lane(&services, &graph, lane, &stop).await }
    });
    side_by_side(lanes).await
}

/// Takes leases one after the other, its Pages in turn, each as full as it can be, and sends what they hold side by
/// side.
async fn drain_lane(services: &Services, graph: &Graph, lane: SendingLane, stop: &Stop) -> Result<usize> {
    let mut pages = VecDeque::from(lane.pages);
    // Pages that had nothing due at their last lease; settling may make something due again.
    let mut idle = Vec::new();
    let mut senders = JoinSet::new();
    let (mut requests, mut failed) = (0, None);
    loop {
        while senders.len() < IN_FLIGHT && failed.is_none() && !stop.soon.is_cancelled() {
            let Some(page) = pages.pop_front() else { break };
            match flow::lease(services, &page).await {
                Ok(Some(lease)) => {
                    failpoint::reach("send.leased");
                    pages.push_back(page.clone());
                    let (services, graph, stop) = (services.clone(), graph.clone(), stop.clone());
                    senders.spawn(async move {
                        let sent = send_leased(&services, &graph, &page, lease, &stop).await;
                        sent.map(|sent| (page, sent))
                    });
                }
                Ok(None) => idle.push(page),
                Err(error) => failed = Some(error),
            }
        }
        match senders.join_next().await {
            Some(Ok(Ok((page, sent)))) => {
                requests += sent;
                pages.extend(idle.drain(..));
                if sent == 0 {
                    // Due, but nothing may leave now: this Page would go round without end.
                    pages.retain(|known| *known != page);
                }
            }
            Some(Ok(Err(error))) => failed = failed.or(Some(error)),
            Some(Err(ended)) => failed = failed.or(Some(Error::internal("a sender ended").caused_by(ended))),
            None => return failed.map_or(Ok(requests), Err),
        }
    }
}

/// Sends what one lease holds. A refused batch comes back as two leases: each half is an attempt of its own,
/// and every attempt is committed before its first byte. A half whose lease is lost meanwhile is left to who has it.
async fn send_leased(
    services: &Services,
    graph: &Graph,
    page: &PageId,
    lease: String,
    stop: &Stop,
) -> Result<usize> {
    let (mut requests, mut barren) = (0, 0);
    let mut leases = vec![lease];
    while let Some(lease) = leases.pop() {
        if stop.soon.is_cancelled() {
            break;
        }
        let Some(batch) = flow::open(services, page, &lease).await? else { continue };
        let batch = Batch { barren, ..batch };
        failpoint::reach("send.opened");
        let answer = send(graph, &batch, stop).await;
        failpoint::reach("send.answered");
        requests += 1;
        barren = if answer.verdict == Verdict::Sent { 0 } else { barren + 1 };
        log_verdict(&batch, &answer);
        let halves = flow::settle(services, &batch, &answer).await?;
        failpoint::reach("send.settled");
        leases.extend(halves.into_iter().rev());
    }
    Ok(requests)
}

async fn send(graph: &Graph, batch: &Batch, stop: &Stop) -> GraphAnswer {
    let body =
        payload::request_body(batch.texts.iter().map(String::as_str), batch.test_event_code.as_deref());
    tokio::select! {
        answer = graph.send(&batch.lane.dataset_id, &batch.lane.token, body, batch.texts.len()) => answer,
        () = stop.now.cancelled() => {
            GraphAnswer::unanswered(Verdict::Unknown, "the service had to stop before the answer came")
        }
    }
}

/// Logs the verdict; not Meta's words, which may repeat what we sent.
fn log_verdict(batch: &Batch, answer: &GraphAnswer) {
    let (attempt, page, events) = (&batch.attempt, &batch.page, batch.texts.len());
    let verdict = answer.verdict.as_str();
    let words = format!("Attempt {attempt} with {events} events for Page {page}: {verdict}");
    if answer.verdict == Verdict::Sent {
        tracing::info!(attempt.id = %attempt, page.id = %page, events, verdict, "{words}");
    } else {
        let (code, subcode) = (answer.code, answer.subcode);
        tracing::warn!(attempt.id = %attempt, page.id = %page, events, verdict, code, subcode, "{words}");
    }
}
