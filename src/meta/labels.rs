//! Graph's calls about the labels of a Page's inbox (Meta's documentation of custom labels).

use reqwest::Method;
use secrecy::SecretString;
use serde_json::Value;

use crate::domain::basic::identity::{PageId, PersonId};
use crate::meta::call::{CallFailure, text};
use crate::meta::events::graph::Graph;

/// Labels that one call lists.
const LABELS_PER_CALL: &str = "100";

/// Calls that list the labels of one Page, so that an answer that always has a next page ends too.
const LIST_CALLS_MAX: usize = 50;

/// A label of a Page's inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Meta's id of the label, a decimal string.
    pub id: String,
    /// The name that people see: `page_label_name`.
    pub name: String,
}

impl Graph {
    /// The name of a label; webhooks may bring only its id.
    ///
    /// # Errors
    /// The call failed, or its answer has no name.
    pub async fn label_name(&self, token: &SecretString, label_id: &str) -> Result<String, CallFailure> {
        let answer = self.call(Method::GET, label_id, token, &[("fields", "page_label_name")]).await?;
        text(&answer, "page_label_name")
            .ok_or_else(|| CallFailure::not_done("Meta's answer has no name of the label"))
    }

    /// All labels of a Page, over as many calls as it takes.
    ///
    /// # Errors
    /// A call failed, or its answer has no list.
    pub async fn labels(&self, token: &SecretString, page: &PageId) -> Result<Vec<Label>, CallFailure> {
        let path = format!("{page}/custom_labels");
        let mut labels = Vec::new();
        let mut after = String::new();
        for _ in 0..LIST_CALLS_MAX {
            let mut params = vec![("fields", "page_label_name"), ("limit", LABELS_PER_CALL)];
            if !after.is_empty() {
                params.push(("after", after.as_str()));
            }
            let answer = self.call(Method::GET, &path, token, &params).await?;
            let list = answer["data"]
                .as_array()
                .ok_or_else(|| CallFailure::not_done("Meta's answer has no list"))?;
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

    /// Makes a label on a Page, and returns its id.
    ///
    /// # Errors
    /// The call failed, or its answer has no id.
    pub async fn make_label(
        &self,
        token: &SecretString,
        page: &PageId,
        name: &str,
    ) -> Result<String, CallFailure> {
        let path = format!("{page}/custom_labels");
        let answer = self.call(Method::POST, &path, token, &[("page_label_name", name)]).await?;
        text(&answer, "id").ok_or_else(|| CallFailure::not_done("Meta's answer has no id of the label"))
    }

    /// Takes a label off a person.
    ///
    /// # Errors
    /// The call failed, or nobody can know whether it was carried out: see [`CallFailure::is_certain`].
    pub async fn take_label_off(
        &self,
        token: &SecretString,
        label_id: &str,
        psid: &PersonId,
    ) -> Result<(), CallFailure> {
        let path = format!("{label_id}/label");
        let answer = self.call(Method::DELETE, &path, token, &[("user", psid.as_str())]).await?;
        match answer.get("success").and_then(Value::as_bool) {
            Some(true) => Ok(()),
            _ => Err(CallFailure::unknown("Meta's answer does not say that it is done")),
        }
    }
}
