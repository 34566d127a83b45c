//! The speed with many messages and orders stored, of that of the empty store.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::Plan;
use super::intake::{in_turn, ratio};
use super::load::{PAGE, Requests, ask, now_millis, webhooks};
use super::process::Running;
use super::seed::{Database, Kind};
use super::table::{Figure, Goal, median};
use super::tags::confirming;

const CONNECTIONS: usize = 64;
const CLIENTS: usize = 32;

/// Nobody is told anything in these figures.
const NO_GRAPH: &str = "http://127.0.0.1:9";

/// The least that a fresh store holds: conversations to tag.
fn few(plan: &Plan) -> u64 {
    if plan.quick { 30_000 } else { 200_000 }
}

pub async fn size(plan: &Plan) -> Vec<Figure> {
    let (messages, orders) = if plan.quick { (1_000_000, 100_000) } else { (10_000_000, 1_000_000) };
    let now = now_millis();
    let empty = Database::new(plan, Kind::Sqlite).await;
    let full = Database::new(plan, Kind::Sqlite).await;
    full.conversations(few(plan), orders, now).await;
    full.orders(few(plan), orders, now, "sent").await;
    full.messages(few(plan) + orders, messages, now).await;
    for database in [&empty, &full] {
        database.conversations(0, few(plan), now).await;
        database.settle().await;
    }
    let stored = format!("{messages} messages, {orders} orders");
    let goal = Goal::AtLeast(0.95);
    let mut figures = Vec::new();
    let mut figure = |what: &str, (small, large): (Vec<f64>, Vec<f64>)| {
        let detail = format!("{stored}: {:.0}/s of {:.0}/s", median(&large), median(&small));
        let what = format!("{what} with much stored, of the empty store");
        figures.push(Figure::new(what, (ratio(&small, &large), ""), goal, detail));
    };

    let services =
        [&empty, &full].map(|database| Running::role(&["service", &database.url, NO_GRAPH, "intake"]));
    let requests = webhooks(5_000);
    let (small, large, _) =
        in_turn(plan, CONNECTIONS, (&services[0], &services[1]), (&requests, &requests)).await;
    figure("intake", (small, large));
    drop(services);

    let mut services =
        [&empty, &full].map(|database| Running::role(&["service", &database.url, NO_GRAPH, "intake"]));
    let secrets = [services[0].line(), services[1].line()];
    let asks = secrets.clone().map(|secret| confirming(secret, 0, few(plan)));
    // Longer rounds would run out of conversations.
    let short = Plan { round: Duration::from_millis(if plan.quick { 1000 } else { 3000 }), ..plan.clone() };
    let (small, large, _) =
        in_turn(&short, CLIENTS, (&services[0], &services[1]), (&asks[0], &asks[1])).await;
    figure("tags", (small, large));

    let (asks, what) = pages(&services[0], &secrets).await;
    let (small, large, _) =
        in_turn(&short, CLIENTS, (&services[0], &services[1]), (&asks[0], &asks[1])).await;
    figure(what, (small, large));
    drop(services);
    empty.drop().await;
    full.drop().await;
    figures
}

/// A page of the queue; where the service has no list yet, a person is looked up.
async fn pages(services: &Running, secrets: &[String; 2]) -> ([Requests; 2], &'static str) {
    let list = format!("/v1/conversations?page_id={PAGE}&state=waiting&limit=50");
    let one = format!("/v1/conversations?page_id={PAGE}&psid={}", super::load::person(7));
    let has_list = matches!(ask(services.address, &getting(&list, &secrets[0])).await, Ok((200, _)));
    let (path, what) = if has_list { (list, "queue page") } else { (one, "finding a person") };
    let asks = secrets.clone().map(|secret| -> Requests {
        let request = getting(&path, &secret);
        Rc::new(RefCell::new(move |into: &mut Vec<u8>| {
            into.extend_from_slice(&request);
            true
        }))
    });
    (asks, what)
}

fn getting(path: &str, secret: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {secret}\r\n\r\n").into_bytes()
}
