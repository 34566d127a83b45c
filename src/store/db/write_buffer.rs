//! The sheet of a unit: rows of the ledger that wait to be written, so that many of one table go out in one
//! statement. Whatever the unit asks or writes besides sees them: the sheet is written out before it.

use serde::Serialize;

use crate::domain::basic::identity::PageId;
use crate::error::{Error, ErrorKind, Result};
use crate::store::db::sql::{Pair, Unit, list, values};

/// A text that adds or changes rows of a table by a JSON list of objects with the names of its columns.
macro_rules! rows {
    (insert into $table:ident ($first:ident $type:ident $(, $column:ident $kind:ident)*) $($end:literal)?) => {
        Pair {
            sqlite: concat!(
                "insert into ", stringify!($table), " (", stringify!($first), $(", ", stringify!($column),)*
                ") select value ->> '", stringify!($first), "'", $(", value ->> '", stringify!($column), "'",)*
                " from jsonb_each($1) where true ", $($end)?
            ),
            postgres: concat!(
                "insert into ", stringify!($table), " (", stringify!($first), $(", ", stringify!($column),)*
                ") select (value ->> '", stringify!($first), "')::", stringify!($type),
                $(", (value ->> '", stringify!($column), "')::", stringify!($kind),)*
                " from json_array_elements($1::json) ", $($end)?
            ),
        }
    };
    (update $table:ident by $key:ident set $first:ident $type:ident $(, $column:ident $kind:ident)*) => {
        Pair {
            sqlite: concat!(
                "update ", stringify!($table), " set ", stringify!($first), " = given.value ->> '",
                stringify!($first), "'",
                $(", ", stringify!($column), " = given.value ->> '", stringify!($column), "'",)*
                " from jsonb_each($1) as given where ", stringify!($table), ".", stringify!($key),
                " = given.value ->> '", stringify!($key), "'"
            ),
            postgres: concat!(
                "update ", stringify!($table), " set ", stringify!($first), " = (given.value ->> '",
                stringify!($first), "')::", stringify!($type),
                $(", ", stringify!($column), " = (given.value ->> '", stringify!($column), "')::", stringify!($kind),)*
                " from json_array_elements($1::json) as given where ", stringify!($table), ".", stringify!($key),
                " = given.value ->> '", stringify!($key), "' and ", stringify!($table), ".", stringify!($key),
                " = any(array(select value ->> '", stringify!($key), "' from json_array_elements($1::json)))"
            ),
        }
    };
}

/// What waits.
#[derive(Debug, Default)]
pub(in crate::store) struct WriteBuffer {
    pub(in crate::store) numbers: Vec<Numbered>,
    pub(in crate::store) opened: Vec<OpenedRow>,
    pub(in crate::store) names: Vec<NameRow>,
    pub(in crate::store) outcomes: Vec<OutcomeRow>,
    pub(in crate::store) orders: Vec<OrderRow>,
    pub(in crate::store) changes: Vec<ChangeRow>,
    pub(in crate::store) conversions: Vec<ConversionRow>,
    pub(in crate::store) carries: Vec<CarriesRow>,
}

/// The service's own order numbers that a unit gives.
#[derive(Debug)]
pub(in crate::store) struct Numbered {
    pub(in crate::store) page: PageId,
    /// The next number as the Page's row has it.
    pub(in crate::store) written: i64,
    /// The next number.
    pub(in crate::store) next: i64,
}

/// An order that nothing is known of yet.
#[derive(Debug, Serialize)]
pub(in crate::store) struct OpenedRow {
    pub(in crate::store) id: String,
    pub(in crate::store) page_id: String,
    pub(in crate::store) conversation_id: String,
    pub(in crate::store) service_numbered: i64,
    pub(in crate::store) policy_version: i64,
    pub(in crate::store) state: &'static str,
    pub(in crate::store) currency: &'static str,
    pub(in crate::store) value: Option<i64>,
    pub(in crate::store) paid: i64,
    pub(in crate::store) refunded: i64,
    pub(in crate::store) opened_at: i64,
    pub(in crate::store) version: i64,
}

/// A name of an order.
#[derive(Debug, Serialize)]
pub(in crate::store) struct NameRow {
    pub(in crate::store) page_id: String,
    pub(in crate::store) name: String,
    pub(in crate::store) order_id: String,
    pub(in crate::store) position: i64,
    pub(in crate::store) version: i64,
}

