//! Background work, in loops beside each other: projecting what came in, sending what is due, asking about
//! labels and people, publishing changes, sweeping up what time alone brings.

pub mod deliver;
pub mod labels;
pub mod profiles;
pub mod publish;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::flow::{self, Services};
use crate::meta::events::graph::Graph;

use deliver::Stop;

/// Each loop looks for work at least so often.
const TICK: Duration = Duration::from_secs(1);

/// A round of so many webhooks shows that many come in: then the next round waits for [`GATHER`], because one unit
/// over many of them costs less than many units, and webhooks are taken meanwhile.
const BUSY: usize = 32;

/// See [`BUSY`].
const GATHER: Duration = Duration::from_millis(40);

/// How often texts, old ids and old answers are dropped.
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// After the word to stop, a request to Graph may be out for so long; then its events are written `unknown`.
const FINISH_WITHIN: Duration = Duration::from_secs(9);

/// Works until `stop`; returns when nothing is out any more, at most [`FINISH_WITHIN`] later.
pub async fn run(services: Services, graph: Graph, came_in: Arc<Notify>, stop: CancellationToken) {
    if !services.store.is_shared() {
        recover_alone(&services).await;
    }
    let halt = Stop { soon: stop.clone(), now: CancellationToken::new() };
    let cut = async {
        stop.cancelled().await;
        tokio::time::sleep(FINISH_WITHIN).await;
        halt.now.cancel();
        std::future::pending::<()>().await;
    };
    let work = async {
        tokio::join!(
            project(&services, &came_in, &stop),
            send(&services, &graph, &halt),
            ask_about_labels(&services, &graph, &stop),
            ask_about_people(&services, &graph, &stop),
            publish::run(&services, &stop),
            sweep(&services, &stop)
        )
    };
    tokio::select! {
        _ = work => {}
        () = cut => {}
    }
}

/// On a file of its own, what was open when the last process ended is settled at once.
async fn recover_alone(services: &Services) {
    match flow::recover_alone(services).await {
        Ok(0) => {}
        Ok(attempts) => tracing::warn!(attempts, "{attempts} attempts were open at the last end"),
        Err(error) => tracing::error!("What was open at the last end can't be settled yet: {error}"),
    }
}

async fn project(services: &Services, came_in: &Notify, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let round = project_all(services, stop).await;
        rest(services, stop, Some(came_in), "Projecting", round).await;
    }
}

async fn project_all(services: &Services, stop: &CancellationToken) -> Result<()> {
    while !stop.is_cancelled() {
        match flow::project(services).await? {
            0 => break,
            BUSY..flow::PROJECT_MAX => {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = services.clock.sleep(GATHER) => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}

async fn send(services: &Services, graph: &Graph, halt: &Stop) {
    while !halt.soon.is_cancelled() {
        let round = deliver::drain(services, graph, halt).await.map(drop);
        rest(services, &halt.soon, None, "Sending", round).await;
    }
}

async fn ask_about_labels(services: &Services, graph: &Graph, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let round = labels::drain(services, graph, stop).await.map(drop);
        rest(services, stop, None, "Asking about labels", round).await;
    }
}

async fn ask_about_people(services: &Services, graph: &Graph, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        let round = profiles::drain(services, graph, stop).await.map(drop);
        rest(services, stop, None, "Asking about people", round).await;
    }
}

async fn sweep(services: &Services, stop: &CancellationToken) {
    let mut forget_at = services.clock.now();
    while !stop.is_cancelled() {
        let now = services.clock.now();
        let mut round = flow::fall_silent(services).await.map(drop);
        if round.is_ok() {
            round = flow::call_back(services).await.map(drop);
        }
        if round.is_ok() {
            round = flow::end_test_codes(services).await;
        }
        if round.is_ok() && forget_at <= now {
            round = flow::drop_expired(services).await.map(drop);
            if round.is_ok() {
                round = flow::manage::operators::forget_logins(services).await;
            }
            if round.is_ok() {
                round = flow::forget_changes(services, services.changes_keep).await.map(drop);
            }
            forget_at = now + FORGET_EVERY;
        }
        rest(services, stop, None, "Sweeping", round).await;
    }
}

/// Waits for the next round: until `wake` is told, at most a [`TICK`].
async fn rest(
    services: &Services,
    stop: &CancellationToken,
    wake: Option<&Notify>,
    name: &str,
    done: Result<()>,
) {
    if let Err(error) = done {
        tracing::error!("{name} failed and is tried again in {TICK:?}: {error}");
    }
    let woken = async {
        match wake {
            Some(wake) => wake.notified().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = woken => {}
        () = services.clock.sleep(TICK) => {}
    }
}
