//! The whole of `salesbridge sandbox`.

use std::net::SocketAddr;

use crate::clock::Clock;
use crate::error::Result;
use crate::sandbox::{Sandbox, server};

/// So many events and requests can be looked at; all are counted.
const KEEP: usize = 10_000;

/// The Page that is linked from the start, so that the first call can be an event.
const PAGE: &str = "1111111111";
const DATASET: &str = "1234567890123456";
const TOKEN: &str = "sandbox-token";

/// Stands in for Meta at `listen` until `stop` ends.
///
/// # Errors
/// The address can't be listened at.
pub async fn run(listen: SocketAddr, clock: Clock, stop: impl Future<Output = ()>) -> Result<()> {
    let (sandbox, listener) = Sandbox::bind(clock, listen).await?;
    sandbox.keep_at_most(KEEP);
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
