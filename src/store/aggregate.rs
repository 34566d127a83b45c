//! Loads conversation aggregates: of one conversation, or of all that a lease or an attempt touches. One query answers
//! one row, with each table's rows as a JSON list: a row that crosses from SQLite's thread to ours costs more than JSON.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{
    AccountId, AttemptId, ConversationId, OrderId, OutcomeId, PageId, PersonId,
};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::{ConversationAggregate, Thread};
use crate::domain::conversation::inbound::Channel;
use crate::domain::conversation::recipient::Recipient;
use crate::domain::order::ledger::{Join, JoinedOrder, OrderLedger, mark_reported, rematch};
use crate::domain::order::outcome::{Fact, FollowUp, FollowUpEntry};
use crate::error::Result;
use crate::store::chat::ChatRow;
use crate::store::conversion::LedgerConversion;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, list, object, read_word, values};
use crate::store::order::{LedgerOrder, OrderNumberRow};
use crate::store::outcome::OutcomeRow;

/// Which conversations a load is for; all of them come by one query.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// One conversation, by its id.
    Conversation(&'a ConversationId),
    /// Several conversations, by their ids.
    Conversations(&'a [ConversationId]),
    /// The conversations of the conversions under a lease.
    Lease(&'a str),
    /// The conversations of the conversions that an attempt carries.
    Attempt(&'a AttemptId),
    /// The conversations of an attempt that have a conversion which its verdict may change: one that is `held`, `ready` or
    /// `suppressed`, in the attempt or not, or one of the attempt that was not taken, while its ledger perhaps changed.
    Open(&'a AttemptId),
}

/// The query for a JSON list of the conversations of the conversions for which the condition `$which` holds.
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

/// The query for the aggregates of a JSON list of ids: `$these` compares with it, the functions `$all` and `$object` make
/// a JSON list and a JSON object. `$json` keeps the list of a subquery from being taken for text, since SQLite loses the
/// subtype there. `(select 1 … limit 1) = 1` is `exists (…)`, for which PostgreSQL would read the whole of a short table.
macro_rules! aggregate_query {
    ($these:literal, $all:literal, $object:literal, $json:literal) => {
        concat!(
            "select cast((select ", $all, "(",
            object!($object: id = "conversation.id", page_id = "conversation.page_id",
                             channel = "conversation.channel", account_id, person_id,
                             version = "conversation.version", currency,
                             has_pending = "case when (select 1 from pending_tag
                                                        where pending_tag.conversation_id = conversation.id
                                                          and settled_at is null limit 1) = 1
                                                 then 1 else 0 end"),
            ") from conversation join page on page.id = conversation.page_id
                                 left join recipient on recipient.conversation_id = conversation.id
               where conversation.id ", $these, ") as text) as threads,
             cast((select ", $all, "(",
            object!($object: conversation_id, number, began_at, last_at, first_word_at, last_word_at, contact_at,
                             ad_id, stage),
            ") from chat where conversation_id ", $these, ") as text) as chats,
             cast((select ", $all, "(",
            object!($object: id, conversation_id, service_numbered, policy_version, opened_at, version, joined_into),
            ") from sale_order where conversation_id ", $these, ") as text) as orders,
             cast((select ", $all, "(",
            object!($object: order_id, number),
            " order by position, number)
                from order_number join sale_order on sale_order.id = order_id
               where conversation_id ", $these, ") as text) as numbers,
             cast((select ", $all, "(",
            object!($object: id, conversation_id, order_id,
                             about, kind, occurred_at, clamped, time_stated, recorded_at, source, actor, reference,
                             currency, written_in, value, total, delivery_fee, discount,
                             fee, items, reason, payment, courier, waybill, position, other),
            ") from outcome where conversation_id ", $these, ") as text) as outcomes,
             cast((select ", $all, "(",
            object!($object: id, conversation_id, order_id, policy_version, event_name, number, event_id, event_time,
                             state, reason, value, leaves_at, frozen, resent, beside, contents,
                             outcome_ids = concat!(
                                 $json, "((select ", $all, "(outcome_id order by outcome_id)
                                             from conversion_outcome where conversion_id = conversion.id))"
                             )),
            ") from conversion where conversation_id ", $these, ") as text) as conversions"
        )
    };
}

const AGGREGATE_QUERY: Pair = Pair {
    sqlite: aggregate_query!(
        "in (select value from json_each($1))",
        "json_group_array",
        "json_object",
        "json"
    ),
    postgres: aggregate_query!(
        "= any(array(select json_array_elements_text($1::json)))",
        "json_agg",
        "json_build_object",
        "to_json"
    ),
};

/// The one row that [`AGGREGATE_QUERY`] answers: each list read into the row type of its table.
struct AggregateRows {
    threads: Vec<ThreadRow>,
    chats: Vec<ChatRow>,
    orders: Vec<LedgerOrder>,
    numbers: Vec<OrderNumberRow>,
    outcomes: Vec<OutcomeRow>,
    conversions: Vec<LedgerConversion>,
}

/// A conversation with its recipient, and the currency of its Page.
#[derive(Deserialize)]
struct ThreadRow {
    id: String,
    page_id: String,
    channel: String,
    /// `None`, like `person_id`, while no person is known: see [`Thread::recipient`].
    account_id: Option<String>,
    person_id: Option<String>,
    version: i64,
    currency: String,
    /// 1 if a pending tag waits for a person, else 0.
    has_pending: i64,
}

impl AggregateRows {
    /// Reads each list and sorts it, which costs less here than in the database; only numbers come sorted.
    fn read(row: &Row) -> Result<Self> {
        let mut rows = Self {
            threads: row.list("threads")?,
            chats: row.list("chats")?,
            orders: row.list("orders")?,
            numbers: row.list("numbers")?,
            outcomes: row.list("outcomes")?,
            conversions: row.list("conversions")?,
        };
        rows.chats.sort_unstable_by_key(|chat| chat.number);
        rows.orders.sort_unstable_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
        rows.outcomes.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        rows.conversions.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        Ok(rows)
    }
}

impl ThreadRow {
    fn thread(self) -> Result<Thread> {
        let channel = read_word("channel", Channel::parse, &self.channel)?;
        let messaging = |(account, person)| Recipient::Messaging {
            channel,
            account_id: AccountId(account),
            person_id: PersonId(person),
        };
        Ok(Thread {
            id: ConversationId(self.id),
            page_id: PageId(self.page_id),
            recipient: self.account_id.zip(self.person_id).map(messaging),
            version: self.version,
            entries: 0,
        })
    }
}

/// Aggregates that are being put together from rows, by the id of their conversation.
#[derive(Default)]
struct Found {
    aggregates: BTreeMap<String, ConversationAggregate>,
    /// The currency of each one's Page.
    currencies: HashMap<String, Currency>,
}

impl Unit {
    /// Loads a conversation and locks it until this unit ends, so that facts about it are recorded one after the other.
    /// `None` if there is no such conversation.
    pub async fn load_conversation(&mut self, id: &ConversationId) -> Result<Option<ConversationAggregate>> {
        Ok(self.load_conversations(Scope::Conversation(id)).await?.pop())
    }

    /// Loads the conversations of a scope, in the order of their ids, and locks them until this unit ends.
    pub async fn load_conversations(&mut self, scope: Scope<'_>) -> Result<Vec<ConversationAggregate>> {
        let ids = self.ids_of(scope).await?;
        self.lock_these(&ids).await?;
        let loaded = self.read_these(ids).await?;
        self.count_loads(loaded.len());
        Ok(loaded)
    }

    /// Locks the conversations of a scope until this unit ends, for a unit that loads fewer of them, and later.
    pub async fn lock_conversations(&mut self, scope: Scope<'_>) -> Result<()> {
        if self.is_alone() {
            return Ok(());
        }
        let ids = self.ids_of(scope).await?;
        self.lock_these(&ids).await
    }

    /// Reads the conversations of a scope without locking them, in the order of their ids.
    pub async fn aggregates(&mut self, scope: Scope<'_>) -> Result<Vec<ConversationAggregate>> {
        let ids = self.ids_of(scope).await?;
        self.read_these(ids).await
    }

    async fn ids_of(&mut self, scope: Scope<'_>) -> Result<String> {
        let (text, name) = match scope {
            Scope::Conversation(id) => return list([id.as_str()]),
            Scope::Conversations(ids) => {
                return list(ids.iter().map(ConversationId::as_str));
            }
            Scope::Lease(lease) => (ids!("lease = $1"), lease),
            Scope::Attempt(attempt) => (ids!("attempt_id = $1"), attempt.as_str()),
            Scope::Open(attempt) => {
                let text = ids!(
                    "attempt_id = $1
                     and (select 1 from conversion as other
                           where other.conversation_id = conversion.conversation_id
                             and (other.state in ('held', 'ready', 'suppressed')
                                  or (other.attempt_id = $1 and other.state in ('rejected', 'expired')))
                           limit 1) = 1"
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

    /// Locks the rows in the order of their ids, so that two units never deadlock. SQLite's one writer needs no lock.
    async fn lock_these(&mut self, ids: &str) -> Result<()> {
        if self.is_alone() {
            return Ok(());
        }
        let text = "select id from conversation
                     where id = any(array(select json_array_elements_text($1::json))) order by id for update";
        self.rows(text, values![ids]).await.map(drop)
    }

    async fn read_these(&mut self, ids: String) -> Result<Vec<ConversationAggregate>> {
        let Some(row) = self.row(AGGREGATE_QUERY, values![ids]).await? else { return Ok(Vec::new()) };
        let rows = AggregateRows::read(&row)?;
        let mut found = Found::default();
        for row in rows.threads {
            let (id, has_pending_tag) = (row.id.clone(), row.has_pending > 0);
            let currency = read_word("currency", Currency::parse, &row.currency)?;
            found.currencies.insert(id.clone(), currency);
            found.aggregates.insert(id, ConversationAggregate { has_pending_tag, ..empty(row.thread()?) });
        }
        for row in rows.chats {
            if let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) {
                let (chat, stage) = row.chat()?;
                aggregate.chats.push(chat);
                aggregate.stages.push(stage);
            }
        }
        take_orders(rows.orders, rows.numbers, rows.outcomes, &mut found)?;
        for row in rows.conversions {
            if let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) {
                aggregate.conversions.push(row.conversion()?);
            }
        }
        for (id, aggregate) in &mut found.aggregates {
            let reported = aggregate.reported();
            mark_reported(&mut aggregate.orders, &reported);
            if let Some(currency) = found.currencies.get(id) {
                rematch(&mut aggregate.orders, &aggregate.decisions, *currency);
            }
            aggregate.mark_perhaps_told();
        }
        Ok(found.aggregates.into_values().collect())
    }
}

/// Adds the orders, not folded yet, with their numbers, facts and joined tellings, and the facts about chats.
fn take_orders(
    orders: Vec<LedgerOrder>,
    numbers: Vec<OrderNumberRow>,
    outcomes: Vec<OutcomeRow>,
    found: &mut Found,
) -> Result<()> {
    let mut numbers_of: HashMap<String, Vec<String>> = HashMap::new();
    for row in numbers {
        numbers_of.entry(row.order_id).or_default().push(row.number);
    }
    for row in &outcomes {
        if let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) {
            aggregate.thread.entries = aggregate.thread.entries.max(row.position);
            aggregate.decisions.extend(row.decision());
        }
    }
    let (mut of_orders, mut of_chats) = ledgers(outcomes)?;
    let (joined, own): (Vec<_>, Vec<_>) = orders.into_iter().partition(|row| row.joined_into.is_some());
    for row in own {
        let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) else { continue };
        let Some(currency) = found.currencies.get(&row.conversation_id).copied() else { continue };
        let (id, service_numbered) = (OrderId(row.id.clone()), row.service_numbered != 0);
        let mut ledger = OrderLedger::new(id, service_numbered, row.policy_version, currency);
        ledger.version = row.version;
        ledger.opened_at = Timestamp::from_millis(row.opened_at);
        ledger.facts = of_orders.remove(&row.id).unwrap_or_default();
        ledger.numbers = numbers_of.remove(&row.id).unwrap_or_default();
        aggregate.orders.push(ledger);
    }
    for row in joined {
        let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) else { continue };
        let mut sales = aggregate.orders.iter_mut();
        let Some(sale) = sales.find(|ledger| Some(&ledger.id.0) == row.joined_into.as_ref()) else {
            continue;
        };
        aggregate.joins.push(Join { telling: OrderId(row.id.clone()), order: sale.id.clone() });
        let facts = of_orders.remove(&row.id).unwrap_or_default();
        let numbers = numbers_of.remove(&row.id).unwrap_or_default();
        sale.joined.push(JoinedOrder {
            numbers: numbers.clone(),
            service_numbered: row.service_numbered != 0,
            facts: facts.iter().map(|fact| fact.id.clone()).collect(),
            version: row.version,
            policy_version: row.policy_version,
            opened_at: Timestamp::from_millis(row.opened_at),
            is_reported: false,
            id: OrderId(row.id),
        });
        sale.numbers.extend(numbers);
        sale.facts.extend(facts);
    }
    for (id, aggregate) in &mut found.aggregates {
        aggregate.chat_facts = of_chats.remove(id).unwrap_or_default();
    }
    Ok(())
}

/// An aggregate to which nothing is added yet.
fn empty(thread: Thread) -> ConversationAggregate {
    ConversationAggregate {
        thread,
        chats: Vec::new(),
        stages: Vec::new(),
        chat_facts: Vec::new(),
        orders: Vec::new(),
        joins: Vec::new(),
        decisions: Vec::new(),
        conversions: Vec::new(),
        has_pending_tag: false,
    }
}

/// Facts by an id.
type Ledgers = HashMap<String, Vec<Fact>>;

/// Facts about orders, by telling, and facts about chats, by conversation; each with the follow-ups to it.
fn ledgers(outcomes: Vec<OutcomeRow>) -> Result<(Ledgers, Ledgers)> {
    let (mut follow_ups, mut same) = (HashMap::<OutcomeId, Vec<FollowUpEntry>>::new(), HashSet::new());
    for row in &outcomes {
        if let Some(entry) = row.follow_up_entry()? {
            follow_ups.entry(entry.about.clone()).or_default().push(entry);
        } else if let Some((about, FollowUp::Join)) = row.follow_up() {
            same.insert(about.clone());
        }
    }
    for entries in follow_ups.values_mut() {
        entries.sort_by(|a, b| (a.recorded_at, &a.id).cmp(&(b.recorded_at, &b.id)));
    }
    let about = |id: &OutcomeId| follow_ups.get(id).map(Vec::as_slice).unwrap_or_default();
    let (mut of_orders, mut of_chats) = (Ledgers::new(), Ledgers::new());
    for mut row in outcomes.into_iter().filter(|row| row.about.is_none()) {
        let ledger = match row.order_id.take() {
            Some(order) => of_orders.entry(order).or_default(),
            None => of_chats.entry(std::mem::take(&mut row.conversation_id)).or_default(),
        };
        let mut fact = row.fact()?;
        for entry in about(&fact.id.clone()) {
            fact.take_follow_up(entry);
            for undo in about(&entry.id) {
                fact.take_follow_up(undo);
            }
        }
        fact.names_same_sale = same.contains(&fact.id.0);
        ledger.push(fact);
    }
    Ok((of_orders, of_chats))
}
