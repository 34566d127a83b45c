//! What the feed tells: full snapshots of orders and conversations, each rendered from the ledger as it stood
//! at its version, so that a change reads the same whenever it is read. Whose conversation an order is, who the
//! person is and when they first wrote are not versioned: they show as they are known now.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, PageId, PersonId};
use crate::domain::basic::money::{Currency, Money};
use crate::domain::conversation::inbound::{Channel, Referral};
use crate::domain::order::fold::{self, Order};
use crate::domain::order::matching;
use crate::domain::order::outcome::{Fact, Flag, Item};

/// The type of a change of an order.
pub const ORDER_UPDATED: &str = "order.updated";

/// The type of a change of a conversation.
pub const CONVERSATION_UPDATED: &str = "conversation.updated";

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An order.
    Order(OrderId),
    /// A conversation.
    Conversation(ConversationId),
}

impl Subject {
    /// Reads the two columns of a row.
    pub fn parse(kind: &str, id: String) -> Option<Self> {
        match kind {
            ORDER_UPDATED => Some(Self::Order(OrderId(id))),
            CONVERSATION_UPDATED => Some(Self::Conversation(ConversationId(id))),
            _ => None,
        }
    }

    /// The change's type in the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Order(_) => ORDER_UPDATED,
            Self::Conversation(_) => CONVERSATION_UPDATED,
        }
    }
}

/// A numbered entry of the feed: which version of what.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its id, for ever the same.
    pub id: String,
    /// Its place in the feed.
    pub sequence: i64,
    /// The Page.
    pub page_id: PageId,
    /// What changed.
    pub subject: Subject,
    /// To which version.
    pub version: i64,
    /// When it was written down.
    pub occurred_at: Timestamp,
    /// The order waited for a person's word whether it is another one told again.
    pub parked: bool,
    /// The version of its conversation at that time.
    pub conversation_version: i64,
}

/// A fact with the versions at which it appeared and at which entries took it back or accepted it. What the
/// fact itself says of that is of now, and not asked.
#[derive(Clone, Debug)]
pub struct VersionedFact {
    /// The fact.
    pub fact: Fact,
    /// With which version it appeared.
    pub since: i64,
    /// With which version it was taken back.
    pub undone_since: Option<i64>,
    /// With which version a person accepted it.
    pub accepted_since: Option<i64>,
}

/// Where a chat came from, with the version of the conversation at which that was learnt.
#[derive(Clone, Debug)]
pub struct VersionedReferral {
    /// The ad or link.
    pub referral: Referral,
    /// When.
    pub at: Timestamp,
    /// With which version it appeared.
    pub since: i64,
}

/// All that is written of an order.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    /// Its id.
    pub id: OrderId,
    /// Its conversation.
    pub conversation_id: Option<ConversationId>,
    /// The Page's currency, for an order in which nobody named one.
    pub currency: Currency,
    /// Its newest version.
    pub version: i64,
    /// The first name of the sale that it turned out to be.
    pub same_as: Option<String>,
    /// Its names, the first one first, each with the version at which it appeared.
    pub names: Vec<(String, i64)>,
    /// Its ledger.
    pub entries: Vec<VersionedFact>,
}

/// All that is written of a conversation itself.
#[derive(Clone, Debug)]
pub struct ThreadRecord {
    /// Its id.
    pub id: ConversationId,
    /// Its Page.
    pub page_id: PageId,
    /// Where.
    pub channel: Channel,
    /// Who, unless nobody is known or they were forgotten.
    pub person_id: Option<PersonId>,
    /// Its first moment.
    pub began_at: Timestamp,
    /// `qualified` and `lost`.
    pub entries: Vec<VersionedFact>,
    /// Where its chats came from, by time.
    pub referrals: Vec<VersionedReferral>,
}

/// What a stretch of the feed is rendered from.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The orders that it is about.
    pub orders: HashMap<OrderId, OrderRecord>,
    /// The conversations that it is about, and those of its orders.
    pub threads: HashMap<ConversationId, ThreadRecord>,
}

impl Change {
    /// The change as feed and webhooks tell it; none if its subject is not among `records`.
    pub fn body(&self, records: &Records, cursor: &str) -> Option<Value> {
        let data = match &self.subject {
            Subject::Order(id) => json!({"order": self.order(records.orders.get(id)?, records)}),
            Subject::Conversation(id) => json!({"conversation": self.conversation(records.threads.get(id)?)}),
        };
        Some(json!({
            "id": self.id,
            "cursor": cursor,
            "type": self.subject.kind(),
            "occurred_at": self.occurred_at.to_string(),
            "page_id": self.page_id.as_str(),
            "data": data,
        }))
    }

