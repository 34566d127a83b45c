//! All that is known of one conversation: what every decision about it is made on.

use std::time::Duration;

use crate::clock::Timestamp;

use super::arrival::Channel;
use super::chat::{Chat, Stage};
use super::conversion::Conversion;
use super::identity::{ConversationId, OutcomeId, PageId, Psid};
use super::outcome::{Fact, Kind, Source};
use super::sale::Standing;

/// The thread of one person with one Page.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its id.
    pub id: ConversationId,
    /// Its Page.
    pub page_id: PageId,
    /// Where.
    pub channel: Channel,
    /// Who; an order that only a CRM has told of waits in a thread without a person.
    pub psid: Option<Psid>,
    /// Grows with everything that the feed tells of it.
    pub version: i64,
}

/// A conversation with its ledger and its conversions.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The thread.
    pub thread: Thread,
    /// Its chats, by number.
    pub chats: Vec<Chat>,
    /// `qualified` and `lost`, as they were written.
    pub said: Vec<Fact>,
    /// Its orders, oldest first.
    pub orders: Vec<Standing>,
    /// Its conversions.
    pub conversions: Vec<Conversion>,
}

impl Dossier {
    /// The conversions of one order.
    pub fn conversions_of(&self, order: &Standing) -> Vec<Conversion> {
        let of_it = |row: &&Conversion| row.order_id.as_ref() == Some(&order.id);
        self.conversions.iter().filter(of_it).cloned().collect()
    }

    /// The chat in which something happened: the last that had begun by then, else the first.
    pub fn chat_at(&self, moment: Timestamp) -> Option<&Chat> {
        self.chats.iter().rev().find(|chat| chat.began_at <= moment).or(self.chats.first())
    }

    /// What a chat came to: an order outranks what was said of the chat, of which the latest stands.
    pub fn stage(&self, chat: &Chat) -> Stage {
        let is_here = |at: Timestamp| self.chat_at(at).is_some_and(|found| found.number == chat.number);
        let sold = self
            .orders
            .iter()
            .filter_map(|standing| standing.order.confirmed)
            .any(|moment| is_here(moment.occurred_at));
        if sold {
            return Stage::Sold;
        }
        match self.said_last(chat).map(|fact| fact.kind) {
            Some(Kind::Qualified) => Stage::Qualified,
            Some(Kind::Lost) => Stage::Lost,
            _ => Stage::Open,
        }
    }

    /// The latest effective `qualified` or `lost` of a chat.
    pub fn said_last(&self, chat: &Chat) -> Option<&Fact> {
        self.said_of(chat).max_by_key(|fact| (fact.occurred_at, fact.kind, &fact.reference, &fact.id))
    }

    /// What is effectively said of a chat.
    pub fn said_of(&self, chat: &Chat) -> impl Iterator<Item = &Fact> {
        let number = chat.number;
        self.said.iter().filter(move |fact| {
            !fact.undone && self.chat_at(fact.occurred_at).is_some_and(|found| found.number == number)
        })
    }

    /// When the customer's wait for a tag began: their first word in the current chat, until it has a tag.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        let chat = self.chats.last()?;
        chat.first_word_at.filter(|_| self.stage(chat) == Stage::Open)
    }
}

/// What silence asks for: the service's own `lost` entries that hold no longer, and the moments of new ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// Entries that a later word lifted.
    pub lifted: Vec<OutcomeId>,
    /// Moments at which a chat fell silent.
    pub fallen: Vec<Timestamp>,
    /// When the next chat will fall silent.
    pub next_at: Option<Timestamp>,
}

/// A chat without an order in which the customer has said nothing for `silent_after` is lost; their next word
/// lifts that.
pub fn silence(dossier: &Dossier, silent_after: Duration, now: Timestamp) -> Silence {
    let mut found = Silence::default();
    let falls_silent = |index: usize, chat: &Chat| {
        let end = dossier.chats.get(index + 1).map(|next| next.began_at - Duration::from_millis(1));
        chat.last_word_at.map(|last| {
            let due = last + silent_after;
            (due, end.map_or(due, |end| due.min(end.max(last))))
        })
    };
    let moments: Vec<Option<(Timestamp, Timestamp)>> =
        dossier.chats.iter().enumerate().map(|(index, chat)| falls_silent(index, chat)).collect();
    let by_service = |fact: &&Fact| fact.source == Source::Service && !fact.undone;
    for fact in dossier.said.iter().filter(by_service) {
        if !moments.iter().flatten().any(|(_, at)| *at == fact.occurred_at) {
            found.lifted.push(fact.id.clone());
        }
    }
    for (chat, moment) in dossier.chats.iter().zip(&moments) {
        let Some((due, at)) = *moment else { continue };
        let said = dossier.said_of(chat).filter(|fact| !found.lifted.contains(&fact.id));
        let last = said.max_by_key(|fact| (fact.occurred_at, fact.kind)).map(|fact| fact.kind);
        if last == Some(Kind::Lost) || dossier.stage(chat) == Stage::Sold {
            continue;
        }
        if due <= now {
            found.fallen.push(at);
        } else {
            found.next_at = Some(found.next_at.map_or(due, |next| next.min(due)));
        }
    }
    found
}
