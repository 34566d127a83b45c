//! Tags that come at the same time share a unit, in which what they need is read and written for all of them
//! together. That is for SQLite, whose units take turns anyway; on PostgreSQL they run side by side.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::domain::basic::identity::ConversationId;
use crate::domain::order::tag_decision::Tag;
use crate::error::{Error, Result};
use crate::flow::convert::apply::{LoadedConversation, apply_all, load_all};
use crate::flow::services::Services;
use crate::flow::tag::record::{Tagged, alone, answer, record_loaded};
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};

/// Tags that one unit takes.
const GROUP_MAX: usize = 64;

/// How often the task yields before it takes a group, so that requests which are on their way join it.
const YIELDS: usize = 3;

/// The tags that wait for their unit; clones lead to the same ones.
#[derive(Clone, Debug, Default)]
pub struct TagQueue(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<QueuedTag>,
    /// Somebody takes one group after the other.
    is_running: bool,
}

/// A tag as it was asked for.
#[derive(Debug)]
pub(in crate::flow) struct TagJob {
    pub(in crate::flow) conversation: ConversationId,
    pub(in crate::flow) tag: Tag,
    pub(in crate::flow) actor: String,
    pub(in crate::flow) request: IdempotentRequest<Tagged>,
}

#[derive(Debug)]
struct QueuedTag {
    job: TagJob,
    told: oneshot::Sender<Result<Idempotent<Tagged>>>,
}

impl QueuedTag {
    /// Ends the wait. The promise of its Idempotency-Key is let go first: whoever hears may ask again at once.
    fn hears(self, said: Result<Idempotent<Tagged>>) {
        let Self { job, told } = self;
        drop(job);
        // A request that was given up meanwhile hears nothing; its tag stands all the same.
        drop(told.send(said));
    }
}

impl TagQueue {
    /// Says a tag, together with those that wait now.
    pub(in crate::flow) async fn record(
        &self,
        services: &Services,
        job: TagJob,
    ) -> Result<Idempotent<Tagged>> {
        let (told, answer) = oneshot::channel();
        if self.join(QueuedTag { job, told }) {
            // A task of its own: a request that is given up must not leave the others waiting.
            tokio::spawn(supervise(services.clone()));
        }
        answer.await.unwrap_or_else(|_| Err(Error::unavailable("stopping", "The service is stopping.")))
    }

    /// Joins those who wait; true if nobody leads them.
    fn join(&self, one: QueuedTag) -> bool {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.waiting.push_back(one);
        !std::mem::replace(&mut line.is_running, true)
    }

    /// Those who have waited longest, each of another conversation; with nobody left, nobody leads.
    fn next_group(&self) -> Vec<QueuedTag> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut group, mut later) = (Vec::new(), VecDeque::new());
        let mut conversations = HashSet::new();
        for one in line.waiting.drain(..) {
            if group.len() < GROUP_MAX && conversations.insert(one.job.conversation.clone()) {
                group.push(one);
            } else {
                later.push_back(one);
            }
        }
        line.waiting = later;
        line.is_running = !group.is_empty();
        group
    }
}

/// Leads; should that break, those who wait are told, and the next one begins anew.
async fn supervise(services: Services) {
    if let Err(broken) = tokio::spawn(run_batches(services.clone())).await {
        tracing::error!("Tags could not be said: {broken}");
        *services.tags.0.lock().unwrap_or_else(PoisonError::into_inner) = Queue::default();
    }
}

async fn run_batches(services: Services) {
    loop {
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        let group = services.tags.next_group();
        if group.is_empty() {
            return;
        }
        match record_batch(&services, &group).await {
            Ok(done) => {
                for (one, done) in group.into_iter().zip(done) {
                    one.hears(Ok(done));
                }
            }
            // One of them can't be said. It leaves nothing behind, and each is tried by itself.
            Err(_) => {
                for one in group {
                    drop(tokio::spawn(record_alone(services.clone(), one)));
                }
            }
        }
    }
}

async fn record_alone(services: Services, one: QueuedTag) {
    let TagJob { conversation, tag, actor, request } = &one.job;
    let said = alone(&services, conversation, tag, actor, request).await;
    one.hears(said);
}

async fn record_batch(services: &Services, group: &[QueuedTag]) -> Result<Vec<Idempotent<Tagged>>> {
    let now = services.clock.now();
    let mut unit = services.store.begin("tag_batch").await?;
    let ids: Vec<ConversationId> = group.iter().map(|one| one.job.conversation.clone()).collect();
    let mut loaded = load_all(&mut unit, &ids, now).await?;
    let places: HashMap<ConversationId, usize> = loaded
        .iter()
        .enumerate()
        .map(|(place, loaded)| (loaded.aggregate.thread.id.clone(), place))
        .collect();
    let mut said = Vec::with_capacity(group.len());
    for one in group {
        let TagJob { conversation, tag, actor, request } = &one.job;
        let place = *places.get(conversation).ok_or_else(|| Error::not_found("conversation"))?;
        said.push(match request.before(&mut unit, now).await? {
            Some(before) => Err(before),
            None => Ok((place, record_loaded(&mut unit, services, &mut loaded[place], tag, actor).await?)),
        });
    }
    let mut moved: Vec<&mut LoadedConversation> =
        loaded.iter_mut().filter(|loaded| loaded.is_moved()).collect();
    apply_all(&mut unit, services, &mut moved).await?;
    let mut answers = Vec::with_capacity(group.len());
    for (one, said) in group.iter().zip(said) {
        answers.push(match said {
            Err(before) => Idempotent::Replayed(before),
            Ok((place, said)) => {
                let tagged = answer(&loaded[place], said)?;
                one.job.request.keep(&mut unit, &tagged, now).await?;
                Idempotent::Done(tagged)
            }
        });
    }
    unit.commit().await?;
    Ok(answers)
}