    fn order(&self, record: &OrderRecord, records: &Records) -> Value {
        let same_as = record.same_as.as_ref().filter(|_| self.version >= record.version);
        let facts = match same_as {
            Some(_) => Vec::new(),
            None => as_of(&record.entries, self.version),
        };
        let fold = if self.parked { matching::waiting } else { fold::fold };
        let order = fold(&facts, record.currency);
        let thread = record.conversation_id.as_ref().and_then(|id| records.threads.get(id));
        let names = record.names.iter().filter(|(_, since)| *since <= self.version);
        let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        let mut body = json!({
            "id": record.id.as_str(),
            "order_id": names.first(),
            "order_ids": names,
            "state": order.state.as_str(),
            "value": order.value.map(|minor| decimal(minor, order.currency)),
            "paid": decimal(order.paid, order.currency),
            "refunded": decimal(order.refunded, order.currency),
            "currency": order.currency.code(),
            "version": self.version,
            "psid": thread.and_then(|thread| thread.person_id.as_ref()).map(PersonId::as_str),
            "conversation_id": record.conversation_id.as_ref().map(ConversationId::as_str),
            "referral": thread.and_then(|thread| self.referral(&order, thread)).map(referral),
            "outcomes": facts.iter().map(|fact| outcome(fact, Some(&order))).collect::<Vec<_>>(),
        });
        if let (Some(sale), Value::Object(members)) = (same_as, &mut body) {
            members.insert("same_as".to_owned(), sale.as_str().into());
        }
        body
    }

    /// The last referral at or before the order's `confirmed`, of those that were known with this change.
    fn referral<'a>(&self, order: &Order, thread: &'a ThreadRecord) -> Option<&'a VersionedReferral> {
        let confirmed = order.confirmed?.occurred_at;
        let mut known = thread.referrals.iter().filter(|led| led.since <= self.conversation_version);
        known.rfind(|led| led.at <= confirmed)
    }

    fn conversation(&self, record: &ThreadRecord) -> Value {
        let mut known = record.referrals.iter().filter(|led| led.since <= self.version);
        let (first, last) = (known.next(), known.next_back());
        let last = last.or(first);
        json!({
            "id": record.id.as_str(),
            "page_id": record.page_id.as_str(),
            "psid": record.person_id.as_ref().map(PersonId::as_str),
            "channel": record.channel.as_str(),
            "version": self.version,
            "began_at": record.began_at.to_string(),
            "first_referral": first.map(referral),
            "last_referral": last.map(referral),
            "outcomes": as_of(&record.entries, self.version).iter().map(|fact| outcome(fact, None)).collect::<Vec<_>>(),
        })
    }
}

/// The facts of a ledger as they stood at `version`, in the order in which they happened.
fn as_of(entries: &[VersionedFact], version: i64) -> Vec<Fact> {
    let reached = |since: Option<i64>| since.is_some_and(|since| since <= version);
    let mut facts: Vec<Fact> = entries
        .iter()
        .filter(|entry| entry.since <= version)
        .map(|entry| Fact {
            undone: reached(entry.undone_since),
            accepted: reached(entry.accepted_since),
            ..entry.fact.clone()
        })
        .collect();
    facts.sort_by(|a, b| {
        (a.occurred_at, a.kind, &a.reference, &a.id).cmp(&(b.occurred_at, b.kind, &b.reference, &b.id))
    });
    facts
}

fn decimal(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).to_string()
}

fn referral(led: &VersionedReferral) -> Value {
    json!({
        "ad_id": led.referral.ad_id,
        "ref": led.referral.r#ref,
        "source": led.referral.source,
        "ad_title": led.referral.ad_title,
        "occurred_at": led.at.to_string(),
    })
}

