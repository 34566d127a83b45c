//! Graph's calls about the labels of a Page's inbox.

use std::fmt;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::domain::basic::identity::{PageId, PersonId};
use crate::meta::events::graph::{GRAPH_DEADLINE, Graph};

/// A longer answer is not read.
const ANSWER_MAX: usize = 1024 * 1024;

/// Labels that one call lists, and calls that list the labels of one Page.
const LISTED_AT_ONCE: &str = "100";
const LISTS_MAX: usize = 50;

/// Meta's words are kept up to so many characters.
const WORDS_MAX: usize = 300;

/// Why a call came to nothing. Its words hold no token and no person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Meta certainly did not do it.
    pub is_certain: bool,
    /// It may be done later.
    pub again: bool,
    /// Graph's code.
    pub code: Option<i64>,
    /// Graph's subcode.
    pub subcode: Option<i64>,
    /// What happened, in words.
    pub words: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.subcode) {
            (Some(2), Some(2_018_344)) => f.write_str(
                "Meta's Page Contact Terms are not accepted yet: an admin of the Page must accept them",
            ),
            (Some(code), Some(subcode)) => write!(f, "{} ({code}/{subcode})", self.words),
            (Some(code), None) => write!(f, "{} ({code})", self.words),
            (None, _) => f.write_str(&self.words),
        }
    }
}

/// A label as a Page has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Meta's id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl Graph {
    /// The name of a label.
    ///
    /// # Errors
    /// Meta does not tell it.
    pub async fn label_name(&self, token: &SecretString, label_id: &str) -> Result<String, Refused> {
        let answer = self.ask(Method::GET, label_id, token, &[("fields", "page_label_name")]).await?;
        text(&answer, "page_label_name").ok_or_else(|| unreadable("Meta's answer has no name of the label"))
    }

    /// All labels of a Page.
    ///
    /// # Errors
    /// Meta does not list them.
    pub async fn labels(&self, token: &SecretString, page: &PageId) -> Result<Vec<Label>, Refused> {
        let path = format!("{page}/custom_labels");
        let mut labels = Vec::new();
        let mut after = String::new();
        for _ in 0..LISTS_MAX {
            let mut asked = vec![("fields", "page_label_name"), ("limit", LISTED_AT_ONCE)];
            if !after.is_empty() {
                asked.push(("after", after.as_str()));
            }
            let answer = self.ask(Method::GET, &path, token, &asked).await?;
            let list = answer["data"].as_array().ok_or_else(|| unreadable("Meta's answer has no list"))?;
            let label =
                |one: &Value| Some(Label { id: text(one, "id")?, name: text(one, "page_label_name")? });
            labels.extend(list.iter().filter_map(label));
            let paging = &answer["paging"];
            match text(&paging["cursors"], "after").filter(|_| paging.get("next").is_some()) {
                Some(next) if next != after => after = next,
                _ => break,
            }
        }
        Ok(labels)
    }

    /// Makes a label on a Page; gives its id.
    ///
    /// # Errors
    /// Meta does not make it.
    pub async fn make_label(
        &self,
        token: &SecretString,
        page: &PageId,
        name: &str,
    ) -> Result<String, Refused> {
        let path = format!("{page}/custom_labels");
        let answer = self.ask(Method::POST, &path, token, &[("page_label_name", name)]).await?;
        text(&answer, "id").ok_or_else(|| unreadable("Meta's answer has no id of the label"))
    }

    /// Takes a label off a person.
    ///
    /// # Errors
    /// Meta does not do it, or it can't be known.
    pub async fn take_label_off(
        &self,
        token: &SecretString,
        label_id: &str,
        psid: &PersonId,
    ) -> Result<(), Refused> {
        let path = format!("{label_id}/label");
        let answer = self.ask(Method::DELETE, &path, token, &[("user", psid.as_str())]).await?;
        match answer.get("success").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            _ => {
                Err(Refused { is_certain: false, ..unreadable("Meta's answer does not say that it is done") })
            }
        }
    }

    /// One call with parameters in its address, which may name a person and is shown to nobody.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: &SecretString,
        params: &[(&str, &str)],
    ) -> Result<Value, Refused> {
        let mut url = reqwest::Url::parse(&self.url(path, token))
            .map_err(|_| unreadable("graph_url and the ids make no address"))?;
        url.query_pairs_mut().extend_pairs(params);
        let request = self.client.request(method, url).bearer_auth(token.expose_secret());
        let lost = |words: &str| Refused { is_certain: false, again: true, ..unreadable(words) };
        let exchange = async {
            let mut response = request.send().await.map_err(|fault| Refused {
                is_certain: fault.is_connect(),
                ..lost(if fault.is_connect() { "Graph can't be reached" } else { "the connection broke" })
            })?;
            let status = response.status().as_u16();
            let mut bytes = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(|_| lost("the answer broke off"))? {
                if bytes.len() + piece.len() > ANSWER_MAX {
                    return Err(lost("the answer is longer than 1 MiB"));
                }
                bytes.extend_from_slice(&piece);
            }
            read(status, &bytes)
        };
        let answered = tokio::time::timeout(GRAPH_DEADLINE, exchange).await;
        answered.unwrap_or_else(|_| Err(lost("no answer in time")))
    }
}

fn read(status: u16, body: &[u8]) -> Result<Value, Refused> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let Some(answer) = answer.filter(Value::is_object) else {
        let words = format!("HTTP {status} without an answer of Graph");
        return Err(Refused { is_certain: false, again: true, ..unreadable(&words) });
    };
    let Some(error) = answer.get("error").filter(|error| error.is_object()) else {
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let words = format!("HTTP {status} without an error object of Graph");
        return Err(Refused { is_certain: false, again: true, ..unreadable(&words) });
    };
    let number = |key: &str| {
        let value = error.get(key)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    let (code, subcode) = (number("code"), number("error_subcode"));
    let words =
        ["error_user_msg", "message"].into_iter().find_map(|key| error.get(key).and_then(Value::as_str));
    // What is gone stays gone, and what Meta does not understand it won't understand later; everything else
    // may be mended: a token, a permission, a quota.
    let again = !matches!(code, Some(100 | 803)) && subcode != Some(2_018_344);
    Err(Refused {
        is_certain: true,
        again,
        code,
        subcode,
        words: words.unwrap_or("Meta refused it").chars().take(WORDS_MAX).collect(),
    })
}

fn unreadable(words: &str) -> Refused {
    Refused { is_certain: true, again: true, code: None, subcode: None, words: words.to_owned() }
}

/// A text, or a number as text.
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
    fn refusals_are_told_apart() {
        for (status, body, certain, again) in [
            (400, r#"{"error":{"code":100,"error_subcode":33,"message":"m"}}"#, true, false),
            (400, r#"{"error":{"code":2,"error_subcode":2018344,"message":"m"}}"#, true, false),
            (400, r#"{"error":{"code":"190","message":"m"}}"#, true, true),
            (200, r#"{"error":{"code":4,"message":"m"}}"#, true, true),
            (503, "<html>", false, true),
            (500, "{}", false, true),
        ] {
            let refused = read(status, body.as_bytes()).unwrap_err();
            assert_eq!((refused.is_certain, refused.again), (certain, again), "{status} {body}");
        }
        assert!(read(200, br#"{"success":true}"#).is_ok());
        let terms = read(400, br#"{"error":{"code":2,"error_subcode":2018344}}"#).unwrap_err();
        assert!(terms.to_string().contains("Page Contact Terms"));
    }
}
