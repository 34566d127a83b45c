//! Meta's webhook: the handshake, and batches whose raw bytes are durable before they are acknowledged.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use secrecy::ExposeSecret;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::error::{Error, Kind, Result};
use crate::meta::signature;

use super::App;

/// The parameters of Meta's verification (Meta: Webhooks for Messenger Platform).
#[derive(Debug, Deserialize)]
pub struct Handshake {
    #[serde(rename = "hub.mode")]
    mode: Option<String>,
    #[serde(rename = "hub.challenge")]
    challenge: Option<String>,
    #[serde(rename = "hub.verify_token")]
    verify_token: Option<String>,
}

/// Answers Meta's verification with its challenge.
pub async fn handshake(State(app): State<App>, Query(asked): Query<Handshake>) -> Result<String> {
    let expected = app.verify_token.as_ref().map(ExposeSecret::expose_secret);
    let right = expected.zip(asked.verify_token.as_deref()).is_some_and(|(expected, shown)| {
        !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(shown.as_bytes()))
    });
    match (asked.mode.as_deref(), asked.challenge) {
        (Some("subscribe"), Some(challenge)) if right => Ok(challenge),
        _ => Err(Error::new(
            Kind::Forbidden,
            "wrong_verify_token",
            "The verify token is not the configured one.",
        )),
    }
}

/// Takes a batch; 200 once it is durable.
pub async fn receive(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Result<()> {
    let Some(secret) = &app.app_secret else {
        return Err(Error::unavailable(
            "no_app_secret",
            "Set [meta] app_secret: without it no webhook can be trusted.",
        ));
    };
    let shown = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    if !signature::verify(secret.expose_secret().as_bytes(), shown, &body) {
        let message = "The signature does not match: check that [meta] app_secret is the app's secret.";
        return Err(Error::new(Kind::Unauthorized, "bad_signature", message));
    }
    app.intake.take(body).await
}