/// An entry of the ledger.
#[derive(Debug, Default, Serialize)]
pub(in crate::store) struct OutcomeRow {
    pub(in crate::store) id: String,
    pub(in crate::store) page_id: String,
    pub(in crate::store) conversation_id: String,
    pub(in crate::store) order_id: Option<String>,
    pub(in crate::store) about: Option<String>,
    pub(in crate::store) kind: &'static str,
    pub(in crate::store) occurred_at: i64,
    pub(in crate::store) clamped: i64,
    pub(in crate::store) recorded_at: i64,
    pub(in crate::store) source: &'static str,
    pub(in crate::store) actor: String,
    pub(in crate::store) reference: Option<String>,
    pub(in crate::store) currency: &'static str,
    pub(in crate::store) value: Option<i64>,
    pub(in crate::store) total: Option<i64>,
    pub(in crate::store) delivery_fee: Option<i64>,
    pub(in crate::store) discount: Option<i64>,
    pub(in crate::store) fee: Option<i64>,
    pub(in crate::store) items: Option<String>,
    pub(in crate::store) reason: Option<String>,
    pub(in crate::store) payment: Option<String>,
    pub(in crate::store) courier: Option<String>,
    pub(in crate::store) waybill: Option<String>,
    pub(in crate::store) order_version: Option<i64>,
    pub(in crate::store) conversation_version: Option<i64>,
}

/// What the ledger of an order folds into.
#[derive(Debug, Serialize)]
pub(in crate::store) struct OrderRow {
    pub(in crate::store) id: String,
    pub(in crate::store) state: &'static str,
    pub(in crate::store) currency: &'static str,
    pub(in crate::store) value: Option<i64>,
    pub(in crate::store) paid: i64,
    pub(in crate::store) refunded: i64,
    pub(in crate::store) version: i64,
}

/// An entry for the feed.
#[derive(Debug, Serialize)]
pub(in crate::store) struct ChangeRow {
    pub(in crate::store) id: String,
    pub(in crate::store) page_id: String,
    pub(in crate::store) kind: &'static str,
    pub(in crate::store) subject_id: String,
    pub(in crate::store) version: i64,
    pub(in crate::store) occurred_at: i64,
    pub(in crate::store) parked: i64,
    pub(in crate::store) conversation_version: i64,
    pub(in crate::store) sequence: Option<i64>,
    pub(in crate::store) published_at: Option<i64>,
}

/// A conversion that was made.
#[derive(Debug, Serialize)]
pub(in crate::store) struct ConversionRow {
    pub(in crate::store) id: String,
    pub(in crate::store) page_id: String,
    pub(in crate::store) conversation_id: String,
    pub(in crate::store) order_id: Option<String>,
    pub(in crate::store) event_name: &'static str,
    pub(in crate::store) number: i64,
    pub(in crate::store) event_id: String,
    pub(in crate::store) event_time: i64,
    pub(in crate::store) state: &'static str,
    pub(in crate::store) reason: &'static str,
    pub(in crate::store) value: Option<i64>,
    pub(in crate::store) currency: &'static str,
    pub(in crate::store) made_at: i64,
    pub(in crate::store) leaves_at: i64,
    pub(in crate::store) next_at: i64,
    pub(in crate::store) policy_version: i64,
    pub(in crate::store) frozen: i64,
    pub(in crate::store) tries: i64,
    pub(in crate::store) zeros: i64,
    pub(in crate::store) resent: i64,
    pub(in crate::store) chat_number: Option<i64>,
}

/// A fact that a conversion reports.
#[derive(Debug, Serialize)]
pub(in crate::store) struct CarriesRow {
    pub(in crate::store) outcome_id: String,
    pub(in crate::store) conversion_id: String,
}

impl WriteBuffer {
    /// Puts down what an order now folds into; of several words on one order the last counts. One that is
    /// still to be added is added so.
    pub(in crate::store) fn put_order(&mut self, row: OrderRow) {
        if let Some(opened) = self.opened.iter_mut().find(|opened| opened.id == row.id) {
            (opened.state, opened.currency, opened.value) = (row.state, row.currency, row.value);
            (opened.paid, opened.refunded, opened.version) = (row.paid, row.refunded, row.version);
            return;
        }
        match self.orders.iter_mut().find(|known| known.id == row.id) {
            Some(known) => *known = row,
            None => self.orders.push(row),
        }
    }

