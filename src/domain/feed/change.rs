//! Changes: what the feed tells CRMs. A change is a full snapshot of an order or a conversation, rendered when it is
//! read from the ledger as it was at the change's version, so that it reads the same whenever it is read. Three
//! things have no versions and show as they are now: whose conversation an order is in, who the person is, and when
//! they first wrote. Here are also the cursors by which a reader continues.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, OutcomeId, PageId, PersonId};
use crate::domain::basic::money::{Currency, Money};
use crate::domain::conversation::inbound::{Channel, Referral};
use crate::domain::order::fold::{self, Order};
use crate::domain::order::ledger::{fold_parked, take_currency};
use crate::domain::order::outcome::{Fact, Flag, FollowUpEntry};
use crate::domain::order::terms::Item;

/// The `type` of a change of an order, in API and rows.
pub const ORDER_UPDATED: &str = "order.updated";

/// The `type` of a change of a conversation, in API and rows.
pub const CONVERSATION_UPDATED: &str = "conversation.updated";

/// What a change is about. Each subject counts versions of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An order: its state, sums and facts changed.
    Order(OrderId),
    /// A conversation: it began, or its chats got a fact or a referral.
    Conversation(ConversationId),
}

impl Subject {
    /// The subject of a type and an id, as they are in a row; none for an unknown type.
    pub fn parse(kind: &str, id: String) -> Option<Self> {
        match kind {
            ORDER_UPDATED => Some(Self::Order(OrderId(id))),
            CONVERSATION_UPDATED => Some(Self::Conversation(ConversationId(id))),
            _ => None,
        }
    }

    /// The `type` of its changes.
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
    /// Our id of the change: a reader that gets it twice knows it by this.
    pub id: String,
    /// Its place in the feed, counted from 1 without gaps. Readers see it only inside a cursor.
    pub sequence: i64,
    /// The Page to which the subject belongs; readers may ask for one Page alone.
    pub page_id: PageId,
    /// The order or conversation that changed.
    pub subject: Subject,
    /// The version of the subject that this change shows.
    pub version: i64,
    /// When the change was recorded, by our clock; not when the fact behind it happened.
    pub occurred_at: Timestamp,
    /// The order was parked at this version; false for a conversation.
    pub parked: bool,
    /// The version of the order's conversation at that time: it decides which referrals the change shows.
    pub conversation_version: i64,
    /// The position of the last entry of the conversation's ledger at that time.
    pub entries: i64,
    /// The ids of the tellings that were the order at that time; empty if it was its own alone.
    pub tellings: Vec<OrderId>,
    /// The order's numbers at that time, the first one first.
    pub numbers: Vec<String>,
    /// The number of the order that it turned out to be, which ended it; `None` while it is an order of its own.
    pub became: Option<String>,
    /// The entry of the ledger that led to it; `None` for a referral or the first message.
    pub cause: Option<Cause>,
}

/// The entry of the ledger that led to a change, so that a reader can start a flow on its kind alone.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Our id of the entry.
    pub outcome: OutcomeId,
    /// Its kind in the API's words: that of a fact, or `undo`, `accept`, `join`, `part`.
    pub kind: String,
    /// Who made it: the name of a person or an API key.
    pub actor: String,
}

/// A fact with the positions in the ledger at which it appeared and was undone or accepted. The fact itself is as if
/// nothing had been said of it.
#[derive(Clone, Debug)]
pub struct VersionedFact {
    /// The entry as it is in the ledger.
    pub fact: Fact,
    /// The telling under which it came; `None` for a fact about a chat.
    pub telling: Option<OrderId>,
    /// Its position in the ledger of the conversation, from 1.
    pub since: i64,
    /// Its undo and acceptances, and the undos of those, each behind what it is about.
    pub follow_ups: Vec<VersionedFollowUp>,
}

/// An undo or an acceptance, with its position in the ledger.
#[derive(Clone, Debug)]
pub struct VersionedFollowUp {
    /// The entry as it is in the ledger.
    pub entry: FollowUpEntry,
    /// Its position in the ledger of the conversation, from 1.
    pub since: i64,
}

/// Where a chat came from, with the version of the conversation at which that became known.
#[derive(Clone, Debug)]
pub struct VersionedReferral {
    /// The ad or link.
    pub referral: Referral,
    /// When the person came by it, by Meta's clock.
    pub at: Timestamp,
    /// The version of the conversation with which it appeared.
    pub since: i64,
}

