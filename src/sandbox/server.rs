//! The sandbox's own HTTP server on hyper: unlike axum it lets a fault close a connection without an answer.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::sandbox::call::Call;
use crate::sandbox::handle::Sandbox;
use crate::sandbox::reply::{Reply, ReplyBody};
use crate::sandbox::{control, graph};

/// The longest body that is read; behind more the connection is closed.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The pause after a connection that could not be accepted, for want of file handles, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Sandbox {
    /// Listens at `listen` (port 0: any free one) until the process ends. Ages are judged by `clock`.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the address can't be listened at.
    pub async fn start(clock: Clock, listen: SocketAddr) -> Result<Self> {
        let (sandbox, listener) = bind(clock, listen).await?;
        tokio::spawn(serve(sandbox.clone(), listener));
        Ok(sandbox)
    }
}

/// A stand-in with the listener that is to be served for it.
pub(super) async fn bind(clock: Clock, listen: SocketAddr) -> Result<(Sandbox, TcpListener)> {
    let failed = |error: std::io::Error| {
        Error::unavailable("address_taken", format!("The sandbox can't listen at {listen}")).caused_by(error)
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok((Sandbox::new(clock, url), listener))
}

/// Serves until the future is dropped; its connections end with it.
pub(super) async fn serve(sandbox: Sandbox, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let sandbox = sandbox.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(sandbox.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new();
            drop(connection.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// Answers one request.
///
/// # Errors
/// Hyper closes the connection without an answer on any error, which is how a fault closes it on purpose.
async fn answer(sandbox: Sandbox, request: Request<Incoming>) -> Result<Response<ReplyBody>, io::Error> {
    let (head, body) = request.into_parts();
    let call = Call::of_head(&head);
    if graph::dataset_of(&call).is_some_and(|dataset| sandbox.state().closes_before_body(dataset)) {
        return Reply::closed().into_response();
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let reply = if call.path.first().is_some_and(|first| first == control::PREFIX) {
        // `curl -d` says `application/x-www-form-urlencoded` of everything; these bodies are always JSON.
        control::answer(&sandbox, call.with_body("", &body)).await
    } else {
        let now = sandbox.clock().now();
        let call = call.with_body(content_type.unwrap_or_default(), &body);
        graph::answer(&mut sandbox.state(), now, call)
    };
    if reply.is_held {
        sandbox.gate().wait().await;
    }
    reply.into_response()
}
