//! Meta's rules for one messaging event, as a table: the subcode, on what it rests, and the test.

use serde_json::Value;

use crate::clock::Timestamp;

/// The names that messaging events may bear.
const NAMES: [&str; 14] = [
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

const SEVEN_DAYS: i64 = 7 * 24 * 60 * 60;

struct Case<'a> {
    event: &'a Value,
    linked: bool,
    now: i64,
}

struct Rule {
    subcode: i64,
    basis: &'static str,
    is_broken: fn(&Case<'_>) -> bool,
}

const DOCUMENTED: &str = "documented by Meta";
const FIELD: &str = "known from field reports only, not documented by Meta";

const RULES: [Rule; 12] = [
    Rule { subcode: 2_804_063, basis: FIELD, is_broken: |case| case.event["messaging_channel"].is_null() },
    Rule { subcode: 2_804_116, basis: FIELD, is_broken: |case| no_account(case.event) },
    Rule { subcode: 2_804_069, basis: FIELD, is_broken: |case| case.event["user_data"]["page_id"].is_null() },
    Rule { subcode: 2_804_065, basis: FIELD, is_broken: |case| !case.linked },
    Rule { subcode: 2_804_066, basis: FIELD, is_broken: |case| !NAMES.contains(&name(case.event)) },
    Rule { subcode: 2_804_064, basis: FIELD, is_broken: |case| names_a_browser(case.event) },
    Rule {
        subcode: 2_804_003,
        basis: DOCUMENTED,
        is_broken: |case| case.now - time(case.event) > SEVEN_DAYS,
    },
    Rule { subcode: 2_804_004, basis: FIELD, is_broken: |case| time(case.event) > case.now },
    Rule { subcode: 2_804_009, basis: FIELD, is_broken: |case| is_purchase_without(case.event, "value") },
    Rule { subcode: 2_804_010, basis: FIELD, is_broken: |case| is_purchase_without(case.event, "currency") },
    Rule { subcode: 2_804_023, basis: FIELD, is_broken: |case| value_without_currency(case.event) },
    Rule { subcode: 2_804_008, basis: FIELD, is_broken: |case| has_nameless_content(case.event) },
];

/// The subcode of the first rule that an event breaks; `linked`: its Page is linked to the dataset.
pub(super) fn broken(event: &Value, linked: bool, now: Timestamp) -> Option<i64> {
    let case = Case { event, linked, now: now.seconds() };
    RULES.iter().find(|rule| (rule.is_broken)(&case)).map(|rule| rule.subcode)
}

/// What is known about a subcode.
pub(super) fn help(subcode: i64) -> String {
    let basis = RULES.iter().find(|rule| rule.subcode == subcode).map_or(DOCUMENTED, |rule| rule.basis);
    format!("Subcode {subcode}: {basis}.")
}

fn name(event: &Value) -> &str {
    event["event_name"].as_str().unwrap_or_default()
}

fn time(event: &Value) -> i64 {
    event["event_time"].as_i64().unwrap_or_default()
}

fn no_account(event: &Value) -> bool {
    event["user_data"]["page_id"].is_null() && event["user_data"]["whatsapp_business_account_id"].is_null()
}

fn names_a_browser(event: &Value) -> bool {
    !event["user_data"]["client_ip_address"].is_null() || !event["user_data"]["client_user_agent"].is_null()
}

fn is_purchase_without(event: &Value, key: &str) -> bool {
    name(event) == "Purchase" && event["custom_data"][key].is_null()
}

fn value_without_currency(event: &Value) -> bool {
    !event["custom_data"]["value"].is_null() && event["custom_data"]["currency"].is_null()
}

fn has_nameless_content(event: &Value) -> bool {
    event["custom_data"]["contents"]
        .as_array()
        .is_some_and(|lines| lines.iter().any(|line| line["id"].is_null()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_717_171_717);

    fn good() -> Value {
        json!({"event_name": "Purchase", "event_time": 1_717_171_717, "event_id": "e",
               "action_source": "business_messaging", "messaging_channel": "messenger",
               "user_data": {"page_id": "1", "page_scoped_user_id": "2"},
               "custom_data": {"value": 1.5, "currency": "GEL", "contents": [{"id": "BAG-1"}]}})
    }

    #[test]
    fn each_rule_refuses_its_violation() {
        assert_eq!(broken(&good(), true, NOW), None);
        assert_eq!(broken(&good(), false, NOW), Some(2_804_065));
        let cases = [
            (2_804_003, "/event_time", json!(1_717_171_717 - 604_801)),
            (2_804_004, "/event_time", json!(1_717_171_718)),
            (2_804_008, "/custom_data/contents/0/id", Value::Null),
            (2_804_009, "/custom_data/value", Value::Null),
            (2_804_010, "/custom_data/currency", Value::Null),
            (2_804_063, "/messaging_channel", Value::Null),
            (2_804_066, "/event_name", json!("Lead")),
            (2_804_116, "/user_data/page_id", Value::Null),
        ];
        for (subcode, pointer, value) in cases {
            let mut event = good();
            *event.pointer_mut(pointer).unwrap() = value;
            assert_eq!(broken(&event, true, NOW), Some(subcode), "{pointer}");
        }
        let mut with_browser = good();
        with_browser["user_data"]["client_ip_address"] = json!("203.0.113.7");
        assert_eq!(broken(&with_browser, true, NOW), Some(2_804_064));
    }

    #[test]
    fn seven_days_are_exact_to_a_second() {
        let mut event = good();
        event["event_time"] = json!(1_717_171_717 - 604_800);
        assert_eq!(broken(&event, true, NOW), None);
    }
}
