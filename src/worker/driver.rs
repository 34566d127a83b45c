//! The driver of the background jobs: rounds until the process stops, and within a round tasks side by side.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::error::{Error, Result};

/// How long a job waits between two rounds, unless it says otherwise.
pub const TICK: Duration = Duration::from_secs(1);

/// A job that works in rounds.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The name as the subject of a log line: "Projecting failed".
    pub name: &'static str,
    /// The wait for the next round, also after a failure, unless `wake` ends it before.
    pub tick: Duration,
    /// Notified when there is work: begins the next round at once.
    pub wake: Option<&'a Notify>,
}

impl Job<'_> {
    /// A job that runs every [`TICK`] and is not woken.
    pub const fn every_tick(name: &'static str) -> Self {
        Self { name, tick: TICK, wake: None }
    }

    /// Runs `round` after round until `stop`. A round that fails is logged, and the next one tries again.
    pub async fn run<Round: Future<Output = Result<()>>>(
        self,
        clock: &Clock,
        stop: &CancellationToken,
        round: impl Fn() -> Round,
    ) {
        let Self { name, tick, wake } = self;
        while !stop.is_cancelled() {
            if let Err(error) = round().await {
                tracing::error!("{name} failed and is tried again in {tick:?}: {error}");
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
                () = clock.sleep(tick) => {}
            }
        }
    }
}

/// Runs tasks side by side, such as one per Page, so that a slow or failing one holds up no other. Each returns a
/// count; gives the sum.
///
/// # Errors
/// The first failure of a task; the others are finished nevertheless.
pub async fn side_by_side<Task>(tasks: impl IntoIterator<Item = Task>) -> Result<usize>
where
    Task: Future<Output = Result<usize>> + Send + 'static,
{
    let mut running: JoinSet<Result<usize>> = tasks.into_iter().collect();
    let (mut count, mut failure) = (0, None);
    while let Some(ended) = running.join_next().await {
        match ended.unwrap_or_else(|error| Err(Error::internal("a background task ended").caused_by(error))) {
            Ok(done) => count += done,
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(count), Err)
}

/// Waits for `work`; `None` if `stop` comes first.
pub async fn unless_stopped<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stop.cancelled() => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_task_that_fails_stops_no_other() {
        let task = |number: usize| async move {
            if number == 1 { Err(Error::unavailable("sick", "A neighbour is sick")) } else { Ok(number) }
        };
        assert_eq!(side_by_side([2, 3, 4].map(task)).await.unwrap(), 9);
        assert_eq!(side_by_side([2, 1, 4].map(task)).await.unwrap_err().code, "sick");
        assert_eq!(side_by_side(std::iter::empty::<std::future::Ready<Result<usize>>>()).await.unwrap(), 0);
    }
}
