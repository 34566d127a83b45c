//! The real program as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder with a configuration and a database of its own.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(more: &str) -> Self {
        let name =
            format!("salesbridge-process-{}-{}", std::process::id(), FOLDERS.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("salesbridge.toml"), format!("listen = \"127.0.0.1:0\"\n{more}")).unwrap();
        Self(folder)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salesbridge"));
        command.current_dir(&self.0).env_clear().args(arguments).stdin(Stdio::null());
        command
    }

    pub fn runs(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn has(&self, file: &str) -> bool {
        Path::new(&self.0).join(file).exists()
    }

    /// A new API key.
    pub fn key(&self, role: &str) -> String {
        let made = self.runs(&["key", "create", "--role", role, "--name", "nino"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A `salesbridge serve`; ended with the test.
pub struct Served {
    pub child: Child,
    pub address: SocketAddr,
    lines: Receiver<String>,
    /// What it has written to standard error, as far as it was read.
    pub said: String,
}

impl Served {
    pub fn start(place: &Place) -> Self {
        Self::spawn(&mut place.command(&["serve"])).listens()
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (teller, lines) = channel();
        // Always read, so that a long log never stops the process.
        std::thread::spawn(move || {
            let mut log = log.split(b'\n');
            while let Some(Ok(line)) = log.next() {
                drop(teller.send(String::from_utf8_lossy(&line).into_owned()));
            }
        });
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), lines, said: String::new() }
    }

    pub fn listens(mut self) -> Self {
        assert!(self.comes_to_listen(), "it ended early:\n{}", self.said);
        self
    }

    /// Whether it lives until it listens.
    pub fn comes_to_listen(&mut self) -> bool {
        let address = self.hears("Listening at http://");
        self.address = address.as_deref().map_or(self.address, |address| address.parse().unwrap());
        address.is_some()
    }

    /// The word after these words.
    pub fn waits_for(&mut self, words: &str) -> String {
        match self.hears(words) {
            Some(rest) => rest,
            None => panic!("it ended without \"{words}\":\n{}", self.said),
        }
    }

    fn hears(&mut self, words: &str) -> Option<String> {
        while let Some(line) = self.line() {
            if let Some((_, rest)) = line.split_once(words) {
                return Some(rest.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
        None
    }

    fn line(&mut self) -> Option<String> {
        let line = self.lines.recv().ok()?;
        self.said.push_str(&line);
        self.said.push('\n');
        Some(line)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn is_told_to(&self, signal: &str) {
        // A shell knows it without a further package.
        let told = format!("kill {signal} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &told]).status().unwrap();
        assert!(sent.success());
    }

    /// `kill -9`, unless it is dead already.
    #[cfg(feature = "failpoints")]
    pub fn dies(mut self) -> ExitStatus {
        drop(self.child.kill());
        self.child.wait().unwrap()
    }

    /// It ends by itself; gives how, and all that it has said.
    pub fn ends(mut self) -> (ExitStatus, String) {
        while self.line().is_some() {}
        (self.child.wait().unwrap(), std::mem::take(&mut self.said))
    }

    pub fn connects(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How often a condition in another process is looked at.
pub const LOOK: Duration = Duration::from_millis(10);

/// Waits until `look` finds something; false if that took longer than `within`.
pub async fn comes_true(within: Duration, mut look: impl AsyncFnMut() -> bool) -> bool {
    let looks = async {
        let mut beat = tokio::time::interval(LOOK);
        while !look().await {
            beat.tick().await;
        }
    };
    tokio::time::timeout(within, looks).await.is_ok()
}
