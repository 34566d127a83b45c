//! `salesbridge healthcheck`: for containers, which have no other program to ask with.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::http_client;

/// A living service answers within this time.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where a service that listens at `listen` tells whether it lives.
pub fn url(mut listen: SocketAddr) -> String {
    match listen {
        SocketAddr::V4(at) if at.ip().is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(at) if at.ip().is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{listen}/healthz")
}

/// Fails unless the service answers with 200.
pub async fn run(url: &str) -> Result<()> {
    let failed = |why: String| Error::unavailable("unhealthy", format!("The service does not answer: {why}"));
    let sent = http_client::client()?.get(url).timeout(TIMEOUT).send().await;
    let answer = sent.map_err(|error| failed(format!("check --url and whether it runs ({error})")))?;
    match answer.status().as_u16() {
        200 => Ok(()),
        status => Err(failed(format!("HTTP status {status}"))),
    }
}
