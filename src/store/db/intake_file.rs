//! SQLite's intake log: a file beside the database. SQLite has one writer per file, so that a long unit, such as an
//! import or a thousand events that are sent, would hold up every webhook; in a file of their own, bodies are durable
//! at once. Two files are never committed as one; therefore the database itself stores, in the unit that projects, up
//! to which body it has projected, and each body takes effect once.

use std::path::PathBuf;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::error::Result;
use crate::store::db::writer::Writer;

/// The suffix of its name, after that of the database's file.
const SUFFIX: &str = "-intake";

/// The number of connections that read, beside the one that writes.
const READERS: u32 = 2;

/// The number of pages in the write-ahead log after which a checkpoint writes them back into the file. It is small,
/// because webhooks wait during a checkpoint, and no page is written twice anyway.
const LOG_PAGES: &str = "1000";

/// Bodies that arrived together are one row: `bodies` has them one behind the other, `places` is a JSON list of their
/// starts (in bytes from 1) and lengths. An id is never given twice, even after all rows were dropped, because the
/// database stores up to which id it has projected.
const SCHEMA: &str = "
create table if not exists intake_log (
  id integer not null primary key autoincrement,
  received_at integer not null,
  number integer not null,
  places text not null,
  bodies blob not null
) strict;
create table if not exists unread (
  id integer not null,
  place integer not null,
  shape text not null,
  primary key (id, place)
) strict;
create table if not exists identity (id text not null) strict;";

/// The intake file; clones share its connections.
#[derive(Clone, Debug)]
pub(in crate::store) struct IntakeFile {
    /// The file's own id, by which the database stores up to where it is projected. A new file begins anew.
    pub(in crate::store) id: String,
    pub(in crate::store) writer: Writer,
    pub(in crate::store) readers: SqlitePool,
}

impl IntakeFile {
    /// Opens the intake file beside the database `main`, which must be migrated already.
    pub(in crate::store) async fn open(beside: &SqliteConnectOptions, main: &SqlitePool) -> Result<Self> {
        let mut file = beside.get_filename().as_os_str().to_owned();
        file.push(SUFFIX);
        let options = beside.clone().filename(PathBuf::from(file)).pragma("wal_autocheckpoint", LOG_PAGES);
        let readers = SqlitePoolOptions::new().max_connections(READERS).test_before_acquire(false);
        let readers = readers.connect_with(options.clone()).await?;
        sqlx::raw_sql(SCHEMA).execute(&readers).await?;
        sqlx::query("insert into identity (id) select $1 where not exists (select 1 from identity)")
            .bind(uuid::Uuid::new_v4().to_string())
            .execute(&readers)
            .await?;
        let id: String = sqlx::query_scalar("select id from identity").fetch_one(&readers).await?;
        keep_numbers(&id, main, &readers).await?;
        Ok(Self { id, writer: Writer::open(&options).await?, readers })
    }

    pub(in crate::store) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Makes an intake file that was restored from an older copy continue behind the ids that the database has projected.
async fn keep_numbers(id: &str, main: &SqlitePool, intake: &SqlitePool) -> Result<()> {
    let last: Option<i64> = sqlx::query_scalar("select projected_row from intake_mark where file = $1")
        .bind(id)
        .fetch_optional(main)
        .await?;
    let given: Option<i64> = sqlx::query_scalar("select seq from sqlite_sequence where name = 'intake_log'")
        .fetch_optional(intake)
        .await?;
    let text = match (last, given) {
        (Some(last), Some(given)) if last > given => {
            "update sqlite_sequence set seq = $1 where name = 'intake_log'"
        }
        (Some(_), None) => "insert into sqlite_sequence (name, seq) values ('intake_log', $1)",
        _ => return Ok(()),
    };
    sqlx::query(text).bind(last).execute(intake).await?;
    Ok(())
}
