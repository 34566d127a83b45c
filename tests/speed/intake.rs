//! The way in: webhooks that are durable when they are answered, alone, while they are projected, and at half
//! of what it can take.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Plan;
use super::load::{Idempotent, Requests, flood, pace, webhooks};
use super::process::{Running, disk_rate, fsync_millis, until};
use super::seed::{Database, Kind};
use super::table::{Figure, Goal, median};

/// Connections at once; PostgreSQL's round trips want more.
const fn connections(kind: Kind) -> usize {
    match kind {
        Kind::Sqlite => 64,
        Kind::Postgres => 256,
    }
}

/// People who write.
const PEOPLE: u64 = 5_000;

/// Nobody is told anything in these figures.
const NO_GRAPH: &str = "http://127.0.0.1:9";

const fn goal_of_intake(kind: Kind) -> Goal {
    match kind {
        Kind::Sqlite => Goal::AtLeast(0.35),
        Kind::Postgres => Goal::AtLeast(0.25),
    }
}

pub fn kinds(plan: &Plan) -> Vec<Kind> {
    if plan.postgres.is_some() { vec![Kind::Sqlite, Kind::Postgres] } else { vec![Kind::Sqlite] }
}

/// Floods two servers in turn; gives the rates of each and the last answers of the second.
pub async fn in_turn(
    plan: &Plan,
    connections: usize,
    (first, second): (&Running, &Running),
    requests: (&Requests, &Requests),
) -> (Vec<f64>, Vec<f64>, Idempotent) {
    in_turn_at(plan, connections, (first.address, second.address), requests).await
}

/// The same, by address.
pub async fn in_turn_at(
    plan: &Plan,
    connections: usize,
    (first, second): (SocketAddr, SocketAddr),
    (asks_first, asks_second): (&Requests, &Requests),
) -> (Vec<f64>, Vec<f64>, Idempotent) {
    let (mut rates_first, mut rates_second, mut last) = (Vec::new(), Vec::new(), Idempotent::default());
    for _ in 0..plan.rounds {
        rates_first.push(flood(first, connections, plan.round, asks_first).await.rate());
        last = flood(second, connections, plan.round, asks_second).await;
        rates_second.push(last.rate());
    }
    (rates_first, rates_second, last)
}

/// The median of the ratios of rounds that followed each other.
pub fn ratio(baseline: &[f64], measured: &[f64]) -> f64 {
    median(&baseline.iter().zip(measured).map(|(baseline, measured)| measured / baseline).collect::<Vec<_>>())
}

pub async fn intake(plan: &Plan) -> Vec<Figure> {
    let mut figures = Vec::new();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let what = format!("durable intake, {kind}, {} connections, of the no-op server", connections(kind));
        if !kinds(plan).contains(&kind) {
            figures.push(Figure::not_run(what, goal_of_intake(kind), "no PostgreSQL on this machine"));
            continue;
        }
        let requests = webhooks(PEOPLE);
        for (all, words) in [("intake", ""), ("all", "; while all else works behind it")] {
            let database = Database::new(plan, kind).await;
            let noop = Running::role(&["noop"]);
            let service = Running::role(&["service", &database.url, NO_GRAPH, all]);
            let (baseline, rates, last) =
                in_turn(plan, connections(kind), (&noop, &service), (&requests, &requests)).await;
            let detail = format!(
                "{:.0}/s of {:.0}/s; p50 {:.1} ms, p99 {:.1} ms; refused {}",
                median(&rates),
                median(&baseline),
                last.percentile(0.5),
                last.percentile(0.99),
                last.refused
            );
            let goal = if all == "all" { Goal::None } else { goal_of_intake(kind) };
            figures.push(Figure::new(format!("{what}{words}"), (ratio(&baseline, &rates), ""), goal, detail));
            drop(service);
            database.drop().await;
        }
    }
    figures
}

pub async fn sustained(plan: &Plan) -> Vec<Figure> {
    let mut figures = Vec::new();
    for kind in kinds(plan) {
        let what = format!("received and projected, {kind}, of intake alone");
        let goal = if kind == Kind::Sqlite { Goal::AtLeast(0.5) } else { Goal::None };
        let requests = webhooks(PEOPLE);
        let (alone, both) = (Database::new(plan, kind).await, Database::new(plan, kind).await);
        let service_alone = Running::role(&["service", &alone.url, NO_GRAPH, "intake"]);
        let service_both = Running::role(&["service", &both.url, NO_GRAPH, "all"]);
        let (mut baseline, mut rates) = (Vec::new(), Vec::new());
        let (spent, counted) = (service_both.spent(), both.bodies().await);
        for _ in 0..plan.rounds {
            baseline
                .push(flood(service_alone.address, connections(kind), plan.round, &requests).await.rate());
            // What came in counts only once it is projected: the time that this takes is counted too.
            let before = both.bodies().await;
            let begin = Instant::now();
            flood(service_both.address, connections(kind), plan.round, &requests).await;
            let done = until(|| async { both.waiting().await == 0 }, Duration::from_mins(3)).await;
            assert!(done, "the intake log was not projected");
            rates.push((both.bodies().await - before) as f64 / begin.elapsed().as_secs_f64());
        }
        let each = service_both.spent().each(spent, (both.bodies().await - counted) as f64);
        // At that rate both go on at once: the intake log does not grow.
        let rate = median(&rates) * 0.9;
        let paced = pace(service_both.address, (connections(kind), rate), plan.round * 3, &requests).await;
        let left = both.waiting().await;
        let detail = format!(
            "{:.0}/s of {:.0}/s until all is projected; a message takes {each}, which takes {:.0} MB/s; at a steady \
             {rate:.0}/s p99 {:.1} ms, {left} waiting at the end",
            median(&rates),
            median(&baseline),
            disk_rate(&plan.folder),
            paced.percentile(0.99)
        );
        figures.push(Figure::new(what, (ratio(&baseline, &rates), ""), goal, detail));
        drop((service_alone, service_both));
        alone.drop().await;
        both.drop().await;
    }
    figures
}

pub async fn latency(plan: &Plan) -> Vec<Figure> {
    let mut figures = Vec::new();
    for kind in kinds(plan) {
        let requests = webhooks(PEOPLE);
        let database = Database::new(plan, kind).await;
        let service = Running::role(&["service", &database.url, NO_GRAPH, "all"]);
        let alone = flood(service.address, connections(kind), plan.round, &requests).await;
        let done = until(|| async { database.waiting().await == 0 }, Duration::from_mins(3)).await;
        assert!(done, "the intake log was not projected");
        let (mut p99, mut p50, mut disk) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            disk.push(fsync_millis(&plan.folder).0);
            let paced =
                pace(service.address, (connections(kind), alone.rate() / 2.0), plan.round, &requests).await;
            p50.push(paced.percentile(0.5));
            p99.push(paced.percentile(0.99));
        }
        let quiet = if kind == Kind::Sqlite { 15.0 } else { 12.0 };
        let disk = median(&disk);
        let goal = Goal::AtMost(f64::max(quiet, 5.0 * disk + 5.0));
        let detail = format!(
            "{:.0}/s for {} s a round; p50 {:.2} ms; the disk's own fsync {disk:.2} ms; everything works behind it",
            alone.rate() / 2.0,
            plan.round.as_secs_f64(),
            median(&p50)
        );
        let what = format!("p99 at half of saturation, {kind}");
        figures.push(Figure::new(what, (median(&p99), " ms"), goal, detail));
        drop(service);
        database.drop().await;
    }
    figures
}
