//! Orders: the fold of their ledgers, their numbers, and which of them were joined.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, OrderId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Thread;
use crate::domain::order::fold::State;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::number::number_key;
use crate::error::{Error, Result};
use crate::store::cursor::ListRange;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Pair, Row, rows, values};
use crate::store::db::write_buffer::{Buffered, Table, Taken};

/// A row of the table `sale_order`, with the order's first number.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the column of that name; `number` is the first one")]
pub struct OrderRow {
    pub id: OrderId,
    pub page_id: PageId,
    pub conversation_id: Option<ConversationId>,
    pub number: Option<String>,
    pub state: State,
    pub currency: Currency,
    pub value: Option<i64>,
    pub paid: i64,
    pub refunded: i64,
    pub flagged: bool,
    pub told_twice: bool,
    pub opened_at: Timestamp,
    pub version: i64,
}

/// Selects orders with their first numbers; `$which` are the clauses from `where` on.
macro_rules! order_rows {
    ($which:literal) => {
        concat!(
            "select id, page_id, conversation_id, state, currency, value, paid, refunded, flagged, told_twice, opened_at,
                    version,
                    (select number from order_number where order_id = sale_order.id
                      order by position, number limit 1) as number
               from sale_order
              ",
            $which
        )
    };
}

/// An order to be added, which has no fold yet.
#[derive(Debug, Serialize)]
pub(in crate::store) struct NewOrder {
    id: String,
    page_id: String,
    conversation_id: String,
    service_numbered: i64,
    policy_version: i64,
    state: &'static str,
    currency: &'static str,
    value: Option<i64>,
    paid: i64,
    refunded: i64,
    flagged: i64,
    told_twice: i64,
    opened_at: i64,
    version: i64,
}

impl Buffered for NewOrder {
    const TABLE: Table = Table::Order;
    const TEXT: Pair = rows!(insert into sale_order (
        id text, page_id text, conversation_id text, service_numbered bigint, policy_version bigint, state text,
        currency text, value bigint, paid bigint, refunded bigint, flagged bigint, told_twice bigint, opened_at bigint,
        version bigint
    ));
}

/// The fold of an order's ledger, as its row has it.
#[derive(Debug, Serialize)]
pub(in crate::store) struct OrderFold {
    id: String,
    state: &'static str,
    currency: &'static str,
    value: Option<i64>,
    paid: i64,
    refunded: i64,
    flagged: i64,
    told_twice: i64,
    version: i64,
}

impl Buffered for OrderFold {
    const TABLE: Table = Table::OrderFold;
    const TEXT: Pair = rows!(update sale_order by id set
        state text, currency text, value bigint, paid bigint, refunded bigint, flagged bigint, told_twice bigint,
        version bigint);
}

/// An order as an aggregate loads it: without its fold, which is computed from the facts.
#[derive(Deserialize)]
pub(in crate::store) struct LedgerOrder {
    pub(in crate::store) id: String,
    pub(in crate::store) conversation_id: String,
    pub(in crate::store) service_numbered: i64,
    pub(in crate::store) policy_version: i64,
    pub(in crate::store) opened_at: i64,
    pub(in crate::store) version: i64,
    pub(in crate::store) joined_into: Option<String>,
}

/// A number of an order.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::store) struct OrderNumberRow {
    #[serde(default)]
    pub(in crate::store) page_id: Cow<'static, str>,
    #[serde(default)]
    number_key: String,
    pub(in crate::store) order_id: String,
    pub(in crate::store) number: String,
    #[serde(default)]
    pub(in crate::store) position: i64,
}

impl Buffered for OrderNumberRow {
    const TABLE: Table = Table::OrderNumber;
    const TEXT: Pair = rows!(insert into order_number (
        page_id text, number_key text, number text, order_id text, position bigint
    ) "on conflict (page_id, number_key) do nothing");
    const TAKEN: Option<Taken> = Some(Taken {
        code: "number_taken",
        message: "The same order number was told elsewhere at this moment",
    });
}

/// The counter of a Page's own order numbers, for a unit that gives several.
#[derive(Debug, Serialize)]
pub(in crate::store) struct OrderCounter {
    id: String,
    next_order_number: i64,
    /// The next number by the Page's row, before this unit.
    #[serde(skip)]
    written: i64,
}

impl Buffered for OrderCounter {
    const TABLE: Table = Table::OrderCounter;
    const TEXT: Pair = rows!(update page by id set next_order_number bigint);

