//! Reading all that is known of conversations: of one, or of all that a lease or an attempt touches. The same
//! few queries serve one conversation and a thousand.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::vocabulary::arrival::Channel;
use crate::vocabulary::chat::{Chat, Stage};
use crate::vocabulary::conversion::{Conversion, EventName, Reason, State};
use crate::vocabulary::dossier::{Dossier, Thread};
use crate::vocabulary::identity::{
    AttemptId, ConversationId, ConversionId, OrderId, OutcomeId, PageId, Psid,
};
use crate::vocabulary::kinship;
use crate::vocabulary::money::Currency;
use crate::vocabulary::outcome::{Details, Fact, Item, Kind, Source, Terms};
use crate::vocabulary::sale::{Standing, Told};

use super::sql::{Pair, Row, Unit, list, values};

/// The entry that takes another back.
pub(super) const UNDO: &str = "undo";

/// The entry by which a person accepts a flagged one.
pub(super) const ACCEPT: &str = "accept";

/// Which conversations.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// This one.
    Conversation(&'a ConversationId),
    /// These.
    Conversations(&'a [ConversationId]),
    /// Those of the conversions under a lease.
    Lease(&'a str),
    /// Those of the conversions that an attempt carries.
    Attempt(&'a AttemptId),
    /// Those of them in which a conversion may still change: it waits, or would wake.
    Open(&'a AttemptId),
}

/// All that is known of the conversations of a list, each kind of row as a list, in one answer. (Asked with
/// `limit 1`, because PostgreSQL answers an `exists` of a short list by reading the whole table.)
macro_rules! known_of {
    ($these:literal, $list:literal, $object:literal) => {
        concat!(
            "select cast((select ", $list, "(", $object, "(
                         'id', conversation.id, 'page_id', conversation.page_id,
                         'channel', conversation.channel, 'version', conversation.version, 'psid', psid,
                         'currency', currency,
                         'has_waiting', case when (select 1 from waiting_tag
                                                    where conversation_id = conversation.id
                                                      and settled_at is null limit 1) = 1
                                             then 1 else 0 end))
                       from conversation join page on page.id = conversation.page_id
                                         left join person on person.conversation_id = conversation.id
                      where conversation.id ", $these, ") as text) as threads,
                    cast((select ", $list, "(", $object, "(
                         'conversation_id', conversation_id, 'number', number, 'began_at', began_at,
                         'last_at', last_at, 'first_word_at', first_word_at, 'last_word_at', last_word_at,
                         'contact_at', contact_at, 'ad_id', ad_id, 'stage', stage) order by number)
                       from chat where conversation_id ", $these, ") as text) as chats,
                    cast((select ", $list, "(", $object, "(
                         'conversation_id', conversation_id, 'id', id, 'service_numbered', service_numbered,
                         'version', version, 'policy_version', policy_version, 'opened_at', opened_at,
                         'same_as', same_as, 'same_said', same_said,
                         'names', (select ", $list, "(", $object, "('name', name, 'told_of', told_of)
                                                     order by position, name)
                                     from order_name where order_id = sale_order.id)) order by opened_at, id)
                       from sale_order where conversation_id ", $these, ") as text) as orders,
                    cast((select ", $list, "(", $object, "(
                         'id', outcome.id, 'conversation_id', outcome.conversation_id,
                         'order_id', coalesce(same_as, order_id), 'told_of', order_id, 'about', about,
                         'kind', kind, 'occurred_at', occurred_at, 'recorded_at', recorded_at,
                         'source', source, 'actor', actor, 'reference', reference,
                         'currency', outcome.currency, 'value', outcome.value, 'total', total,
                         'delivery_fee', delivery_fee, 'discount', discount, 'fee', fee, 'items', items,
                         'reason', reason, 'payment', payment, 'courier', courier, 'waybill', waybill,
                         'clamped', clamped) order by recorded_at, outcome.id)
                       from outcome left join sale_order on sale_order.id = outcome.order_id
                      where outcome.conversation_id ", $these, ") as text) as facts,
                    cast((select ", $list, "(", $object, "(
                         'conversation_id', conversation_id, 'id', id, 'order_id', order_id,
                         'policy_version', policy_version, 'event_name', event_name, 'number', number,
                         'event_id', event_id, 'event_time', event_time, 'state', state, 'reason', reason,
                         'value', value, 'leaves_at', leaves_at, 'frozen', frozen, 'resent', resent,
                         'carries', (select ", $list, "(", $object, "('outcome_id', outcome_id) order by outcome_id)
                                       from conversion_outcome where conversion_id = conversion.id))
                         order by event_name, number, id)
                       from conversion where conversation_id ", $these, ") as text) as conversions"
        )
    };
}

