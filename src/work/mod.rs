//! Background work: projecting what came in, sending what is due.

pub mod deliver;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::flow::{self, House};
use crate::meta::graph::Graph;

/// The work behind looks for what is due at least so often.
const TICK: Duration = Duration::from_secs(1);

/// Projects what came in and sends what is due, until `stop`; returns when nothing is out any more.
pub async fn run(house: House, graph: Graph, came_in: Arc<Notify>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let round = async {
            while flow::project(&house).await? > 0 {}
            deliver::drain(&house, &graph).await
        };
        if let Err(error) = round.await {
            tracing::error!("The work behind failed and is tried again in {TICK:?}: {error}");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = came_in.notified() => {}
            () = house.clock.sleep(TICK) => {}
        }
    }
}
