//! The ledger: outcomes, and the orders that they fold into.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::vocabulary::arrival::Channel;
use crate::vocabulary::identity::{ConversationId, OrderId, OutcomeId, PageId};
use crate::vocabulary::money::Currency;
use crate::vocabulary::order::{self, Order};
use crate::vocabulary::outcome::{Fact, Item, Kind, Source, Terms};
use crate::vocabulary::sale::Standing;

use super::sql::{Pair, Row, Unit, values};

/// The thread that a fact is about.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its id.
    pub id: ConversationId,
    /// Its Page.
    pub page_id: PageId,
    /// Where.
    pub channel: Channel,
}

/// The entry that takes another back.
const UNDO: &str = "undo";

impl Unit {
    /// A conversation, held until this unit ends: facts about it come one after the other.
    pub async fn hold_conversation(&mut self, id: &ConversationId) -> Result<Option<Thread>> {
        let text = Pair {
            sqlite: "select id, page_id, channel from conversation where id = $1",
            postgres: "select id, page_id, channel from conversation where id = $1 for update",
        };
        let found = self.row(text, values![id.as_str()]).await?;
        found
            .map(|row| {
                Ok(Thread {
                    id: ConversationId(row.get("id")?),
                    page_id: PageId(row.get("page_id")?),
                    channel: row.word("channel", Channel::parse)?,
                })
            })
            .transpose()
    }

    /// The orders of a conversation with their ledgers, oldest first.
    pub async fn orders_of(&mut self, id: &ConversationId, currency: Currency) -> Result<Vec<Standing>> {
        let orders = self
            .rows(
                "select id, service_numbered, version from sale_order
                  where conversation_id = $1 order by opened_at, id",
                values![id.as_str()],
            )
            .await?;
        let names = self
            .rows(
                "select order_id, name from order_name
                  where order_id in (select id from sale_order where conversation_id = $1)
                  order by order_id, position",
                values![id.as_str()],
            )
            .await?;
        let facts = self
            .rows(
                "select id, order_id, about, kind, occurred_at, recorded_at, source, actor, reference, currency,
                        value, delivery_fee, discount, fee, items, reason
                   from outcome where conversation_id = $1 and order_id is not null
                  order by recorded_at, id",
                values![id.as_str()],
            )
            .await?;
        let mut ledgers = read_ledgers(&facts)?;
        let mut numbers: HashMap<String, Vec<String>> = HashMap::new();
        for row in &names {
            numbers.entry(row.get("order_id")?).or_default().push(row.get("name")?);
        }
        let standing = |row: &Row| {
            let id: String = row.get("id")?;
            let facts = ledgers.remove(&id).unwrap_or_default();
            Ok(Standing {
                numbers: numbers.remove(&id).unwrap_or_default(),
                service_numbered: row.get::<i64>("service_numbered")? != 0,
                version: row.get("version")?,
                order: order::fold(&facts, currency),
                facts,
                id: OrderId(id),
            })
        };
        orders.iter().map(standing).collect()
    }

    /// The policy version under which an order was opened.
    pub async fn order_policy(&mut self, id: &OrderId) -> Result<i64> {
        let row =
            self.row("select policy_version from sale_order where id = $1", values![id.as_str()]).await?;
        row.ok_or_else(|| Error::not_found("order"))?.get("policy_version")
    }

    /// The conversation that an order belongs to.
    pub async fn conversation_of_order(&mut self, id: &OrderId) -> Result<Option<ConversationId>> {
        let row =
            self.row("select conversation_id from sale_order where id = $1", values![id.as_str()]).await?;
        Ok(row
            .map(|row| row.get::<Option<String>>("conversation_id"))
            .transpose()?
            .flatten()
            .map(ConversationId))
    }