const KNOWN: Pair = Pair {
    sqlite: known_of!("in (select value from json_each($1))", "json_group_array", "json_object"),
    postgres: known_of!(
        "= any(array(select json_array_elements_text($1::json)))",
        "json_agg",
        "json_build_object"
    ),
};

/// The conversations of certain conversions, as a list.
macro_rules! ids {
    ($which:literal) => {
        Pair {
            sqlite: concat!(
                "select json_group_array(distinct conversation_id) as ids from conversion where ",
                $which
            ),
            postgres: concat!(
                "select cast(json_agg(distinct conversation_id) as text) as ids from conversion where ",
                $which
            ),
        }
    };
}

/// Conversations while they are read, by id.
#[derive(Default)]
struct Found {
    dossiers: BTreeMap<String, Dossier>,
    /// The currencies of their Pages.
    currencies: HashMap<String, Currency>,
}

impl Unit {
    /// The conversation, held until this unit ends: facts about it come one after the other.
    pub async fn hold(&mut self, id: &ConversationId) -> Result<Option<Dossier>> {
        Ok(self.hold_all(Scope::Conversation(id)).await?.pop())
    }

    /// The conversations of a scope, held until this unit ends, in the order of their ids.
    pub async fn hold_all(&mut self, scope: Scope<'_>) -> Result<Vec<Dossier>> {
        let ids = self.ids_of(scope).await?;
        self.lock_these(&ids).await?;
        self.read_these(ids).await
    }

    /// Holds the conversations of a scope until this unit ends.
    pub async fn lock_all(&mut self, scope: Scope<'_>) -> Result<()> {
        if self.is_alone() {
            return Ok(());
        }
        let ids = self.ids_of(scope).await?;
        self.lock_these(&ids).await
    }

    /// The conversations of a scope, in the order of their ids.
    pub async fn dossiers(&mut self, scope: Scope<'_>) -> Result<Vec<Dossier>> {
        let ids = self.ids_of(scope).await?;
        self.read_these(ids).await
    }

    async fn ids_of(&mut self, scope: Scope<'_>) -> Result<String> {
        let (text, name) = match scope {
            Scope::Conversation(id) => return list(&[id.as_str()]),
            Scope::Conversations(ids) => {
                let ids: Vec<&str> = ids.iter().map(ConversationId::as_str).collect();
                return list(&ids);
            }
            Scope::Lease(lease) => (ids!("lease = $1"), lease),
            Scope::Attempt(attempt) => (ids!("attempt_id = $1"), attempt.as_str()),
            Scope::Open(attempt) => {
                let text = ids!(
                    "attempt_id = $1
                     and (select 1 from conversion as other
                           where other.conversation_id = conversion.conversation_id
                             and other.state in ('held', 'ready', 'suppressed') limit 1) = 1"
                );
                (text, attempt.as_str())
            }
        };
        let row = self.row(text, values![name]).await?;
        Ok(row
            .map(|row| row.get::<Option<String>>("ids"))
            .transpose()?
            .flatten()
            .unwrap_or_else(|| "[]".into()))
    }

    /// Always in the order of their ids, so that two units never wait for each other in a circle. The one
    /// writer holds everything anyway.
    async fn lock_these(&mut self, ids: &str) -> Result<()> {
        if self.is_alone() {
            return Ok(());
        }
        let text = "select id from conversation
                     where id = any(array(select json_array_elements_text($1::json))) order by id for update";
        self.rows(text, values![ids]).await.map(drop)
    }

