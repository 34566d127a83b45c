//! The one place where the two databases meet. A [`Unit`] is a transaction on either; its queries are one
//! text with `$1` parameters, and rows are read by column name.

use std::panic::Location;

use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Decode, PgPool, Postgres, Row as _, Sqlite, SqlitePool, Transaction, Type};

use crate::clock::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::failpoint;

use super::migrate;
use super::writer::{Turn, Writer};

/// Readers of a SQLite file beside its one writer.
const SQLITE_READERS: u32 = 4;

/// Connections to PostgreSQL of one process.
const POSTGRES_CONNECTIONS: u32 = 16;

/// The database.
#[derive(Clone, Debug)]
pub struct Store(Pools);

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { writer: Writer, readers: SqlitePool },
    Postgres(PgPool),
}

impl Store {
    /// Opens `sqlite://FILE` or `postgres://…` and migrates it.
    ///
    /// # Errors
    /// The URL is of neither kind, or the database can't be opened.
    pub async fn open(url: &str) -> Result<Self> {
        let failed = |error: sqlx::Error| {
            Error::unavailable("database_unavailable", "The database can't be opened; check database_url")
                .caused_by(error)
        };
        if url.starts_with("sqlite:") {
            let options = url
                .parse::<SqliteConnectOptions>()
                .map_err(failed)?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(std::time::Duration::from_secs(10));
            let readers =
                SqlitePoolOptions::new().max_connections(SQLITE_READERS).connect_with(options.clone()).await;
            let readers = readers.map_err(failed)?;
            migrate::sqlite(&readers).await?;
            let writer = Writer::open(&options).await.map_err(failed)?;
            Ok(Self(Pools::Sqlite { writer, readers }))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).connect(url).await;
            let pool = pool.map_err(failed)?;
            migrate::postgres(&pool).await?;
            Ok(Self(Pools::Postgres(pool)))
        } else {
            Err(Error::invalid("database_url", "database_url must begin with sqlite:// or postgres://"))
        }
    }

    /// Whether another process may work on this database at the same time.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Pools::Postgres(_))
    }

    /// Begins an atomic unit that writes: on SQLite the only one at its time.
    pub async fn begin(&self) -> Result<Unit> {
        Ok(Unit(match &self.0 {
            Pools::Sqlite { writer, .. } => Inner::Sqlite(writer.turn().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        }))
    }

    /// Begins a unit that only reads, beside any writer.
    pub async fn read(&self) -> Result<Unit> {
        Ok(Unit(match &self.0 {
            Pools::Sqlite { readers, .. } => Inner::Reading(readers.begin().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        }))
    }

    /// Closes all connections, after what is in hand.
    pub async fn close(&self) {
        match &self.0 {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// An atomic unit: all of it, or (dropped without [`Unit::commit`]) nothing.
#[derive(Debug)]
pub struct Unit(Inner);

#[derive(Debug)]
enum Inner {
    Sqlite(Turn),
    Reading(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A query whose text differs between the databases.
pub(super) struct Pair {
    pub(super) sqlite: &'static str,
    pub(super) postgres: &'static str,
}

impl From<&'static str> for Pair {
    fn from(text: &'static str) -> Self {
        Self { sqlite: text, postgres: text }
    }
}

/// A parameter.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(Option<i64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

/// A row of either database.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value of a column.
    pub(super) fn get<T>(&self, column: &str) -> Result<T>
    where
        T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A moment.
    pub(super) fn time(&self, column: &str) -> Result<Timestamp> {
        self.get::<i64>(column).map(Timestamp::from_millis)
    }

    /// A word that `parse` knows.
    pub(super) fn word<T>(&self, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let text: String = self.get(column)?;
        parse(&text).ok_or_else(|| Error::internal(format!("column {column} holds an unknown word")))
    }
}

macro_rules! bound {
    ($text:expr, $values:expr) => {
        $values.into_iter().fold(sqlx::query($text), |query, value| match value {
            Value::Number(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Bytes(bytes) => query.bind(bytes),
        })
    };
}

impl Unit {
    /// Makes it durable.
    #[track_caller]
    pub fn commit(self) -> impl Future<Output = Result<()>> + Send {
        let place = Location::caller();
        async move {
            failpoint::at_commit("before", place)?;
            match self.0 {
                Inner::Sqlite(unit) => unit.commit().await?,
                Inner::Reading(unit) => unit.commit().await?,
                Inner::Postgres(unit) => unit.commit().await?,
            }
            failpoint::at_commit("after", place)
        }
    }

    /// Marks a point to which [`Unit::back_to_point`] returns.
    pub async fn mark_point(&mut self) -> Result<()> {
        self.execute("savepoint point", Vec::new()).await.map(drop)
    }

    /// Takes back what was done since the point, and forgets it.
    pub async fn back_to_point(&mut self) -> Result<()> {
        self.execute("rollback to savepoint point", Vec::new()).await?;
        self.keep_point().await
    }

    /// Keeps what was done since the point, and forgets it.
    pub async fn keep_point(&mut self) -> Result<()> {
        self.execute("release savepoint point", Vec::new()).await.map(drop)
    }

    /// Runs a query; gives the number of rows it touched.
    pub(super) async fn execute(&mut self, text: impl Into<Pair>, values: Vec<Value>) -> Result<u64> {
        let pair = text.into();
        Ok(match &mut self.0 {
            Inner::Sqlite(unit) => {
                bound!(pair.sqlite, values).execute(unit.connection()?).await?.rows_affected()
            }
            Inner::Reading(unit) => bound!(pair.sqlite, values).execute(&mut **unit).await?.rows_affected(),
            Inner::Postgres(unit) => {
                bound!(pair.postgres, values).execute(&mut **unit).await?.rows_affected()
            }
        })
    }

    /// All rows of a query.
    pub(super) async fn rows(&mut self, text: impl Into<Pair>, values: Vec<Value>) -> Result<Vec<Row>> {
        let pair = text.into();
        Ok(match &mut self.0 {
            Inner::Sqlite(unit) => {
                let rows = bound!(pair.sqlite, values).fetch_all(unit.connection()?).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Inner::Reading(unit) => {
                let rows = bound!(pair.sqlite, values).fetch_all(&mut **unit).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Inner::Postgres(unit) => {
                let rows = bound!(pair.postgres, values).fetch_all(&mut **unit).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of a query.
    pub(super) async fn row(&mut self, text: impl Into<Pair>, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.rows(text, values).await?.into_iter().next())
    }
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(crate::store::sql::Value::from($value)),*] };
}
pub(super) use values;

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

/// SQLSTATE of a serialization failure and of a deadlock: the same unit can be tried again at once.
const CONTENDED: [&str; 2] = ["40001", "40P01"];

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|below| below.code().map(std::borrow::Cow::into_owned));
        let kind = match (&error, code) {
            (_, Some(code)) if CONTENDED.contains(&code.as_str()) => Kind::Contended,
            (sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_), _) => {
                Kind::Unavailable
            }
            _ => Kind::Internal,
        };
        Self::new(kind, "database", "The database did not answer as it should").caused_by(error)
    }
}
