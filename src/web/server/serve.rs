//! The accept loop: connections with limits, and a stop at which requests in progress are still answered.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::failpoint;
use crate::web::server::body::{BodyBudget, TimedBody};

/// Bytes of the head of a request (line and headers), at most; beside that hyper takes at most 100 headers.
const HEAD_MAX: usize = 64 * 1024;

/// The pause after a failure to accept, such as that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The most connections that are still accepted from the backlog when the listener closes.
const LAST_MAX: usize = 4096;

/// The time limits of a connection, and of the stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long the head of a request may take; a connection may be idle as long.
    pub head: Duration,
    /// How long the body of a request may take.
    pub body: Duration,
    /// How long connections are still accepted after the stop, until the load balancer has noticed.
    pub grace: Duration,
    /// How long requests in progress may take after the grace.
    pub drain: Duration,
}

impl Default for Limits {
    /// Everything ends within 9 s after the stop, before Docker kills at 10 s.
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            grace: Duration::from_millis(500),
            drain: Duration::from_millis(8500),
        }
    }
}

/// Serves connections until `stop`; then accepts no more, answers the requests in progress, and gives the number of
/// connections that had to be cut off.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) -> usize {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_header_size(HEAD_MAX);
    let closing = CancellationToken::new();
    let connection =
        Connection { http, router, limits, body_budget: BodyBudget::default(), closing: closing.clone() };
    let mut connections = JoinSet::new();
    let grace_is_over = async {
        stop.cancelled().await;
        sleep(limits.grace).await;
    };
    tokio::pin!(grace_is_over);
    loop {
        let accepted = tokio::select! {
            () = &mut grace_is_over => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection.clone().answer(stream));
            }
            Err(error) => {
                tracing::warn!("A connection can't be accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    for _ in 0..LAST_MAX {
        let Some(stream) = pending_connection(&listener).await else { break };
        connections.spawn(connection.clone().answer(stream));
    }
    drop(listener);
    closing.cancel();
    let all = async { while connections.join_next().await.is_some() {} };
    drop(timeout(limits.drain, all).await);
    connections.len()
}

/// The next connection in the backlog; `None` if there is none now.
async fn pending_connection(listener: &TcpListener) -> Option<TcpStream> {
    let accepted = poll_fn(|context| match listener.poll_accept(context) {
        Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
        Poll::Pending => Poll::Ready(None),
    });
    accepted.await.map(|(stream, _)| stream)
}

/// What it takes to serve a connection.
#[derive(Clone)]
struct Connection {
    http: http1::Builder,
    router: Router,
    limits: Limits,
    body_budget: BodyBudget,
    closing: CancellationToken,
}

impl Connection {
    /// Answers the requests of one connection; after `closing`, only the one in progress.
    async fn answer(self, stream: TcpStream) {
        let Self { http, router, limits, body_budget, closing } = self;
        // Without it a small answer may wait for the acknowledgement of the one before.
        drop(stream.set_nodelay(true));
        let began = Arc::new(AtomicBool::new(false));
        let has_begun = Arc::clone(&began);
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |request: Request<Incoming>| {
            began.store(true, Ordering::Relaxed);
            let answer =
                router.call(request.map(|body| TimedBody::new(body, limits.body, body_budget.clone())));
            async move {
                failpoint::reach("request.begun");
                let answer = answer.await;
                failpoint::reach("request.answered");
                answer
            }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                // A connection without a request yet is closed sooner than one with a request in progress.
                if has_begun.load(Ordering::Relaxed) {
                    connection.await
                } else {
                    match timeout(limits.grace, connection.as_mut()).await {
                        Ok(ended) => ended,
                        Err(_) if has_begun.load(Ordering::Relaxed) => connection.await,
                        Err(_) => Ok(()),
                    }
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!("A connection ended early: {error}");
        }
    }
}