    async fn read_these(&mut self, ids: String) -> Result<Vec<Dossier>> {
        let Some(known) = self.row(KNOWN, values![ids]).await? else { return Ok(Vec::new()) };
        let mut found = Found::default();
        for row in &known.list("threads")? {
            let thread = read_thread(row)?;
            let id = thread.id.0.clone();
            found.currencies.insert(id.clone(), row.word("currency", Currency::parse)?);
            let has_waiting = row.get::<i64>("has_waiting")? > 0;
            found.dossiers.insert(id, Dossier { has_waiting, ..empty(thread) });
        }
        for row in &known.list("chats")? {
            if let Some(dossier) = found.dossiers.get_mut(&row.get::<String>("conversation_id")?) {
                dossier.chats.push(read_chat(row)?);
                dossier.stages.push(row.word("stage", Stage::parse)?);
            }
        }
        read_orders(&known.list("orders")?, &known.list("facts")?, &mut found)?;
        for row in &known.list("conversions")? {
            if let Some(dossier) = found.dossiers.get_mut(&row.get::<String>("conversation_id")?) {
                dossier.conversions.push(read_conversion(row)?);
            }
        }
        for dossier in found.dossiers.values_mut() {
            for index in 0..dossier.orders.len() {
                let rows = dossier.conversions_of(&dossier.orders[index]);
                dossier.orders[index].reported = rows.iter().any(|row| row.frozen || row.has_left());
            }
            kinship::park(&mut dossier.orders);
        }
        Ok(found.dossiers.into_values().collect())
    }
}

fn read_orders(orders: &[Row], facts: &[Row], found: &mut Found) -> Result<()> {
    let (mut names_of, mut names_told, mut facts_told): (Texts, Texts, Texts) = Default::default();
    for order in orders {
        let id: String = order.get("id")?;
        for row in &order.list("names")? {
            let name: String = row.get("name")?;
            if let Some(told) = row.get::<Option<String>>("told_of")? {
                names_told.entry(told).or_default().push(name.clone());
            }
            names_of.entry(id.clone()).or_default().push(name);
        }
    }
    for row in facts {
        if let Some(told) = row.get::<Option<String>>("told_of")? {
            facts_told.entry(told).or_default().push(row.get("id")?);
        }
    }
    let (mut of_orders, mut of_chats) = read_ledgers(facts)?;
    for row in orders {
        let Some(dossier) = found.dossiers.get_mut(&row.get::<String>("conversation_id")?) else {
            continue;
        };
        let Some(currency) = found.currencies.get(&dossier.thread.id.0).copied() else { continue };
        let id: String = row.get("id")?;
        if row.get::<Option<String>>("same_as")?.is_some() {
            continue;
        }
        let service_numbered = row.get::<i64>("service_numbered")? != 0;
        let facts = of_orders.remove(&id).unwrap_or_default();
        let numbers = names_of.remove(&id).unwrap_or_default();
        let policy_version = row.get("policy_version")?;
        let mut standing = Standing::new(OrderId(id), service_numbered, policy_version, currency);
        standing.version = row.get("version")?;
        standing.opened_at = row.time("opened_at")?;
        standing.facts = facts;
        standing.numbers = numbers;
        standing.fold(currency);
        dossier.orders.push(standing);
    }
    for row in orders {
        let Some(dossier) = found.dossiers.get_mut(&row.get::<String>("conversation_id")?) else {
            continue;
        };
        let sale: Option<String> = row.get("same_as")?;
        let sale = dossier.orders.iter_mut().find(|standing| Some(&standing.id.0) == sale.as_ref());
        let Some(sale) = sale.filter(|_| row.get::<i64>("same_said").is_ok_and(|said| said == 0)) else {
            continue;
        };
        let id: String = row.get("id")?;
        sale.told.push(Told {
            numbers: names_told.remove(&id).unwrap_or_default(),
            facts: facts_told.remove(&id).unwrap_or_default().into_iter().map(OutcomeId).collect(),
            version: row.get("version")?,
            policy_version: row.get("policy_version")?,
            opened_at: row.time("opened_at")?,
            id: OrderId(id),
        });
    }
    for (id, dossier) in &mut found.dossiers {
        dossier.said = of_chats.remove(id).unwrap_or_default();
    }
    Ok(())
}

fn read_thread(row: &Row) -> Result<Thread> {
    let psid: Option<String> = row.get("psid")?;
    Ok(Thread {
        id: ConversationId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        channel: row.word("channel", Channel::parse)?,
        psid: psid.map(Psid),
        version: row.get("version")?,
    })
}

