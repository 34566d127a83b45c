//! One request, taken apart: method, path, token, and parameters wherever they stand.

use hyper::{Method, header};
use serde_json::{Map, Value};

/// A request as Graph reads it. Parameters of the query, of a form and of a JSON body are one.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: Vec<String>,
    pub(super) token: String,
    /// The body was neither empty, nor a form, nor a JSON object.
    pub(super) is_malformed: bool,
    params: Map<String, Value>,
}

impl Call {
    /// The head alone; the body is added by [`with_body`](Self::with_body).
    pub(super) fn of_head(head: &hyper::http::request::Parts) -> Self {
        let path = head.uri.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let bearer = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
        let params = pairs(head.uri.query().unwrap_or_default());
        let mut call = Self { method: head.method.clone(), path, token, is_malformed: false, params };
        call.find_token();
        call
    }

    /// Reads the body.
    pub(super) fn with_body(mut self, kind: &str, body: &[u8]) -> Self {
        if body.iter().all(u8::is_ascii_whitespace) {
            return self;
        }
        let members = if kind.starts_with("application/x-www-form-urlencoded") {
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

    /// A parameter as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.params.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A parameter, taken out.
    pub(super) fn take(&mut self, name: &str) -> Value {
        self.params.remove(name).unwrap_or_default()
    }

    /// All parameters as one object.
    pub(super) fn into_params(self) -> Value {
        Value::Object(self.params)
    }
}

/// The pairs of a query or a form, decoded.
fn pairs(text: &str) -> Map<String, Value> {
    let url = reqwest::Url::parse(&format!("http://sandbox/?{text}"));
    let pairs = url.iter().flat_map(|url| url.query_pairs());
    pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}