/// Everything from which the changes of an order are rendered, at any of its versions.
#[derive(Clone, Debug)]
pub struct OrderRecord {
    /// Our id of the order.
    pub id: OrderId,
    /// The conversation that the order is in now.
    pub conversation_id: Option<ConversationId>,
    /// The Page's currency, for versions at which nobody had named a sum.
    pub currency: Currency,
}

/// Everything from which the changes of a conversation itself are rendered.
#[derive(Clone, Debug)]
pub struct ThreadRecord {
    /// Our id of the conversation.
    pub id: ConversationId,
    /// The Page that the person talks with.
    pub page_id: PageId,
    /// The messaging channel.
    pub channel: Channel,
    /// The person; `None` if nobody is known yet, or the person was erased.
    pub person_id: Option<PersonId>,
    /// The time of the first message, referral or fact.
    pub began_at: Timestamp,
    /// The facts about chats (`qualified`, `lost`), undone ones included.
    pub entries: Vec<VersionedFact>,
    /// Where the chats came from, sorted by time.
    pub referrals: Vec<VersionedReferral>,
}

/// Everything from which a slice of the feed is rendered.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// The orders of the changes in it.
    pub orders: HashMap<OrderId, OrderRecord>,
    /// The facts of all orders of their conversations, undone ones included, in the order of recording.
    pub ledgers: HashMap<ConversationId, Vec<VersionedFact>>,
    /// The conversations of the changes in it, and those of its orders.
    pub threads: HashMap<ConversationId, ThreadRecord>,
}

impl Change {
    /// The body of the change in the feed, with the cursor behind it; none if its subject is not among `records`.
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
            "caused_by": self.cause.as_ref().map(|cause| json!({
                "outcome_id": cause.outcome.as_str(), "kind": cause.kind, "actor": cause.actor,
            })),
            "data": data,
        }))
    }

    /// The order at this version. One that joined another ends with a version that has no facts and names the other.
    fn order(&self, record: &OrderRecord, records: &Records) -> Value {
        let ledger = record.conversation_id.as_ref().and_then(|id| records.ledgers.get(id));
        let is_of_it = |telling: &OrderId| *telling == record.id || self.tellings.contains(telling);
        let mut facts = match (&self.became, ledger) {
            (None, Some(ledger)) => {
                as_of(ledger.iter().filter(|fact| fact.telling.as_ref().is_some_and(is_of_it)), self.entries)
            }
            _ => Vec::new(),
        };
        take_currency(&mut facts);
        let fold = if self.parked { fold_parked } else { fold::fold };
        let order = fold(&facts, record.currency);
        let thread = record.conversation_id.as_ref().and_then(|id| records.threads.get(id));
        let mut body = json!({
            "id": record.id.as_str(),
            "order_id": self.numbers.first(),
            "order_ids": self.numbers,
            "state": order.state.as_str(),
            "value": order.value.map(|minor| decimal(minor, order.currency)),
            "paid": decimal(order.paid, order.currency),
            "refunded": decimal(order.refunded, order.currency),
            "returned": decimal(order.returned, order.currency),
            "delivery_fee": decimal(order.delivery_fee, order.currency),
            "discount": decimal(order.discount, order.currency),
            "items": order.items.iter().map(|item| line(item, order.currency)).collect::<Vec<_>>(),
            "currency": order.currency.code(),
            "version": self.version,
            "psid": thread.and_then(|thread| thread.person_id.as_ref()).map(PersonId::as_str),
            "conversation_id": record.conversation_id.as_ref().map(ConversationId::as_str),
            "referral": thread.and_then(|thread| self.referral(&order, thread)).map(referral),
            "outcomes": facts.iter().map(|fact| outcome(fact, Some(&order))).collect::<Vec<_>>(),
        });
        if let (Some(number), Value::Object(members)) = (&self.became, &mut body) {
            members.insert("same_as".to_owned(), number.as_str().into());
        }
        body
    }

    /// The referral to which the order is attributed: the last at or before its `confirmed`, of those that were known
    /// with this change. `None` before it is confirmed.
    fn referral<'a>(&self, order: &Order, thread: &'a ThreadRecord) -> Option<&'a VersionedReferral> {
        let confirmed = order.confirmed?.occurred_at;
        let mut known = thread.referrals.iter().filter(|entry| entry.since <= self.conversation_version);
        known.rfind(|entry| entry.at <= confirmed)
    }

    /// The conversation at this version.
    fn conversation(&self, record: &ThreadRecord) -> Value {
        let mut known = record.referrals.iter().filter(|entry| entry.since <= self.version);
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
            "outcomes": as_of(record.entries.iter(), self.entries).iter().map(|fact| outcome(fact, None)).collect::<Vec<_>>(),
        })
    }
}

