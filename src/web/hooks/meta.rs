//! Meta's webhook: the handshake, and batches whose raw bytes are durable before they are acknowledged.

use axum::extract::{Query, Request, State};
use secrecy::ExposeSecret;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use utoipa::IntoParams;

use crate::error::{Error, ErrorKind, Result};
use crate::meta::signature;
use crate::web::server::state::App;
use crate::web::server::{metrics, read};

/// The parameters of Meta's verification (Meta: Webhooks for Messenger Platform).
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Handshake {
    /// The kind of request; Meta sends `subscribe`.
    #[serde(rename = "hub.mode")]
    mode: Option<String>,
    /// The text that the answer must repeat.
    #[serde(rename = "hub.challenge")]
    challenge: Option<String>,
    /// The token that was set both at Meta and here.
    #[serde(rename = "hub.verify_token")]
    verify_token: Option<String>,
}

/// Answers Meta's verification with its challenge.
#[utoipa::path(
    get, path = "/webhooks/meta", operation_id = "verifyWebhook", tag = "meta", security(()), params(Handshake),
    responses((status = 200, description = "The challenge", content_type = "text/plain", body = String)),
)]
pub async fn handshake(
    State(app): State<App>,
    query: Result<Query<Handshake>, axum::extract::rejection::QueryRejection>,
) -> Result<String> {
    let Query(query) = query.unwrap_or_default();
    let expected = app.verify_token.as_ref().map(ExposeSecret::expose_secret);
    let is_right = expected.zip(query.verify_token.as_deref()).is_some_and(|(expected, shown)| {
        !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(shown.as_bytes()))
    });
    match (query.mode.as_deref(), query.challenge) {
        (Some("subscribe"), Some(challenge)) if is_right => Ok(challenge),
        _ => Err(Error::new(
            ErrorKind::Forbidden,
            "wrong_verify_token",
            "The verify token is not the configured one.",
        )),
    }
}

/// Takes a batch; 200 once it is durable.
#[utoipa::path(
    post, path = "/webhooks/meta", operation_id = "receiveWebhook", tag = "meta", security(()),
    params(("x-hub-signature-256" = String, Header, description = "`sha256=` and the HMAC of the body in hex")),
    request_body(content = String, description = "A batch, as Meta sends it", content_type = "application/json"),
    responses((status = 200, description = "It is durable")),
)]
pub async fn receive(State(app): State<App>, request: Request) -> Result<()> {
    let taken = take(&app, request).await;
    metrics::webhook(match &taken {
        Ok(()) => "taken",
        Err(error) => match error.kind {
            ErrorKind::Unauthorized => "unsigned",
            ErrorKind::TooLarge => "too_large",
            _ => "refused",
        },
    });
    taken
}

async fn take(app: &App, request: Request) -> Result<()> {
    let Some(secret) = &app.app_secret else {
        return Err(Error::unavailable(
            "no_app_secret",
            "Set [meta] app_secret: without it no webhook can be trusted.",
        ));
    };
    let shown = request.headers().get("x-hub-signature-256").cloned();
    let body = read::bytes(request, app).await?;
    let shown = shown.as_ref().and_then(|value| value.to_str().ok());
    if !signature::verify(secret.expose_secret().as_bytes(), shown, &body) {
        let message = "The signature does not match: check that [meta] app_secret is the app's secret.";
        return Err(Error::new(ErrorKind::Unauthorized, "bad_signature", message));
    }
    app.intake.take(body).await
}
