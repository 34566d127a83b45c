//! The sandbox's own connections, which it must be able to break.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::sandbox::call::Call;
use crate::sandbox::reply::{Reply, Wire};
use crate::sandbox::{Sandbox, control, graph};

/// A longer body is not read.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// After a connection that could not be taken (no file handles, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is dropped, and its connections with it.
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

/// An `Err` closes the connection without an answer.
async fn answer(sandbox: Sandbox, request: Request<Incoming>) -> Result<Response<Wire>, io::Error> {
    let (head, body) = request.into_parts();
    let call = Call::of_head(&head);
    let closes = graph::dataset_of(&call).is_some_and(|dataset| sandbox.world().closes_before_body(dataset));
    if closes {
        return Reply::closed().into_response();
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let reply = if call.path.first().is_some_and(|first| first == control::ROOM) {
        // `curl -d` calls everything a form; here it always is JSON.
        control::answer(&sandbox, call.with_body("", &body)).await
    } else {
        let now = sandbox.clock.now();
        let call = call.with_body(kind.unwrap_or_default(), &body);
        graph::answer(&mut sandbox.world(), now, call)
    };
    if reply.is_held {
        sandbox.hold.wait().await;
    }
    reply.into_response()
}
