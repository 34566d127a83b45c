//! Connections and transactions of the two databases, behind one type each: [`Store`] and [`Unit`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{
    Connection as _, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction,
};

use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;
use crate::store::db::intake_file::IntakeFile;
use crate::store::db::migrate;
use crate::store::db::statement::{Pair, Row, Value, values};
use crate::store::db::write_buffer::WriteBuffer;
use crate::store::db::writer::{Writer, WriterTurn};

/// The number of connections that read a SQLite file, beside the one that writes.
const SQLITE_READERS: u32 = 4;

/// The page cache of SQLite's writer, in KiB (the pragma takes a positive number for pages): a unit of some hundred
/// conversations should not write a page twice.
const SQLITE_CACHE: &str = "-32768";

/// The pages (of 4 KiB) in SQLite's write-ahead log after which a checkpoint writes them back into the file. They are
/// many, so that a page that several units changed is written back once.
const SQLITE_LOG_PAGES: &str = "8192";

/// The bytes to which SQLite's write-ahead log is cut after a long reader let it grow.
const SQLITE_LOG_KEPT: &str = "67108864";

/// The most connections of one process to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 16;

/// How long a unit waits for a connection, while PostgreSQL is away or all connections are in use: less than Meta waits
/// for its answer.
const POSTGRES_WAIT: Duration = Duration::from_secs(5);

/// A connection to PostgreSQL that was idle for this long is tested before it is used.
const POSTGRES_RESTED: Duration = Duration::from_secs(1);

/// Settings of each connection to PostgreSQL, against a process that stalls within a unit: units that wait for its rows
/// fail after 10 s, and its own is rolled back after 30 s, before its lease on conversions ends.
const POSTGRES_PATIENCE: &str = "select set_config('lock_timeout', '10s', false),
                                        set_config('idle_in_transaction_session_timeout', '30s', false)";

/// How often a starting process waits for PostgreSQL, each time for [`POSTGRES_WAIT`].
const POSTGRES_WAITS_AT_START: usize = 6;

