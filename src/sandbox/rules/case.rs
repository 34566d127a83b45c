//! The test of each rule: whether one event breaks it, given what Meta knows of its dataset, Page and person.

use std::collections::HashMap;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::sandbox::links::Links;

/// The names that messaging events may have (Meta's documentation of the Conversions API for Business Messaging).
const MESSAGING_NAMES: [&str; 14] = [
    "Purchase",
    "LeadSubmitted",
    "InitiateCheckout",
    "AddToCart",
    "ViewContent",
    "OrderCreated",
    "OrderShipped",
    "OrderDelivered",
    "OrderCanceled",
    "OrderReturned",
    "CartAbandoned",
    "QualifiedLead",
    "RatingProvided",
    "ReviewProvided",
];

/// Members of `user_data` that Meta takes as SHA-256 only (Meta's documentation of customer information parameters).
const HASHED: [&str; 16] = [
    "em", "ph", "fn", "ln", "fi", "f5first", "f5last", "db", "doby", "dobm", "dobd", "ge", "ct", "st", "zp",
    "country",
];

/// Members of `user_data` that name the shop's account, not the person.
const ACCOUNT_KEYS: [&str; 4] =
    ["page_id", "whatsapp_business_account_id", "ig_account_id", "instagram_business_account_id"];

/// Members of `user_data` that do not find a person: each row is too little, whole or in part (Meta's documentation of
/// customer information parameters).
const TOO_LITTLE: [&[&str]; 4] = [
    &["ct", "country", "st", "zp", "ge", "client_user_agent"],
    &["db", "client_user_agent"],
    &["fn", "ge"],
    &["ln", "ge"],
];

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// One event with all that its rules look at.
pub(super) struct Case<'a> {
    pub(super) event: &'a Value,
    pub(super) dataset: &'a str,
    pub(super) links: &'a Links,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    fn event_name(&self) -> &str {
        text(&self.event["event_name"])
    }

    /// `event_time` in Unix seconds.
    fn event_time(&self) -> i64 {
        self.event["event_time"].as_i64().unwrap_or_default()
    }

    /// A member of `user_data`; empty when it is absent.
    fn user_data(&self, key: &str) -> &str {
        text(&self.event["user_data"][key])
    }

    /// A member of `custom_data`; `Value::Null` when it is absent.
    fn custom_data(&self, key: &str) -> &Value {
        &self.event["custom_data"][key]
    }

    /// Whether it is a messaging event on this channel.
    fn is_on(&self, channel: &str) -> bool {
        is_messaging(self) && text(&self.event["messaging_channel"]) == channel
    }

    /// The Page that a Messenger or WhatsApp event names; empty when it names none.
    fn page(&self) -> &str {
        if self.is_on("messenger") || self.is_on("whatsapp") { self.user_data("page_id") } else { "" }
    }

    /// The WhatsApp account that a WhatsApp event names; empty when it names none.
    fn whatsapp(&self) -> &str {
        if self.is_on("whatsapp") { self.user_data("whatsapp_business_account_id") } else { "" }
    }

    fn dataset_has_none_of(&self, links: &HashMap<String, String>) -> bool {
        !links.values().any(|dataset| dataset == self.dataset)
    }

    fn is_linked(&self, links: &HashMap<String, String>, account: &str) -> bool {
        links.get(account).is_some_and(|dataset| dataset == self.dataset)
    }
}

/// The text that a value is; empty for any other value.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_messaging(case: &Case<'_>) -> bool {
    text(&case.event["action_source"]) == "business_messaging"
}

pub(super) fn has_no_channel(case: &Case<'_>) -> bool {
    is_messaging(case) && !["messenger", "instagram", "whatsapp"].iter().any(|channel| case.is_on(channel))
}

pub(super) fn names_no_account(case: &Case<'_>) -> bool {
    let wants_one = case.is_on("messenger") || case.is_on("whatsapp");
    wants_one
        && case.user_data("page_id").is_empty()
        && case.user_data("whatsapp_business_account_id").is_empty()
}

pub(super) fn names_no_page(case: &Case<'_>) -> bool {
    case.is_on("messenger") && case.user_data("page_id").is_empty()
}

pub(super) fn names_no_ig_account(case: &Case<'_>) -> bool {
    case.is_on("instagram") && case.user_data("ig_account_id").is_empty()
}

pub(super) fn names_no_ig_person(case: &Case<'_>) -> bool {
    case.is_on("instagram") && case.user_data("ig_sid").is_empty()
}

pub(super) fn dataset_has_no_page(case: &Case<'_>) -> bool {
    !case.page().is_empty() && case.dataset_has_none_of(&case.links.pages)
}

pub(super) fn page_is_of_another_dataset(case: &Case<'_>) -> bool {
    !case.page().is_empty() && !case.is_linked(&case.links.pages, case.page())
}

pub(super) fn dataset_has_no_whatsapp(case: &Case<'_>) -> bool {
    !case.whatsapp().is_empty() && case.dataset_has_none_of(&case.links.whatsapp)
}

pub(super) fn whatsapp_is_of_another_dataset(case: &Case<'_>) -> bool {
    !case.whatsapp().is_empty() && !case.is_linked(&case.links.whatsapp, case.whatsapp())
}

