//! All that is known of conversations, asked for in one query and answered as one row: each kind of row comes as a
//! JSON list of lists, because each row of an answer would cost SQLite's thread and ours a meeting.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, ConversionId, OrderId, OutcomeId, PageId, Psid};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::conversation::chat::{Chat, Stage};
use crate::domain::conversation::inbound::Channel;
use crate::domain::order::outcome::{Details, Fact, Item, OutcomeKind, Source, Terms};
use crate::domain::signal::conversion::{Conversion, EventName, Reason, State};
use crate::error::{Error, Result};
use crate::store::db::sql::{Pair, Row, read_word};

/// The query. Each list is that of one of the types below, with its fields in their order. (Asked with `limit 1`,
/// because PostgreSQL answers an `exists` of a short list by reading the whole table; and a list within a row is
/// made JSON once more, which SQLite forgets of what a query within a query gave.)
macro_rules! aggregate_query {
    ($these:literal, $all:literal, $row:literal, $json:literal) => {
        concat!(
            "select cast((select ", $all, "(", $row, "(
                         conversation.id, conversation.page_id, conversation.channel, conversation.version, psid,
                         currency, case when (select 1 from waiting_tag
                                               where conversation_id = conversation.id
                                                 and settled_at is null limit 1) = 1
                                        then 1 else 0 end))
                       from conversation join page on page.id = conversation.page_id
                                         left join person on person.conversation_id = conversation.id
                      where conversation.id ", $these, ") as text) as threads,
                    cast((select ", $all, "(", $row, "(
                         conversation_id, number, began_at, last_at, first_word_at, last_word_at, contact_at, ad_id,
                         stage))
                       from chat where conversation_id ", $these, ") as text) as chats,
                    cast((select ", $all, "(", $row, "(
                         conversation_id, id, service_numbered, version, policy_version, opened_at, same_as,
                         same_said, ", $json, "((select ", $all, "(", $row, "(name, told_of) order by position, name)
                                                   from order_name where order_id = sale_order.id))))
                       from sale_order where conversation_id ", $these, ") as text) as orders,
                    cast((select ", $all, "(", $row, "(
                         outcome.conversation_id, coalesce(same_as, order_id), order_id, about,
                         ", $row, "(outcome.id, kind, occurred_at, recorded_at, source, actor, reference,
                         outcome.currency, outcome.value, total, delivery_fee, discount, fee, items, reason, payment,
                         courier, waybill, clamped)))
                       from outcome left join sale_order on sale_order.id = outcome.order_id
                      where outcome.conversation_id ", $these, ") as text) as entries,
                    cast((select ", $all, "(", $row, "(
                         conversation_id, id, order_id, policy_version, event_name, number, event_id, event_time,
                         state, reason, value, leaves_at, frozen, resent,
                         ", $json, "((select ", $all, "(outcome_id order by outcome_id)
                                        from conversion_outcome where conversion_id = conversion.id))))
                       from conversion where conversation_id ", $these, ") as text) as conversions"
        )
    };
}

/// Asks for the conversations of a list of ids.
pub(in crate::store) const AGGREGATE_QUERY: Pair = Pair {
    sqlite: aggregate_query!(
        "in (select value from json_each($1))",
        "json_group_array",
        "json_array",
        "json"
    ),
    postgres: aggregate_query!(
        "= any(array(select json_array_elements_text($1::json)))",
        "json_agg",
        "json_build_array",
        "to_json"
    ),
};

/// The answer.
pub(in crate::store) struct AggregateRows {
    pub(in crate::store) threads: Vec<ThreadRow>,
    pub(in crate::store) chats: Vec<ChatRow>,
    pub(in crate::store) orders: Vec<OrderRow>,
    pub(in crate::store) entries: Vec<EntryRow>,
    pub(in crate::store) conversions: Vec<ConversionRow>,
}

