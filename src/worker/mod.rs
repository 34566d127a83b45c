//! Background work: one driver, one file per job. All jobs run side by side until the process stops.

pub mod deliver;
mod driver;
pub mod labels;
pub mod profiles;
mod project;
pub mod publish;
mod time;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::flow::{self, Services};
use crate::meta::events::graph::Graph;

use deliver::Stop;
use driver::{Job, TICK};

/// How long a request to Graph may still take once the process is stopping; then its events are settled as `unknown`.
const FINISH_WITHIN: Duration = Duration::from_secs(9);

/// Runs all jobs until `stop`; returns when no request is in flight any more, at most 9 s later.
/// `came_in` wakes the projection.
pub async fn run(services: Services, graph: Graph, came_in: Arc<Notify>, stop: CancellationToken) {
    if !services.store.is_shared() {
        recover_alone(&services).await;
    }
    let halt = Stop { soon: stop.clone(), now: CancellationToken::new() };
    // It never returns: the jobs do, once they are told.
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(FINISH_WITHIN).await;
        halt.now.cancel();
        std::future::pending::<()>().await;
    };
    let (services, graph, stop, halt) = (&services, &graph, &stop, &halt);
    let clock = &services.clock;
    let projecting = Job { name: "Projecting", tick: TICK, wake: Some(&came_in) };
    let dropping = Job { name: "Dropping what aged out", tick: time::RETENTION_TICK, wake: None };
    let jobs = async {
        tokio::join!(
            projecting.run(clock, stop, || project::drain(services, stop)),
            Job::every_tick("Sending")
                .run(clock, stop, || async { deliver::drain(services, graph, halt).await.map(drop) }),
            Job::every_tick("Asking about labels")
                .run(clock, stop, || async { labels::drain(services, graph, stop).await.map(drop) }),
            Job::every_tick("Asking about people")
                .run(clock, stop, || async { profiles::drain(services, graph, stop).await.map(drop) }),
            publish::run(services, stop),
            Job::every_tick("Ending what is due").run(clock, stop, || time::end_what_is_due(services)),
            dropping.run(clock, stop, || time::drop_what_aged_out(services)),
        )
    };
    tokio::select! {
        _ = jobs => {}
        () = cut_off => {}
    }
}

/// On a database that is not shared, settles at once what was open when the last process ended: nobody else waits for
/// those answers.
async fn recover_alone(services: &Services) {
    match flow::recover_alone(services).await {
        Ok(0) => {}
        Ok(attempts) => tracing::warn!(attempts, "{attempts} attempts were open at the last end"),
        Err(error) => tracing::error!("What was open at the last end can't be settled yet: {error}"),
    }
}
