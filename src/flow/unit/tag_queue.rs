//! The queue of the group commit: tags that arrive at the same time wait here for a unit of work that they share.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::domain::basic::identity::ConversationId;
use crate::domain::order::tag::Tag;
use crate::domain::order::tagged::Tagged;
use crate::error::{Error, Result};
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};

/// The most tags in one group: one statement reads or writes this many conversations.
const GROUP_MAX: usize = 64;

/// The tags that wait for their unit of work; clones are the same queue.
#[derive(Clone, Debug, Default)]
pub struct TagQueue(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<QueuedTag>,
    /// Whether a task is running that takes one group after the other.
    is_running: bool,
}

/// A tag with all that its unit of work needs.
#[derive(Debug)]
pub(in crate::flow) struct TagJob {
    pub(in crate::flow) conversation: ConversationId,
    pub(in crate::flow) tag: Tag,
    pub(in crate::flow) actor: String,
    pub(in crate::flow) request: IdempotentRequest<Tagged>,
}

/// A queued tag, and where its answer goes.
#[derive(Debug)]
pub(in crate::flow) struct QueuedTag {
    pub(in crate::flow) job: TagJob,
    answer: oneshot::Sender<Result<Idempotent<Tagged>>>,
}

impl QueuedTag {
    /// Answers the waiting request. The claim on its Idempotency-Key ends first: a client may send its next request as
    /// soon as it has the answer.
    pub(in crate::flow) fn answer(self, result: Result<Idempotent<Tagged>>) {
        let Self { job, answer } = self;
        drop(job);
        // A request whose client has gone gets no answer; its tag is recorded all the same.
        drop(answer.send(result));
    }
}

/// The answer of a queued tag, once its unit of work is committed.
pub(in crate::flow) struct PendingAnswer(oneshot::Receiver<Result<Idempotent<Tagged>>>);

impl PendingAnswer {
    /// Waits for the answer.
    pub(in crate::flow) async fn received(self) -> Result<Idempotent<Tagged>> {
        self.0.await.unwrap_or_else(|_| Err(Error::unavailable("stopping", "The service is stopping.")))
    }
}

impl TagQueue {
    /// Puts a tag into the queue. The second value is true if no task is taking groups: the caller must start one.
    pub(in crate::flow) fn push(&self, job: TagJob) -> (PendingAnswer, bool) {
        let (answer, received) = oneshot::channel();
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queue.jobs.push_back(QueuedTag { job, answer });
        let starts = !std::mem::replace(&mut queue.is_running, true);
        (PendingAnswer(received), starts)
    }

    /// The tags that have waited longest, at most one per conversation, because a unit loads each once. An empty group
    /// ends the task that takes them.
    pub(in crate::flow) fn next_group(&self) -> Vec<QueuedTag> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut group, mut later) = (Vec::new(), VecDeque::new());
        let mut conversations = HashSet::new();
        for queued in queue.jobs.drain(..) {
            if group.len() < GROUP_MAX && conversations.insert(queued.job.conversation.clone()) {
                group.push(queued);
            } else {
                later.push_back(queued);
            }
        }
        queue.jobs = later;
        queue.is_running = !group.is_empty();
        group
    }

    /// Empties the queue after the task that took groups has panicked: the waiting requests are answered that the
    /// service is unavailable, and the next tag starts a new task.
    pub(in crate::flow) fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Queue::default();
    }
}