impl AggregateRows {
    /// Each list in its order, which costs less here than in the database.
    pub(in crate::store) fn read(row: &Row) -> Result<Self> {
        let mut known = Self {
            threads: row.list("threads")?,
            chats: row.list("chats")?,
            orders: row.list("orders")?,
            entries: row.list("entries")?,
            conversions: row.list("conversions")?,
        };
        known.chats.sort_unstable_by_key(|chat| chat.number);
        known.orders.sort_unstable_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        known.entries.sort_unstable_by(|a, b| a.fact.place().cmp(&b.fact.place()));
        known.conversions.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        Ok(known)
    }
}

/// A conversation, and what its Page sells in.
#[derive(Deserialize)]
pub(in crate::store) struct ThreadRow {
    pub(in crate::store) id: String,
    page_id: String,
    channel: String,
    version: i64,
    psid: Option<String>,
    currency: String,
    has_waiting: i64,
}

impl ThreadRow {
    pub(in crate::store) fn currency(&self) -> Result<Currency> {
        read_word("currency", Currency::parse, &self.currency)
    }

    /// Whether something that was said in Meta's inbox waits for a person.
    pub(in crate::store) const fn has_waiting(&self) -> bool {
        self.has_waiting > 0
    }

    pub(in crate::store) fn thread(self) -> Result<Thread> {
        Ok(Thread {
            channel: read_word("channel", Channel::parse, &self.channel)?,
            id: ConversationId(self.id),
            page_id: PageId(self.page_id),
            psid: self.psid.map(Psid),
            version: self.version,
        })
    }
}

/// A chat of a conversation, as it was last cut.
#[derive(Deserialize)]
pub(in crate::store) struct ChatRow {
    pub(in crate::store) conversation_id: String,
    number: i64,
    began_at: i64,
    last_at: i64,
    first_word_at: Option<i64>,
    last_word_at: Option<i64>,
    contact_at: Option<i64>,
    ad_id: Option<String>,
    stage: String,
}

impl ChatRow {
    pub(in crate::store) fn chat(self) -> Result<(Chat, Stage)> {
        let chat = Chat {
            number: self.number,
            began_at: Timestamp::from_millis(self.began_at),
            last_at: Timestamp::from_millis(self.last_at),
            first_word_at: self.first_word_at.map(Timestamp::from_millis),
            last_word_at: self.last_word_at.map(Timestamp::from_millis),
            contact_at: self.contact_at.map(Timestamp::from_millis),
            ad_id: self.ad_id,
        };
        Ok((chat, read_word("stage", Stage::parse, &self.stage)?))
    }
}

/// An order, without what its ledger folds into.
#[derive(Deserialize)]
pub(in crate::store) struct OrderRow {
    pub(in crate::store) conversation_id: String,
    pub(in crate::store) id: String,
    pub(in crate::store) service_numbered: i64,
    pub(in crate::store) version: i64,
    pub(in crate::store) policy_version: i64,
    pub(in crate::store) opened_at: i64,
    pub(in crate::store) same_as: Option<String>,
    pub(in crate::store) same_said: i64,
    names: Option<Vec<NameRow>>,
}

impl OrderRow {
    pub(in crate::store) fn names(&mut self) -> Vec<NameRow> {
        self.names.take().unwrap_or_default()
    }
}

/// A name of an order.
#[derive(Deserialize)]
pub(in crate::store) struct NameRow {
    pub(in crate::store) name: String,
    /// The order that it stood for before.
    pub(in crate::store) told_of: Option<String>,
}

/// An entry of the ledger.
#[derive(Deserialize)]
pub(in crate::store) struct EntryRow {
    pub(in crate::store) conversation_id: String,
    /// The order that it counts for.
    pub(in crate::store) order_id: Option<String>,
    /// The order of which it was told.
    pub(in crate::store) told_of: Option<String>,
    /// The entry that it takes back or accepts.
    pub(in crate::store) about: Option<String>,
    pub(in crate::store) fact: FactRow,
}

