//! What the child processes are: the service, its baselines, and a stand-in for Graph that answers after 20 ms.
//! Each says its address on its first line and ends when its standard input does.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use salesbridge::clock::Clock;
use salesbridge::domain::basic::identity::{DatasetId, PageId};
use salesbridge::domain::basic::money::Currency;
use salesbridge::domain::order::reason::Reasons;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::domain::signal::lane::Lane;
use salesbridge::domain::signal::policy::{Mode, Policy};
use salesbridge::flow::manage::keys;
use salesbridge::flow::{FeedSignal, InFlight, Intake, PhoneKey, Services, TagQueue};
use salesbridge::id::Ids;
use salesbridge::meta::events::graph::Graph;
use salesbridge::meta::events::payload;
use salesbridge::store::Store;
use salesbridge::store::page::Page;
use salesbridge::web::{self, App, AppState, Limits, Readiness};
use salesbridge::{http_client, worker};
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::load::{APP_SECRET, PAGE};

/// The dataset of the Page.
const DATASET: &str = "1234567890123456";

/// So long Graph takes to answer.
const GRAPH_TAKES: Duration = Duration::from_millis(20);

/// Requests that are out at the same time.
const IN_FLIGHT: usize = 4;

pub fn play(arguments: &[String]) {
    std::thread::spawn(|| {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        std::process::exit(0);
    });
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        match arguments.as_slice() {
            ["noop"] => noop().await,
            ["service", database, graph, what] => service(database, graph, *what == "all").await,
            ["rows", database] => rows(database).await,
            ["graph"] => graph().await,
            ["sender", graph, batches] => sender(graph, batches.parse().unwrap()).await,
            other => panic!("no such role: {other:?}"),
        }
    });
}

async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    listener
}

/// The fastest that axum can be: it takes the body and says 200.
async fn noop() {
    let router = Router::new().route("/webhooks/meta", post(|_: Bytes| async {}));
    axum::serve(listen().await, router).await.unwrap();
}

/// The service; `all`: with everything that works behind it, else the way in alone.
async fn service(database: &str, graph: &str, all: bool) {
    let services = Services {
        store: Store::open(database).await.unwrap(),
        clock: Clock::system(),
        ids: Ids::random(),
        phone_key: PhoneKey::new(vec![7; 32].into()),
        keep_text: Duration::from_hours(7 * 24),
        feed_signal: FeedSignal::default(),
        tag_queue: TagQueue::default(),
        changes_keep: Duration::from_hours(90 * 24),
    };
    let secret = keys::create(&services, "operator", "bench", None).await.unwrap();
    let came_in = Arc::new(Notify::new());
    let app = App::from(AppState {
        services: services.clone(),
        app_secret: Some(APP_SECRET.to_owned().into()),
        verify_token: None,
        intake: Intake::start(services.clone(), Arc::clone(&came_in)),
        in_flight: InFlight::default(),
        readiness: Readiness::default(),
        body_limit: 8 * 1024 * 1024,
    });
    let stop = CancellationToken::new();
    let listener = listen().await;
    println!("{secret}");
    if all {
        let graph = Graph::new(http_client::client().unwrap(), graph.to_owned(), "v26.0".to_owned());
        tokio::spawn(worker::run(services, graph, came_in, stop.clone()));
    }
    web::serve(listener, web::router(app), Limits::default(), stop).await;
}

/// The Page of every database.
pub fn page() -> Page {
    Page {
        id: PageId::from(PAGE),
        name: "Shop".to_owned(),
        lane: Lane::new(DatasetId::from(DATASET), "token-of-the-page".to_owned().into()),
        currency: Currency::parse("GEL").unwrap(),
        country: "GE".to_owned(),
        timezone: "Asia/Tbilisi".to_owned(),
        mode: Mode::Live,
        test_event_code: None,
        instagram_id: None,
        whatsapp_id: None,
        silent_after: Duration::from_hours(72),
        working_hours: None,
        labels: BTreeMap::new(),
        take_off_labels: false,
        sentences: BTreeMap::new(),
        reasons: Reasons::default(),
        policy: Policy::default(),
    }
}

type LoggedBody = (String, oneshot::Sender<()>);

