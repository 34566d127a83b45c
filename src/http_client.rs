//! The one HTTP client for calls to other machines, with the limits that hold for all of them. The time of a whole
//! call is the caller's to limit.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// The time within which a connection must be established, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time after which an idle connection is closed: before the other side does, which would look like a lost answer to
/// a request that is sent at that moment.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that follows no redirect, uses no proxy and repeats nothing: a repeated request might tell Meta of a sale
/// twice, and a redirect might lead into our own network.
///
/// # Errors
/// TLS can't be set up on this machine.
pub fn client() -> Result<reqwest::Client> {
    // One provider for the process: a later call fails because it is there already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .retry(reqwest::retry::never())
        .user_agent(concat!("salesbridge/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|fault| {
            Error::new(
                ErrorKind::Internal,
                "no_http_client",
                format!("the HTTP client cannot be set up: {fault}"),
            )
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_second_client_finds_the_cryptography_of_the_first() {
        assert!(super::client().is_ok());
        assert!(super::client().is_ok());
    }
}
