//! A database as it stands, read past the service; and new ones.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Row, SqlitePool};

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

/// A SQLite database whose intake log, which is a file of its own, looks as it does on PostgreSQL.
pub async fn sqlite(url: &str) -> SqlitePool {
    let options: SqliteConnectOptions = url.parse().unwrap();
    let intake = format!("{}-intake", options.get_filename().display());
    let beside = format!(
        "attach database '{intake}' as beside;
         create temp view intake_log as
         select kept.id, kept.received_at, lower(hex(substr(kept.bodies, place.value ->> 'start', place.value ->> 'length'))) as body,
                shape as unread,
                case when kept.id <= (select coalesce(max(projected_row), 0) from main.intake_mark)
                     then kept.received_at end as projected_at
           from beside.intake_log as kept join json_each(kept.places) as place
           left join beside.unread on unread.id = kept.id and unread.place = place.key"
    );
    let pool = SqlitePoolOptions::new().after_connect(move |connection, _| {
        let beside = beside.clone();
        Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(beside)).execute(connection).await.map(drop) })
    });
    pool.connect_with(options).await.unwrap()
}

impl Books {
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            Self::Sqlite(sqlite(url).await)
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

    #[cfg(feature = "failpoints")]
    pub async fn run(&self, text: &'static str) {
        match self {
            Self::Sqlite(pool) => drop(sqlx::query(text).execute(pool).await.unwrap()),
            Self::Postgres(pool) => drop(sqlx::query(text).execute(pool).await.unwrap()),
        }
    }

    /// On PostgreSQL the leases of the dead are over.
    #[cfg(feature = "failpoints")]
    pub async fn lapse(&self) {
        self.run("update conversion set lease_until = 0 where lease_until is not null").await;
    }
}
