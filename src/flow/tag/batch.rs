//! The tag batch (group commit): tags that arrive at the same time share a unit of work, in which reads and writes are
//! made for all of them at once.

use crate::domain::basic::identity::ConversationId;
use crate::domain::order::tagged::Tagged;
use crate::error::{Error, Result};
use crate::flow::convert::apply::apply_all;
use crate::flow::convert::loaded::{Conversations, LoadedConversation};
use crate::flow::tag::adopt;
use crate::flow::tag::record::{answer, append, record};
use crate::flow::unit::idempotency::Idempotent;
use crate::flow::unit::run::{self, run_once};
use crate::flow::unit::services::Services;
use crate::flow::unit::tag_queue::{QueuedTag, TagJob};

/// How often the task yields before it takes a group, so that requests which are on their way join it.
const YIELDS: usize = 3;

/// Records a tag in a unit of work of its own.
pub(in crate::flow) async fn run_alone(services: &Services, job: &TagJob) -> Result<Idempotent<Tagged>> {
    let TagJob { conversation, tag, actor, request } = job;
    run::answer(services, "tag", request, |unit, _| {
        Box::pin(async move {
            let mut conversations = Conversations::new(services.clock.now());
            let mut loaded = adopt::load(unit, services, &mut conversations, conversation, tag).await?;
            record(unit, services, &mut loaded, tag, actor).await
        })
    })
    .await
}

/// Records a tag together with those that wait in the queue at this moment.
pub(in crate::flow) async fn run_with_others(services: &Services, job: TagJob) -> Result<Idempotent<Tagged>> {
    let (answer, starts) = services.tag_queue.push(job);
    if starts {
        // A task of its own: a request whose client has gone must not leave the others waiting.
        tokio::spawn(supervise(services.clone()));
    }
    answer.received().await
}

/// Runs batches until the queue is empty. Should one panic, those who wait are answered with an error, and the next tag
/// starts a new task.
async fn supervise(services: Services) {
    if let Err(broken) = tokio::spawn(run_batches(services.clone())).await {
        tracing::error!("A batch of tags broke off and is answered 503: {broken}");
        services.tag_queue.reset();
    }
}

async fn run_batches(services: Services) {
    loop {
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        let group = services.tag_queue.next_group();
        if group.is_empty() {
            return;
        }
        match run_batch(&services, &group).await {
            Ok(done) => {
                for (queued, done) in group.into_iter().zip(done) {
                    queued.answer(Ok(done));
                }
            }
            // One of them is refused or contended. The batch leaves nothing behind, and each tag is tried in a unit of
            // its own.
            Err(_) => {
                for queued in group {
                    drop(tokio::spawn(run_apart(services.clone(), queued)));
                }
            }
        }
    }
}

async fn run_apart(services: Services, queued: QueuedTag) {
    let done = run_alone(&services, &queued.job).await;
    queued.answer(done);
}

async fn run_batch(services: &Services, group: &[QueuedTag]) -> Result<Vec<Idempotent<Tagged>>> {
    run_once(services, "tag_batch", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            let mut conversations = Conversations::new(now);
            let ids: Vec<ConversationId> =
                group.iter().map(|queued| queued.job.conversation.clone()).collect();
            conversations.load_all(unit, &ids).await?;
            let mut recorded = Vec::with_capacity(group.len());
            for queued in group {
                let TagJob { conversation, tag, actor, request } = &queued.job;
                let missing = || Error::not_found("conversation");
                let mut loaded = conversations.take_loaded(conversation).ok_or_else(missing)?;
                let replayed = request.replay(unit, now).await?;
                let entry = match replayed {
                    Some(reply) => Err(reply),
                    None => Ok(append(unit, services, &mut loaded, tag, actor).await?),
                };
                recorded.push((loaded, entry));
            }
            let mut changed: Vec<&mut LoadedConversation> =
                recorded.iter_mut().map(|(loaded, _)| loaded).filter(|loaded| loaded.is_changed()).collect();
            apply_all(unit, services, &mut changed).await?;
            let mut answers = Vec::with_capacity(group.len());
            for (queued, (loaded, entry)) in group.iter().zip(recorded) {
                answers.push(match entry {
                    Err(reply) => Idempotent::Replayed(reply),
                    Ok(entry) => {
                        let tagged = answer(&loaded, entry)?;
                        queued.job.request.store(unit, &tagged, now).await?;
                        Idempotent::Done(tagged)
                    }
                });
            }
            Ok(answers)
        })
    })
    .await
}
