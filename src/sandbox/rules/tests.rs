//! Each rule with at least one event that breaks it, as Meta's documentation and the reports describe it.

use serde_json::json;

use crate::sandbox::rules::*;

const NOW: i64 = 1_717_171_717;
const HASH: &str = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

/// The subcode, words of its source that its help must name, the good event to begin with, and what is changed in
/// it: JSON pointer and value.
type Row = (i64, &'static str, fn() -> Value, &'static [(&'static str, fn() -> Value)]);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (2_804_001, "Adsmurai client #6", website, &[("/user_data/fbc", || json!("fb.1.1717171000000."))]),
    (2_804_003, "Documented by Meta", messenger, &[("/event_time", || json!(NOW - 604_801))]),
    (2_804_003, "Documented by Meta", messenger, &[("/event_time", || json!(i64::MIN))]),
    (2_804_003, "Documented by Meta", in_store, &[("/event_time", || json!(NOW - 62 * 86_400 - 1))]),
    (2_804_004, "UNVERIFIED", messenger, &[("/event_time", || json!(NOW + 1))]),
    (2_804_008, "field reports", messenger, &[("/custom_data/contents", || json!([{"id": "B"}, {"quantity": 1}]))]),
    (2_804_009, "field reports", messenger, &[("/custom_data/value", || Value::Null)]),
    (2_804_010, "Adsmurai client #7", messenger, &[("/custom_data/currency", || Value::Null)]),
    (2_804_016, "java-business-sdk #421", website, &[("/user_data/ct", || json!("tbilisi"))]),
    (2_804_016, "java-business-sdk #421", messenger, &[("/user_data/em", || json!([HASH, "a@b.example"]))]),
    (2_804_023, "field reports", messenger, &[("/event_name", || json!("OrderCreated")), ("/custom_data/currency", || Value::Null)]),
    (2_804_030, "field reports", website, &[("/data_processing_options", || json!(["LDU"])), ("/data_processing_options_country", || json!(0)), ("/data_processing_options_state", || json!(1000))]),
    (2_804_043, "field reports", website, &[("/action_source", || json!("app")), ("/app_data", || json!({"extinfo": ["a2"]}))]),
    (2_804_050, "Documented by Meta", website, &[("/user_data", || json!({"fn": HASH, "ge": HASH}))]),
    (2_804_050, "Documented by Meta", website, &[("/user_data", || json!({"db": HASH}))]),
    (2_804_050, "Documented by Meta", messenger, &[("/user_data/page_scoped_user_id", || Value::Null)]),
    (2_804_063, "DEV.to", messenger, &[("/messaging_channel", || Value::Null)]),
    (2_804_063, "DEV.to", messenger, &[("/messaging_channel", || json!("telegram"))]),
    (2_804_064, "field reports", messenger, &[("/user_data/client_ip_address", || json!("203.0.113.7"))]),
    (2_804_064, "field reports", messenger, &[("/user_data/client_user_agent", || json!("Mozilla/5.0"))]),
    (2_804_065, "field reports", messenger, &[("/user_data/page_id", || json!("9"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("Lead"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("Contact"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("Schedule"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("Subscribe"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("CompleteRegistration"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("StartTrial"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("Search"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("my_own"))]),
    (2_804_066, "field reports", messenger, &[("/event_name", || json!("ReviewProvided"))]),
    (2_804_069, "field reports", messenger, &[("/user_data/page_id", || Value::Null), ("/user_data/whatsapp_business_account_id", || json!("5555"))]),
    (2_804_072, "field reports", whatsapp, &[("/user_data/page_id", || json!("11")), ("/user_data/ctwa_clid", || json!("ARAkLk"))]),
    (2_804_073, "field reports", messenger, &[("/user_data/page_scoped_user_id", || json!("3"))]),
    (2_804_075, "field reports", instagram, &[("/user_data/ig_sid", || Value::Null)]),
    (2_804_079, "field reports", instagram, &[("/user_data/ig_account_id", || Value::Null)]),
    (2_804_087, "field reports", whatsapp, &[("/user_data/ctwa_clid", || json!("unknown"))]),
    (2_804_087, "field reports", whatsapp, &[("/user_data/ctwa_clid", || Value::Null)]),
    (2_804_116, "DeskcommCRM #2098", messenger, &[("/user_data/page_id", || Value::Null)]),
    (2_804_116, "DeskcommCRM #2098", whatsapp, &[("/user_data/whatsapp_business_account_id", || Value::Null)]),
    (2_804_118, "field reports", whatsapp, &[("/user_data/whatsapp_business_account_id", || json!("6"))]),
];

/// Subcodes of a dataset to which no account of the channel is linked.
const UNLINKED: [(i64, fn() -> Value); 3] =
    [(2_804_131, messenger), (2_804_132, whatsapp), (2_804_133, instagram)];

fn messenger() -> Value {
    json!({"event_name": "Purchase", "event_time": NOW, "event_id": "e",
           "action_source": "business_messaging", "messaging_channel": "messenger",
           "user_data": {"page_id": "1", "page_scoped_user_id": "2"},
           "custom_data": {"value": 1.5, "currency": "GEL", "contents": [{"id": "BAG-1"}]}})
}

fn instagram() -> Value {
    let mut event = messenger();
    event["messaging_channel"] = json!("instagram");
    event["user_data"] = json!({"ig_account_id": "17", "ig_sid": "7"});
    event
}

fn whatsapp() -> Value {
    let mut event = messenger();
    event["messaging_channel"] = json!("whatsapp");
    event["user_data"] = json!({"whatsapp_business_account_id": "5555", "ctwa_clid": "ARAkLk"});
    event
}

fn website() -> Value {
    json!({"event_name": "Purchase", "event_time": NOW, "action_source": "website",
           "user_data": {"em": [HASH], "fbc": "fb.1.1717171000000.IwAR2F4d-_.x"},
           "custom_data": {"value": "12.50", "currency": "EUR"}})
}

fn in_store() -> Value {
    let mut event = website();
    event["action_source"] = json!("physical_store");
    event["event_time"] = json!(NOW - 62 * 86_400);
    event
}

fn links() -> Links {
    let mut links = Links::default();
    links.pages.extend([("1".into(), "d".into()), ("11".into(), "d".into()), ("9".into(), "other".into())]);
    links.whatsapp.extend([("5555".into(), "d".into()), ("6".into(), "other".into())]);
    links.instagram.insert("17".into(), "d".into());
    links.people.entry("1".into()).or_default().insert("2".into(), Value::Null);
    links.clicks.insert("ARAkLk".into(), "1".into());
    links.refused_names.entry("d".into()).or_default().insert("ReviewProvided".into());
    links
}

fn judge(event: &Value, links: &Links) -> Option<Refusal> {
    refuse(event, Origin { place: 3, dataset: "d", now: Timestamp::from_seconds(NOW) }, links)
}

fn put(event: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[key] = value;
}

#[test]
fn good_events_pass() {
    for good in [messenger, instagram, whatsapp, website, in_store] {
        assert_eq!(judge(&good(), &links()), None, "{}", good());
    }
    let mut week_old = messenger();
    put(&mut week_old, "/event_time", json!(NOW - 604_800));
    assert_eq!(judge(&week_old, &links()), None);
    let mut by_page = whatsapp();
    put(&mut by_page, "/user_data", json!({"page_id": "1", "ctwa_clid": "ARAkLk"}));
    assert_eq!(judge(&by_page, &links()), None);
    let mut app = website();
    put(&mut app, "/action_source", json!("app"));
    put(
        &mut app,
        "/app_data",
        json!({"extinfo": ["i2", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""]}),
    );
    assert_eq!(judge(&app, &links()), None);
}

#[test]
fn each_rule_refuses_its_violation_and_names_its_source() {
    for (subcode, basis, good, changes) in TABLE {
        let mut event = good();
        for (pointer, value) in *changes {
            put(&mut event, pointer, value());
        }
        let refusal = judge(&event, &links()).unwrap_or_else(|| panic!("{subcode} took {event}"));
        assert_eq!((refusal.code, refusal.subcode), (100, Some(*subcode)), "{event}");
        assert!(refusal.field.unwrap().starts_with("data[3]["), "{subcode}");
        let known = known(*subcode);
        assert!(known.help().contains(basis) && !known.title.is_empty(), "{subcode}: {known:?}");
    }
}

#[test]
fn a_dataset_without_links_says_so() {
    for (subcode, event) in UNLINKED {
        let refusal = judge(&event(), &Links::default()).unwrap();
        assert_eq!(refusal.subcode, Some(subcode));
    }
}

#[test]
fn people_and_clicks_are_judged_only_where_some_are_known() {
    let mut links = links();
    links.people.clear();
    links.clicks.clear();
    for event in [messenger(), whatsapp()] {
        assert_eq!(judge(&event, &links), None);
    }
}

#[test]
fn every_rule_is_tried() {
    let tried = TABLE.iter().map(|(subcode, ..)| *subcode).chain(UNLINKED.map(|(subcode, _)| subcode));
    let tried: std::collections::BTreeSet<i64> = tried.chain(UNTITLED).collect();
    let listed: std::collections::BTreeSet<i64> = all().filter_map(|known| known.subcode).collect();
    assert_eq!(tried, listed);
    for subcode in UNTITLED {
        assert!(known(subcode).help().contains("UNVERIFIED"));
    }
}

#[test]
fn the_shape_is_judged_first() {
    #[rustfmt::skip]
    let rows: [(&str, Value, &str); 7] = [
        ("/order", json!(1), "unexpected key \"order\""),
        ("/event_name", Value::Null, "event_name is required"),
        ("/event_time", json!("2026-11-23"), "event_time must be an integer"),
        ("/user_data", Value::Null, "user_data is required"),
        ("/action_source", json!("telepathy"), "action_source must be"),
        ("/custom_data/value", json!(-1), "custom_data.value must be"),
        ("/custom_data/currency", json!("₾"), "custom_data.currency must be"),
    ];
    for (pointer, value, words) in rows {
        let mut event = messenger();
        put(&mut event, pointer, value);
        let refusal = judge(&event, &links()).unwrap();
        assert_eq!((refusal.code, refusal.subcode), (100, None));
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
}
