//! Load over HTTP/1.1 with connections that stay open: as much as is answered, or so much a second.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

/// What webhooks are signed with.
pub const APP_SECRET: &str = "secret-of-the-app";

/// The Page of all load.
pub const PAGE: &str = "1111111111";

/// Before a window is counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// Writes the next request, whole; false when there is none left.
pub type Requests = Rc<RefCell<dyn FnMut(&mut Vec<u8>) -> bool>>;

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Idempotent {
    pub count: u64,
    pub seconds: f64,
    /// Answers other than 2xx.
    pub refused: u64,
    /// Microseconds each, sorted.
    pub micros: Vec<u32>,
}

impl Idempotent {
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// Milliseconds within which this share was answered.
    pub fn percentile(&self, share: f64) -> f64 {
        let place = (self.micros.len() as f64 * share) as usize;
        self.micros
            .get(place.min(self.micros.len().saturating_sub(1)))
            .map_or(0.0, |micros| f64::from(*micros) / 1e3)
    }
}

/// One connection.
pub struct Line {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Line {
    pub async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::with_capacity(2048), answer: Vec::with_capacity(4096) })
    }

    /// Sends what was written to `request`; gives the status. The answer stays in `self.answer`.
    async fn ask(&mut self) -> std::io::Result<u16> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((status, length)) = whole(&self.answer)
                && self.answer.len() >= length
            {
                return Ok(status);
            }
        }
    }
}

/// Status and length of an answer whose head is there.
fn whole(answer: &[u8]) -> Option<(u16, usize)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head
        .split("\r\n")
        .find_map(|line| {
            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        })
        .map_or(0, |(_, length)| length.parse().unwrap_or(0));
    Some((status, end + length))
}

/// One request on a connection of its own; gives status and answer.
pub async fn ask(address: SocketAddr, request: &[u8]) -> std::io::Result<(u16, String)> {
    let mut line = Line::open(address).await?;
    line.request.extend_from_slice(request);
    let status = line.ask().await?;
    Ok((status, String::from_utf8_lossy(&line.answer).into_owned()))
}

/// As many requests as are answered on so many connections.
pub async fn flood(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    requests: &Requests,
) -> Idempotent {
    run(address, connections, time, requests, None).await
}

/// So many requests a second. A latency begins when the request was due, so that a stall counts for all who
/// would have asked meanwhile.
pub async fn pace(
    address: SocketAddr,
    (connections, rate): (usize, f64),
    time: Duration,
    requests: &Requests,
) -> Idempotent {
    run(address, connections, time, requests, Some(rate)).await
}

async fn run(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    requests: &Requests,
    rate: Option<f64>,
) -> Idempotent {
    let begin = Instant::now() + WARM_UP;
    let end = begin + time;
    let mut tasks = Vec::new();
    for place in 0..connections {
        let requests = Rc::clone(requests);
        tasks.push(spawn_local(async move {
            let mut line = Line::open(address).await.unwrap();
            let mut answered = Idempotent::default();
            let step = rate.map(|rate| Duration::from_secs_f64(connections as f64 / rate));
            let mut due = step.map(|step| Instant::now() + step.mul_f64(place as f64 / connections as f64));
            loop {
                line.request.clear();
                if !(requests.borrow_mut())(&mut line.request) {
                    break;
                }
                if let Some(due) = due {
                    tokio::time::sleep_until(due.into()).await;
                }
                let sent = due.unwrap_or_else(Instant::now);
                let status = line.ask().await.unwrap();
                let now = Instant::now();
                if now >= end {
                    break;
                }
                if now >= begin {
                    if (200..300).contains(&status) {
                        answered.count += 1;
                        answered.micros.push((now - sent).as_micros() as u32);
                    } else {
                        answered.refused += 1;
                    }
                }
                due = due.zip(step).map(|(due, step)| due + step);
            }
            (answered, Instant::now())
        }));
    }
    let mut all = Idempotent::default();
    let mut last = begin;
    for task in tasks {
        let (one, ended) = task.await.unwrap();
        all.count += one.count;
        all.refused += one.refused;
        all.micros.extend(one.micros);
        last = last.max(ended);
    }
    // Requests that ran out end the window early.
    all.seconds = (last.min(end) - begin).as_secs_f64();
    all.micros.sort_unstable();
    all
}

/// Signed webhooks of 987 bytes, each with a new message of one of so many people; every third is an echo.
pub fn webhooks(people: u64) -> Requests {
    let secret = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes()).unwrap();
    let mut random = Random(std::process::id().into());
    let mut count = 0_u64;
    let mut body = String::with_capacity(1024);
    Rc::new(RefCell::new(move |request: &mut Vec<u8>| {
        use std::fmt::Write as _;
        count += 1;
        let psid = person(random.next() % people);
        let at = now_millis();
        let (sender, recipient, echo) = if count.is_multiple_of(3) {
            (PAGE, psid.as_str(), ",\"is_echo\":true,\"app_id\":1234")
        } else {
            (psid.as_str(), PAGE, "")
        };
        body.clear();
        write!(
            body,
            r#"{{"object":"page","entry":[{{"time":{at},"id":"{PAGE}","messaging":[{{"sender":{{"id":"{sender}"}},"recipient":{{"id":"{recipient}"}},"timestamp":{at},"message":{{"mid":"m_{:016x}{:016x}{:016x}{count:016x}"{echo},"text":""#,
            random.next(),
            random.next(),
            random.next(),
        )
        .unwrap();
        while body.len() < 970 {
            body.push_str(["\\u10d2\\u10d0", " \\u10db\\u10d0"][usize::from(body.len().is_multiple_of(5))]);
        }
        while body.len() < 987 - 7 {
            body.push('.');
        }
        body.push_str("\"}}]}]}");
        let mut mac = secret.clone();
        mac.update(body.as_bytes());
        request.extend_from_slice(b"POST /webhooks/meta HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: ");
        request.extend_from_slice(body.len().to_string().as_bytes());
        request.extend_from_slice(b"\r\nx-hub-signature-256: sha256=");
        request.extend_from_slice(hex::encode(mac.finalize().into_bytes()).as_bytes());
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(body.as_bytes());
        true
    }))
}

/// The PSID of the n-th person.
pub fn person(number: u64) -> String {
    format!("{}", 2_000_000_000_000_000 + number)
}

pub fn now_millis() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()
}

/// Numbers that are spread well (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
