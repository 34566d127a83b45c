//! A backlog of conversions to a Graph that takes 20 ms, and what the way in loses meanwhile.

use std::time::{Duration, Instant};

use super::Plan;
use super::load::{flood, now_millis, webhooks};
use super::process::{Running, until};
use super::seed::{Database, Kind};
use super::table::{Figure, Goal, median};

/// Connections of the webhooks meanwhile.
const CONNECTIONS: usize = 64;

/// Events in one request.
const EVENTS: u64 = 1000;

const SENT: &str = "select count(*) from conversion where state = 'sent'";

pub async fn backlog(plan: &Plan) -> Vec<Figure> {
    let count: u64 = if plan.quick { 60_000 } else { 1_000_000 };
    let graph = Running::role_beside(&["graph"]);
    let url = format!("http://{}", graph.address);
    let (mut alone, mut whole, mut lost, mut each) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for _ in 0..if plan.quick { 2 } else { 1 } {
        let mut sender = Running::role(&["sender", &url, &(count / EVENTS).to_string()]);
        alone.push(sender.line().parse::<f64>().unwrap());
        drop(sender);
        let database = filled(plan, count).await;
        let service = Running::role(&["service", &database.url, &url, "all"]);
        let (begin, spent) = (Instant::now(), service.spent());
        assert!(until(|| is_sent(&database, count), Duration::from_mins(10)).await, "not all was sent");
        whole.push(begin.elapsed().as_secs_f64());
        each = service.spent().each(spent, count as f64);
        drop(service);
        database.drop().await;

        // Once more, with webhooks at the same time.
        let database = filled(plan, count).await;
        let quiet = Database::new(plan, Kind::Sqlite).await;
        let requests = webhooks(5_000);
        let service = Running::role(&["service", &quiet.url, &url, "all"]);
        let usual = flood(service.address, CONNECTIONS, plan.round, &requests).await;
        drop(service);
        let service = Running::role(&["service", &database.url, &url, "all"]);
        let meanwhile = flood(service.address, CONNECTIONS, plan.round, &requests).await;
        let all_sent = is_sent(&database, count).await;
        assert!(!all_sent, "the backlog was over before the window: nothing was measured");
        lost.push(1.0 - meanwhile.rate() / usual.rate());
        drop(service);
        quiet.drop().await;
        database.drop().await;
    }
    let (alone, whole) = (median(&alone), median(&whole));
    let detail = format!(
        "{count} conversions: {whole:.1} s of {alone:.1} s with 4 requests in flight; an event takes {each}"
    );
    let loses = format!("{CONNECTIONS} connections, beside the same service without a backlog");
    vec![
        Figure::new(
            "backlog to a Graph of 20 ms, of sending alone",
            (alone / whole, ""),
            Goal::AtLeast(0.85),
            detail,
        ),
        Figure::new("what intake loses meanwhile", (median(&lost) * 100.0, " %"), Goal::AtMost(20.0), loses),
    ]
}

async fn filled(plan: &Plan, count: u64) -> Database {
    let database = Database::new(plan, Kind::Sqlite).await;
    let now = now_millis();
    database.conversations(0, count, now).await;
    database.orders(0, count, now, "ready").await;
    database.settle().await;
    database
}

async fn is_sent(database: &Database, count: u64) -> bool {
    // Counting a million rows takes the disk from what is measured: first whether any is left.
    let left = "select case when exists (select 1 from conversion where page_id = '1111111111'
                                            and state in ('ready', 'sending')) then 1 else 0 end";
    database.number(left).await == 0 && database.number(SENT).await == i64::try_from(count).unwrap()
}
