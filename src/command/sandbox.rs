//! `salesbridge sandbox`: a stand-in for Meta, until SIGTERM or SIGINT.

use std::net::SocketAddr;

use crate::clock::Clock;
use crate::error::Result;

/// Stands in for Meta at `listen`.
pub async fn run(listen: SocketAddr) -> Result<()> {
    let told_to_stop = super::told_to_stop()?;
    crate::sandbox::run(listen, Clock::system(), told_to_stop).await
}
