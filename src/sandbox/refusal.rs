//! Graph's error object.

use serde_json::json;

use crate::sandbox::reply::Reply;
use crate::sandbox::{codes, rules};

/// On what our knowledge of a rule or code rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// Meta's documentation has it.
    Documented,
    /// One public report has it.
    Reported(&'static str),
    /// Several field reports or third-party code have it.
    Field,
    /// Somebody names it, and nobody says what it means.
    Unverified,
}

impl Basis {
    /// A sentence for the person who reads the answer.
    pub(super) fn words(self) -> String {
        match self {
            Self::Documented => "Documented by Meta.".to_owned(),
            Self::Reported(place) => {
                format!("Known from a public report ({place}) only, not documented by Meta.")
            }
            Self::Field => "Known from field reports only, not documented by Meta.".to_owned(),
            Self::Unverified => "UNVERIFIED: no authoritative source is known.".to_owned(),
        }
    }
}

/// A request that Graph refuses as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) subcode: Option<i64>,
    pub(super) is_transient: bool,
    pub(super) message: String,
    /// The field at fault, such as `data[0][event_time]`.
    pub(super) field: Option<String>,
}

impl Refusal {
    /// A lasting one with HTTP 400, as nearly all are.
    pub(super) fn new(code: i64, subcode: Option<i64>, message: impl Into<String>) -> Self {
        Self { status: 400, code, subcode, is_transient: false, message: message.into(), field: None }
    }

    /// An object that Graph does not know.
    pub(super) fn unknown_object(what: &str) -> Self {
        let message = format!("(#803) Some of the aliases you requested do not exist: {what}");
        Self { status: 404, ..Self::new(803, None, message) }
    }

    /// The answer.
    pub(super) fn reply(&self, trace: &str) -> Reply {
        let mut error = json!({
            "message": self.message, "type": "OAuthException", "code": self.code,
            "is_transient": self.is_transient, "fbtrace_id": trace,
        });
        let known = match self.subcode {
            Some(subcode) if rules::is_of_events(subcode) => Some(rules::words(subcode)),
            subcode => codes::words(self.code, subcode),
        };
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = json!(subcode);
        }
        if let Some((title, help)) = known {
            error["error_user_title"] = json!(title);
            error["error_user_msg"] = json!(help);
        }
        if let Some(field) = &self.field {
            error["error_data"] = json!({"blame_field_specs": [[field]]});
        }
        Reply::json(self.status, &json!({ "error": error }))
    }
}
