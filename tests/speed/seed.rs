//! Databases for one figure each, filled by their own SQL where much must be there.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use salesbridge::clock::Clock;
use salesbridge::domain::basic::identity::LaneId;
use salesbridge::store::Store;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Row as _, SqlitePool};

use super::Plan;
use super::load::PAGE;
use super::role::page;

static COUNT: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite FULL",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A database with the service's schema.
pub struct Database {
    pub url: String,
    pool: Pool,
    /// The file, or the name on the server and the server's own URL.
    file: Option<PathBuf>,
    name: String,
    server: String,
}

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Database {
    pub async fn new(plan: &Plan, kind: Kind) -> Self {
        let name = format!("bench_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let server = plan.postgres.clone().unwrap_or_default();
        match kind {
            Kind::Sqlite => {
                let file = plan.folder.join(format!("{name}.db"));
                let url = format!("sqlite://{}", file.display());
                prepare(&url).await;
                let pool = Pool::Sqlite(with_intake_log(&url).await);
                Self { url, pool, file: Some(file), name, server }
            }
            Kind::Postgres => {
                let admin = PgPool::connect(&server).await.unwrap();
                sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&admin).await.unwrap();
                admin.close().await;
                let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
                prepare(&url).await;
                let pool = Pool::Postgres(PgPool::connect(&url).await.unwrap());
                Self { url, pool, file: None, name, server }
            }
        }
    }

    /// Takes it from the disk.
    pub async fn drop(self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => {
                pool.close().await;
                let admin = PgPool::connect(&self.server).await.unwrap();
                let text = format!("drop database {} with (force)", self.name);
                sqlx::query(AssertSqlSafe(text)).execute(&admin).await.unwrap();
            }
        }
        for end in ["", "-wal", "-shm", "-intake", "-intake-wal", "-intake-shm"] {
            if let Some(file) = &self.file {
                drop(std::fs::remove_file(format!("{}{end}", file.display())));
            }
        }
    }

    pub async fn number(&self, text: &'static str) -> i64 {
        match &self.pool {
            Pool::Sqlite(pool) => sqlx::query(text).fetch_one(pool).await.unwrap().get(0),
            Pool::Postgres(pool) => sqlx::query(text).fetch_one(pool).await.unwrap().get(0),
        }
    }

    /// Bodies that ever came in.
    pub async fn bodies(&self) -> i64 {
        self.number(match self.pool {
            Pool::Sqlite(_) => "select coalesce(sum(number), 0) from intake_log",
            Pool::Postgres(_) => "select coalesce(max(id), 0) from intake_log",
        })
        .await
    }

    /// Bodies that are not projected yet.
    pub async fn waiting(&self) -> i64 {
        self.number(match self.pool {
            Pool::Sqlite(_) => "select coalesce(sum(number), 0) from intake_log where projected_at is null",
            Pool::Postgres(_) => "select count(*) from intake_log where projected_at is null",
        })
        .await
    }

    async fn run(&self, text: String) {
        match &self.pool {
            Pool::Sqlite(pool) => drop(sqlx::query(AssertSqlSafe(text)).execute(pool).await.unwrap()),
            Pool::Postgres(pool) => drop(sqlx::query(AssertSqlSafe(text)).execute(pool).await.unwrap()),
        }
    }

    /// `count` conversations from number `from` on, each with its person, one chat of a moment ago, and what
    /// `orders` says.
    pub async fn conversations(&self, from: u64, count: u64, now: u128) {
        let series = self.series(from, count);
        let id = format!("'c' || {}", self.padded());
        let at = format!("({now} - 3600000)");
        for text in [
            format!(
                "insert into conversation (id, page_id, channel, began_at, last_at, state, waiting_since, version)
                 select {id}, '{PAGE}', 'messenger', {at}, {at}, 'waiting', {at}, 1 from {series}"
            ),
            format!(
                "insert into recipient (page_id, channel, account_id, person_id, conversation_id)
                 select '{PAGE}', 'messenger', '{PAGE}', cast(2000000000000000 + n as text), {id} from {series}"
            ),
            format!(
                "insert into customer (conversation_id, page_id) select {id}, '{PAGE}' from {series}"
            ),
            format!(
                "insert into chat (conversation_id, number, page_id, began_at, last_at, first_word_at, last_word_at)
                 select {id}, 0, '{PAGE}', {at}, {at}, {at}, {at} from {series}"
            ),
        ] {
            self.run(text).await;
        }
    }

    /// A confirmed order in each of these conversations, with its Purchase in `state`.
    pub async fn orders(&self, from: u64, count: u64, now: u128, state: &str) {
        let series = self.series(from, count);
        let padded = self.padded();
        let at = format!("({now} - 3600000 + n % 3600000)");
        let hash = match self.pool {
            Pool::Sqlite(_) => format!("substr('{:032}' || n, -32)", 0),
            Pool::Postgres(_) => "md5(n::text)".to_owned(),
        };
        for text in [
            format!(
                "insert into sale_order (id, page_id, conversation_id, service_numbered, policy_version, state,
                                         currency, value, paid, refunded, flagged, told_twice, opened_at, version)
                 select 'o' || {padded}, '{PAGE}', 'c' || {padded}, 0, 1, 'confirmed', 'GEL', 12050, 0, 0, 0, 0, {at}, 1
                   from {series}"
            ),
            format!(
                "insert into order_number (page_id, number_key, number, order_id, position)
                 select '{PAGE}', 'a-' || n, 'A-' || n, 'o' || {padded}, 0 from {series}"
            ),
            format!(
                "insert into outcome (id, page_id, conversation_id, order_id, kind, occurred_at, clamped,
                                      recorded_at, source, actor, currency, value, position)
                 select 'f' || {padded}, '{PAGE}', 'c' || {padded}, 'o' || {padded}, 'confirmed', {at}, 0, {at},
                        'api', 'nino', 'GEL', 12050, 1
                   from {series}"
            ),
            format!(
                "insert into conversion (id, page_id, conversation_id, order_id, event_name, number, event_id,
                                         event_time, state, reason, value, currency, made_at, leaves_at, next_at,
                                         policy_version, frozen, tries, zero_answers, passing_faults,
                                         resent)
                 select 'v' || {padded}, '{PAGE}', 'c' || {padded}, 'o' || {padded}, 'Purchase', 0, {hash},
                        {at}, '{state}', 'due', 12050, 'GEL', {at}, {at}, {at}, 1, 0, 0, 0, 0, 0
                   from {series}"
            ),
        ] {
            self.run(text).await;
        }
    }

    /// Messages of these conversations, with their raw bodies, all projected.
    pub async fn messages(&self, conversations: u64, count: u64, now: u128) {
        let series = self.series(0, count);
        let padded = self.padded();
        let thread = format!("'c' || {}", self.padded_of(&format!("n % {conversations}")));
        let at = format!("({now} - 3600000 - n % 500000000)");
        let (mid, body) = match self.pool {
            Pool::Sqlite(_) => ("'m_' || hex(randomblob(24))", "zeroblob(200)"),
            Pool::Postgres(_) => {
                ("'m_' || md5(n::text) || md5((n + 1)::text)", "decode(repeat('00', 200), 'hex')")
            }
        };
        for text in [
            format!(
                "insert into message (conversation_id, sent_at, id, page_id, mid, author, text)
                 select {thread}, {at}, 'm' || {padded}, '{PAGE}', {mid}, 'customer', 'Is it still there?'
                   from {series} order by 1, 2"
            ),
            format!(
                "insert into message_seen (page_id, mid, seen_at)
                 select '{PAGE}', mid, sent_at from message order by mid"
            ),
        ] {
            self.run(text).await;
        }
        match self.pool {
            Pool::Sqlite(_) => {
                self.run(format!(
                    "insert into beside.intake_log (received_at, number, places, bodies)
                     select {at}, 1, json_array(json_object('start', 1, 'length', length({body}))), {body} from {series}"
                ))
                .await;
                let mark = "insert into main.intake_mark (file, projected_row)
                            select (select id from beside.identity), max(id) from beside.intake_log where true
                            on conflict (file) do update set projected_row = excluded.projected_row";
                self.run(mark.to_owned()).await;
            }
            Pool::Postgres(_) => {
                let columns = "insert into intake_log (received_at, body, projected_at)";
                self.run(format!("{columns} select {at}, {body}, {at} from {series}")).await;
            }
        }
    }

    /// What PostgreSQL's autovacuum, and SQLite's checkpoint, would have done by then.
    pub async fn settle(&self) {
        match &self.pool {
            Pool::Sqlite(_) => self.run("pragma wal_checkpoint(truncate)".to_owned()).await,
            Pool::Postgres(_) => self.run("analyze".to_owned()).await,
        }
    }

    /// The numbers `n` from `from` on.
    fn series(&self, from: u64, count: u64) -> String {
        let last = from + count - 1;
        match self.pool {
            Pool::Sqlite(_) => format!(
                "(with recursive counted (n) as (select {from} union all select n + 1 from counted where n < {last})
                  select n from counted) as counted"
            ),
            Pool::Postgres(_) => format!("generate_series({from}, {last}) as counted (n)"),
        }
    }

    fn padded(&self) -> String {
        self.padded_of("n")
    }

    /// A number as the rest of an id of 36 characters, which sorts as it does.
    fn padded_of(&self, number: &str) -> String {
        match self.pool {
            Pool::Sqlite(_) => format!("printf('%035d', {number})"),
            Pool::Postgres(_) => format!("lpad(({number})::text, 35, '0')"),
        }
    }
}

/// A SQLite database whose intake log, which is a file of its own, looks as it does on PostgreSQL.
async fn with_intake_log(url: &str) -> SqlitePool {
    let options: SqliteConnectOptions = url.parse().unwrap();
    let intake = format!("{}-intake", options.get_filename().display());
    let beside = format!(
        "attach database '{intake}' as beside;
         create temp view intake_log as
         select number,
                case when id <= (select coalesce(max(projected_row), 0) from main.intake_mark) then received_at end as projected_at
           from beside.intake_log"
    );
    let pool = SqlitePoolOptions::new().after_connect(move |connection, _| {
        let beside = beside.clone();
        Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(beside)).execute(connection).await.map(drop) })
    });
    pool.connect_with(options).await.unwrap()
}

/// Schema and Page.
async fn prepare(url: &str) {
    let store = Store::open(url).await.unwrap();
    let mut unit = store.begin("test").await.unwrap();
    unit.put_page(&page(), &LaneId::from("lane"), Clock::system().now()).await.unwrap();
    unit.commit().await.unwrap();
    store.close().await;
}

/// The id of the n-th conversation.
pub fn conversation(number: u64) -> String {
    format!("c{number:035}")
}
