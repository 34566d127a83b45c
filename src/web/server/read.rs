//! Reading requests: ids, parameters, bodies. What is invalid is refused here, with its place: in a body by JSON
//! pointer, a parameter by its name.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::crm::json;
use crate::domain::order::tag::REFERENCE_MAX;
use crate::error::{Error, ErrorKind, Result};
use crate::web::server::body::Crowded;
use crate::web::server::state::App;

/// Characters of an id of ours or of Meta's, at most.
const ID_MAX: usize = 64;

/// The prefix of an id in a path that is the sender's own id of a fact (`ref`).
pub const BY_REF: &str = "ref:";

/// Characters of an Idempotency-Key, at most.
const KEY_MAX: usize = 255;

/// The id in the path: ours, or `ref:…`.
pub struct Id(pub String);

impl FromRequestParts<App> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let missing = || Error::not_found("id");
        let Path(id) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| missing())?;
        let is_id = id.len() <= ID_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
        let is_ref = id.starts_with(BY_REF) && id.len() <= BY_REF.len() + REFERENCE_MAX;
        let is_clean = !id.chars().any(char::is_control);
        (is_id || is_ref && is_clean).then_some(Self(id)).ok_or_else(missing)
    }
}

/// The parameters of the query. Each at most once; an unknown one is refused.
pub struct QueryParameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for QueryParameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let raw = parts.uri.query().unwrap_or_default();
        if let Some(at) = raw.find("%00") {
            let name = raw[..at].rsplit('&').next().and_then(|pair| pair.split('=').next());
            let pointer = format!("/{}", name.unwrap_or_default());
            return Err(Error::field(pointer, "It must not contain NUL."));
        }
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejected) => {
                let text = rejected.body_text();
                let (_, why) = text.rsplit_once("query string: ").unwrap_or(("", "it can't be read"));
                Err(Error::invalid("invalid_query", format!("The query can't be taken: {why}.")))
            }
        }
    }
}

/// A parameter that is there and is not empty.
pub fn non_empty(parameter: Option<String>) -> Option<String> {
    parameter.filter(|text| !text.is_empty())
}

/// A parameter that must be one of `words`.
///
/// # Errors
/// 422 that names the parameter.
pub fn one_of(name: &str, parameter: Option<String>, words: &[&str]) -> Result<Option<String>> {
    let parameter = non_empty(parameter);
    match &parameter {
        Some(word) if !words.contains(&word.as_str()) => {
            Err(Error::field(format!("/{name}"), format!("It must be one of {}.", words.join(", "))))
        }
        _ => Ok(parameter),
    }
}

/// A parameter that must be `true` or `false`.
///
/// # Errors
/// 422 that names the parameter.
pub fn truth(name: &str, parameter: Option<String>) -> Result<Option<bool>> {
    Ok(one_of(name, parameter, &["true", "false"])?.map(|word| word == "true"))
}

/// The Idempotency-Key, if there is one.
pub struct IdempotencyKey(pub Option<String>);

impl FromRequestParts<App> for IdempotencyKey {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let Some(key) = keys.next() else { return Ok(Self(None)) };
        let is_visible =
            |key: &str| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        match key.to_str() {
            Ok(key) if is_visible(key) && keys.next().is_none() => Ok(Self(Some(key.to_owned()))),
            _ => Err(Error::invalid(
                "invalid_idempotency_key",
                "Idempotency-Key must be given once, as 1 to 255 visible ASCII characters.",
            )),
        }
    }
}

/// The bytes of a body; a content type other than JSON is refused, a missing one is taken for JSON.
pub struct RawBody(pub Bytes);

impl FromRequest<App> for RawBody {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        is_json(request.headers())?;
        if let Some(query) = request.uri().query().filter(|query| !query.is_empty()) {
            let name = query.split(['&', '=']).next().unwrap_or_default();
            let shown: String = name.chars().filter(char::is_ascii_graphic).take(ID_MAX).collect();
            let message = format!("This call takes no parameters in its query: put {shown} into the body.");
            return Err(Error::invalid("invalid_query", message));
        }
        bytes(request, app).await.map(Self)
    }
}

/// The bytes of a body.
///
/// # Errors
/// 413 for too many, 503 when there is no room for them now, 400 when they do not arrive.
pub async fn bytes(request: Request, app: &App) -> Result<Bytes> {
    Bytes::from_request(request, app).await.map_err(|rejected| {
        if rejected.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
            let message = format!("The body is larger than {} bytes: send it in parts.", app.body_limit);
            return Error::new(ErrorKind::TooLarge, "body_too_large", message);
        }
        if is_crowded(&rejected) {
            let message = "Too many large bodies are on their way: send it again, or in parts.";
            return Error::unavailable("crowded", message);
        }
        Error::new(ErrorKind::Malformed, "body_broken", "The body did not arrive whole: send it again.")
    })
}

fn is_crowded(rejected: &BytesRejection) -> bool {
    let mut below = std::error::Error::source(rejected);
    while let Some(cause) = below {
        if cause.is::<Crowded>() {
            return true;
        }
        below = cause.source();
    }
    false
}

fn is_json(headers: &HeaderMap) -> Result<()> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::UnsupportedMedia,
        "not_json",
        "Send the body as JSON, with content-type: application/json.",
    ))
}

/// Reads the body of a request that needs none: empty, or an empty object.
///
/// # Errors
/// 400 or 422 for any other.
pub fn empty_body(body: &[u8]) -> Result<()> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Empty {}
    if body.is_empty() { Ok(()) } else { json::read::<Empty>(body).map(|Empty {}| ()) }
}
