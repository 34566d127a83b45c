//! Tags: the fact, the order, its conversion and the change for the feed, durable, of bare inserts of four rows
//! that share their commits in the same way.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use super::Plan;
use super::intake::{in_turn, ratio};
use super::load::{Requests, now_millis};
use super::process::Running;
use super::seed::{Database, Kind, conversation};
use super::table::{Figure, Goal, median};

/// Operators at once.
const CLIENTS: usize = 32;

/// How many orders there are.
const TAGGED: &str = "select count(*) from sale_order";

/// Nobody is told anything in this figure.
const NO_GRAPH: &str = "http://127.0.0.1:9";

/// Each request confirms an order in the next conversation, until there is none left.
pub fn confirming(secret: String, from: u64, count: u64) -> Requests {
    let mut next = from;
    Rc::new(RefCell::new(move |request: &mut Vec<u8>| {
        if next == from + count {
            return false;
        }
        let body = r#"{"outcome":"confirmed","items":[{"sku":"BAG-1","name":"Bag","quantity":1,"unit_price":"120.50"}]}"#;
        let path = format!("/v1/conversations/{}/outcomes", conversation(next));
        next += 1;
        post(request, &path, &format!("authorization: Bearer {secret}\r\n"), body);
        true
    }))
}

fn post(request: &mut Vec<u8>, path: &str, headers: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{headers}content-length: \
         {length}\r\n\r\n{body}"
    );
    request.extend_from_slice(text.as_bytes());
}

fn four_rows() -> Requests {
    let mut next = 0_u64;
    Rc::new(RefCell::new(move |request: &mut Vec<u8>| {
        next += 1;
        post(request, "/rows", "", &conversation(next));
        true
    }))
}

pub async fn tags(plan: &Plan) -> Vec<Figure> {
    let database = Database::new(plan, Kind::Sqlite).await;
    let count = if plan.quick { 60_000 } else { 400_000 };
    database.conversations(0, count, now_millis()).await;
    database.settle().await;
    let bare = format!("sqlite://{}", plan.folder.join("rows.db").display());
    let rows = Running::role(&["rows", &bare]);
    let mut service = Running::role(&["service", &database.url, NO_GRAPH, "all"]);
    let secret = service.line();
    check(service.address, &secret, count - 1).await;
    let requests = (four_rows(), confirming(secret, 0, count - 1));
    let (spent, tagged) = (service.spent(), database.number(TAGGED).await);
    let (baseline, rates, last) = in_turn(plan, CLIENTS, (&rows, &service), (&requests.0, &requests.1)).await;
    let each = service.spent().each(spent, (database.number(TAGGED).await - tagged) as f64);
    let detail = format!(
        "{:.0}/s of {:.0}/s; a tag takes {each}; p50 {:.1} ms, p99 {:.1} ms; refused {}",
        median(&rates),
        median(&baseline),
        last.percentile(0.5),
        last.percentile(0.99),
        last.refused
    );
    let what = format!("tags, SQLite FULL, {CLIENTS} clients, of bare group-committed inserts of four rows");
    drop((rows, service));
    database.drop().await;
    vec![Figure::new(what, (ratio(&baseline, &rates), ""), Goal::AtLeast(0.5), detail)]
}

/// One tag is what it should be, before many are counted.
async fn check(address: SocketAddr, secret: &str, number: u64) {
    let mut request = Vec::new();
    (confirming(secret.to_owned(), number, 1).borrow_mut())(&mut request);
    let (status, answer) = super::load::ask(address, &request).await.unwrap();
    assert!(status == 201 && answer.contains("\"state\":\"held\""), "{answer}");
}
