//! The shape of an event: members that must be there, and members that Graph does not know.

use serde_json::Value;

/// Every member that an event may have (Meta's documentation of server event parameters).
const KEYS: [&str; 19] = [
    "event_name",
    "event_time",
    "event_id",
    "event_source_url",
    "action_source",
    "referrer_url",
    "opt_out",
    "user_data",
    "custom_data",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "original_event_data",
    "attribution_data",
    "messaging_channel",
    "customer_segmentation",
    "app_data",
    "extinfo",
    "advanced_measurement_table",
];

/// Every value of `action_source` (Meta's documentation of server event parameters).
const ACTION_SOURCES: [&str; 9] = [
    "email",
    "website",
    "app",
    "phone_call",
    "chat",
    "physical_store",
    "system_generated",
    "business_messaging",
    "other",
];

/// What is wrong with the shape of an event, as words for the refusal; `None` if it is right.
pub(super) fn fault(event: &Value) -> Option<String> {
    let Some(members) = event.as_object() else { return Some("an event must be an object".to_owned()) };
    if let Some(key) = members.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Some(format!("unexpected key \"{key}\""));
    }
    if event["event_name"].as_str().is_none_or(str::is_empty) {
        return Some("event_name is required".to_owned());
    }
    if !event["event_time"].is_i64() {
        return Some("event_time must be an integer".to_owned());
    }
    if !event["user_data"].is_object() {
        return Some("user_data is required".to_owned());
    }
    if !event["action_source"].as_str().is_some_and(|source| ACTION_SOURCES.contains(&source)) {
        return Some("action_source must be one of the documented sources".to_owned());
    }
    let value = &event["custom_data"]["value"];
    let amount = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    if !value.is_null() && !amount.is_some_and(|amount| amount >= 0.0) {
        return Some("custom_data.value must be a number of at least 0".to_owned());
    }
    let currency = &event["custom_data"]["currency"];
    let is_code = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if !currency.is_null() && !currency.as_str().is_some_and(is_code) {
        return Some("custom_data.currency must be a code of three letters".to_owned());
    }
    None
}