/// Bare durable rows: each request is four inserts, and whoever waits shares a commit.
async fn rows(database: &str) {
    let options: sqlx::sqlite::SqliteConnectOptions = database.parse().unwrap();
    let options = options
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full);
    let mut connection = options.connect().await.unwrap();
    for table in ["fact", "sale", "told", "news"] {
        let text = format!(
            "create table {table} (id text not null primary key, page_id text not null, thread text not null,
                                   kind text not null, at integer not null, value integer) strict"
        );
        sqlx::query(sqlx::AssertSqlSafe(text)).execute(&mut connection).await.unwrap();
    }
    let (queue, waiting) = mpsc::channel(1024);
    tokio::spawn(write_rows(connection, waiting));
    let take = |State(queue): State<mpsc::Sender<LoggedBody>>, body: String| async move {
        let (durable, written) = oneshot::channel();
        queue.send((body, durable)).await.unwrap();
        written.await.unwrap();
        StatusCode::CREATED
    };
    let router = Router::new().route("/rows", post(take)).with_state(queue);
    axum::serve(listen().await, router).await.unwrap();
}

async fn write_rows(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<LoggedBody>) {
    let ids = Ids::random();
    let clock = Clock::system();
    while let Some(first) = waiting.recv().await {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let mut group = vec![first];
        while let Ok(next) = waiting.try_recv() {
            group.push(next);
        }
        sqlx::query("begin immediate").execute(&mut connection).await.unwrap();
        for (thread, _) in &group {
            let now = clock.now();
            for text in [
                "insert into fact (id, page_id, thread, kind, at, value) values ($1, $2, $3, $4, $5, $6)",
                "insert into sale (id, page_id, thread, kind, at, value) values ($1, $2, $3, $4, $5, $6)",
                "insert into told (id, page_id, thread, kind, at, value) values ($1, $2, $3, $4, $5, $6)",
                "insert into news (id, page_id, thread, kind, at, value) values ($1, $2, $3, $4, $5, $6)",
            ] {
                let query = sqlx::query(text).bind(ids.next(now)).bind(PAGE).bind(thread.as_str());
                query
                    .bind("confirmed")
                    .bind(now.millis())
                    .bind(12_050)
                    .execute(&mut connection)
                    .await
                    .unwrap();
            }
        }
        sqlx::query("commit").execute(&mut connection).await.unwrap();
        for (_, durable) in group {
            durable.send(()).unwrap();
        }
    }
}

/// Takes every event, after 20 ms.
async fn graph() {
    let take = |body: Bytes| async move {
        let events = count(&body, b"\"event_id\"");
        tokio::time::sleep(GRAPH_TAKES).await;
        axum::Json(serde_json::json!({"events_received": events, "messages": [], "fbtrace_id": "A"}))
    };
    let router =
        Router::new().route("/{version}/{dataset}/events", post(take)).layer(DefaultBodyLimit::disable());
    axum::serve(listen().await, router).await.unwrap();
}

fn count(text: &[u8], word: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'"') {
        if rest[at..].starts_with(word) {
            count += 1;
        }
        rest = &rest[at + 1..];
    }
    count
}

/// Sending alone: full requests whose events lie ready in memory. Says how many seconds they took.
async fn sender(address: &str, batches: usize) {
    let graph = Graph::new(http_client::client().unwrap(), address.to_owned(), "v26.0".to_owned());
    let event = r#"{"event_name":"Purchase","event_time":1795000000,"event_id":"6302d0976def42406a0fab44af2c9b16","action_source":"business_messaging","messaging_channel":"messenger","user_data":{"page_id":"1111111111","page_scoped_user_id":"2222222222222222"},"custom_data":{"value":120.50,"currency":"GEL","order_id":"A-1001"}}"#;
    println!("127.0.0.1:0");
    let begin = Instant::now();
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..IN_FLIGHT {
        let graph = graph.clone();
        let share = (batches + IN_FLIGHT - 1 - lane) / IN_FLIGHT;
        lanes.spawn(async move {
            let (dataset, token) = (DatasetId::from(DATASET), "token".to_owned().into());
            for _ in 0..share {
                let body = payload::request_body(std::iter::repeat_n(event, payload::EVENTS_MAX), None);
                let answer = graph.send(&dataset, &token, body, payload::EVENTS_MAX).await;
                assert_eq!(answer.verdict, Verdict::Sent);
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.unwrap();
    }
    println!("{}", begin.elapsed().as_secs_f64());
}
