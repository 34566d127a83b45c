//! The write buffer of a unit: rows that are not written yet, so that many rows of a table are written by one
//! statement. Before any other query of the unit the buffer is written, so that the query sees its rows. Each table's
//! rows are in the file of their noun.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;

use crate::error::Result;
use crate::store::db::statement::{Pair, Row, list};

/// The tables that are written by way of the buffer, in the order in which they are written.
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

/// The error of a unit whose row another unit has written first: it is contended.
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

    /// The error where fewer rows were written than given; `None` where that is fine.
    const TAKEN: Option<Taken> = None;

    /// In a unit that is alone, the query that, given the number of rows, answers what [`Buffered::number`] numbers
    /// them by.
    const NUMBERING: Option<Pair> = None;

    /// Numbers rows by the answer to [`Buffered::NUMBERING`].
    fn number(_: &mut [Self], _: &Row) -> Result<()> {
        Ok(())
    }

    /// Whether the row needs no write, because it is written already.
    fn is_written(&self) -> bool {
        false
    }
}

/// The buffered rows of one table, without their type.
pub(in crate::store) trait Rows: Any + Debug + Send + Sync {
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
