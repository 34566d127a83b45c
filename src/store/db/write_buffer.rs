//! The write buffer of a unit: rows that are not written yet, so that one statement writes all rows of a table. Any
//! other query of the unit writes the buffer first, and so sees its rows. The row types are in the files of their nouns.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;

use crate::error::Result;
use crate::store::db::statement::{Pair, Row, list};

/// What the buffer writes, in this order: an order's row, for instance, before its fold updates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Table {
    OrderCounter,
    Order,
    OrderNumber,
    Outcome,
    FactReference,
    OrderFold,
    Change,
    Conversion,
    ConversionOutcome,
}

/// The text of the error of a unit whose row another unit has written first; its kind is `Contended`.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Taken {
    pub(in crate::store) code: &'static str,
    pub(in crate::store) message: &'static str,
}

/// A row that is written by way of the buffer.
pub(in crate::store) trait Buffered:
    Serialize + Debug + Send + Sync + Sized + 'static
{
    /// The table that such rows are written to.
    const TABLE: Table;

    /// The statement that writes a JSON list of such rows.
    const TEXT: Pair;

    /// The error if the database skipped a row, by `on conflict do nothing`; `None` if that is fine.
    const TAKEN: Option<Taken> = None;

    /// The query that takes numbers for so many rows (`$1`), in a unit that is alone; [`Buffered::number`] gives them out.
    const NUMBERING: Option<Pair> = None;

    /// Numbers the rows by the answer to [`Buffered::NUMBERING`].
    fn number(_: &mut [Self], _: &Row) -> Result<()> {
        Ok(())
    }

    /// Whether the database has the row as it is, so that it is left out.
    fn is_written(&self) -> bool {
        false
    }
}

/// The buffered rows of one table, their type erased.
pub(in crate::store) trait Rows: Any + Debug + Send + Sync {
    /// The number of rows to write.
    fn len(&self) -> usize;
    fn json(&self) -> Result<String>;
    fn text(&self) -> Pair;
    fn taken(&self) -> Option<Taken>;
    fn numbering(&self) -> Option<Pair>;
    fn number(&mut self, answer: &Row) -> Result<()>;
}

impl<T: Buffered> Rows for Vec<T> {
    fn len(&self) -> usize {
        self.iter().filter(|row| !row.is_written()).count()
    }

    fn json(&self) -> Result<String> {
        list(self.iter().filter(|row| !row.is_written()))
    }

    fn text(&self) -> Pair {
        T::TEXT
    }

    fn taken(&self) -> Option<Taken> {
        T::TAKEN
    }

    fn numbering(&self) -> Option<Pair> {
        T::NUMBERING
    }

    fn number(&mut self, answer: &Row) -> Result<()> {
        T::number(self, answer)
    }
}

/// The rows of a unit of work that are not written yet, by table.
#[derive(Debug, Default)]
pub(in crate::store) struct WriteBuffer(BTreeMap<Table, Box<dyn Rows>>);

impl WriteBuffer {
    /// The buffered rows of a table.
    pub(in crate::store) fn of<T: Buffered>(&mut self) -> &mut Vec<T> {
        let rows: &mut dyn Any = &mut **self.0.entry(T::TABLE).or_insert_with(|| Box::new(Vec::<T>::new()));
        match rows.downcast_mut() {
            Some(rows) => rows,
            None => unreachable!("each table has rows of one type"),
        }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tables in the order in which they are written.
    pub(in crate::store) fn into_tables(self) -> impl Iterator<Item = Box<dyn Rows>> {
        self.0.into_values()
    }
}