/// What an entry says.
#[derive(Deserialize)]
pub(in crate::store) struct FactRow {
    pub(in crate::store) id: String,
    pub(in crate::store) kind: String,
    occurred_at: i64,
    recorded_at: i64,
    source: String,
    actor: String,
    reference: Option<String>,
    currency: String,
    value: Option<i64>,
    total: Option<i64>,
    delivery_fee: Option<i64>,
    discount: Option<i64>,
    fee: Option<i64>,
    items: Option<String>,
    reason: Option<String>,
    payment: Option<String>,
    courier: Option<String>,
    waybill: Option<String>,
    clamped: i64,
}

impl FactRow {
    /// From a row with these columns.
    pub(in crate::store) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            kind: row.get("kind")?,
            occurred_at: row.get("occurred_at")?,
            recorded_at: row.get("recorded_at")?,
            source: row.get("source")?,
            actor: row.get("actor")?,
            reference: row.get("reference")?,
            currency: row.get("currency")?,
            value: row.get("value")?,
            total: row.get("total")?,
            delivery_fee: row.get("delivery_fee")?,
            discount: row.get("discount")?,
            fee: row.get("fee")?,
            items: row.get("items")?,
            reason: row.get("reason")?,
            payment: row.get("payment")?,
            courier: row.get("courier")?,
            waybill: row.get("waybill")?,
            clamped: row.get("clamped")?,
        })
    }

    fn place(&self) -> (i64, &str) {
        (self.recorded_at, &self.id)
    }

    /// The fact, as if nobody had taken it back or accepted it.
    pub(in crate::store) fn fact(self) -> Result<Fact> {
        let items: Vec<Item> = self
            .items
            .map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))
            .map_err(|error| Error::internal("the items of an outcome can't be read").caused_by(error))?;
        Ok(Fact {
            id: OutcomeId(self.id),
            kind: read_word("kind", OutcomeKind::parse, &self.kind)?,
            occurred_at: Timestamp::from_millis(self.occurred_at),
            recorded_at: Timestamp::from_millis(self.recorded_at),
            actor: self.actor,
            source: read_word("source", Source::parse, &self.source)?,
            reference: self.reference,
            terms: Terms {
                currency: read_word("currency", Currency::parse, &self.currency)?,
                value: self.value,
                total: self.total,
                delivery_fee: self.delivery_fee,
                discount: self.discount,
                fee: self.fee,
                items,
            },
            details: Details {
                payment: self.payment,
                courier: self.courier,
                waybill: self.waybill,
                clamped: self.clamped != 0,
            },
            reason: self.reason,
            undone: false,
            accepted: false,
        })
    }
}

/// A conversion, with the facts that it reports.
#[derive(Deserialize)]
pub(in crate::store) struct ConversionRow {
    pub(in crate::store) conversation_id: String,
    id: String,
    order_id: Option<String>,
    policy_version: i64,
    event_name: String,
    number: i64,
    event_id: String,
    event_time: i64,
    state: String,
    reason: String,
    value: Option<i64>,
    leaves_at: i64,
    frozen: i64,
    resent: i64,
    carries: Option<Vec<String>>,
}

impl ConversionRow {
    fn place(&self) -> (&str, i64, &str) {
        (&self.event_name, self.number, &self.id)
    }

    pub(in crate::store) fn conversion(self) -> Result<Conversion> {
        Ok(Conversion {
            id: ConversionId(self.id),
            order_id: self.order_id.map(OrderId),
            policy_version: self.policy_version,
            name: read_word("event_name", EventName::parse, &self.event_name)?,
            number: self.number,
            event_id: self.event_id,
            event_time: Timestamp::from_millis(self.event_time),
            state: read_word("state", State::parse, &self.state)?,
            reason: read_word("reason", Reason::parse, &self.reason)?,
            value: self.value,
            leaves_at: Timestamp::from_millis(self.leaves_at),
            frozen: self.frozen != 0,
            resent: self.resent != 0,
            carries: self.carries.unwrap_or_default().into_iter().map(OutcomeId).collect(),
        })
    }
}