    /// The same for the conversion that reports a fact.
    pub(in crate::store) fn put_carries(&mut self, row: CarriesRow) {
        match self.carries.iter_mut().find(|known| known.outcome_id == row.outcome_id) {
            Some(known) => *known = row,
            None => self.carries.push(row),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { numbers, opened, names, outcomes, orders, changes, conversions, carries } = self;
        numbers.is_empty()
            && opened.is_empty()
            && names.is_empty()
            && outcomes.is_empty()
            && orders.is_empty()
            && changes.is_empty()
            && conversions.is_empty()
            && carries.is_empty()
    }
}

impl Unit {
    /// Writes out the sheet.
    ///
    /// # Errors
    /// Contended when another unit took one of the names meanwhile: begun again, this one finds whose it is.
    pub(in crate::store) async fn flush(&mut self) -> Result<()> {
        if self.write_buffer.is_empty() {
            return Ok(());
        }
        let mut write_buffer = std::mem::take(&mut self.write_buffer);
        for numbered in write_buffer.numbers.iter().filter(|numbered| numbered.next > numbered.written) {
            let text = "update page set next_number = $2 where id = $1";
            self.execute_beside(text, values![numbered.page.as_str(), numbered.next]).await?;
        }
        self.write_rows(OPENED, &write_buffer.opened).await?;
        if self.write_rows(NAMES, &write_buffer.names).await? < write_buffer.names.len() as u64 {
            let message = "The same order number was told elsewhere at this moment";
            return Err(Error::new(ErrorKind::Contended, "number_taken", message));
        }
        self.write_rows(OUTCOMES, &write_buffer.outcomes).await?;
        self.write_rows(ORDERS, &write_buffer.orders).await?;
        self.number(&mut write_buffer.changes).await?;
        self.write_rows(CHANGES, &write_buffer.changes).await?;
        self.write_rows(CONVERSIONS, &write_buffer.conversions).await?;
        self.write_rows(CARRIES, &write_buffer.carries).await?;
        Ok(())
    }

    /// Gives changes their numbers in the feed. Where units are committed one after the other no reader can see a
    /// gap; elsewhere, and while older changes wait, they wait for the publisher.
    async fn number(&mut self, changes: &mut [ChangeRow]) -> Result<()> {
        if changes.is_empty() || !self.is_alone() {
            return Ok(());
        }
        let text = "update feed set last_sequence = last_sequence + $1
                     where name = 'changes' and not exists (select 1 from change where sequence is null)
                    returning last_sequence";
        let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
        let Some(row) = self.rows_beside(text, values![count]).await?.pop() else { return Ok(()) };
        let last: i64 = row.get("last_sequence")?;
        for (sequence, change) in (last - count + 1..).zip(changes) {
            (change.sequence, change.published_at) = (Some(sequence), Some(change.occurred_at));
        }
        Ok(())
    }

    async fn write_rows<T: Serialize>(&mut self, text: Pair, rows: &[T]) -> Result<u64> {
        if rows.is_empty() {
            return Ok(0);
        }
        self.execute_beside(text, values![list(rows)?]).await
    }
}

const OPENED: Pair = rows!(insert into sale_order (
    id text, page_id text, conversation_id text, service_numbered bigint, policy_version bigint, state text,
    currency text, value bigint, paid bigint, refunded bigint, opened_at bigint, version bigint
));

const NAMES: Pair = rows!(insert into order_name (
    page_id text, name text, order_id text, position bigint, version bigint
) "on conflict (page_id, name) do nothing");

const OUTCOMES: Pair = rows!(insert into outcome (
    id text, page_id text, conversation_id text, order_id text, about text, kind text, occurred_at bigint,
    clamped bigint, recorded_at bigint, source text, actor text, reference text, currency text, value bigint,
    total bigint, delivery_fee bigint, discount bigint, fee bigint, items text, reason text, payment text,
    courier text, waybill text, order_version bigint, conversation_version bigint
));

const ORDERS: Pair = rows!(update sale_order by id set
    state text, currency text, value bigint, paid bigint, refunded bigint, version bigint);

const CHANGES: Pair = rows!(insert into change (
    id text, page_id text, kind text, subject_id text, version bigint, occurred_at bigint, parked bigint,
    conversation_version bigint, sequence bigint, published_at bigint
));

const CONVERSIONS: Pair = rows!(insert into conversion (
    id text, page_id text, conversation_id text, order_id text, event_name text, number bigint, event_id text,
    event_time bigint, state text, reason text, value bigint, currency text, made_at bigint, leaves_at bigint,
    next_at bigint, policy_version bigint, frozen bigint, tries bigint, zeros bigint, resent bigint,
    chat_number bigint
));

const CARRIES: Pair = rows!(insert into conversion_outcome (outcome_id text, conversion_id text)
    "on conflict (outcome_id) do update set conversion_id = excluded.conversion_id");