pub(super) fn instagram_is_not_linked(case: &Case<'_>) -> bool {
    case.is_on("instagram") && !case.is_linked(&case.links.instagram, case.user_data("ig_account_id"))
}

pub(super) fn name_is_refused(case: &Case<'_>) -> bool {
    let refused = case.links.refused_names.get(case.dataset);
    is_messaging(case)
        && (!MESSAGING_NAMES.contains(&case.event_name())
            || refused.is_some_and(|names| names.contains(case.event_name())))
}

pub(super) fn names_a_browser(case: &Case<'_>) -> bool {
    let person = &case.event["user_data"];
    is_messaging(case) && !(person["client_ip_address"].is_null() && person["client_user_agent"].is_null())
}

pub(super) fn click_is_invalid(case: &Case<'_>) -> bool {
    let click = case.user_data("ctwa_clid");
    let is_known = case.links.clicks.is_empty() || case.links.clicks.contains_key(click);
    case.is_on("whatsapp") && !(is_word(click) && is_known)
}

pub(super) fn click_is_of_another_page(case: &Case<'_>) -> bool {
    let page_of_click = case.links.clicks.get(case.user_data("ctwa_clid"));
    !case.page().is_empty() && page_of_click.is_some_and(|page| page != case.page())
}

pub(super) fn person_is_of_another_page(case: &Case<'_>) -> bool {
    let psid = case.user_data("page_scoped_user_id");
    let known = case.links.people.get(case.user_data("page_id"));
    case.is_on("messenger") && !psid.is_empty() && known.is_some_and(|people| !people.contains_key(psid))
}

pub(super) fn is_of_a_restricted_region(case: &Case<'_>) -> bool {
    let ids = [case.user_data("page_id"), case.user_data("page_scoped_user_id")];
    is_messaging(case) && ids.iter().any(|id| case.links.restricted.contains(*id))
}

pub(super) fn is_too_old(case: &Case<'_>) -> bool {
    let days = if text(&case.event["action_source"]) == "physical_store" { 62 } else { 7 };
    case.now.seconds().saturating_sub(case.event_time()) > days * DAY
}

pub(super) fn is_in_the_future(case: &Case<'_>) -> bool {
    case.event_time() > case.now.seconds()
}

pub(super) fn is_purchase_without_value(case: &Case<'_>) -> bool {
    case.event_name() == "Purchase" && case.custom_data("value").is_null()
}

pub(super) fn is_purchase_without_currency(case: &Case<'_>) -> bool {
    case.event_name() == "Purchase" && case.custom_data("currency").is_null()
}

pub(super) fn has_value_without_currency(case: &Case<'_>) -> bool {
    !case.custom_data("value").is_null() && case.custom_data("currency").is_null()
}

pub(super) fn has_content_without_id(case: &Case<'_>) -> bool {
    let lines = case.custom_data("contents").as_array();
    lines.is_some_and(|lines| lines.iter().any(|line| line["id"].is_null() || line["id"] == ""))
}

pub(super) fn click_id_is_malformed(case: &Case<'_>) -> bool {
    let fbc = &case.event["user_data"]["fbc"];
    let mut parts = text(fbc).splitn(4, '.');
    let mut next = || parts.next().unwrap_or_default();
    let is_right =
        next() == "fb" && is_digits(next(), 1) && is_digits(next(), 13) && is_word(&next().replace('.', "-"));
    !fbc.is_null() && !is_right
}

pub(super) fn has_unhashed_person(case: &Case<'_>) -> bool {
    let is_hash = |value: &Value| {
        let text = text(value);
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    HASHED.iter().any(|key| match &case.event["user_data"][*key] {
        Value::Null => false,
        Value::Array(values) => !values.iter().all(is_hash),
        value => !is_hash(value),
    })
}

pub(super) fn has_too_little_of_the_person(case: &Case<'_>) -> bool {
    let given: Vec<&str> = case.event["user_data"].as_object().map_or_else(Vec::new, |person| {
        let is_given =
            |value: &Value| !(value.is_null() || value == "" || value == &Value::Array(Vec::new()));
        let given = person.iter().filter(|(_, value)| is_given(value)).map(|(key, _)| key.as_str());
        given.filter(|key| !ACCOUNT_KEYS.contains(key)).collect()
    });
    TOO_LITTLE.iter().any(|row| given.iter().all(|key| row.contains(key)))
}

pub(super) fn limited_use_is_inconsistent(case: &Case<'_>) -> bool {
    let options = case.event["data_processing_options"].as_array();
    let is_limited = options.is_some_and(|options| options.iter().any(|option| option == "LDU"));
    let country = case.event["data_processing_options_country"].as_i64();
    let state = case.event["data_processing_options_state"].as_i64();
    is_limited && !matches!((country, state), (Some(0), Some(0)) | (Some(1), Some(0 | 1000..)))
}

pub(super) fn device_is_invalid(case: &Case<'_>) -> bool {
    let device = &case.event["app_data"]["extinfo"];
    let is_right = device.as_array().is_some_and(|slots| {
        slots.len() == 16 && slots.first().is_some_and(|slot| slot == "a2" || slot == "i2")
    });
    (text(&case.event["action_source"]) == "app" || !device.is_null()) && !is_right
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is one or more ASCII letters, digits, `-` and `_`.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
