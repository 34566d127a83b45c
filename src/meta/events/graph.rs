//! One request to Graph, and whether Meta can have seen it.

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

/// A request and its answer may take so long together.
pub const GRAPH_DEADLINE: Duration = Duration::from_secs(20);

/// An answer that is there when the time is over may take so long to be read: a process that was stopped for a while
/// finds its deadline and its answer at once, and what Meta said is worth more than that it said it long ago.
const READ_WITHIN: Duration = Duration::from_millis(500);

/// A longer answer is not read.
const ANSWER_MAX: usize = 1024 * 1024;

/// Graph at its address.
#[derive(Clone, Debug)]
pub struct Graph {
    pub(in crate::meta) client: reqwest::Client,
    base_url: String,
    version: String,
    /// The app's secret, where each token is to prove that it is used by its own app.
    proving: Option<SecretString>,
}

/// A body that remembers whether any of its bytes were handed out.
struct Watched {
    bytes: Option<Bytes>,
    handed_out: Arc<AtomicBool>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = self.bytes.take();
        if bytes.is_some() {
            self.handed_out.store(true, Ordering::SeqCst);
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
        Self { client, base_url, version, proving: None }
    }

    /// Sends an `appsecret_proof` with every request. Tokens made in Events Manager belong to no app of ours
    /// and can't be proven.
    #[must_use]
    pub fn proving(mut self, app_secret: SecretString) -> Self {
        self.proving = Some(app_secret);
        self
    }

    /// The address of a call, with the proof that the token is used by its own app.
    pub(in crate::meta) fn url(&self, path: &str, token: &SecretString) -> String {
        let mut url = format!("{}/{}/{path}", self.base_url, self.version);
        if let Some(secret) = &self.proving {
            url.push_str("?appsecret_proof=");
            url.push_str(&signature::proof(secret.expose_secret().as_bytes(), token.expose_secret()));
        }
        url
    }

    /// Whether an address is on the same machine and port as Graph.
    pub(in crate::meta) fn is_at(&self, url: &reqwest::Url) -> bool {
        reqwest::Url::parse(&self.base_url).is_ok_and(|base| base.origin() == url.origin())
    }

    /// Sends `count` events once. A failure of the line is an answer too.
    pub async fn send(
        &self,
        dataset: &DatasetId,
        token: &SecretString,
        body: Bytes,
        count: usize,
    ) -> GraphAnswer {
        let handed_out = Arc::new(AtomicBool::new(false));
        let watched = Watched { bytes: Some(body), handed_out: Arc::clone(&handed_out) };
        let url = self.url(&format!("{dataset}/events"), token);
        let request = self
            .client
            .post(url)
            .bearer_auth(token.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .body(reqwest::Body::wrap(watched));
        let failure = |is_connect: bool, words: String| {
            let certain = is_connect || !handed_out.load(Ordering::SeqCst);
            GraphAnswer::unanswered(if certain { Verdict::NotTaken } else { Verdict::Unknown }, words)
        };
        let exchange = async {
            let mut response = request.send().await.map_err(|fault| describe(fault, &failure))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let mut answer = Vec::new();
            loop {
                // From here on Meta has answered, so that a failure leaves only the content open.
                let piece = response.chunk().await.map_err(|_| unread(status, "the answer broke off"))?;
                let Some(piece) = piece else { break };
                if answer.len() + piece.len() > ANSWER_MAX {
                    return Err(unread(status, "the answer is longer than 1 MiB"));
                }
                answer.extend_from_slice(&piece);
            }
            Ok(verdict::read(status, &headers, &answer, count))
        };
        match within(GRAPH_DEADLINE, READ_WITHIN, exchange).await {
            Some(Ok(answer) | Err(answer)) => answer,
            None => failure(false, format!("no answer within {} s", GRAPH_DEADLINE.as_secs())),
        }
    }
}

/// What `exchange` gives before the deadline, or out of what has arrived by then.
async fn within<T>(
    deadline: Duration,
    read_within: Duration,
    exchange: impl Future<Output = T>,
) -> Option<T> {
    let mut exchange = pin!(exchange);
    match timeout(deadline, exchange.as_mut()).await {
        Ok(outcome) => Some(outcome),
        Err(_) => timeout(read_within, exchange).await.ok(),
    }
}

fn unread(status: u16, words: &str) -> GraphAnswer {
    GraphAnswer { http_status: Some(status), ..GraphAnswer::unanswered(Verdict::Unknown, words) }
}

/// The failure in words without the address.
fn describe(fault: reqwest::Error, failure: &impl Fn(bool, String) -> GraphAnswer) -> GraphAnswer {
    let is_connect = fault.is_connect();
    let fault = fault.without_url();
    let mut words = fault.to_string();
    let mut cause = std::error::Error::source(&fault);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    failure(is_connect, words.chars().take(300).collect())
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
