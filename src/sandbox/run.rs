//! The command `salesbridge sandbox`: a stand-in at an address, linked so that the first call can be an event.

use std::net::SocketAddr;

use crate::clock::Clock;
use crate::error::Result;
use crate::sandbox::server;

/// Events and requests that can be looked at, so that a long run does not fill the memory; all are counted.
const KEPT_MAX: usize = 10_000;

/// The Page, dataset and token that are linked from the start.
const PAGE: &str = "1111111111";
const DATASET: &str = "1234567890123456";
const TOKEN: &str = "sandbox-token";

/// Stands in for Meta at `listen` until the future `stop` ends.
///
/// # Errors
/// [`Unavailable`](crate::error::ErrorKind::Unavailable) if the address can't be listened at.
pub async fn run(listen: SocketAddr, clock: Clock, stop: impl Future<Output = ()>) -> Result<()> {
    let (sandbox, listener) = server::bind(clock, listen).await?;
    sandbox.keep_at_most(KEPT_MAX);
    sandbox.link(PAGE, DATASET, TOKEN);
    let url = sandbox.url().to_owned();
    tracing::info!("A stand-in for Meta is at {url}: set graph_url = \"{url}\" under [meta]");
    tracing::info!("Page {PAGE} is linked to dataset {DATASET}, its access token is {TOKEN}");
    tracing::info!("Steer it over HTTP: curl {url}/_sandbox/help");
    tokio::select! {
        () = server::serve(sandbox, listener) => {}
        () = stop => tracing::info!("Stopped"),
    }
    Ok(())
}
