//! SQLite's one writer. Units run one after the other on one connection and share a transaction, each but the first
//! within a savepoint of its own. A unit that is done queues for the connection again, and the first one to get it
//! commits for all that are done, so that one fsync serves many. No unit is reported as committed before that.

use std::sync::Arc;

use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnectOptions};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;

/// SQLite's primary result code for a failed read or write.
const IOERR: i32 = 10;

/// The writer; clones share the connection.
#[derive(Clone, Debug)]
pub(in crate::store) struct Writer(Arc<Mutex<Seat>>);

/// The connection with the state of its transaction; whoever has the lock may use it.
#[derive(Debug)]
struct Seat {
    /// `None` once the writer is closed.
    connection: Option<SqliteConnection>,
    /// The transaction that units share now, and those who wait for its commit.
    group: Option<Group>,
    /// A unit was dropped without a commit, and what it did is not rolled back yet.
    abandoned: bool,
    /// The unit that has the connection, or had it last, began the transaction. It has no savepoint, for which SQLite
    /// would copy each page that it changes: before it there is nothing in the transaction to keep.
    began: bool,
    /// A unit that is done has left its savepoint open, for the next unit or the commit to release.
    left: bool,
}

/// The units that wait for one commit; its outcome is `None` until then.
#[derive(Clone, Debug)]
struct Group(watch::Sender<Option<Outcome>>);

/// How a commit ended; the error in parts, because each unit gets a copy.
type Outcome = std::result::Result<(), (ErrorKind, Arc<str>)>;

/// The exclusive use of the connection by one unit. Dropped without [`WriterTurn::commit`], it is rolled back.
#[derive(Debug)]
pub(in crate::store) struct WriterTurn {
    seat: Option<OwnedMutexGuard<Seat>>,
    writer: Writer,
}

impl Writer {
    pub(in crate::store) async fn open(options: &SqliteConnectOptions) -> sqlx::Result<Self> {
        let connection = Some(options.connect().await?);
        Ok(Self(Arc::new(Mutex::new(Seat {
            connection,
            group: None,
            abandoned: false,
            began: false,
            left: false,
        }))))
    }

    /// Waits until the connection is free.
    pub(in crate::store) async fn turn(&self) -> Result<WriterTurn> {
        let mut seat = Arc::clone(&self.0).lock_owned().await;
        seat.tidy().await;
        // One text, because each one crosses to the connection's own thread and back.
        let left = std::mem::take(&mut seat.left);
        let begun = match (&seat.group, left) {
            (None, _) => seat.execute("begin immediate").await,
            (Some(_), true) => seat.execute("release unit; savepoint unit").await,
            (Some(_), false) => seat.execute("savepoint unit").await,
        };
        if begun.is_err() {
            seat.roll_back().await;
        }
        begun?;
        seat.began = seat.group.is_none();
        seat.group.get_or_insert_with(|| Group(watch::Sender::new(None)));
        seat.abandoned = true;
        Ok(WriterTurn { seat: Some(seat), writer: self.clone() })
    }

    /// Runs one statement as a unit of its own. While no other unit waits for a commit it is its own transaction, which
    /// is cheaper; else it is committed together with the others.
    pub(in crate::store) async fn alone(
        &self,
        query: Query<'static, Sqlite, SqliteArguments>,
    ) -> Result<u64> {
        // A task of its own: a request whose client has gone must not leave others without their commit.
        let writer = self.clone();
        tokio::spawn(async move { writer.run_alone(query).await }).await.map_err(|_| closed())?
    }

    async fn run_alone(&self, query: Query<'static, Sqlite, SqliteArguments>) -> Result<u64> {
        let mut seat = self.0.lock().await;
        seat.tidy().await;
        let group = seat.group.as_ref().map(|group| group.0.subscribe());
        let connection = seat.connection.as_mut().ok_or_else(closed)?;
        let done = query.execute(connection).await;
        let Some(mut group) = group else {
            if let Err(error) = &done {
                end_if_broken(error);
            }
            return Ok(done?.rows_affected());
        };
        // If it fails it leaves nothing behind, and one of those who wait commits for them.
        let rows = done?.rows_affected();
        seat.finish().await;
        drop(seat);
        match group.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
            Ok(Some(Ok(()))) => Ok(rows),
            Ok(Some(Err((kind, why)))) => Err(Error::new(kind, "database", &*why)),
            _ => Err(closed()),
        }
    }

    /// Closes the connection, after the unit that runs.
    pub(in crate::store) async fn close(&self) {
        let mut seat = self.0.lock().await;
        seat.tidy().await;
        seat.finish().await;
        if let Some(connection) = seat.connection.take() {
            drop(connection.close().await);
        }
    }
}

