//! The visitor of a page: the person of the session cookie, and the language of somebody without one.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::basic::identity::PageId;
use crate::domain::operator::{Language, Operator, Permission, SESSION_LASTS};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::manage::operators;
use crate::web::console::path::url_encoded;
use crate::web::server::state::App;

/// The cookie of a session. The prefix lets no other host and no plain connection set it.
const SESSION: &str = "__Host-salesbridge";

/// The cookie of the language, for pages without a session.
const LANGUAGE: &str = "__Host-salesbridge-language";

/// A person with a session.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The operator of the session.
    pub operator: Operator,
    /// The secret of their session.
    pub secret: String,
    /// The path and query of the request.
    pub path: String,
}

impl Visitor {
    /// Checks that their role has this permission.
    ///
    /// # Errors
    /// 403 without it.
    pub fn may(&self, permission: Permission) -> Result<()> {
        if self.operator.role.may(permission) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Forbidden, "wrong_role", "Your role may not do that; ask an admin."))
    }

    /// Checks that they may see this Page.
    ///
    /// # Errors
    /// 404 for another one, as if it were not connected.
    pub fn sees(&self, page: &PageId) -> Result<()> {
        if self.operator.sees(page) { Ok(()) } else { Err(Error::not_found("thing")) }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let path = parts.uri.path_and_query().map_or("/console", |path| path.as_str()).to_owned();
        let secret = cookie(&parts.headers, SESSION).unwrap_or_default();
        let found = async {
            let mut unit = app.services.store.read().await?;
            unit.operator_in_session(&operators::hash(&secret), app.services.clock.now()).await
        };
        match found.await.map_err(IntoResponse::into_response)? {
            Some(operator) => Ok(Self { operator, secret, path }),
            None if parts.method == Method::GET && !path.starts_with("/console/live") => {
                let mut login = "/console/login?next=".to_owned();
                login.extend(url_encoded(&path));
                Err(Redirect::to(&login).into_response())
            }
            None => {
                let message = "Your session ended: log in again.";
                Err(Error::new(ErrorKind::Unauthorized, "session_ended", message).into_response())
            }
        }
    }
}

/// The language of a request without a session: that of its cookie, else what the browser asks for.
#[derive(Clone, Copy, Debug)]
pub struct RequestLanguage(pub Language);

impl<S: Sync> FromRequestParts<S> for RequestLanguage {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(language(&parts.headers)))
    }
}

/// The language that a browser asks for: by its cookie, else by `accept-language`.
pub fn language(headers: &HeaderMap) -> Language {
    if let Some(chosen) = cookie(headers, LANGUAGE).as_deref().and_then(Language::parse) {
        return chosen;
    }
    let accepted =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut tags = accepted.split(',').filter_map(|tag| tag.trim().get(..2));
    tags.find_map(Language::parse).unwrap_or(Language::Georgian)
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// The header that gives a browser a session.
pub fn begin_session(secret: &str) -> HeaderValue {
    let seconds = SESSION_LASTS.as_secs();
    header_value(format!("{SESSION}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"))
}

/// The header that deletes the session's cookie.
pub fn end_session() -> HeaderValue {
    header_value(format!("{SESSION}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"))
}

/// The header by which a browser remembers a language.
pub fn remember(language: Language) -> HeaderValue {
    header_value(format!(
        "{LANGUAGE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000",
        language.as_str()
    ))
}

fn header_value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