/// A fact as every answer shows it. What only some kinds have is left out where it is not there.
fn outcome(fact: &Fact, order: Option<&Order>) -> Value {
    let flag = order.and_then(|order| order.flag_of(&fact.id));
    let value = order.map_or(fact.terms.value, |order| order.value_of(fact));
    let money = |minor: Option<i64>| minor.map(|minor| decimal(minor, fact.terms.currency));
    let mut members = Map::new();
    let always = [
        ("id", json!(fact.id.as_str())),
        ("kind", json!(fact.kind.as_str())),
        ("value", json!(money(value))),
        ("currency", json!(fact.terms.currency.code())),
        ("occurred_at", json!(fact.occurred_at.to_string())),
        ("recorded_at", json!(fact.recorded_at.to_string())),
        ("source", json!(fact.source.as_str())),
        ("actor", json!(fact.actor)),
        ("reason", json!(fact.reason)),
        ("ref", json!(fact.reference)),
        ("flag", json!(flag.map(Flag::as_str))),
        ("undone", json!(fact.undone)),
        ("accepted", json!(fact.accepted)),
    ];
    members.extend(always.map(|(name, value)| (name.to_owned(), value)));
    let items: Vec<Value> = fact.terms.items.iter().map(|item| line(item, fact.terms.currency)).collect();
    let sometimes = [
        ("items", (!items.is_empty()).then(|| items.into())),
        ("total", money(fact.terms.total).map(Value::from)),
        ("delivery_fee", money(fact.terms.delivery_fee).map(Value::from)),
        ("discount", money(fact.terms.discount).map(Value::from)),
        ("fee", money(fact.terms.fee).map(Value::from)),
        ("payment", fact.details.payment.clone().map(Value::from)),
        ("courier", fact.details.courier.clone().map(Value::from)),
        ("waybill", fact.details.waybill.clone().map(Value::from)),
        ("clamped", fact.details.clamped.then_some(Value::Bool(true))),
    ];
    let there = sometimes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    members.extend(there);
    members.into()
}

fn line(item: &Item, currency: Currency) -> Value {
    let mut line = json!({
        "sku": item.sku,
        "name": item.name,
        "quantity": item.quantity,
        "unit_price": decimal(item.unit_price, currency),
    });
    if let (Some(cost), Value::Object(members)) = (item.unit_cost, &mut line) {
        members.insert("unit_cost".to_owned(), decimal(cost, currency).into());
    }
    line
}

/// Bytes of a place in the feed, and of the mark that proves it ours.
const HALF: usize = 8;

/// Turns places in the feed into cursors and back: the same on every replica and for ever, and without this
/// key they say nothing, neither how many changes there are nor how far two lie apart.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

impl CursorKey {
    /// The key that stands in the feed's row.
    pub fn new(text: &str) -> Option<Self> {
        Hmac::<Sha256>::new_from_slice(text.as_bytes()).ok().map(Self)
    }

    /// The cursor behind the change of this number.
    pub fn cursor(&self, sequence: i64) -> String {
        let place = sequence.to_be_bytes();
        let mark = self.mark(b"mark", place);
        let veiled = veil(place, self.mark(b"veil", mark));
        URL_SAFE_NO_PAD.encode([mark, veiled].concat())
    }

    /// The number in a cursor; none if it is not one of ours.
    pub fn read(&self, cursor: &str) -> Option<i64> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (mark, veiled) = bytes.split_at_checked(HALF)?;
        let (mark, veiled): ([u8; HALF], [u8; HALF]) = (mark.try_into().ok()?, veiled.try_into().ok()?);
        let place = veil(veiled, self.mark(b"veil", mark));
        bool::from(self.mark(b"mark", place).ct_eq(&mark)).then(|| i64::from_be_bytes(place))
    }

    fn mark(&self, purpose: &[u8], bytes: [u8; HALF]) -> [u8; HALF] {
        let mut mac = self.0.clone();
        mac.update(purpose);
        mac.update(&bytes);
        let digest = mac.finalize().into_bytes();
        std::array::from_fn(|index| digest[index])
    }
}

fn veil(bytes: [u8; HALF], with: [u8; HALF]) -> [u8; HALF] {
    std::array::from_fn(|index| bytes[index] ^ with[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_no_other_text_is_one() {
        let key = CursorKey::new("a key").unwrap();
        for sequence in [0, 1, 2, 255, 256, i64::MAX] {
            let cursor = key.cursor(sequence);
            assert_eq!(cursor.len(), 22);
            assert_eq!(key.read(&cursor), Some(sequence));
            assert_eq!(key.cursor(sequence), cursor);
            assert_eq!(CursorKey::new("another key").unwrap().read(&cursor), None);
            let mut bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            for index in 0..bytes.len() {
                bytes[index] ^= 1;
                assert_eq!(key.read(&URL_SAFE_NO_PAD.encode(&bytes)), None);
                bytes[index] ^= 1;
            }
        }
        for text in ["", "1", "AAAAAAAAAAAAAAAAAAAAAA", "not a cursor", "ა", &"A".repeat(10_000)] {
            assert_eq!(key.read(text), None, "{text}");
        }
    }
}