impl WriterTurn {
    /// The connection, for the unit's queries.
    pub(in crate::store) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        let seat = self.seat.as_mut().and_then(|seat| seat.connection.as_mut());
        seat.ok_or_else(closed)
    }

    /// Commits the unit, together with those that were done meanwhile.
    pub(in crate::store) async fn commit(mut self) -> Result<()> {
        let Some(mut seat) = self.seat.take() else { return Err(closed()) };
        seat.abandoned = false;
        seat.left = !seat.began;
        let Some(mut done) = seat.group.as_ref().map(|group| group.0.subscribe()) else {
            return Err(closed());
        };
        drop(seat);
        // A task of its own: a request whose client has gone must not leave the transaction open.
        let (writer, group) = (self.writer.clone(), done.clone());
        let mut watched = done.clone();
        let finish = tokio::spawn(async move {
            let committed = async { watched.wait_for(Option::is_some).await.map(drop) };
            // Either another unit commits the group, or this one gets the connection and does.
            tokio::select! {
                biased;
                _ = committed => {}
                mut seat = writer.0.lock() => {
                    let waits = group.borrow().is_none();
                    if waits {
                        seat.tidy().await;
                        seat.finish().await;
                    }
                }
            }
        });
        let waited = finish.await;
        let outcome = done.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        match (waited, outcome) {
            (Ok(()), Ok(Some(Ok(())))) => Ok(()),
            (_, Ok(Some(Err((kind, why))))) => Err(Error::new(kind, "database", &*why)),
            _ => Err(closed()),
        }
    }
}

impl Drop for WriterTurn {
    fn drop(&mut self) {
        let Some(mut seat) = self.seat.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                seat.tidy().await;
                if seat.group.as_ref().is_some_and(|group| group.0.receiver_count() == 0) {
                    seat.roll_back().await;
                }
            });
        }
    }
}

impl Seat {
    async fn execute(&mut self, text: &'static str) -> Result<()> {
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        sqlx::query(text).execute(connection).await?;
        Ok(())
    }

    /// Rolls back what an abandoned unit did, if there is one.
    async fn tidy(&mut self) {
        if !std::mem::take(&mut self.abandoned) {
            return;
        }
        if self.began {
            return self.roll_back().await;
        }
        let back = match self.execute("rollback to unit").await {
            Ok(()) => self.execute("release unit").await,
            failed => failed,
        };
        if back.is_err() {
            // SQLite has ended the whole transaction (a full disk, say): all units in it fail.
            self.roll_back().await;
        }
    }

    /// Commits for all units that are done.
    async fn finish(&mut self) {
        let Some(group) = self.group.take() else { return };
        let Some(connection) = self.connection.as_mut() else { return };
        failpoint::reach("group.before");
        let committed = sqlx::query("commit").execute(connection).await;
        failpoint::reach("group.after");
        let outcome = match committed {
            Ok(_) => Ok(()),
            Err(error) => {
                end_if_broken(&error);
                drop(self.execute("rollback").await);
                let error = Error::from(error);
                Err((error.kind, Arc::from(error.to_string())))
            }
        };
        group.0.send_replace(Some(outcome));
    }

    /// Rolls back the whole transaction: every unit in it fails.
    async fn roll_back(&mut self) {
        drop(self.execute("rollback").await);
        self.fail("the transaction was rolled back");
    }

    fn fail(&mut self, why: &str) {
        if let Some(group) = self.group.take() {
            group.0.send_replace(Some(Err((ErrorKind::Unavailable, Arc::from(why)))));
        }
    }
}

/// Ends the process if the disk failed while a commit was written: a second fsync may report success although data was
/// lost.
fn end_if_broken(error: &sqlx::Error) {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == IOERR) {
        tracing::error!("The disk failed while writing; ending, so that nothing false is said: {error}");
        std::process::exit(1);
    }
}

fn closed() -> Error {
    Error::unavailable("database_closed", "The database is closed: the service is stopping.")
}
