//! The client of Graph, Meta's API, and its one call that sends events. Whatever happens on the way, the outcome says
//! whether Meta may have taken them, since Meta does not deduplicate messaging events.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use crate::domain::basic::identity::DatasetId;
use crate::domain::signal::attempt::{GraphAnswer, Verdict};
use crate::failpoint;
use crate::meta::events::verdict;
use crate::meta::signature;

/// The time that a request and its answer may take together.
pub const GRAPH_DEADLINE: Duration = Duration::from_secs(20);

/// The time, after the deadline, to read an answer that has arrived by then. A process that was stopped for a while finds
/// both its deadline over and its answer there; dropped, it would make its events `unknown`.
const READ_GRACE: Duration = Duration::from_millis(500);

/// The longest answer that is read, so that one without an end does not fill the memory.
pub(in crate::meta) const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Characters that are kept of what an error of the HTTP client says.
const WORDS_MAX: usize = 300;

/// A client of Graph at one address and version; clones share its connections.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(in crate::meta) client: reqwest::Client,
    base_url: String,
    version: String,
    /// The app's secret, if each call is to carry an `appsecret_proof`.
    app_secret: Option<SecretString>,
}

/// A body that remembers whether its bytes were handed to the connection: until then Meta has certainly seen none.
struct WatchedBody {
    bytes: Option<Bytes>,
    was_handed_out: Arc<AtomicBool>,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.bytes.take();
        if bytes.is_some() {
            self.was_handed_out.store(true, Ordering::SeqCst);
            failpoint::reach("send.body");
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

impl Graph {
    /// Graph at `base_url`, such as `https://graph.facebook.com`, in `version`, such as `v26.0`.
    pub fn new(client: reqwest::Client, base_url: String, version: String) -> Self {
        let mut base_url = base_url;
        base_url.truncate(base_url.trim_end_matches('/').len());
        Self { client, base_url, version, app_secret: None }
    }

    /// Adds an `appsecret_proof`, an HMAC of the token, to every call. It works only with tokens of our own app, and so not
    /// with those that were made in Events Manager.
    #[must_use]
    pub fn proving(mut self, app_secret: SecretString) -> Self {
        self.app_secret = Some(app_secret);
        self
    }

    /// The address of a call, with the token's `appsecret_proof` where proofs are sent.
    pub(in crate::meta) fn url(&self, path: &str, token: &SecretString) -> String {
        let mut url = format!("{}/{}/{path}", self.base_url, self.version);
        if let Some(secret) = &self.app_secret {
            url.push_str("?appsecret_proof=");
            url.push_str(&signature::proof(secret.expose_secret().as_bytes(), token.expose_secret()));
        }
        url
    }

    /// Whether an address has Graph's own scheme, host and port, as the pictures of a stand-in for Meta do.
    pub(in crate::meta) fn is_at(&self, url: &reqwest::Url) -> bool {
        reqwest::Url::parse(&self.base_url).is_ok_and(|base| base.origin() == url.origin())
    }

    /// Sends `count` events in one request, and never again by itself. A failure on the way is an answer too: its verdict
    /// is `NotTaken` as long as no byte of the body was handed out, and `Unknown` from then on.
    pub async fn send(
        &self,
        dataset: &DatasetId,
        token: &SecretString,
        body: Bytes,
        count: usize,
    ) -> GraphAnswer {
        let was_handed_out = Arc::new(AtomicBool::new(false));
        let watched = WatchedBody { bytes: Some(body), was_handed_out: Arc::clone(&was_handed_out) };
        let url = self.url(&format!("{dataset}/events"), token);
        let request = self
            .client
            .post(url)
            .bearer_auth(token.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .body(reqwest::Body::wrap(watched));
        let failure = |is_connect: bool, words: String| {
            let nothing_left = is_connect || !was_handed_out.load(Ordering::SeqCst);
            GraphAnswer::unanswered(if nothing_left { Verdict::NotTaken } else { Verdict::Unknown }, words)
        };
        let exchange = async {
            let mut response = request.send().await.map_err(|fault| describe(fault, &failure))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut answer = Vec::new();
            loop {
                // Meta has answered; a failure from here on leaves open only what it said.
                let piece = response.chunk().await.map_err(|_| unread(status, "the answer broke off"))?;
                let Some(piece) = piece else { break };
                if answer.len() + piece.len() > ANSWER_BYTES_MAX {
                    return Err(unread(status, "the answer is longer than 1 MiB"));
                }
                answer.extend_from_slice(&piece);
            }
            Ok(verdict::read(status, &headers, &answer, count))
        };
        match within(GRAPH_DEADLINE, READ_GRACE, exchange).await {
            Some(Ok(answer) | Err(answer)) => answer,
            None => failure(false, format!("no answer within {} s", GRAPH_DEADLINE.as_secs())),
        }
    }
}

/// The result of `exchange` if it is there by the deadline, or within `read_grace` after it, which is enough to read
/// what has arrived and too short for a new answer.
async fn within<T>(deadline: Duration, read_grace: Duration, exchange: impl Future<Output = T>) -> Option<T> {
    let mut exchange = pin!(exchange);
    match timeout(deadline, exchange.as_mut()).await {
        Ok(outcome) => Some(outcome),
        Err(_) => timeout(read_grace, exchange).await.ok(),
    }
}

/// An answer whose status came and whose body can't be read.
fn unread(status: u16, words: &str) -> GraphAnswer {
    GraphAnswer { http_status: Some(status), ..GraphAnswer::unanswered(Verdict::Unknown, words) }
}

/// The `failure` that an error of the HTTP client is, with its causes in words; without the address, which may hold a proof.
fn describe(fault: reqwest::Error, failure: &impl Fn(bool, String) -> GraphAnswer) -> GraphAnswer {
    let is_connect = fault.is_connect();
    let fault = fault.without_url();
    let mut words = fault.to_string();
    let mut cause = std::error::Error::source(&fault);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    failure(is_connect, words.chars().take(WORDS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    async fn send(port: u16) -> GraphAnswer {
        let graph = Graph::new(
            crate::http_client::client().unwrap(),
            format!("http://127.0.0.1:{port}"),
            "v26.0".into(),
        );
        graph.send(&DatasetId::from("1"), &SecretString::from("t"), Bytes::from_static(b"{\"x\":1}"), 1).await
    }

    #[tokio::test]
    async fn a_refused_connection_is_not_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        assert_eq!(send(port).await.verdict, Verdict::NotTaken);
    }

    /// As after a stop of the process: the time is over, the bytes are there, and nobody has looked yet.
    #[tokio::test]
    async fn what_arrived_is_read_though_the_time_is_over() {
        use std::io::Write;
        use tokio::io::AsyncReadExt;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut reader = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut writer, _) = listener.accept().unwrap();
        writer.write_all(b"said").unwrap();
        let mut said = [0; 4];
        let read = within(Duration::ZERO, Duration::from_mins(1), reader.read_exact(&mut said)).await;
        assert!(matches!(read, Some(Ok(4))));
        assert_eq!(&said, b"said");
    }

    #[tokio::test]
    async fn closed_after_the_body_is_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut piece = [0; 1024];
            while !seen.ends_with(b"{\"x\":1}") {
                let length = stream.read(&mut piece).unwrap();
                assert!(length > 0);
                seen.extend_from_slice(&piece[..length]);
            }
            String::from_utf8(seen).unwrap()
        });
        assert_eq!(send(port).await.verdict, Verdict::Unknown);
        let seen = server.join().unwrap();
        assert!(seen.starts_with("POST /v26.0/1/events HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("content-length: 7\r\n"), "{seen}");
    }
}
