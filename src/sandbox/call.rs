//! A request as Graph reads it: method, path, token, and parameters, whether in the query, in a form or in JSON.

use hyper::{Method, header};
use serde_json::{Map, Value};

/// One request. Graph makes no difference between parameters of the query and of the body.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The parts of the path between the slashes, without empty ones.
    pub(super) path: Vec<String>,
    /// The access token, from `Authorization: Bearer` or the parameter `access_token`; empty when there is none.
    pub(super) token: String,
    /// Whether the body is neither empty, nor a form, nor a JSON object.
    pub(super) is_malformed: bool,
    params: Map<String, Value>,
}

impl Call {
    /// A call as far as its head tells; the body is added by [`with_body`](Self::with_body).
    pub(super) fn of_head(head: &hyper::http::request::Parts) -> Self {
        let path = head.uri.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let bearer = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
        let params = pairs(head.uri.query().unwrap_or_default());
        let mut call = Self { method: head.method.clone(), path, token, is_malformed: false, params };
        call.find_token();
        call
    }

    /// Adds the parameters of the body; without the content type of a form it is read as JSON.
    pub(super) fn with_body(mut self, content_type: &str, body: &[u8]) -> Self {
        if body.iter().all(u8::is_ascii_whitespace) {
            return self;
        }
        let members = if content_type.starts_with("application/x-www-form-urlencoded") {
            std::str::from_utf8(body).ok().map(pairs)
        } else {
            serde_json::from_slice(body).ok()
        };
        match members {
            Some(members) => self.params.extend(members),
            None => self.is_malformed = true,
        }
        self.find_token();
        self
    }

    fn find_token(&mut self) {
        if self.token.is_empty() {
            self.token = self.text("access_token").unwrap_or_default();
        }
    }

    /// A parameter that is a text or a number, as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.params.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Removes a parameter and returns it; `Value::Null` when there is none.
    pub(super) fn take(&mut self, name: &str) -> Value {
        self.params.remove(name).unwrap_or_default()
    }

    /// All parameters as one object.
    pub(super) fn into_params(self) -> Value {
        Value::Object(self.params)
    }
}

/// The names and values of a query or a form, percent-decoded.
fn pairs(text: &str) -> Map<String, Value> {
    let url = reqwest::Url::parse(&format!("http://sandbox/?{text}"));
    let pairs = url.iter().flat_map(|url| url.query_pairs());
    pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}
