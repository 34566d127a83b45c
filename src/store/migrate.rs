//! Migrations: forward only, one process at a time. Not by sqlx's advisory lock, which a pooler in
//! transaction mode and other engines of PostgreSQL's wire do not have, but by a lease row.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{PgPool, SqlitePool};

use crate::error::{Error, Result};

/// A process that migrates is given so long before another takes over.
const LEASE: Duration = Duration::from_mins(10);

/// How often a process that waits for another looks again.
const LOOK: Duration = Duration::from_millis(250);

/// Brings a SQLite file to the newest schema; the operating system's lock on the file orders processes.
pub(super) async fn sqlite(pool: &SqlitePool) -> Result<()> {
    static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
    MIGRATIONS.run(pool).await.map_err(failed)
}

/// Brings a PostgreSQL database to the newest schema.
pub(super) async fn postgres(pool: &PgPool) -> Result<()> {
    let mut migrations = sqlx::migrate!("migrations/postgres");
    migrations.set_locking(false);
    let holder = uuid::Uuid::new_v4().to_string();
    while !take_lease(pool, &holder).await? {
        tokio::time::sleep(LOOK).await;
    }
    let moved = migrations.run(pool).await.map_err(failed);
    sqlx::query("update migration_lease set held_until = now() where holder = $1")
        .bind(&holder)
        .execute(pool)
        .await?;
    moved
}

/// Takes the lease unless another process holds it. The database's own clock counts, the same for all.
async fn take_lease(pool: &PgPool, holder: &str) -> Result<bool> {
    let made = sqlx::query(
        "create table if not exists migration_lease (
           name text not null primary key, holder text not null, held_until timestamptz not null)",
    )
    .execute(pool)
    .await;
    if let Err(error) = made
        && !is_race(&error)
    {
        return Err(error.into());
    }
    let taken = sqlx::query(
        "insert into migration_lease (name, holder, held_until)
         values ('schema', $1, now() + make_interval(secs => $2))
         on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until
           where migration_lease.held_until <= now()",
    )
    .bind(holder)
    .bind(LEASE.as_secs_f64())
    .execute(pool)
    .await;
    match taken {
        Ok(done) => Ok(done.rows_affected() == 1),
        Err(error) if is_race(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Two processes made the table, or its row, at the same moment: `unique_violation`, `duplicate_table`,
/// `undefined_table`, or a serialization failure.
fn is_race(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["23505", "42P07", "42P01", "40001"].contains(&&*code))
}

fn failed(error: sqlx::migrate::MigrateError) -> Error {
    let message = match &error {
        sqlx::migrate::MigrateError::VersionMissing(_) => {
            "The database was written by a newer version of salesbridge: run that one"
        }
        _ => "The database can't be migrated",
    };
    Error::unavailable("migration_failed", message).caused_by(error)
}
