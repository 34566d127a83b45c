//! What the program itself takes: memory, the time until it answers, its size.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Plan;
use super::load::{APP_SECRET, ask, flood, now_millis, webhooks};
use super::process::{PINNED, megabytes, pinned, until};
use super::seed::{Database, Kind};
use super::table::{Figure, Goal, median};

const CONNECTIONS: usize = 1024;

/// `salesbridge serve` with a configuration and a database of its own.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start(plan: &Plan, url: &str) -> Self {
        // A free port: taken, given back, and used at once.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let file = plan.folder.join("salesbridge.toml");
        let text = format!(
            "listen = \"{address}\"\ndatabase_url = \"{url}\"\n[meta]\napp_secret = \"{APP_SECRET}\"\n\
             verify_token = \"shown\"\ngraph_url = \"http://127.0.0.1:9\"\n\
             [[pages]]\nid = \"1111111111\"\nname = \"Shop\"\nmode = \"live\"\ndataset_id = \"1234567890123456\"\n\
             access_token = \"token\"\ncurrency = \"GEL\"\ntimezone = \"Asia/Tbilisi\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let child = pinned(Path::new(env!("CARGO_BIN_EXE_salesbridge")))
            .args(["serve", "--config"])
            .arg(file)
            .env("SALESBRIDGE_LOG", "warn")
            // As the unit and the image in deploy run it.
            .env("MALLOC_ARENA_MAX", "2")
            .env_remove(PINNED)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child, address }
    }

    async fn answers(&self) -> bool {
        let request = b"GET /healthz HTTP/1.1\r\nhost: bench\r\n\r\n";
        matches!(ask(self.address, request).await, Ok((200, _)))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // SIGKILL: nothing here is worth a drain.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub async fn memory(plan: &Plan) -> Vec<Figure> {
    let database = Database::new(plan, Kind::Sqlite).await;
    let served = Served::start(plan, &database.url);
    assert!(until(|| served.answers(), Duration::from_secs(10)).await, "serve does not answer");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let id = served.child.id();
    let idle = megabytes(id, "VmRSS");
    let requests = webhooks(5_000);
    let time = Duration::from_secs(if plan.quick { 5 } else { 60 });
    flood(served.address, CONNECTIONS, time, &requests).await;
    let (first, peak) = (megabytes(id, "VmRSS"), megabytes(id, "VmHWM"));
    flood(served.address, CONNECTIONS, time, &requests).await;
    let growth = megabytes(id, "VmRSS") - first;
    drop(served);
    database.drop().await;
    let seconds = time.as_secs();
    vec![
        Figure::new(
            "memory idle",
            (idle, " MB"),
            Goal::AtMost(25.0),
            "resident, 2 s after the start".to_owned(),
        ),
        Figure::new(
            format!("memory at {CONNECTIONS} connections"),
            (peak, " MB"),
            Goal::AtMost(120.0),
            format!(
                "peak in {seconds} s of as much as is answered; {growth:+.1} MB in the {seconds} s after"
            ),
        ),
    ]
}

pub async fn start(plan: &Plan) -> Vec<Figure> {
    let messages = if plan.quick { 300_000 } else { 10_000_000 };
    let database = Database::new(plan, Kind::Sqlite).await;
    let now = now_millis();
    database.conversations(0, 10_000, now).await;
    database.messages(10_000, messages, now).await;
    database.settle().await;
    let mut times = Vec::new();
    // The first start applies the configuration; the later ones are those of every day.
    for _ in 0..=plan.rounds {
        let begin = Instant::now();
        let served = Served::start(plan, &database.url);
        while !served.answers().await {
            assert!(begin.elapsed() < Duration::from_secs(20), "serve does not answer");
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    database.drop().await;
    let detail = format!("{messages} messages stored; the first of all {:.0} ms", times[0]);
    vec![Figure::new("start to the first 200", (median(&times[1..]), " ms"), Goal::AtMost(50.0), detail)]
}

pub fn binary() -> Vec<Figure> {
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target");
    let (what, goal) = ("release binary", Goal::AtMost(20.0));
    let Ok(file) = std::fs::metadata(target.join("dist/salesbridge")) else {
        return vec![Figure::not_run(what, goal, "run cargo build --profile dist first")];
    };
    let size = file.len() as f64 / 1e6;
    vec![Figure::new(what, (size, " MB"), goal, "cargo build --profile dist".to_owned())]
}
