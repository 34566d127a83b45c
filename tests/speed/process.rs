//! Child processes on the core of what is measured.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The core of what is measured; the load has the next.
const CORE: &str = "0";

/// A child; it ends with this value, or with this process (its standard input closes).
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

/// Set by `tests/bench` where what is measured has a core of its own.
pub const PINNED: &str = "SALESBRIDGE_BENCH_PINNED";

/// `command` on the core of what is measured, where the machine has two and `taskset`.
pub fn pinned(program: &Path) -> Command {
    let is_pinned = std::env::var_os(PINNED).is_some();
    if is_pinned {
        let mut command = Command::new("taskset");
        command.args(["-c", CORE]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

impl Running {
    /// This program in another role; it says where it listens.
    pub fn role(arguments: &[&str]) -> Self {
        Self::start(pinned(&std::env::current_exe().unwrap()).arg("role").args(arguments))
    }

    /// The same on the core of the load.
    pub fn role_beside(arguments: &[&str]) -> Self {
        Self::start(Command::new(std::env::current_exe().unwrap()).arg("role").args(arguments))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut running = Self { child, out, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        running.address = running.line().parse().expect("a role says where it listens");
        running
    }

    /// The next line that the child says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// What a process took: seconds of a core, and bytes that it gave to the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    seconds: f64,
    written: f64,
}

impl Running {
    /// What the child has taken so far; nothing where the system does not tell.
    pub fn spent(&self) -> Spent {
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap_or_default()
        };
        // Behind the name in parentheses; the 14th and 15th of all are ticks, of which Linux tells 100 a second.
        let stat = read("stat");
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        let io = read("io");
        let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
        Spent { seconds: ticks / 100.0, written: written.unwrap_or(0.0) }
    }
}

impl Spent {
    /// What each of `count` things took since `before`.
    pub fn each(self, before: Self, count: f64) -> String {
        let micros = (self.seconds - before.seconds) / count * 1e6;
        let kilobytes = (self.written - before.written) / count / 1e3;
        format!("{micros:.0} µs of the core and {kilobytes:.1} kB to the disk")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// A line of `/proc/PID/status` in megabytes; 0 where there is none.
pub fn megabytes(id: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kilobytes: f64 =
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0);
    kilobytes / 1024.0
}

/// The disk's own time for 16 KiB to be durable, milliseconds: the median and the 99th percentile.
pub fn fsync_millis(folder: &Path) -> (f64, f64) {
    use std::io::Write as _;
    let path = folder.join("fsync");
    let mut file = std::fs::File::create(&path).unwrap();
    let piece = [7_u8; 16 * 1024];
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let begin = std::time::Instant::now();
            file.write_all(&piece).unwrap();
            file.sync_data().unwrap();
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    std::fs::remove_file(path).unwrap();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// What the disk takes of one long write that is made durable, in MB/s.
pub fn disk_rate(folder: &Path) -> f64 {
    use std::io::Write as _;
    let path = folder.join("rate");
    let mut file = std::fs::File::create(&path).unwrap();
    let (piece, pieces) = (vec![7_u8; 1 << 20], 128);
    let begin = std::time::Instant::now();
    for _ in 0..pieces {
        file.write_all(&piece).unwrap();
    }
    file.sync_data().unwrap();
    let rate = f64::from(pieces) * piece.len() as f64 / 1e6 / begin.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    rate
}

/// Asks until the answer is there.
pub async fn until<IdempotentRequest: Future<Output = bool>>(
    asked: impl Fn() -> IdempotentRequest,
    at_most: Duration,
) -> bool {
    let begin = std::time::Instant::now();
    while begin.elapsed() < at_most {
        if asked().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}
