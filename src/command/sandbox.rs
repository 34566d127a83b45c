//! `salesbridge sandbox`: a stand-in for Meta, until SIGTERM or SIGINT.

use std::net::SocketAddr;

use crate::clock::Clock;
use crate::command::setup;
use crate::error::Result;

/// Stands in for Meta at `listen`.
pub async fn run(listen: SocketAddr) -> Result<()> {
    let stop_signal = setup::stop_signal()?;
    crate::sandbox::run(listen, Clock::system(), stop_signal).await
}
