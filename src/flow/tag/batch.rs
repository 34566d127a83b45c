//! Tags that come at the same time share a unit, in which what they need is read and written for all of them
//! together. That is for SQLite, whose units take turns anyway; on PostgreSQL they run side by side.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::domain::basic::identity::ConversationId;
use crate::domain::order::tag_decision::Tag;
use crate::error::{Error, Result};
use crate::flow::convert::apply::{Held, follow_all, hold_all};
use crate::flow::services::House;
use crate::flow::tag::record::{Tagged, alone, answer, say_held};
use crate::flow::unit::idempotency::{Answered, Asked};

/// Tags that one unit takes.
const GROUP_MAX: usize = 64;

/// How often the task yields before it takes a group, so that requests which are on their way join it.
const YIELDS: usize = 3;

/// The tags that wait for their unit; clones lead to the same ones.
#[derive(Clone, Debug, Default)]
pub struct Tags(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Somebody takes one group after the other.
    is_led: bool,
}

/// A tag as it was asked for.
#[derive(Debug)]
pub(in crate::flow) struct Wanted {
    pub(in crate::flow) conversation: ConversationId,
    pub(in crate::flow) tag: Tag,
    pub(in crate::flow) actor: String,
    pub(in crate::flow) asked: Asked<Tagged>,
}

#[derive(Debug)]
struct Waiting {
    wanted: Wanted,
    told: oneshot::Sender<Result<Answered<Tagged>>>,
}

impl Waiting {
    /// Ends the wait. The promise of its Idempotency-Key is let go first: whoever hears may ask again at once.
    fn hears(self, said: Result<Answered<Tagged>>) {
        let Self { wanted, told } = self;
        drop(wanted);
        // A request that was given up meanwhile hears nothing; its tag stands all the same.
        drop(told.send(said));
    }
}

impl Tags {
    /// Says a tag, together with those that wait now.
    pub(in crate::flow) async fn say(&self, house: &House, wanted: Wanted) -> Result<Answered<Tagged>> {
        let (told, answer) = oneshot::channel();
        if self.join(Waiting { wanted, told }) {
            // A task of its own: a request that is given up must not leave the others waiting.
            tokio::spawn(keep_led(house.clone()));
        }
        answer.await.unwrap_or_else(|_| Err(Error::unavailable("stopping", "The service is stopping.")))
    }

    /// Joins those who wait; true if nobody leads them.
    fn join(&self, one: Waiting) -> bool {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.waiting.push_back(one);
        !std::mem::replace(&mut line.is_led, true)
    }

    /// Those who have waited longest, each of another conversation; with nobody left, nobody leads.
    fn next_group(&self) -> Vec<Waiting> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut group, mut later) = (Vec::new(), VecDeque::new());
        let mut conversations = HashSet::new();
        for one in line.waiting.drain(..) {
            if group.len() < GROUP_MAX && conversations.insert(one.wanted.conversation.clone()) {
                group.push(one);
            } else {
                later.push_back(one);
            }
        }
        line.waiting = later;
        line.is_led = !group.is_empty();
        group
    }
}

/// Leads; should that break, those who wait are told, and the next one begins anew.
async fn keep_led(house: House) {
    if let Err(broken) = tokio::spawn(lead(house.clone())).await {
        tracing::error!("Tags could not be said: {broken}");
        *house.tags.0.lock().unwrap_or_else(PoisonError::into_inner) = Line::default();
    }
}

async fn lead(house: House) {
    loop {
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        let group = house.tags.next_group();
        if group.is_empty() {
            return;
        }
        match say_together(&house, &group).await {
            Ok(done) => {
                for (one, done) in group.into_iter().zip(done) {
                    one.hears(Ok(done));
                }
            }
            // One of them can't be said. It leaves nothing behind, and each is tried by itself.
            Err(_) => group.into_iter().for_each(|one| drop(tokio::spawn(say_alone(house.clone(), one)))),
        }
    }
}

async fn say_alone(house: House, one: Waiting) {
    let Wanted { conversation, tag, actor, asked } = &one.wanted;
    let said = alone(&house, conversation, tag, actor, asked).await;
    one.hears(said);
}

async fn say_together(house: &House, group: &[Waiting]) -> Result<Vec<Answered<Tagged>>> {
    let now = house.clock.now();
    let mut unit = house.store.begin("tag_batch").await?;
    let ids: Vec<ConversationId> = group.iter().map(|one| one.wanted.conversation.clone()).collect();
    let mut held = hold_all(&mut unit, &ids, now).await?;
    let places: HashMap<ConversationId, usize> =
        held.iter().enumerate().map(|(place, held)| (held.dossier.thread.id.clone(), place)).collect();
    let mut said = Vec::with_capacity(group.len());
    for one in group {
        let Wanted { conversation, tag, actor, asked } = &one.wanted;
        let place = *places.get(conversation).ok_or_else(|| Error::not_found("conversation"))?;
        said.push(match asked.before(&mut unit, now).await? {
            Some(before) => Err(before),
            None => Ok((place, say_held(&mut unit, house, &mut held[place], tag, actor).await?)),
        });
    }
    let mut moved: Vec<&mut Held> = held.iter_mut().filter(|held| held.is_moved()).collect();
    follow_all(&mut unit, house, &mut moved).await?;
    let mut answers = Vec::with_capacity(group.len());
    for (one, said) in group.iter().zip(said) {
        answers.push(match said {
            Err(before) => Answered::Before(before),
            Ok((place, said)) => {
                let tagged = answer(&held[place], said)?;
                one.wanted.asked.keep(&mut unit, &tagged, now).await?;
                Answered::Now(tagged)
            }
        });
    }
    unit.commit().await?;
    Ok(answers)
}