/// The facts as they were after the entry at `position`, in the order in which they happened.
fn as_of<'a>(entries: impl Iterator<Item = &'a VersionedFact>, position: i64) -> Vec<Fact> {
    let then = |versioned: &VersionedFact| {
        let mut fact = versioned.fact.clone();
        for follow_up in versioned.follow_ups.iter().filter(|follow_up| follow_up.since <= position) {
            fact.take_follow_up(&follow_up.entry);
        }
        fact
    };
    let mut facts: Vec<Fact> = entries.filter(|entry| entry.since <= position).map(then).collect();
    facts.sort_by(|a, b| {
        (a.occurred_at, a.kind, &a.reference, &a.id).cmp(&(b.occurred_at, b.kind, &b.reference, &b.id))
    });
    facts
}

fn decimal(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).to_string()
}

fn referral(entry: &VersionedReferral) -> Value {
    json!({
        "ad_id": entry.referral.ad_id,
        "ref": entry.referral.r#ref,
        "source": entry.referral.source,
        "ad_title": entry.referral.ad_title,
        "occurred_at": entry.at.to_string(),
    })
}

/// A fact, with the flag and the value that follow from its `order` (`None` for a fact about a chat). Members that
/// only some kinds have are left out where there is nothing in them.
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
        ("undone_by", fact.follow_ups.undo.as_deref().map(follow_up)),
        ("accepted_by", fact.follow_ups.acceptance.as_deref().map(follow_up)),
    ];
    let present = sometimes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    members.extend(present);
    members.into()
}

/// Who took a fact back or accepted it, and when.
fn follow_up(entry: &FollowUpEntry) -> Value {
    json!({
        "id": entry.id.as_str(),
        "recorded_at": entry.recorded_at.to_string(),
        "source": entry.source.as_str(),
        "actor": entry.actor,
    })
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

/// Bytes of a sequence number, and of its authentication tag.
const HALF: usize = 8;

/// The key that turns sequence numbers of the feed into cursors and back. A cursor is the same on every replica and
/// for ever; without the key it shows neither how many changes there are nor how far two lie apart, and none can be
/// made up. It is the tag (HMAC-SHA-256 of the number, cut to 8 bytes) followed by the number, encrypted by an XOR
/// with a second HMAC, of the tag.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

impl CursorKey {
    /// The key of this text, which is made once and kept in the feed's row.
    pub fn new(text: &str) -> Option<Self> {
        Hmac::<Sha256>::new_from_slice(text.as_bytes()).ok().map(Self)
    }

    /// The cursor from which a reader continues behind the change of this number; 0 for the beginning of the feed.
    pub fn cursor(&self, sequence: i64) -> String {
        let number = sequence.to_be_bytes();
        let tag = self.hmac(b"mark", number);
        let encrypted = xor(number, self.hmac(b"veil", tag));
        URL_SAFE_NO_PAD.encode([tag, encrypted].concat())
    }

    /// The number in a cursor; none if the cursor is not one that this key made.
    pub fn read(&self, cursor: &str) -> Option<i64> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, encrypted) = bytes.split_at_checked(HALF)?;
        let (tag, encrypted): ([u8; HALF], [u8; HALF]) = (tag.try_into().ok()?, encrypted.try_into().ok()?);
        let number = xor(encrypted, self.hmac(b"veil", tag));
        bool::from(self.hmac(b"mark", number).ct_eq(&tag)).then(|| i64::from_be_bytes(number))
    }

    /// The first 8 bytes of an HMAC. `purpose` keeps its two uses apart; its words are part of every cursor that was
    /// given out, so they never change.
    fn hmac(&self, purpose: &[u8], bytes: [u8; HALF]) -> [u8; HALF] {
        let mut mac = self.0.clone();
        mac.update(purpose);
        mac.update(&bytes);
        let digest = mac.finalize().into_bytes();
        std::array::from_fn(|index| digest[index])
    }
}

fn xor(bytes: [u8; HALF], key: [u8; HALF]) -> [u8; HALF] {
    std::array::from_fn(|index| bytes[index] ^ key[index])
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
