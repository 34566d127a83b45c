//! Graph's calls that carry no events: parameters in the address, a JSON object in the answer.

use std::fmt;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::meta::events::graph::{ANSWER_BYTES_MAX, GRAPH_DEADLINE, Graph};

/// Characters of Meta's own words that are kept of a failure.
const WORDS_MAX: usize = 300;

/// Subcode of 2: nobody at the Page has accepted Meta's Page Contact Terms yet, without which a Page has no labels.
const TERMS_NOT_ACCEPTED: i64 = 2_018_344;

/// Why a call failed. It names no token and no person, so that it may be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFailure {
    /// Whether Meta has certainly not done it; otherwise nobody can know.
    pub is_certain: bool,
    /// Whether the same call may succeed later: a token, a permission or a quota can be mended.
    pub is_retryable: bool,
    /// Graph's `error.code`, if it answered with an error object.
    pub code: Option<i64>,
    /// Graph's `error.error_subcode`, if there is one.
    pub subcode: Option<i64>,
    /// Meta's own words, or ours where it said nothing.
    pub words: String,
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.subcode) {
            (Some(2), Some(TERMS_NOT_ACCEPTED)) => f.write_str(
                "Meta's Page Contact Terms are not accepted yet: an admin of the Page must accept them",
            ),
            (Some(code), Some(subcode)) => write!(f, "{} ({code}/{subcode})", self.words),
            (Some(code), None) => write!(f, "{} ({code})", self.words),
            (None, _) => f.write_str(&self.words),
        }
    }
}

impl CallFailure {
    /// The token is invalid or lacks a permission: no call of the Page succeeds until a person mends the link.
    pub const fn is_not_granted(&self) -> bool {
        matches!(self.code, Some(3 | 10 | 102 | 104 | 190 | 200..=299 | 368))
    }

    /// Meta wants fewer calls of this app or Page for a while.
    pub const fn is_throttled(&self) -> bool {
        matches!(self.code, Some(4 | 17 | 32 | 613 | 80_000..=80_014))
    }

    /// Meta does not show the object that was asked for: it is gone, or never was visible to this Page.
    pub const fn is_about_the_object(&self) -> bool {
        matches!(self.subcode, Some(2_018_218)) || matches!(self.code, Some(100 | 803))
    }

    /// The call was not sent, or its answer lacks what it should hold.
    pub(super) fn not_done(words: &str) -> Self {
        Self { is_certain: true, is_retryable: true, code: None, subcode: None, words: words.to_owned() }
    }

    /// The call may have been carried out, and its answer does not say so.
    pub(super) fn unknown(words: &str) -> Self {
        Self { is_certain: false, ..Self::not_done(words) }
    }
}

impl Graph {
    /// One call. Its address may name a person, so that neither the address nor a failure's cause is ever shown.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &SecretString,
        params: &[(&str, &str)],
    ) -> Result<Value, CallFailure> {
        let mut url = reqwest::Url::parse(&self.url(path, token))
            .map_err(|_| CallFailure::not_done("graph_url and the ids make no address"))?;
        url.query_pairs_mut().extend_pairs(params);
        let request = self.client.request(method, url).bearer_auth(token.expose_secret());
        let exchange = async {
            let mut response = request.send().await.map_err(|fault| {
                if fault.is_connect() {
                    CallFailure::not_done("Graph can't be reached")
                } else {
                    CallFailure::unknown("the connection broke")
                }
            })?;
            let status = response.status().as_u16();
            let mut bytes = Vec::new();
            let broken = |_| CallFailure::unknown("the answer broke off");
            while let Some(piece) = response.chunk().await.map_err(broken)? {
                if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
                    return Err(CallFailure::unknown("the answer is longer than 1 MiB"));
                }
                bytes.extend_from_slice(&piece);
            }
            read(status, &bytes)
        };
        let answered = tokio::time::timeout(GRAPH_DEADLINE, exchange).await;
        answered.unwrap_or_else(|_| Err(CallFailure::unknown("no answer in time")))
    }
}

/// The JSON object of an answer; an error object whatever the HTTP status, as Graph sends them with several.
fn read(status: u16, body: &[u8]) -> Result<Value, CallFailure> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let Some(answer) = answer.filter(Value::is_object) else {
        return Err(CallFailure::unknown(&format!("HTTP {status} without an answer of Graph")));
    };
    let Some(error) = answer.get("error").filter(|error| error.is_object()) else {
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        return Err(CallFailure::unknown(&format!("HTTP {status} without an error object of Graph")));
    };
    let number = |key: &str| {
        let value = error.get(key)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    let (code, subcode) = (number("code"), number("error_subcode"));
    let words =
        ["error_user_msg", "message"].into_iter().find_map(|key| error.get(key).and_then(Value::as_str));
    // 100 and 803: the request is wrong, or its object is gone; neither mends itself.
    let is_retryable = !matches!(code, Some(100 | 803)) && subcode != Some(TERMS_NOT_ACCEPTED);
    Err(CallFailure {
        is_certain: true,
        is_retryable,
        code,
        subcode,
        words: words.unwrap_or("Meta refused it").chars().take(WORDS_MAX).collect(),
    })
}

/// A member that is a text or a number, as text; ids come as either. An empty text counts as none.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        for (status, body, certain, retryable) in [
            (400, r#"{"error":{"code":100,"error_subcode":33,"message":"m"}}"#, true, false),
            (400, r#"{"error":{"code":2,"error_subcode":2018344,"message":"m"}}"#, true, false),
            (400, r#"{"error":{"code":"190","message":"m"}}"#, true, true),
            (200, r#"{"error":{"code":4,"message":"m"}}"#, true, true),
            (503, "<html>", false, true),
            (500, "{}", false, true),
        ] {
            let failure = read(status, body.as_bytes()).unwrap_err();
            assert_eq!((failure.is_certain, failure.is_retryable), (certain, retryable), "{status} {body}");
        }
        assert!(read(200, br#"{"success":true}"#).is_ok());
        let terms = read(400, br#"{"error":{"code":2,"error_subcode":2018344}}"#).unwrap_err();
        assert!(terms.to_string().contains("Page Contact Terms"));
    }
}
