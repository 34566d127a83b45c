//! Who is at a page: the session behind the cookie, and what keeps other sites out. A form is taken only if the
//! browser says that it comes from here.

use axum::body::to_bytes;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;

use crate::domain::basic::identity::PageId;
use crate::domain::operator::{Language, Operator, Permission};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::manage::operators;
use crate::web::console::layout;
use crate::web::server::state::App;

/// The cookie of a session. The prefix lets no other host and no plain connection set it.
const SESSION: &str = "__Host-salesbridge";

/// The cookie of the language, for pages without a session.
const LANGUAGE: &str = "__Host-salesbridge-language";

/// A person with a session.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who.
    pub operator: Operator,
    /// Their session.
    pub secret: String,
    /// The path and query that they ask for.
    pub path: String,
}

impl Visitor {
    /// Whether their role may do this.
    ///
    /// # Errors
    /// 403.
    pub fn may(&self, permission: Permission) -> Result<()> {
        if self.operator.role.may(permission) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Forbidden, "wrong_role", "Your role may not do that; ask an admin."))
    }

    /// Whether a Page is theirs to see.
    ///
    /// # Errors
    /// 404.
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

/// The language of somebody without a session: what they chose, else what their browser asks for.
#[derive(Clone, Copy, Debug)]
pub struct Tongue(pub Language);

impl<S: Sync> FromRequestParts<S> for Tongue {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(language(&parts.headers)))
    }
}

fn language(headers: &HeaderMap) -> Language {
    if let Some(chosen) = cookie(headers, LANGUAGE).as_deref().and_then(Language::parse) {
        return chosen;
    }
    let asked =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut tags = asked.split(',').filter_map(|tag| tag.trim().get(..2));
    tags.find_map(Language::parse).unwrap_or(Language::Georgian)
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// The header that gives a browser a session.
pub fn begin_session(secret: &str) -> HeaderValue {
    let seconds = crate::domain::operator::SESSION_LASTS.as_secs();
    text(format!("{SESSION}={secret}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"))
}

/// The header that takes it away.
pub fn end_session() -> HeaderValue {
    text(format!("{SESSION}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0"))
}

/// The header by which a browser remembers a language.
pub fn remember(language: Language) -> HeaderValue {
    text(format!(
        "{LANGUAGE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000",
        language.as_str()
    ))
}

fn text(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// A path of this console, and nothing that a browser could take for another site.
pub fn local(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/console")?;
    let begins = rest.is_empty() || rest.starts_with(['/', '?', '#']);
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (begins && plain && !path.contains("//")).then_some(path)
}

/// A text as a value in a query.
pub fn url_encoded(text: &str) -> impl Iterator<Item = String> {
    text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    })
}

/// What stands around every page: forms from elsewhere are refused, failures read as pages, and the browser is
/// told what it may load.
pub async fn guarded(request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    let answer = if is_read || is_from_here(&headers) {
        next.run(request).await
    } else {
        Error::new(ErrorKind::Forbidden, "cross_site", "This form came from another site.").into_response()
    };
    let mut answer = as_page(answer, &headers).await;
    for (name, value) in PROTECTION {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

const PROTECTION: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // A browser that sends no referrer at all would call the origin of its forms "null".
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Whether a form comes from a page of this host.
fn is_from_here(headers: &HeaderMap) -> bool {
    let word = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let fetched = word(HeaderName::from_static("sec-fetch-site")).is_none_or(|site| site == "same-origin");
    let (origin, host) = (word(header::ORIGIN), word(header::HOST));
    let of_origin = origin.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let same = of_origin.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host));
    fetched && same
}

/// A failure as a page that says what to do.
async fn as_page(answer: Response, headers: &HeaderMap) -> Response {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind != Some("application/problem+json") {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, 64 * 1024).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = |member: &str| problem[member].as_str().unwrap_or_default().to_owned();
    match layout::trouble_page(language(headers), &word("code"), &word("detail")) {
        Ok(page) => (parts.status, page).into_response(),
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_console_are_gone_to() {
        for path in ["/console", "/console/queue?state=done", "/console?x=1"] {
            assert_eq!(local(path), Some(path));
        }
        for path in [
            "",
            "/",
            "//evil.example",
            "/console//evil.example",
            "/consolevil",
            "https://evil.example/console",
            "/console/\\evil",
            "/console/\r\nSet-Cookie:x",
            "/console/queue next",
        ] {
            assert_eq!(local(path), None, "{path}");
        }
    }

    #[test]
    fn a_form_from_elsewhere_is_known() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_from_here(&headers.collect())
        };
        let host = ("host", "shop.example");
        assert!(of(&[host, ("origin", "https://shop.example"), ("sec-fetch-site", "same-origin")]));
        assert!(of(&[host, ("origin", "https://shop.example")]));
        assert!(!of(&[host]));
        assert!(!of(&[host, ("origin", "null")]));
        assert!(!of(&[host, ("origin", "https://evil.example")]));
        assert!(!of(&[host, ("origin", "https://shop.example.evil.example")]));
        assert!(!of(&[host, ("origin", "https://shop.example"), ("sec-fetch-site", "cross-site")]));
        assert!(!of(&[host, ("origin", "https://shop.example"), ("sec-fetch-site", "same-site")]));
    }
}