    fn is_written(&self) -> bool {
        self.next_order_number == self.written
    }
}

impl Unit {
    /// The orders of a Page, the last one opened first: those in one state, or about which a person is asked or not.
    pub async fn orders(
        &mut self,
        part: ListRange<'_>,
        state: Option<String>,
        flagged: Option<bool>,
    ) -> Result<Vec<OrderRow>> {
        let mut values = part.values();
        values.extend(values![state, flagged.map(i64::from)]);
        let text = order_rows!(
            "where page_id = $1 and joined_into is null and ($5 is null or state = $5)
               and (cast($6 as bigint) is null or flagged = $6)
               and (opened_at < $2 or (opened_at = $2 and id < $3))
             order by opened_at desc, id desc limit $4"
        );
        self.rows(text, values).await?.iter().map(read_order).collect()
    }

    /// The order of this id; of one that was joined, the order that it became.
    pub async fn order(&mut self, id: &OrderId) -> Result<Option<OrderRow>> {
        let text = order_rows!("where id = (select coalesce(joined_into, id) from sale_order where id = $1)");
        let row = self.row(text, values![id.as_str()]).await?;
        row.as_ref().map(read_order).transpose()
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

    /// The order of this number on a Page, and its conversation.
    pub async fn order_named(
        &mut self,
        page: &PageId,
        number: &str,
    ) -> Result<Option<(OrderId, ConversationId)>> {
        let row = self
            .row(
                "select sale_order.id, conversation_id
                   from order_number join sale_order on sale_order.id = order_number.order_id
                  where order_number.page_id = $1 and number_key = $2",
                values![page.as_str(), number_key(number)],
            )
            .await?;
        row.map(|row| Ok((OrderId(row.get("id")?), ConversationId(row.get("conversation_id")?)))).transpose()
    }

    /// Opens an order without facts.
    pub fn open_order(&mut self, thread: &Thread, ledger: &OrderLedger, now: Timestamp) {
        self.write_buffer.of().push(NewOrder {
            id: ledger.id.0.clone(),
            page_id: thread.page_id.0.clone(),
            conversation_id: thread.id.0.clone(),
            service_numbered: i64::from(ledger.service_numbered),
            policy_version: ledger.policy_version,
            state: State::None.as_str(),
            currency: ledger.order.currency.code(),
            value: None,
            paid: 0,
            refunded: 0,
            flagged: 0,
            told_twice: 0,
            opened_at: now.millis(),
            version: 0,
        });
    }

    /// Gives a telling a further number, its `position`-th. If another unit takes the number meanwhile, this unit is
    /// contended.
    pub fn name_order(&mut self, page: &PageId, id: &OrderId, number: &str, position: usize) {
        self.write_buffer.of().push(OrderNumberRow {
            page_id: page.0.clone().into(),
            number_key: number_key(number),
            number: number.to_owned(),
            order_id: id.0.clone(),
            position: i64::try_from(position).unwrap_or(i64::MAX),
        });
    }

    /// The next of the service's own order numbers: `S-1001`, `S-1002`, … If a unit takes several, a sender may already
    /// use a later one as a name of its own: then the unit is contended when it is written.
    pub async fn next_order_number(&mut self, page: &PageId) -> Result<String> {
        let mut given = self.write_buffer.of::<OrderCounter>().iter_mut();
        let number = if let Some(given) = given.find(|given| given.id == page.0) {
            given.next_order_number += 1;
            given.next_order_number - 1
        } else {
            let number = self.take_order_number(page).await?;
            if self.is_alone() {
                let next = number + 1;
                let id = page.0.clone();
                self.write_buffer.of().push(OrderCounter { id, next_order_number: next, written: next });
            }
            number
        };
        Ok(format!("S-{number}"))
    }

    async fn take_order_number(&mut self, page: &PageId) -> Result<i64> {
        loop {
            let rows = self
                .rows_beside(
                    "update page set next_order_number = next_order_number + 1 where id = $1
                     returning next_order_number - 1 as given,
                               (select 1 from order_number
                                 where page_id = $1 and number_key = 's-' || (next_order_number - 1)) as taken",
                    values![page.as_str()],
                )
                .await?;
            let row = rows.first().ok_or_else(|| Error::not_found("Page"))?;
            if row.get::<Option<i32>>("taken")?.is_none() {
                return row.get("given");
            }
        }
    }

    /// Writes the fold of an order; of several writes in a unit the last counts. An order that is still in the write
    /// buffer is added with it.
    pub fn put_order(&mut self, ledger: &OrderLedger) {
        let order = &ledger.order;
        let fold = OrderFold {
            id: ledger.id.0.clone(),
            state: order.state.as_str(),
            currency: order.currency.code(),
            value: order.value,
            paid: order.paid,
            refunded: order.refunded,
            flagged: i64::from(ledger.asks_since().is_some()),
            told_twice: i64::from(ledger.is_told_twice),
            version: ledger.version,
        };
        let mut new = self.write_buffer.of::<NewOrder>().iter_mut();
        if let Some(new) = new.find(|new| new.id == fold.id) {
            let OrderFold { id: _, state, currency, value, paid, refunded, flagged, told_twice, version } =
                fold;
            (new.state, new.currency, new.value) = (state, currency, value);
            (new.paid, new.refunded, new.version) = (paid, refunded, version);
            (new.flagged, new.told_twice) = (flagged, told_twice);
            return;
        }
        let folds = self.write_buffer.of::<OrderFold>();
        match folds.iter_mut().find(|known| known.id == fold.id) {
            Some(known) => *known = fold,
            None => folds.push(fold),
        }
    }

    /// Takes a number from an order of which nothing stands, with the conversions that bear it in their names and never
    /// left.
    pub async fn free_number(&mut self, page: &PageId, number: &str, order: &OrderId) -> Result<()> {
        self.execute(
            "delete from conversion_payload
              where conversion_id in (select id from conversion where order_id = $1 and state not in ('sending', 'sent', 'unknown'))",
            values![order.as_str()],
        )
        .await?;
        self.execute(
            "delete from conversion where order_id = $1 and state not in ('sending', 'sent', 'unknown')",
            values![order.as_str()],
        )
        .await?;
        self.execute(
            "delete from order_number where page_id = $1 and number_key = $2",
            values![page.as_str(), number_key(number)],
        )
        .await
        .map(drop)
    }

    /// A telling that had no number got one from who told it, so that the service makes it none.
    pub async fn set_numbered_by_sender(&mut self, telling: &OrderId) -> Result<()> {
        let text = "update sale_order set service_numbered = 0 where id = $1";
        self.execute(text, values![telling.as_str()]).await.map(drop)
    }

    /// Makes a telling part of an order, or with `None` an order of its own again.
    pub async fn join_order(&mut self, telling: &OrderId, order: Option<&OrderId>) -> Result<()> {
        let text = "update sale_order set joined_into = $2 where id = $1";
        self.execute(text, values![telling.as_str(), order.map(|id| id.0.clone())]).await.map(drop)
    }

    /// Moves a telling from a thread without a person to this conversation, where it counts as opened at `at`, and its
    /// entries stand behind those that are there.
    pub async fn adopt_order(&mut self, id: &OrderId, thread: &Thread, at: Timestamp) -> Result<()> {
        let (order, conversation) = (id.as_str(), thread.id.as_str());
        for text in [
            "update sale_order set conversation_id = $2 where id = $1",
            "update conversion set conversation_id = $2 where order_id = $1",
        ] {
            self.execute(text, values![order, conversation]).await?;
        }
        self.execute("update sale_order set opened_at = $2 where id = $1", values![order, at]).await?;
        self.execute(
            "update outcome set conversation_id = $2, position = position + $3 where order_id = $1",
            values![order, conversation, thread.entries],
        )
        .await?;
        let text =
            "update change set entries = entries + $2 where kind = 'order.updated' and subject_id = $1";
        self.execute(text, values![order, thread.entries]).await.map(drop)
    }
}

fn read_order(row: &Row) -> Result<OrderRow> {
    Ok(OrderRow {
        id: OrderId(row.get("id")?),
        page_id: PageId(row.get("page_id")?),
        conversation_id: row.get::<Option<String>>("conversation_id")?.map(ConversationId),
        number: row.get("number")?,
        state: row.word("state", State::parse)?,
        currency: row.word("currency", Currency::parse)?,
        value: row.get("value")?,
        paid: row.get("paid")?,
        refunded: row.get("refunded")?,
        flagged: row.truth("flagged")?,
        told_twice: row.truth("told_twice")?,
        opened_at: row.time("opened_at")?,
        version: row.get("version")?,
    })
}
