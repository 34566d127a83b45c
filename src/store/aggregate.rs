//! Reading all that is known of conversations: of one, or of all that a lease or an attempt touches. The same
//! query serves one conversation and a thousand.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{AttemptId, ConversationId, OrderId, OutcomeId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::{ConversationAggregate, Thread};
use crate::domain::order::ledger::{JoinedOrder, OrderLedger};
use crate::domain::order::matching;
use crate::domain::order::outcome::{Fact, FollowUp};
use crate::error::Result;
use crate::store::aggregate_rows::{AGGREGATE_QUERY, AggregateRows, EntryRow, OrderRow};
use crate::store::db::sql::{Pair, Unit, list, values};

/// The entry that takes another back.
pub(in crate::store) const UNDO: &str = FollowUp::Undo.as_str();

/// The entry by which a person accepts a flagged one.
pub(in crate::store) const ACCEPT: &str = FollowUp::Accept.as_str();

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
    aggregates: BTreeMap<String, ConversationAggregate>,
    /// The currencies of their Pages.
    currencies: HashMap<String, Currency>,
}

impl Unit {
    /// The conversation, held until this unit ends: facts about it come one after the other.
    pub async fn load_conversation(&mut self, id: &ConversationId) -> Result<Option<ConversationAggregate>> {
        Ok(self.load_conversations(Scope::Conversation(id)).await?.pop())
    }

    /// The conversations of a scope, held until this unit ends, in the order of their ids.
    pub async fn load_conversations(&mut self, scope: Scope<'_>) -> Result<Vec<ConversationAggregate>> {
        let ids = self.ids_of(scope).await?;
        self.lock_these(&ids).await?;
        self.read_these(ids).await
    }

    /// Holds the conversations of a scope until this unit ends.
    pub async fn lock_conversations(&mut self, scope: Scope<'_>) -> Result<()> {
        if self.is_alone() {
            return Ok(());
        }
        let ids = self.ids_of(scope).await?;
        self.lock_these(&ids).await
    }

    /// The conversations of a scope, in the order of their ids.
    pub async fn aggregates(&mut self, scope: Scope<'_>) -> Result<Vec<ConversationAggregate>> {
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

    async fn read_these(&mut self, ids: String) -> Result<Vec<ConversationAggregate>> {
        let Some(row) = self.row(AGGREGATE_QUERY, values![ids]).await? else { return Ok(Vec::new()) };
        let known = AggregateRows::read(&row)?;
        let mut found = Found::default();
        for row in known.threads {
            let (id, currency, has_waiting) = (row.id.clone(), row.currency()?, row.has_waiting());
            found.currencies.insert(id.clone(), currency);
            found.aggregates.insert(id, ConversationAggregate { has_waiting, ..empty(row.thread()?) });
        }
        for row in known.chats {
            if let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) {
                let (chat, stage) = row.chat()?;
                aggregate.chats.push(chat);
                aggregate.stages.push(stage);
            }
        }
        take_orders(known.orders, known.entries, &mut found)?;
        for row in known.conversions {
            if let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) {
                aggregate.conversions.push(row.conversion()?);
            }
        }
        for ConversationAggregate { orders, conversions, .. } in found.aggregates.values_mut() {
            for ledger in &mut *orders {
                let mut rows = conversions.iter().filter(|row| row.order_id.as_ref() == Some(&ledger.id));
                ledger.reported = rows.any(|row| row.frozen || row.has_left());
            }
            matching::park(orders);
        }
        Ok(found.aggregates.into_values().collect())
    }
}

fn take_orders(mut orders: Vec<OrderRow>, entries: Vec<EntryRow>, found: &mut Found) -> Result<()> {
    let (mut names_of, mut names_told, mut facts_told): (Texts, Texts, Texts) = Default::default();
    for order in &mut orders {
        for row in order.names() {
            if let Some(told) = row.told_of {
                names_told.entry(told).or_default().push(row.name.clone());
            }
            names_of.entry(order.id.clone()).or_default().push(row.name);
        }
    }
    for entry in &entries {
        if let Some(told) = &entry.told_of {
            facts_told.entry(told.clone()).or_default().push(entry.fact.id.clone());
        }
    }
    let (mut of_orders, mut of_chats) = ledgers(entries)?;
    for row in orders.iter().filter(|row| row.same_as.is_none()) {
        let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) else { continue };
        let Some(currency) = found.currencies.get(&row.conversation_id).copied() else { continue };
        let (id, service_numbered) = (OrderId(row.id.clone()), row.service_numbered != 0);
        let mut ledger = OrderLedger::new(id, service_numbered, row.policy_version, currency);
        ledger.version = row.version;
        ledger.opened_at = Timestamp::from_millis(row.opened_at);
        ledger.facts = of_orders.remove(&row.id).unwrap_or_default();
        ledger.numbers = names_of.remove(&row.id).unwrap_or_default();
        ledger.fold(currency);
        aggregate.orders.push(ledger);
    }
    for row in orders.into_iter().filter(|row| row.same_said == 0) {
        let Some(aggregate) = found.aggregates.get_mut(&row.conversation_id) else { continue };
        let mut sales = aggregate.orders.iter_mut();
        let Some(sale) = sales.find(|ledger| Some(&ledger.id.0) == row.same_as.as_ref()) else {
            continue;
        };
        sale.joined.push(JoinedOrder {
            numbers: names_told.remove(&row.id).unwrap_or_default(),
            facts: facts_told.remove(&row.id).unwrap_or_default().into_iter().map(OutcomeId).collect(),
            version: row.version,
            policy_version: row.policy_version,
            opened_at: Timestamp::from_millis(row.opened_at),
            id: OrderId(row.id),
        });
    }
    for (id, aggregate) in &mut found.aggregates {
        aggregate.said = of_chats.remove(id).unwrap_or_default();
    }
    Ok(())
}

fn empty(thread: Thread) -> ConversationAggregate {
    ConversationAggregate {
        thread,
        chats: Vec::new(),
        stages: Vec::new(),
        said: Vec::new(),
        orders: Vec::new(),
        conversions: Vec::new(),
        has_waiting: false,
    }
}

type Texts = HashMap<String, Vec<String>>;

type Ledgers = HashMap<String, Vec<Fact>>;

/// Facts by order and facts by conversation, each with what undid or accepted it.
fn ledgers(entries: Vec<EntryRow>) -> Result<(Ledgers, Ledgers)> {
    let (mut undone, mut accepted) = (HashSet::new(), HashSet::new());
    for entry in &entries {
        let Some(about) = &entry.about else { continue };
        match entry.fact.kind.as_str() {
            UNDO => undone.insert(about.clone()),
            ACCEPT => accepted.insert(about.clone()),
            _ => false,
        };
    }
    let (mut of_orders, mut of_chats) = (Ledgers::new(), Ledgers::new());
    for entry in entries.into_iter().filter(|entry| entry.about.is_none()) {
        let mut fact = entry.fact.fact()?;
        fact.undone = undone.contains(&fact.id.0);
        fact.accepted = accepted.contains(&fact.id.0);
        let ledger = match entry.order_id {
            Some(order) => of_orders.entry(order).or_default(),
            None => of_chats.entry(entry.conversation_id).or_default(),
        };
        ledger.push(fact);
    }
    Ok((of_orders, of_chats))
}
