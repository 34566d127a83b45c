//! The process: what it refuses to start beside, how it is asked, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use salesbridge::meta::signature;
use salesbridge::web::serve;
use salesbridge::web::{Limits, Readiness};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::harness::{Shop, both};
use crate::process::{Place, Served};

fn words(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn only_a_second_serve_is_refused() {
    let place = Place::new("");
    let mut served = Served::start(&place);
    let (code, _, said) = words(&place.runs(&["serve"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Another `salesbridge serve` runs on data/salesbridge.db"), "{said}");
    assert!(place.has("data/salesbridge.db.phone-key"));

    let (code, key, said) = words(&place.runs(&["key", "create", "--role", "operator", "--name", "nino"]));
    assert_eq!((code, key.lines().count()), (Some(0), 1), "{said}");
    assert!(key.starts_with("sb_") && !said.contains(key.trim()), "{said}");
    assert_eq!(words(&place.runs(&["migrate"])).0, Some(0));
    let url = format!("http://{}/healthz", served.address);
    assert_eq!(words(&place.runs(&["healthcheck", "--url", &url])).0, Some(0));

    // The lock ends with the process, however that ends.
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    assert_eq!(words(&place.runs(&["healthcheck", "--url", &url])).0, Some(1));
    Served::start(&place);
}

#[tokio::test]
async fn replicas_serve_one_postgres_with_one_phone_key() {
    let server = std::env::var("SALESBRIDGE_TEST_POSTGRES").expect("PostgreSQL runs: use bash tests/run");
    let name = format!("replicas_{}", std::process::id());
    let admin = sqlx::PgPool::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&admin).await.unwrap();
    admin.close().await;
    let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let place = Place::new(&format!(
        "database_url = \"{url}\"\n[[pages]]\nid = \"1\"\nname = \"Shop\"\ndataset_id = \"2\"\naccess_token = \"t\"\n\
         currency = \"GEL\"\ntimezone = \"Asia/Tbilisi\"\n"
    ));
    let (code, _, said) = words(&place.runs(&["serve"]));
    assert!(code == Some(1) && said.contains("openssl rand -hex 32"), "{said}");
    std::fs::write(place.0.join("phone.key"), "0123456789abcdef".repeat(4)).unwrap();
    let replica = || Served::spawn(place.command(&["serve"]).env("SALESBRIDGE_PHONE_KEY_FILE", "phone.key"));
    let (one, other) = (replica(), replica());
    for mut served in [one.listens(), other.listens()] {
        served.is_told_to("-INT");
        served.waits_for("Stopped");
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn keys_are_made_listed_and_revoked_without_the_secrets_of_serve() {
    let place = Place::new("[meta]\napp_secret_file = \"/nowhere\"\n");
    let (code, _, said) = words(&place.runs(&["serve"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("meta.app_secret") && said.contains("meta.verify_token is missing"), "{said}");
    for name in ["nino", "გიორგი"] {
        assert_eq!(words(&place.runs(&["key", "create", "--role", "crm", "--name", name])).0, Some(0));
    }
    let (_, table, _) = words(&place.runs(&["key", "list"]));
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["id", "name", "role", "page", "made", "revoked"]);
    assert_eq!((rows.len(), rows[2][1], rows[2][3], rows[2][5]), (3, "გიორგი", "-", "-"), "{table}");
    assert_eq!(words(&place.runs(&["key", "revoke", rows[1][0]])).0, Some(0));
    let (_, table, _) = words(&place.runs(&["key", "list"]));
    assert!(table.lines().nth(1).is_some_and(|line| line.ends_with('Z')), "{table}");
    let (code, _, said) = words(&place.runs(&["key", "revoke", "1"]));
    assert!(code == Some(1) && said.contains("no such key"), "{said}");
    let (code, _, said) =
        words(&place.runs(&["key", "create", "--role", "crm", "--name", "x", "--page", "5"]));
    assert!(code == Some(1) && said.contains("there is no Page 5"), "{said}");
}

#[test]
fn wrong_usage_is_told_apart_and_help_has_examples() {
    let place = Place::new("");
    let (code, _, said) = words(&place.runs(&["key", "create", "--role", "boss", "--name", "x"]));
    assert!(code == Some(2) && said.contains("possible values: admin, operator, crm, analyst"), "{said}");
    assert_eq!(words(&place.runs(&[])).0, Some(2));
    let unknown = place.command(&["migrate"]).env("SALESBRIDGE_LOG_FORMAT", "xml").output().unwrap();
    assert_eq!(words(&unknown).0, Some(2));
    let verbs: [&[&str]; 8] = [
        &[],
        &["serve"],
        &["migrate"],
        &["key"],
        &["key", "create"],
        &["key", "list"],
        &["key", "revoke"],
        &["healthcheck"],
    ];
    for verb in verbs {
        let (code, help, _) = words(&place.runs(&[verb, &["--help"]].concat()));
        assert!(code == Some(0) && help.contains("Example"), "{verb:?}: {help}");
    }
    let (_, version, _) = words(&place.runs(&["--version"]));
    assert_eq!(version, concat!("salesbridge ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let place = Place::new("");
    let refused = place.command(&["serve"]).env("SALESBRIDGE_LISTEN", &address).output().unwrap();
    let (code, _, said) = words(&refused);
    assert!(code == Some(1) && said.contains(&format!("listen: {address} can't be listened at")), "{said}");
    let logged = place
        .command(&["serve"])
        .env("SALESBRIDGE_METRICS_LISTEN", &address)
        .env("SALESBRIDGE_LOG_FORMAT", "json")
        .output()
        .unwrap();
    let (code, _, said) = words(&logged);
    let line: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((code, line["level"].as_str()), (Some(1), Some("ERROR")), "{said}");
    assert!(line["message"].as_str().unwrap().starts_with(&format!("metrics_listen: {address}")), "{said}");
}

#[test]
fn a_request_in_hand_is_answered_after_sigterm() {
    let body = r#"{"object":"page","entry":[]}"#;
    let place = Place::new("[meta]\napp_secret = \"app_secret_test\"\nverify_token = \"my_secret\"\n");
    let mut served = Served::start(&place);
    let mut asked = served.connects();
    let signed = signature::sign(b"app_secret_test", body.as_bytes());
    let head = format!(
        "POST /webhooks/meta HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: {signed}\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\n\r\n",
        body.len()
    );
    asked.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(asked.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    // A connection that asks nothing keeps nobody waiting.
    let silent = served.connects();

    served.is_told_to("-TERM");
    served.waits_for("Stopping");
    asked.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK\r\n"), "{answer}");
    served.waits_for("Stopped");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    drop(silent);
}

/// Serves `router` in this process; gives its address and the number of connections that were cut off.
async fn serves(
    router: Router,
    limits: Limits,
    stop: &CancellationToken,
) -> (SocketAddr, tokio::task::JoinHandle<usize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(serve(listener, router, limits, stop.clone())))
}

/// What the other side says before it closes.
async fn hears_out(address: SocketAddr, said: impl Into<Vec<u8>>) -> String {
    let said = said.into();
    let heard = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // Who is cut off early may not be able to say all.
        drop(stream.write_all(&said));
        let mut heard = Vec::new();
        // A reset is an end as well.
        drop(stream.read_to_end(&mut heard));
        String::from_utf8(heard).unwrap()
    });
    heard.await.unwrap()
}

const SHORT: Limits = Limits {
    head: Duration::from_millis(50),
    body: Duration::from_millis(50),
    grace: Duration::from_millis(1),
    drain: Duration::from_millis(50),
};

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_large_requests_are_cut_off() {
    let stop = CancellationToken::new();
    let router = Router::new().route("/", get(|| async { "here" }).post(|body: String| async { body }));
    let (address, server) = serves(router, SHORT, &stop).await;
    let slow = hears_out(address, b"GET / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(!slow.contains("here"), "{slow}");
    let whole = hears_out(address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(whole.contains("here"), "{whole}");
    let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    let slow = hears_out(address, format!("{head}her")).await;
    assert!(!slow.contains("her"), "{slow}");
    assert!(hears_out(address, format!("{head}here")).await.contains("here"));
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(70_000)).into_bytes();
    let large = hears_out(address, large).await;
    assert!(large.starts_with("HTTP/1.1 431 "), "{large}");
    stop.cancel();
    assert_eq!(server.await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_is_cut_off_and_counted() {
    let (stop, arrived) = (CancellationToken::new(), std::sync::Arc::new(Notify::new()));
    let reached = arrived.clone();
    let hangs = get(move || async move {
        reached.notify_one();
        std::future::pending::<()>().await;
    });
    let (address, server) = serves(Router::new().route("/", hangs), SHORT, &stop).await;
    let asked = tokio::spawn(hears_out(address, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    arrived.notified().await;
    stop.cancel();
    assert_eq!(server.await.unwrap(), 1);
    assert_eq!(asked.await.unwrap(), "");
}

both!(
    async fn readiness_falls_at_the_word_to_stop(shop: Shop) {
        let (stop, readiness) = (CancellationToken::new(), Readiness::default());
        let route = readiness.clone().route(shop.services.store.clone());
        let (address, server) = serves(route, Limits { head: Duration::from_secs(10), ..SHORT }, &stop).await;
        let asks =
            || salesbridge::http_client::client().unwrap().get(format!("http://{address}/readyz")).send();
        assert_eq!(asks().await.unwrap().status(), 200);
        readiness.fall();
        let fallen = asks().await.unwrap();
        assert_eq!(fallen.status(), 503);
        assert!(fallen.text().await.unwrap().contains("\"stopping\""));
        stop.cancel();
        server.await.unwrap();
    }
);
