//! Graph's error object: a refusal as JSON, with the title and help of what is known of its codes.

use serde_json::json;

use crate::sandbox::known_error::KnownError;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::reply::Reply;
use crate::sandbox::{codes, rules};

/// The answer to a refused request; `trace` is its `fbtrace_id`.
pub(super) fn reply(refusal: &Refusal, trace: &str) -> Reply {
    let mut error = json!({
        "message": refusal.message, "type": "OAuthException", "code": refusal.code,
        "is_transient": refusal.is_transient, "fbtrace_id": trace,
    });
    if let Some(subcode) = refusal.subcode {
        error["error_subcode"] = json!(subcode);
    }
    if let Some(known) = known(refusal) {
        error["error_user_title"] = json!(known.title);
        error["error_user_msg"] = json!(known.help());
    }
    if let Some(field) = &refusal.field {
        error["error_data"] = json!({"blame_field_specs": [[field]]});
    }
    Reply::json(refusal.status, &json!({ "error": error }))
}

fn known(refusal: &Refusal) -> Option<KnownError> {
    match refusal.subcode {
        Some(subcode) if rules::is_of_events(subcode) => Some(rules::known(subcode)),
        subcode => codes::known(refusal.code, subcode),
    }
}
