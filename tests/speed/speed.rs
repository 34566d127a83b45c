//! How fast the service is, each figure a ratio to a baseline that was measured in the same run, beside its
//! goal. `bash tests/bench` builds it and runs it; names choose figures, `--quick` shortens all. The table goes
//! to standard output, the same as JSON to `target/bench.json`.
//!
//! This process makes the load, on one core; what is measured, and its baseline, are child processes on the
//! other. The rounds of both alternate, and the medians are compared: disks and neighbours swing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
#![allow(missing_docs, reason = "nothing here is called from outside")]

mod backlog;
mod footprint;
mod intake;
mod load;
mod process;
mod role;
mod seed;
mod size;
mod table;
mod tags;
mod tutorial;

use std::path::PathBuf;
use std::time::Duration;

use table::Figure;

/// How long and how much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    pub quick: bool,
    /// Rounds of each pair.
    pub rounds: usize,
    /// The length of one.
    pub round: Duration,
    /// Where databases lie: on the disk that is measured.
    pub folder: PathBuf,
    /// A PostgreSQL of our own that keeps its promises, if there is one.
    pub postgres: Option<String>,
}

/// What can be measured, by the names of the command line.
const NAMES: [&str; 10] =
    ["intake", "sustained", "latency", "tags", "backlog", "size", "memory", "start", "binary", "tutorial"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if arguments.first().is_some_and(|word| word == "role") {
        return role::play(&arguments[1..]);
    }
    let quick = arguments.iter().any(|word| word == "--quick");
    let names: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "--quick").collect();
    if let Some(unknown) = names.iter().find(|name| !NAMES.contains(name)) {
        eprintln!("tests/bench: \"{unknown}\" is none of {}", NAMES.join(", "));
        std::process::exit(2);
    }
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target");
    let folder = target.join("bench").join(std::process::id().to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let plan = Plan {
        quick,
        rounds: if quick { 3 } else { 7 },
        round: Duration::from_millis(if quick { 1500 } else { 4000 }),
        folder: folder.clone(),
        postgres: std::env::var("SALESBRIDGE_TEST_POSTGRES").ok(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let figures = local.block_on(&runtime, async {
        let mut figures = Vec::new();
        table::print_head();
        for name in NAMES.into_iter().filter(|name| names.is_empty() || names.contains(name)) {
            eprintln!("tests/bench: {name} …");
            let measured = measure(name, &plan).await;
            table::print(&measured);
            figures.extend(measured);
        }
        figures
    });
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(target.join("bench.json"), table::json(&figures, quick)).unwrap();
}

async fn measure(name: &str, plan: &Plan) -> Vec<Figure> {
    match name {
        "intake" => intake::intake(plan).await,
        "sustained" => intake::sustained(plan).await,
        "latency" => intake::latency(plan).await,
        "tags" => tags::tags(plan).await,
        "backlog" => backlog::backlog(plan).await,
        "size" => size::size(plan).await,
        "memory" => footprint::memory(plan).await,
        "start" => footprint::start(plan).await,
        "binary" => footprint::binary(),
        _ => tutorial::tutorial(plan).await,
    }
}
