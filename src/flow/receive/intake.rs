//! Intake: webhook bodies are made durable in the intake log before Meta is answered 200. A bounded queue gathers what
//! waits and writes it in one statement (group commit). A full queue or a failing disk is a 503, never a false 200.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::{Error, Result};
use crate::failpoint;
use crate::flow::unit::services::Services;

/// The most bodies that wait to be written; a further one is answered 503.
pub const INTAKE_MAX: usize = 4096;

/// The most bodies in one group.
const GROUP_MAX: usize = 512;

/// Bytes after which a group takes no more bodies.
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// A group that is not durable within this time is answered 503, before Meta gives up on the requests.
const KEPT_WITHIN: Duration = Duration::from_secs(5);

/// How often the task yields before it writes, so that requests which are on their way join the group.
const YIELDS: usize = 3;

/// The queue of bodies on their way into the intake log; clones are the same queue.
#[derive(Clone, Debug)]
pub struct Intake {
    queue: mpsc::Sender<QueuedBody>,
}

/// A body that waits to become durable, and where its answer goes.
#[derive(Debug)]
struct QueuedBody {
    body: Bytes,
    durable: oneshot::Sender<Result<()>>,
}

impl Intake {
    /// Starts the task that writes groups; it ends when every clone of the queue is gone and the queue is empty.
    /// `came_in` is notified after each group.
    pub fn start(services: Services, came_in: Arc<Notify>) -> Self {
        let (queue, waiting) = mpsc::channel(INTAKE_MAX);
        tokio::spawn(write(services, waiting, came_in));
        Self { queue }
    }

    /// Makes a body durable; returns once it is.
    ///
    /// # Errors
    /// Unavailable when too many bodies wait already, or when it can't be stored.
    pub async fn take(&self, body: Bytes) -> Result<()> {
        let (durable, written) = oneshot::channel();
        self.queue.try_send(QueuedBody { body, durable }).map_err(|_| {
            Error::unavailable(
                "intake_full",
                "Too many webhooks wait to be stored: Meta will send this one again.",
            )
        })?;
        written.await.unwrap_or_else(|_| Err(stopping()))
    }
}

fn stopping() -> Error {
    Error::unavailable("stopping", "The service is stopping: Meta will send this webhook again.")
}

async fn write(services: Services, mut queue: mpsc::Receiver<QueuedBody>, came_in: Arc<Notify>) {
    while let Some(first) = queue.recv().await {
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        let mut bytes = first.body.len();
        let mut group = vec![first];
        while group.len() < GROUP_MAX && bytes < GROUP_BYTES {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.body.len();
            group.push(next);
        }
        let (bodies, waiting): (Vec<Bytes>, Vec<_>) =
            group.into_iter().map(|one| (one.body, one.durable)).unzip();
        let kept = tokio::select! {
            kept = keep(&services, &bodies) => kept,
            () = services.clock.sleep(KEPT_WITHIN) => {
                Err(Error::unavailable("database", format!("The database took longer than {KEPT_WITHIN:?}")))
            }
        };
        if let Err(error) = &kept {
            tracing::error!("{} webhooks could not be stored and were answered 503: {error}", bodies.len());
        }
        for durable in waiting {
            let answer = match &kept {
                Ok(()) => Ok(()),
                Err(error) => Err(Error::unavailable("not_stored", "It could not be stored: send it again.")
                    .caused_by(error.to_string())),
            };
            // A request whose client has gone gets no answer; its body is stored all the same.
            drop(durable.send(answer));
        }
        came_in.notify_one();
    }
}

/// Stores the bodies of a group by one statement, which is a unit of work of its own.
async fn keep(services: &Services, bodies: &[Bytes]) -> Result<()> {
    failpoint::before_commit("intake")?;
    services.store.keep_bodies(bodies, services.clock.now()).await?;
    failpoint::after_commit("intake")
}
