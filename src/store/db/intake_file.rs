//! SQLite's intake log: a file beside the database. SQLite has one writer a file, so that a unit that takes long, such as
//! an import or a thousand events that leave, would hold up every webhook; in a file of their own bodies are durable
//! at once. The database itself remembers up to which body it has projected, in the unit that does so, and so each
//! takes effect once although two files are never committed as one.

use std::path::PathBuf;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::error::Result;
use crate::store::db::writer::Writer;

/// What its name adds to the name of the database's file.
const SUFFIX: &str = "-intake";

/// Readers beside its one writer.
const READERS: u32 = 2;

/// After so many pages the file's log is written back into it: often, for webhooks wait meanwhile, and no page is
/// written twice anyway.
const LOG_PAGES: &str = "1000";

/// Bodies that came together are one row: `bodies` one behind the other, `places` as a JSON list of their starts
/// (in bytes from 1) and lengths. An id is never given twice, even after all rows were dropped: the database has projected up to
/// one of them.
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

/// The file; clones share its connections.
#[derive(Clone, Debug)]
pub(in crate::store) struct IntakeFile {
    /// Its own name, under which the database knows how far it is projected. Another file begins anew.
    pub(in crate::store) id: String,
    pub(in crate::store) writer: Writer,
    pub(in crate::store) readers: SqlitePool,
}

impl IntakeFile {
    /// Opens the file beside the database `main`, which is migrated.
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

/// An older copy of the file that was put back goes on behind what the database has projected.
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
