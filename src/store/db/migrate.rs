//! Migrations: forward only, one process at a time. A lease row ensures that, instead of sqlx's advisory lock, which a
//! pooler in transaction mode and other engines of PostgreSQL's wire protocol do not have.

use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgPool, SqlSafeStr as _, SqlitePool};

use crate::error::{Error, Result};
use crate::failpoint;

/// How long the lease of a migrating process lasts without renewal; then the process is taken for dead, and another
/// takes over.
const LEASE: Duration = Duration::from_secs(15);

/// How often a migrating process renews its lease.
const RENEW: Duration = Duration::from_secs(5);

/// How often a process that waits for the lease tries to take it.
const LOOK: Duration = Duration::from_millis(250);

/// A migration: its name, which is the same for both databases, and its SQL.
type Step = (&'static str, &'static str);

macro_rules! steps {
    ($folder:literal: $($name:literal),*) => {
        [$(($name, include_str!(concat!("../../../migrations/", $folder, "/", $name, ".sql")))),*]
    };
    ($folder:literal) => {
        steps![$folder:
            "0001_baseline"
        ]
    };
}

/// The migrations in their order, each in a transaction of its own.
fn migrations(steps: &[Step]) -> Migrator {
    let numbered = (1..).zip(steps);
    let read = numbered.map(|(number, (name, text))| {
        let (_, words) = name.split_once('_').unwrap_or_default();
        Migration::new(
            number,
            words.replace('_', " ").into(),
            MigrationType::Simple,
            text.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(read.collect())
}

/// Migrates a SQLite file to the newest schema; the operating system's lock on the file keeps other processes out.
pub(in crate::store) async fn sqlite(pool: &SqlitePool) -> Result<()> {
    migrations(&steps!["sqlite"]).run(pool).await.map_err(failed)
}

/// Migrates a PostgreSQL database to the newest schema.
pub(in crate::store) async fn postgres(pool: &PgPool) -> Result<()> {
    let mut migrations = migrations(&steps!["postgres"]);
    migrations.set_locking(false);
    if is_newest(pool, &migrations).await? {
        return Ok(());
    }
    let holder = uuid::Uuid::new_v4().to_string();
    while !take_lease(pool, &holder).await? {
        tokio::time::sleep(LOOK).await;
    }
    failpoint::reach("migrate.leased");
    let moved = tokio::select! {
        moved = migrations.run(pool) => moved.map_err(failed),
        lost = keep_lease(pool, &holder) => Err(lost),
    };
    failpoint::reach("migrate.moved");
    sqlx::query("update migration_lease set held_until = now() where holder = $1")
        .bind(&holder)
        .execute(pool)
        .await?;
    moved
}

/// Whether exactly these migrations are applied, so that there is nothing to do and no lease to wait for.
async fn is_newest(pool: &PgPool, migrations: &Migrator) -> Result<bool> {
    let made = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "select version, checksum from _sqlx_migrations where success order by version",
    )
    .fetch_all(pool)
    .await;
    match made {
        Ok(made) => Ok(made
            .iter()
            .map(|(version, checksum)| (*version, &**checksum))
            .eq(migrations.iter().map(|migration| (migration.version, &*migration.checksum)))),
        Err(error) if is_race(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Renews the lease again and again; returns only when it is lost.
async fn keep_lease(pool: &PgPool, holder: &str) -> Error {
    loop {
        tokio::time::sleep(RENEW).await;
        let kept = sqlx::query(
            "update migration_lease set held_until = now() + make_interval(secs => $2) where holder = $1",
        )
        .bind(holder)
        .bind(LEASE.as_secs_f64())
        .execute(pool)
        .await;
        match kept {
            Ok(done) if done.rows_affected() == 1 => {}
            Ok(_) => return Error::unavailable("migration_failed", "Another process migrates: start again"),
            Err(error) => return error.into(),
        }
    }
}

/// Takes the lease unless another process holds it, by the database's own clock, which is the same for all.
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

/// Whether two processes created the table, or its row, at the same moment: `unique_violation`, `duplicate_table`,
/// `undefined_table`, or a serialization failure.
fn is_race(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["23505", "42P07", "42P01", "40001"].contains(&&*code))
}

fn failed(error: sqlx::migrate::MigrateError) -> Error {
    let message = match &error {
        sqlx::migrate::MigrateError::VersionMissing(_) => {
            "The database has migrations that this version does not know: a newer version wrote it, or one from before \
             the first release. Run the version that wrote it, or give this one an empty database"
        }
        sqlx::migrate::MigrateError::VersionMismatch(_) => {
            "The database was written by a version from before the first release, whose migrations were other ones. Run \
             the version that wrote it, or give this one an empty database"
        }
        _ => "The database can't be migrated",
    };
    Error::unavailable("migration_failed", message).caused_by(error)
}
