//! The write buffer of a unit: rows that wait to be written, so that many of one table go out in one statement.
//! Whatever the unit asks or writes besides sees them: the buffer is written out before it. Each table's rows stand in
//! the file of their noun.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;

use crate::error::Result;
use crate::store::db::statement::{Pair, Row, list};

/// The tables with rows that wait, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Table {
    OrderCounter,
    Order,
    OrderNumber,
    Outcome,
    OrderFold,
    Change,
    Conversion,
    ConversionOutcome,
}

/// Why a unit is contended whose rows another one had before.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Taken {
    pub(in crate::store) code: &'static str,
    pub(in crate::store) message: &'static str,
}

/// A row that waits.
pub(in crate::store) trait Buffered:
    Serialize + Debug + Send + Sync + Sized + 'static
{
    /// The table that such rows are written to; tables are written in the order of [`Table`].
    const TABLE: Table;

    /// Writes a JSON list of such rows.
    const TEXT: Pair;

    /// The error where fewer rows were written than waited; without one that is no matter.
    const TAKEN: Option<Taken> = None;

    /// In a unit that is alone, a query by the number of rows gives what numbers them.
    const NUMBERING: Option<Pair> = None;

    /// Numbers rows by the answer to [`Buffered::NUMBERING`].
    fn number(_: &mut [Self], _: &Row) -> Result<()> {
        Ok(())
    }

    /// Whether it is written already.
    fn is_written(&self) -> bool {
        false
    }
}

/// The rows of one table, whichever.
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
    /// The rows of a table that wait.
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