/// A query with its parameters `$1`, `$2` and so on.
macro_rules! bound {
    ($text:expr, $values:expr) => {
        $values.into_iter().fold(sqlx::query($text), |query, value| match value {
            Value::Number(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Bytes(bytes) => query.bind(bytes),
        })
    };
}

/// The database; clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Pools,
    /// The number of conversation aggregates that units loaded in order to write, for a test.
    loads: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum Pools {
    Sqlite { writer: Writer, readers: SqlitePool, intake: IntakeFile },
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
                .busy_timeout(Duration::from_secs(10))
                .pragma("journal_size_limit", SQLITE_LOG_KEPT)
                // Each unit is a savepoint: its rollback journal is kept in memory, not in a file.
                .pragma("temp_store", "memory");
            // A file does not go away: readers need no test before use.
            let readers = SqlitePoolOptions::new().max_connections(SQLITE_READERS).test_before_acquire(false);
            let readers = readers.connect_with(options.clone()).await.map_err(failed)?;
            migrate::sqlite(&readers).await?;
            let options = options.pragma("wal_autocheckpoint", SQLITE_LOG_PAGES);
            let intake = IntakeFile::open(&options, &readers).await?;
            let to_write = options.pragma("cache_size", SQLITE_CACHE);
            let writer = Writer::open(&to_write).await.map_err(failed)?;
            Ok(Self::of(Pools::Sqlite { writer, readers, intake }))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(POSTGRES_WAIT)
                .test_before_acquire(false)
                .before_acquire(|connection, rested| Box::pin(still_stands(connection, rested)))
                .after_connect(|connection, _| {
                    Box::pin(
                        async move { sqlx::query(POSTGRES_PATIENCE).execute(connection).await.map(drop) },
                    )
                });
            let pool = options.connect_lazy(url).map_err(failed)?;
            let mut waits = 1;
            while let Err(error) = pool.acquire().await {
                if waits == POSTGRES_WAITS_AT_START || !matches!(error, sqlx::Error::PoolTimedOut) {
                    return Err(failed(error));
                }
                waits += 1;
            }
            migrate::postgres(&pool).await?;
            Ok(Self::of(Pools::Postgres(pool)))
        } else {
            Err(Error::invalid("database_url", "database_url must begin with sqlite:// or postgres://"))
        }
    }

    fn of(pools: Pools) -> Self {
        Self { pools, loads: Arc::default() }
    }

    /// How many conversation aggregates units of this store have loaded in order to write.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// Whether another process may work on this database at the same time.
    pub fn is_shared(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// Begins a unit of work that writes: on SQLite the only one at its time. Its `name` is that of the failpoints
    /// around its commit, `commit.before.NAME` and `commit.after.NAME`.
    pub async fn begin(&self, name: &'static str) -> Result<Unit> {
        let inner = match &self.pools {
            Pools::Sqlite { writer, .. } => Inner::Sqlite(writer.turn().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        };
        Ok(Unit { name, ..Unit::of(inner, &self.loads) })
    }

    /// Begins a unit that only reads, beside any writer; all its queries read one snapshot.
    pub async fn read(&self) -> Result<Unit> {
        let inner = match &self.pools {
            Pools::Sqlite { readers, .. } => Inner::Reading(readers.begin().await?),
            Pools::Postgres(pool) => Inner::Postgres(pool.begin().await?),
        };
        Ok(Unit::of(inner, &self.loads))
    }

    /// A connection without a transaction, for a single query: each query reads a snapshot of its own.
    pub async fn look(&self) -> Result<Unit> {
        let inner = match &self.pools {
            Pools::Sqlite { readers, .. } => Inner::Looking(readers.acquire().await?),
            Pools::Postgres(pool) => Inner::LookingAtPostgres(pool.acquire().await?),
        };
        Ok(Unit::of(inner, &self.loads))
    }

    /// The id of SQLite's intake file; `None` on PostgreSQL.
    pub(in crate::store) fn intake_file(&self) -> Option<&str> {
        match &self.pools {
            Pools::Sqlite { intake, .. } => Some(&intake.id),
            Pools::Postgres(_) => None,
        }
    }

    /// Runs one statement on the intake log as a unit of its own, durable when it returns; gives the number of rows
    /// that it changed.
    pub(in crate::store) async fn execute_in_intake(
        &self,
        text: impl Into<Pair>,
        values: Vec<Value>,
    ) -> Result<u64> {
        let pair = text.into();
        match &self.pools {
            Pools::Sqlite { intake, .. } => intake.writer.alone(bound!(pair.sqlite, values)).await,
            Pools::Postgres(pool) => Ok(bound!(pair.postgres, values).execute(pool).await?.rows_affected()),
        }
    }

    /// The rows of a query on the intake log, outside of every unit.
    pub(in crate::store) async fn rows_of_intake(
        &self,
        text: impl Into<Pair>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let pair = text.into();
        Ok(match &self.pools {
            Pools::Sqlite { intake, .. } => {
                let rows = bound!(pair.sqlite, values).fetch_all(&intake.readers).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Pools::Postgres(pool) => {
                let rows = bound!(pair.postgres, values).fetch_all(pool).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Closes all connections, after running queries have ended.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers, intake } => {
                intake.close().await;
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// A unit of work: one transaction. Dropped without [`Unit::commit`], it writes nothing.
#[derive(Debug)]
pub struct Unit {
    /// The name of the failpoints around its commit.
    name: &'static str,
    inner: Inner,
    /// Rows that wait to be written.
    pub(in crate::store) write_buffer: WriteBuffer,
    loads: Arc<AtomicU64>,
}

/// What a unit runs on, as [`Store::begin`], [`Store::read`] or [`Store::look`] began it.
#[derive(Debug)]
enum Inner {
    Sqlite(WriterTurn),
    Reading(Transaction<'static, Sqlite>),
    Looking(PoolConnection<Sqlite>),
    Postgres(Transaction<'static, Postgres>),
    LookingAtPostgres(PoolConnection<Postgres>),
}

/// The connection that a unit's queries go to.
enum UnitConnection<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

/// Tests a connection that has rested: PostgreSQL may have restarted. The pool replaces one that fails.
async fn still_stands(connection: &mut PgConnection, rested: PoolConnectionMetadata) -> sqlx::Result<bool> {
    if rested.idle_for >= POSTGRES_RESTED {
        connection.ping().await?;
    }
    Ok(true)
}

impl Unit {
    fn of(inner: Inner, loads: &Arc<AtomicU64>) -> Self {
        Self { name: "read", inner, write_buffer: WriteBuffer::default(), loads: Arc::clone(loads) }
    }

    /// Counts conversation aggregates that were loaded in order to write.
    pub(in crate::store) fn count_loads(&self, number: usize) {
        self.loads.fetch_add(number as u64, Ordering::Relaxed);
    }

    /// Whether this is SQLite's one writing unit: no other can write before it ends, so it needs no locks.
    pub(in crate::store) fn is_alone(&self) -> bool {
        matches!(self.inner, Inner::Sqlite(_))
    }

    /// Writes the buffer and commits; the unit is durable when this returns.
    pub async fn commit(mut self) -> Result<()> {
        self.flush().await?;
        failpoint::before_commit(self.name)?;
        match self.inner {
            Inner::Sqlite(unit) => unit.commit().await?,
            Inner::Reading(unit) => unit.commit().await?,
            Inner::Postgres(unit) => unit.commit().await?,
            Inner::Looking(_) | Inner::LookingAtPostgres(_) => {}
        }
        failpoint::after_commit(self.name)
    }

    /// Writes the rows of the write buffer, table by table.
    ///
    /// # Errors
    /// Contended if another unit has written one of them first; begun again, this unit sees that row.
    async fn flush(&mut self) -> Result<()> {
        if self.write_buffer.is_empty() {
            return Ok(());
        }
        for mut rows in std::mem::take(&mut self.write_buffer).into_tables() {
            let given = rows.len();
            if given == 0 {
                continue;
            }
            // Only where units commit one after the other: else a later number could be read first.
            if let Some(numbering) = rows.numbering().filter(|_| self.is_alone()) {
                let count = i64::try_from(given).unwrap_or(i64::MAX);
                if let Some(answer) = self.rows_beside(numbering, values![count]).await?.first() {
                    rows.number(answer)?;
                }
            }
            let written = self.execute_beside(rows.text(), values![rows.json()?]).await?;
            if let Some(taken) = rows.taken().filter(|_| written < given as u64) {
                return Err(Error::new(ErrorKind::Contended, taken.code, taken.message));
            }
        }
        Ok(())
    }

    /// Sets the savepoint to which [`Unit::back_to_point`] rolls back; the buffer is written first.
    pub async fn mark_point(&mut self) -> Result<()> {
        self.execute("savepoint point", Vec::new()).await.map(drop)
    }

    /// Rolls back to the savepoint and ends it; what the buffer holds since then is dropped.
    pub async fn back_to_point(&mut self) -> Result<()> {
        self.write_buffer = WriteBuffer::default();
        self.execute("rollback to savepoint point", Vec::new()).await?;
        self.keep_point().await
    }

    /// Keeps what was done since the savepoint, and ends it.
    pub async fn keep_point(&mut self) -> Result<()> {
        self.execute("release savepoint point", Vec::new()).await.map(drop)
    }

    fn connection(&mut self) -> Result<UnitConnection<'_>> {
        Ok(match &mut self.inner {
            Inner::Sqlite(unit) => UnitConnection::Sqlite(unit.connection()?),
            Inner::Reading(unit) => UnitConnection::Sqlite(unit),
            Inner::Looking(connection) => UnitConnection::Sqlite(connection),
            Inner::Postgres(unit) => UnitConnection::Postgres(unit),
            Inner::LookingAtPostgres(connection) => UnitConnection::Postgres(connection),
        })
    }

    /// Runs a statement; gives the number of rows that it changed.
    pub(in crate::store) async fn execute(
        &mut self,
        text: impl Into<Pair>,
        values: Vec<Value>,
    ) -> Result<u64> {
        self.flush().await?;
        self.execute_beside(text, values).await
    }

    /// All rows of a query.
    pub(in crate::store) async fn rows(
        &mut self,
        text: impl Into<Pair>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        self.flush().await?;
        self.rows_beside(text, values).await
    }

    /// The first row of a query.
    pub(in crate::store) async fn row(
        &mut self,
        text: impl Into<Pair>,
        values: Vec<Value>,
    ) -> Result<Option<Row>> {
        Ok(self.rows(text, values).await?.into_iter().next())
    }

    /// Runs a statement that does not depend on the rows in the write buffer, so that they are not written first.
    pub(in crate::store) async fn execute_beside(
        &mut self,
        text: impl Into<Pair>,
        values: Vec<Value>,
    ) -> Result<u64> {
        let pair = text.into();
        Ok(match self.connection()? {
            UnitConnection::Sqlite(connection) => {
                bound!(pair.sqlite, values).execute(connection).await?.rows_affected()
            }
            UnitConnection::Postgres(connection) => {
                bound!(pair.postgres, values).execute(connection).await?.rows_affected()
            }
        })
    }

    /// The rows of a query that does not depend on the rows in the write buffer, so that they are not written first.
    pub(in crate::store) async fn rows_beside(
        &mut self,
        text: impl Into<Pair>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let pair = text.into();
        Ok(match self.connection()? {
            UnitConnection::Sqlite(connection) => {
                let rows = bound!(pair.sqlite, values).fetch_all(connection).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            UnitConnection::Postgres(connection) => {
                let rows = bound!(pair.postgres, values).fetch_all(connection).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }
}

/// SQLSTATE of a serialization failure and of a deadlock: the same unit can be tried again at once.
const CONTENDED: [&str; 2] = ["40001", "40P01"];

/// Classes of SQLSTATE for failures that pass: lost connections, a unit that stalled, exhausted resources (such as the
/// disk), a row that is locked for long, a server that stops or starts.
const PASSING: [&str; 5] = ["08", "25P03", "53", "55P03", "57P"];

/// SQLite's codes for failures that pass: busy, and a full disk.
const PASSING_IN_A_FILE: [&str; 2] = ["5", "13"];

/// Whether a failure with this code passes by itself, or once somebody frees resources.
fn passes(code: &str) -> bool {
    let is_sqlstate = code.len() == "40001".len();
    if is_sqlstate {
        return PASSING.iter().any(|class| code.starts_with(class));
    }
    PASSING_IN_A_FILE.contains(&code)
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|below| below.code().map(std::borrow::Cow::into_owned));
        let kind = match (&error, code) {
            (_, Some(code)) if CONTENDED.contains(&code.as_str()) => ErrorKind::Contended,
            (_, Some(code)) if passes(&code) => ErrorKind::Unavailable,
            (sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_), _) => {
                ErrorKind::Unavailable
            }
            _ => ErrorKind::Internal,
        };
        Self::new(kind, "database", "The database did not answer as it should").caused_by(error)
    }
}
