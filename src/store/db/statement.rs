//! What a query is made of: its text, a pair of texts where the databases truly differ, its parameters, and the rows
//! of its answer, which are read by the names of their columns.

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer as _};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use crate::clock::Timestamp;
use crate::error::{Error, Result};

/// The text of a query for each database.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Pair {
    pub(in crate::store) sqlite: &'static str,
    pub(in crate::store) postgres: &'static str,
}

impl From<&'static str> for Pair {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A parameter of a statement, in the types that both databases share.
#[derive(Clone, Debug)]
pub(in crate::store) enum Value {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

/// A row of either database.
pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of a column.
    pub(in crate::store) fn get<T>(&self, column: &str) -> Result<T>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// The rows of a column that holds a JSON list; none where it is null.
    pub(in crate::store) fn list<T: DeserializeOwned>(&self, column: &str) -> Result<Vec<T>> {
        let Some(text) = self.get::<Option<String>>(column)? else { return Ok(Vec::new()) };
        let unread = |error| Error::internal(format!("column {column} can't be read")).caused_by(error);
        serde_json::from_str(&text).map_err(unread)
    }

    /// A moment, stored as Unix milliseconds or null.
    pub(in crate::store) fn time_if_any(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A boolean, stored as 0 or 1.
    pub(in crate::store) fn truth(&self, column: &str) -> Result<bool> {
        Ok(self.get::<i64>(column)? != 0)
    }

    /// A moment, stored as Unix milliseconds.
    pub(in crate::store) fn time(&self, column: &str) -> Result<Timestamp> {
        self.get::<i64>(column).map(Timestamp::from_millis)
    }

    /// A word that `parse` must know, such as that of a state.
    pub(in crate::store) fn word<T>(&self, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        read_word(column, parse, &self.get::<String>(column)?)
    }
}

/// Parses the word of a column; an error where `parse` does not know it.
pub(in crate::store) fn read_word<T>(
    column: &str,
    parse: impl Fn(&str) -> Option<T>,
    word: &str,
) -> Result<T> {
    parse(word).ok_or_else(|| Error::internal(format!("column {column} holds an unknown word")))
}

/// A statement that adds or changes rows of a table, given as a JSON list of objects whose names are those of its
/// columns.
macro_rules! rows {
    (insert into $table:ident ($first:ident $type:ident $(, $column:ident $kind:ident)* $(,)?) $($end:literal)?) => {
        $crate::store::db::statement::Pair {
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
    (update $table:ident by $key:ident set $first:ident $type:ident $(, $column:ident $kind:ident)* $(,)?) => {
        $crate::store::db::statement::Pair {
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
pub(in crate::store) use rows;

/// A JSON object of these columns, each under its own name, or of `name = "expression"`; `$object` is the database's
/// function that makes one.
macro_rules! object {
    ($object:literal: $first:ident $(= $sql:expr)? $(, $name:ident $(= $other:expr)?)* $(,)?) => {
        concat!(
            $object, "('", stringify!($first), "', ", $crate::store::db::statement::column!($first $(= $sql)?),
            $(", '", stringify!($name), "', ", $crate::store::db::statement::column!($name $(= $other)?),)* ")"
        )
    };
}
pub(in crate::store) use object;

/// The SQL of one member of an [`object!`].
macro_rules! column {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident = $sql:expr) => {
        $sql
    };
}
pub(in crate::store) use column;

/// A JSON list of rows or ids, as one parameter.
pub(in crate::store) fn list<T: Serialize>(rows: impl IntoIterator<Item = T>) -> Result<String> {
    let mut text = Vec::new();
    let written = serde_json::Serializer::new(&mut text).collect_seq(rows);
    written.map_err(|error| Error::internal("a list can't be written").caused_by(error))?;
    String::from_utf8(text).map_err(|error| Error::internal("a list can't be written").caused_by(error))
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::db::statement::Value::from($value)),*] };
}
pub(in crate::store) use values;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}
impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Number(Some(i64::from(truth)))
    }
}
impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Number(Some(moment.millis()))
    }
}
impl From<Option<Timestamp>> for Value {
    fn from(moment: Option<Timestamp>) -> Self {
        Self::Number(moment.map(Timestamp::millis))
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}
impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
