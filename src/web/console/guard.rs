//! Protection from other sites: a form is taken only if the browser says that it comes from this one, and a page loads
//! nothing from elsewhere.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::web::console::layout;
use crate::web::console::visitor::language;

/// The middleware around every page: refuses forms of other sites (CSRF), shows failures as pages, and sets the headers that
/// tell the browser what it may load.
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
