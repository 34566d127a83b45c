//! Sends what is due, lane by lane: a lane is one Page with its dataset and token.

use crate::error::Result;
use crate::flow::{self, House};
use crate::meta::graph::Graph;
use crate::meta::payload;
use crate::vocabulary::identity::{ConversionId, PageId};

/// Sends everything that is due now on every Page; gives the number of requests that it took.
pub async fn drain(house: &House, graph: &Graph) -> Result<usize> {
    flow::recover(house).await?;
    flow::release(house).await?;
    let mut requests = 0;
    let mut unit = house.store.read().await?;
    let pages = unit.sending_pages(house.clock.now()).await?;
    unit.commit().await?;
    for page in pages {
        while let Some(lease) = flow::claim(house, &page).await? {
            let sent = send_claimed(house, graph, &page, &lease).await?;
            requests += sent;
            if sent == 0 {
                break;
            }
        }
    }
    Ok(requests)
}

/// Sends what one lease holds. A refused batch is bisected: each half is an attempt of its own, and every
/// attempt is committed before its first byte.
async fn send_claimed(house: &House, graph: &Graph, page: &PageId, lease: &str) -> Result<usize> {
    let mut requests = 0;
    let mut parts: Vec<Option<Vec<ConversionId>>> = vec![None];
    while let Some(part) = parts.pop() {
        let Some(batch) = flow::open(house, page, lease, part.as_deref()).await? else { continue };
        let body =
            payload::request_body(batch.texts.iter().map(String::as_str), batch.test_event_code.as_deref());
        let answer = graph.send(&batch.dataset, &batch.token, body, batch.conversions.len()).await;
        requests += 1;
        tracing::info!(
            attempt.id = %batch.attempt,
            page.id = %batch.page,
            events = batch.conversions.len(),
            code = answer.code,
            subcode = answer.subcode,
            "Attempt {} with {} events: {:?}",
            batch.attempt,
            batch.conversions.len(),
            answer.verdict,
        );
        if let Some((left, right)) = flow::settle(house, &batch, &answer).await? {
            parts.push(Some(right));
            parts.push(Some(left));
        }
    }
    Ok(requests)
}
