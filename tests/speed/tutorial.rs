//! The servers that tutorials teach, where the machine has what they need: each takes the same webhook, checks
//! its signature, and stores it with its `mid` unique.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Plan;
use super::intake::{in_turn_at, ratio};
use super::load::{APP_SECRET, ask, webhooks};
use super::process::{Running, pinned, until};
use super::seed::{Database, Kind};
use super::table::{Figure, Goal, median};

const CONNECTIONS: usize = 64;

struct Tutorial {
    name: &'static str,
    goal: f64,
    /// What must succeed for it to run here.
    needs: &'static [&'static str],
    command: &'static [&'static str],
}

const TUTORIALS: [Tutorial; 2] = [
    Tutorial {
        name: "Express + better-sqlite3",
        goal: 20.0,
        needs: &["node", "-e", "require('express'); require('better-sqlite3')"],
        command: &["node", "express.js"],
    },
    Tutorial {
        name: "FastAPI + SQLAlchemy, SQLite",
        goal: 40.0,
        needs: &["python3", "-c", "import fastapi, sqlalchemy, uvicorn"],
        command: &["python3", "fastapi_app.py"],
    },
];

/// Ended with the figure.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub async fn tutorial(plan: &Plan) -> Vec<Figure> {
    let mut figures = Vec::new();
    for tutorial in TUTORIALS {
        let what = format!("intake, SQLite, {CONNECTIONS} connections, of {}", tutorial.name);
        let goal = Goal::AtLeast(tutorial.goal);
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/speed/tutorial");
        let mut needs = Command::new(tutorial.needs[0]);
        needs.args(&tutorial.needs[1..]).current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null());
        if !needs.status().is_ok_and(|status| status.success()) {
            figures.push(Figure::not_run(
                what,
                goal,
                format!("this fails here: {}", tutorial.needs.join(" ")),
            ));
            continue;
        }
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let program =
            Command::new("sh").args(["-c", &format!("command -v {}", tutorial.command[0])]).output();
        let program = String::from_utf8(program.unwrap().stdout).unwrap();
        let child = pinned(PathBuf::from(program.trim()).as_path())
            .args(&tutorial.command[1..])
            .args([address.port().to_string(), plan.folder.join("tutorial.db").display().to_string()])
            .current_dir(&folder)
            .env("APP_SECRET", APP_SECRET)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let child = Ending(child);
        let hello = b"GET /healthz HTTP/1.1\r\nhost: bench\r\n\r\n";
        let listens = || async { ask(address, hello).await.is_ok() };
        assert!(until(listens, Duration::from_secs(20)).await, "{} does not listen", tutorial.name);
        let database = Database::new(plan, Kind::Sqlite).await;
        let service = Running::role(&["service", &database.url, "http://127.0.0.1:9", "intake"]);
        let requests = webhooks(5_000);
        let (baseline, rates, _) =
            in_turn_at(plan, CONNECTIONS, (address, service.address), (&requests, &requests)).await;
        let detail = format!("{:.0}/s of {:.0}/s", median(&rates), median(&baseline));
        figures.push(Figure::new(what, (ratio(&baseline, &rates), " ×"), goal, detail));
        drop((service, child));
        database.drop().await;
        for end in ["", "-wal", "-shm"] {
            drop(std::fs::remove_file(plan.folder.join(format!("tutorial.db{end}"))));
        }
    }
    figures
}
