//! Reading all that is known of conversations: of one, or of all that a lease or an attempt touches. The same
//! few queries serve one conversation and a thousand.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::vocabulary::arrival::Channel;
use crate::vocabulary::chat::Chat;
use crate::vocabulary::conversion::{Conversion, EventName, Reason, State};
use crate::vocabulary::dossier::{Dossier, Thread};
use crate::vocabulary::identity::{
    AttemptId, ConversationId, ConversionId, OrderId, OutcomeId, PageId, Psid,
};
use crate::vocabulary::kinship;
use crate::vocabulary::money::Currency;
use crate::vocabulary::outcome::{Details, Fact, Item, Kind, Source, Terms};
use crate::vocabulary::sale::{Standing, Told};

use super::sql::{Pair, Row, Unit, Value, values};

/// The entry that takes another back.
pub(super) const UNDO: &str = "undo";

/// The entry by which a person accepts a flagged one.
pub(super) const ACCEPT: &str = "accept";

/// Which conversations.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// This one.
    Conversation(&'a ConversationId),
    /// Those of the conversions under a lease.
    Lease(&'a str),
    /// Those of the conversions that an attempt carries.
    Attempt(&'a AttemptId),
}

impl Scope<'_> {
    fn values(self) -> Vec<Value> {
        let (mut conversation, mut lease, mut attempt) = (None, None, None);
        match self {
            Self::Conversation(id) => conversation = Some(id.0.clone()),
            Self::Lease(name) => lease = Some(name.to_owned()),
            Self::Attempt(id) => attempt = Some(id.0.clone()),
        }
        values![conversation, lease, attempt]
    }
}

impl Unit {
    /// The conversation, held until this unit ends: facts about it come one after the other.
    pub async fn hold(&mut self, id: &ConversationId, currency: Currency) -> Result<Option<Dossier>> {
        Ok(self.hold_all(Scope::Conversation(id), currency).await?.pop())
    }

    /// The conversations of a scope, held until this unit ends, in the order of their ids.
    pub async fn hold_all(&mut self, scope: Scope<'_>, currency: Currency) -> Result<Vec<Dossier>> {
        match self.lock_all(scope).await? {
            0 => Ok(Vec::new()),
            _ => self.dossiers(scope, currency).await,
        }
    }

    /// Holds the conversations of a scope until this unit ends, always in the order of their ids, so that
    /// two units never wait for each other in a circle; gives their number.
    pub async fn lock_all(&mut self, scope: Scope<'_>) -> Result<usize> {
        let text = Pair {
            sqlite: "select id from conversation
                      where id in (select $1 union select conversation_id from conversion where lease = $2
                                   union select conversation_id from conversion where attempt_id = $3)
                      order by id",
            postgres: "select id from conversation
                        where id in (select $1 union select conversation_id from conversion where lease = $2
                                     union select conversation_id from conversion where attempt_id = $3)
                        order by id for update",
        };
        Ok(self.rows(text, scope.values()).await?.len())
    }

    /// The conversations of a scope; `currency` is the Page's.
    pub async fn dossiers(&mut self, scope: Scope<'_>, currency: Currency) -> Result<Vec<Dossier>> {
        let threads = self
            .rows(
                "select conversation.id, conversation.page_id, conversation.channel, version, psid
                   from conversation left join person on person.conversation_id = conversation.id
                  where conversation.id in
                        (select $1 union select conversation_id from conversion where lease = $2
                         union select conversation_id from conversion where attempt_id = $3)
                  order by conversation.id",
                scope.values(),
            )
            .await?;
        let mut found: BTreeMap<String, Dossier> = BTreeMap::new();
        for row in &threads {
            let psid: Option<String> = row.get("psid")?;
            let thread = Thread {
                id: ConversationId(row.get("id")?),
                page_id: PageId(row.get("page_id")?),
                channel: row.word("channel", Channel::parse)?,
                psid: psid.map(Psid),
                version: row.get("version")?,
            };
            found.insert(thread.id.0.clone(), empty(thread));
        }
        self.read_chats(scope, &mut found).await?;
        self.read_orders(scope, currency, &mut found).await?;
        self.read_conversions(scope, &mut found).await?;
        for dossier in found.values_mut() {
            for index in 0..dossier.orders.len() {
                let rows = dossier.conversions_of(&dossier.orders[index]);
                dossier.orders[index].reported = rows.iter().any(|row| row.frozen || row.has_left());
            }
            kinship::park(&mut dossier.orders);
        }
        Ok(found.into_values().collect())
    }

    async fn read_chats(&mut self, scope: Scope<'_>, found: &mut BTreeMap<String, Dossier>) -> Result<()> {
        let rows = self
            .rows(
                "select conversation_id, number, began_at, last_at, first_word_at, last_word_at, contact_at, ad_id
                   from chat
                  where conversation_id in
                        (select $1 union select conversation_id from conversion where lease = $2
                         union select conversation_id from conversion where attempt_id = $3)
                  order by conversation_id, number",
                scope.values(),
            )
            .await?;
        for row in &rows {
            if let Some(dossier) = found.get_mut(&row.get::<String>("conversation_id")?) {
                dossier.chats.push(read_chat(row)?);
            }
        }
        Ok(())
    }

    async fn read_orders(
        &mut self,
        scope: Scope<'_>,
        currency: Currency,
        found: &mut BTreeMap<String, Dossier>,
    ) -> Result<()> {
        let orders = self
            .rows(
                "select conversation_id, id, service_numbered, version, policy_version, opened_at, same_as, same_said
                   from sale_order
                  where conversation_id in
                        (select $1 union select conversation_id from conversion where lease = $2
                         union select conversation_id from conversion where attempt_id = $3)
                  order by conversation_id, opened_at, id",
                scope.values(),
            )
            .await?;
        let names = self
            .rows(
                "select order_id, name, told_of
                   from order_name join sale_order on sale_order.id = order_name.order_id
                  where conversation_id in
                        (select $1 union select conversation_id from conversion where lease = $2
                         union select conversation_id from conversion where attempt_id = $3)
                  order by order_id, position, name",
                scope.values(),
            )
            .await?;
        let facts = self
            .rows(
                "select outcome.id, outcome.conversation_id, coalesce(same_as, order_id) as order_id,
                        order_id as told_of, about, kind,
                        occurred_at, recorded_at, source, actor, reference, outcome.currency, outcome.value,
                        delivery_fee, discount, fee, items, reason, payment, courier, waybill, clamped
                   from outcome left join sale_order on sale_order.id = outcome.order_id
                  where outcome.conversation_id in
                        (select $1 union select conversation_id from conversion where lease = $2
                         union select conversation_id from conversion where attempt_id = $3)
                  order by recorded_at, outcome.id",
                scope.values(),
            )
            .await?;
        let (mut names_of, mut names_told): (Texts, Texts) = Default::default();
        for row in &names {
            names_of.entry(row.get("order_id")?).or_default().push(row.get("name")?);
            if let Some(told) = row.get::<Option<String>>("told_of")? {
                names_told.entry(told).or_default().push(row.get("name")?);
            }
        }
        let mut facts_told = Texts::new();
        for row in &facts {
            if let Some(told) = row.get::<Option<String>>("told_of")? {
                facts_told.entry(told).or_default().push(row.get("id")?);
            }
        }
        let (mut of_orders, mut of_chats) = read_ledgers(&facts)?;
        for row in &orders {
            let Some(dossier) = found.get_mut(&row.get::<String>("conversation_id")?) else { continue };
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
        for row in &orders {
            let Some(dossier) = found.get_mut(&row.get::<String>("conversation_id")?) else { continue };
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
        for (id, dossier) in found {
            dossier.said = of_chats.remove(id).unwrap_or_default();
        }
        Ok(())
    }

    async fn read_conversions(
        &mut self,
        scope: Scope<'_>,
        found: &mut BTreeMap<String, Dossier>,
    ) -> Result<()> {
        let reported = self
            .rows(
                "select conversion_outcome.conversion_id, outcome_id
                   from conversion_outcome join conversion on conversion.id = conversion_outcome.conversion_id
                  where conversation_id in
                        (select $1 union select conversation_id from conversion where lease = $2
                         union select conversation_id from conversion where attempt_id = $3)
                  order by outcome_id",
                scope.values(),
            )
            .await?;
        let mut carries: HashMap<String, Vec<OutcomeId>> = HashMap::new();
        for row in &reported {
            carries.entry(row.get("conversion_id")?).or_default().push(OutcomeId(row.get("outcome_id")?));
        }
        let rows = self
            .rows(
                "select conversation_id, id, order_id, policy_version, event_name, number, event_id, event_time,
                        state, reason, value, leaves_at, frozen, resent
                   from conversion
                  where conversation_id in
                        (select $1 union select conversation_id from conversion where lease = $2
                         union select conversation_id from conversion where attempt_id = $3)
                  order by event_name, number, id",
                scope.values(),
            )
            .await?;
        for row in &rows {
            if let Some(dossier) = found.get_mut(&row.get::<String>("conversation_id")?) {
                dossier.conversions.push(read_conversion(row, &mut carries)?);
            }
        }
        Ok(())
    }
}

fn empty(thread: Thread) -> Dossier {
    Dossier { thread, chats: Vec::new(), said: Vec::new(), orders: Vec::new(), conversions: Vec::new() }
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

pub(super) fn read_conversion(
    row: &Row,
    carries: &mut HashMap<String, Vec<OutcomeId>>,
) -> Result<Conversion> {
    let id: String = row.get("id")?;
    let order_id: Option<String> = row.get("order_id")?;
    Ok(Conversion {
        carries: carries.remove(&id).unwrap_or_default(),
        id: ConversionId(id),
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