    /// Opens an order that nothing is known of yet.
    pub async fn open_order(
        &mut self,
        id: &OrderId,
        thread: &Thread,
        service_numbered: bool,
        (policy_version, currency): (i64, Currency),
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into sale_order (id, page_id, conversation_id, service_numbered, policy_version, state,
                                     currency, paid, refunded, opened_at, version)
             values ($1, $2, $3, $4, $5, 'none', $6, 0, 0, $7, 0)",
            values![
                id.as_str(),
                thread.page_id.as_str(),
                thread.id.as_str(),
                service_numbered,
                policy_version,
                currency.code(),
                now,
            ],
        )
        .await?;
        Ok(())
    }

    /// Gives an order a further name; false if another order of the Page has it.
    pub async fn name_order(
        &mut self,
        page: &PageId,
        id: &OrderId,
        name: &str,
        position: usize,
    ) -> Result<bool> {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        let added = self
            .execute(
                "insert into order_name (page_id, name, order_id, position) values ($1, $2, $3, $4)
                 on conflict (page_id, name) do nothing",
                values![page.as_str(), name, id.as_str(), position],
            )
            .await?;
        Ok(added == 1)
    }

    /// Adds a fact to the ledger.
    pub async fn append_outcome(
        &mut self,
        thread: &Thread,
        order: Option<&OrderId>,
        fact: &Fact,
    ) -> Result<()> {
        let items = (!fact.terms.items.is_empty())
            .then(|| serde_json::to_string(&fact.terms.items))
            .transpose()
            .map_err(|error| Error::internal("items can't be written").caused_by(error))?;
        self.execute(
            "insert into outcome (id, page_id, conversation_id, order_id, kind, occurred_at, clamped, recorded_at,
                                  source, actor, reference, currency, value, delivery_fee, discount, fee, items,
                                  reason)
             values ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            values![
                fact.id.as_str(),
                thread.page_id.as_str(),
                thread.id.as_str(),
                order.map(|id| id.0.clone()),
                fact.kind.as_str(),
                fact.occurred_at,
                fact.recorded_at,
                fact.source.as_str(),
                fact.actor.as_str(),
                fact.reference.clone(),
                fact.terms.currency.code(),
                fact.terms.value,
                fact.terms.delivery_fee,
                fact.terms.discount,
                fact.terms.fee,
                items,
                fact.reason.clone(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Adds the entry that takes `about` back.
    pub async fn append_undo(
        &mut self,
        thread: &Thread,
        order: Option<&OrderId>,
        (id, about): (&OutcomeId, &Fact),
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into outcome (id, page_id, conversation_id, order_id, about, kind, occurred_at, clamped,
                                  recorded_at, source, actor, currency)
             values ($1, $2, $3, $4, $5, $6, $7, 0, $7, $8, $9, $10)",
            values![
                id.as_str(),
                thread.page_id.as_str(),
                thread.id.as_str(),
                order.map(|order| order.0.clone()),
                about.id.as_str(),
                UNDO,
                now,
                about.source.as_str(),
                actor,
                about.terms.currency.code(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Where an entry stands: its conversation and order.
    pub async fn place_of_outcome(
        &mut self,
        id: &OutcomeId,
    ) -> Result<Option<(ConversationId, Option<OrderId>)>> {
        let row = self
            .row("select conversation_id, order_id from outcome where id = $1", values![id.as_str()])
            .await?;
        let Some(row) = row else { return Ok(None) };
        let conversation: Option<String> = row.get("conversation_id")?;
        let order: Option<String> = row.get("order_id")?;
        Ok(conversation.map(|id| (ConversationId(id), order.map(OrderId))))
    }

    /// The entry that took `about` back.
    pub async fn undo_of(&mut self, about: &OutcomeId) -> Result<Option<OutcomeId>> {
        let row = self
            .row("select id from outcome where about = $1 and kind = $2", values![about.as_str(), UNDO])
            .await?;
        row.map(|row| row.get("id").map(OutcomeId)).transpose()
    }

    /// Writes what the ledger now folds into.
    pub async fn put_order(&mut self, id: &OrderId, order: &Order, version: i64) -> Result<()> {
        self.execute(
            "update sale_order
                set state = $2, currency = $3, value = $4, paid = $5, refunded = $6, version = $7
              where id = $1",
            values![
                id.as_str(),
                order.state.as_str(),
                order.currency.code(),
                order.value,
                order.paid,
                order.refunded,
                version,
            ],
        )
        .await?;
        Ok(())
    }

    /// Notes for the feed that an order is now at `version`; the publisher numbers it after the commit.
    pub async fn append_change(
        &mut self,
        id: &str,
        page: &PageId,
        order: &OrderId,
        version: i64,
        now: Timestamp,
    ) -> Result<()> {
        self.execute(
            "insert into change (id, page_id, kind, subject_id, version, occurred_at)
             values ($1, $2, 'order.updated', $3, $4, $5)",
            values![id, page.as_str(), order.as_str(), version, now],
        )
        .await?;
        Ok(())
    }
}

/// Facts by order, each with what undid or accepted it.
fn read_ledgers(rows: &[Row]) -> Result<HashMap<String, Vec<Fact>>> {
    let mut ledgers: HashMap<String, Vec<Fact>> = HashMap::new();
    for row in rows {
        let ledger = ledgers.entry(row.get("order_id")?).or_default();
        let kind: String = row.get("kind")?;
        match (Kind::parse(&kind), row.get::<Option<String>>("about")?) {
            (Some(kind), None) => ledger.push(read_fact(row, kind)?),
            (_, Some(about)) => {
                if let Some(fact) = ledger.iter_mut().find(|fact| fact.id.0 == about) {
                    fact.undone |= kind == UNDO;
                    fact.accepted |= kind == "accept";
                }
            }
            (None, None) => return Err(Error::internal("an outcome is of an unknown kind")),
        }
    }
    Ok(ledgers)
}

fn read_fact(row: &Row, kind: Kind) -> Result<Fact> {
    let items: Option<String> = row.get("items")?;
    let items: Vec<Item> = items
        .map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))
        .map_err(|error| Error::internal("the items of an outcome can't be read").caused_by(error))?;
    Ok(Fact {
        id: OutcomeId(row.get("id")?),
        kind,
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
        reason: row.get("reason")?,
        undone: false,
        accepted: false,
    })
}
