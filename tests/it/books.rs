//! A database as it stands, read past the service; and new ones.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{PgPool, Row, SqlitePool};

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A connection beside the service.
#[derive(Clone, Debug)]
pub enum Books {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The URL of a new database in the cluster of the tests.
pub async fn new_postgres() -> String {
    let server = std::env::var("SALESBRIDGE_TEST_POSTGRES")
        .expect("the PostgreSQL of the tests is not running: use bash tests/run");
    let name = format!("books_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    let admin = PgPool::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&admin).await.unwrap();
    admin.close().await;
    format!("{}/{name}", server.rsplit_once('/').unwrap().0)
}

impl Books {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            Self::Sqlite(SqlitePool::connect(url).await.unwrap())
        } else {
            Self::Postgres(PgPool::connect(url).await.unwrap())
        }
    }

    /// Rows whose columns are all text.
    pub async fn rows(&self, text: &'static str) -> Vec<Vec<String>> {
        fn texts<R: Row>(row: &R) -> Vec<String>
        where
            usize: sqlx::ColumnIndex<R>,
            for<'a> String: sqlx::Decode<'a, R::Database> + sqlx::Type<R::Database>,
        {
            (0..row.len()).map(|column| row.get::<Option<String>, _>(column).unwrap_or_default()).collect()
        }
        match self {
            Self::Sqlite(pool) => {
                sqlx::query(text).fetch_all(pool).await.unwrap().iter().map(texts).collect()
            }
            Self::Postgres(pool) => {
                sqlx::query(text).fetch_all(pool).await.unwrap().iter().map(texts).collect()
            }
        }
    }

    /// A count.
    pub async fn count(&self, text: &'static str) -> i64 {
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(text).fetch_one(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_scalar(text).fetch_one(pool).await.unwrap(),
        }
    }

    pub async fn run(&self, text: &'static str) {
        match self {
            Self::Sqlite(pool) => drop(sqlx::query(text).execute(pool).await.unwrap()),
            Self::Postgres(pool) => drop(sqlx::query(text).execute(pool).await.unwrap()),
        }
    }

    /// On PostgreSQL the leases of the dead are over.
    pub async fn lapse(&self) {
        self.run("update conversion set lease_until = 0 where lease_until is not null").await;
    }
}