fn empty(thread: Thread) -> Dossier {
    Dossier {
        thread,
        chats: Vec::new(),
        stages: Vec::new(),
        said: Vec::new(),
        orders: Vec::new(),
        conversions: Vec::new(),
        has_waiting: false,
    }
}

fn read_chat(row: &Row) -> Result<Chat> {
    let time = |column: &str| Ok::<_, Error>(row.get::<Option<i64>>(column)?.map(Timestamp::from_millis));
    Ok(Chat {
        number: row.get("number")?,
        began_at: row.time("began_at")?,
        last_at: row.time("last_at")?,
        first_word_at: time("first_word_at")?,
        last_word_at: time("last_word_at")?,
        contact_at: time("contact_at")?,
        ad_id: row.get("ad_id")?,
    })
}

type Texts = HashMap<String, Vec<String>>;

type Ledgers = HashMap<String, Vec<Fact>>;

/// Facts by order and facts by conversation, each with what undid or accepted it.
fn read_ledgers(rows: &[Row]) -> Result<(Ledgers, Ledgers)> {
    let (mut undone, mut accepted) = (HashSet::new(), HashSet::new());
    for row in rows {
        let Some(about) = row.get::<Option<String>>("about")? else { continue };
        match row.get::<String>("kind")?.as_str() {
            UNDO => undone.insert(about),
            ACCEPT => accepted.insert(about),
            _ => false,
        };
    }
    let (mut of_orders, mut of_chats) = (Ledgers::new(), Ledgers::new());
    for row in rows {
        if row.get::<Option<String>>("about")?.is_some() {
            continue;
        }
        let mut fact = read_fact(row)?;
        fact.undone = undone.contains(&fact.id.0);
        fact.accepted = accepted.contains(&fact.id.0);
        let order: Option<String> = row.get("order_id")?;
        let ledger = match order {
            Some(order) => of_orders.entry(order).or_default(),
            None => of_chats.entry(row.get("conversation_id")?).or_default(),
        };
        ledger.push(fact);
    }
    Ok((of_orders, of_chats))
}

pub(super) fn read_fact(row: &Row) -> Result<Fact> {
    let items: Option<String> = row.get("items")?;
    let items: Vec<Item> = items
        .map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))
        .map_err(|error| Error::internal("the items of an outcome can't be read").caused_by(error))?;
    Ok(Fact {
        id: OutcomeId(row.get("id")?),
        kind: row.word("kind", Kind::parse)?,
        occurred_at: row.time("occurred_at")?,
        recorded_at: row.time("recorded_at")?,
        actor: row.get("actor")?,
        source: row.word("source", Source::parse)?,
        reference: row.get("reference")?,
        terms: Terms {
            currency: row.word("currency", Currency::parse)?,
            value: row.get("value")?,
            total: row.get("total")?,
            delivery_fee: row.get("delivery_fee")?,
            discount: row.get("discount")?,
            fee: row.get("fee")?,
            items,
        },
        details: Details {
            payment: row.get("payment")?,
            courier: row.get("courier")?,
            waybill: row.get("waybill")?,
            clamped: row.get::<i64>("clamped")? != 0,
        },
        reason: row.get("reason")?,
        undone: false,
        accepted: false,
    })
}

fn read_conversion(row: &Row) -> Result<Conversion> {
    let order_id: Option<String> = row.get("order_id")?;
    let carries = row.list("carries")?;
    Ok(Conversion {
        carries: carries.iter().map(|row| row.get("outcome_id").map(OutcomeId)).collect::<Result<_>>()?,
        id: ConversionId(row.get("id")?),
        order_id: order_id.map(OrderId),
        policy_version: row.get("policy_version")?,
        name: row.word("event_name", EventName::parse)?,
        number: row.get("number")?,
        event_id: row.get("event_id")?,
        event_time: row.time("event_time")?,
        state: row.word("state", State::parse)?,
        reason: row.word("reason", Reason::parse)?,
        value: row.get("value")?,
        leaves_at: row.time("leaves_at")?,
        frozen: row.get::<i64>("frozen")? != 0,
        resent: row.get::<i64>("resent")? != 0,
    })
}
