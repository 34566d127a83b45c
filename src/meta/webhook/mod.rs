//! What a webhook body says, in our own words. Nothing in it can stop the events beside it.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::vocabulary::arrival::{Arrival, Author, Channel, Delivery, Referral, What};
use crate::vocabulary::identity::{PageId, Psid};

/// Texts are kept up to so many characters.
const TEXT_MAX: usize = 20_000;

/// Meta's own inbox, in both spellings that are seen: what it echoes was typed by a human.
const INBOXES: [&str; 2] = ["26390203743090", "263902037430900"];

/// The body is no webhook of Meta's; the text tells its shape and never its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Reads a body.
///
/// # Errors
/// When the whole body is no webhook. A single event that is not understood is kept, not an error.
pub fn read(body: &[u8]) -> Result<Delivery, Unreadable> {
    let json: Value = serde_json::from_slice(body)
        .or_else(|first| serde_json::from_slice(&mend(body)).map_err(|_| first))
        .map_err(|fault| {
            Unreadable(format!(
                "not JSON ({:?}) at line {}, column {} of {} bytes",
                fault.classify(),
                fault.line(),
                fault.column(),
                body.len()
            ))
        })?;
    let Some(object) = json.get("object").and_then(Value::as_str) else {
        return Err(Unreadable("JSON without an `object`".to_owned()));
    };
    let Some(entries) = json.get("entry").and_then(Value::as_array) else {
        return Err(Unreadable("JSON without a list of `entry`".to_owned()));
    };
    let mut delivery = Delivery::default();
    let channel = match object {
        "page" => Channel::Messenger,
        "instagram" => Channel::Instagram,
        _ => {
            let kind = format!("object:{}", word(object));
            delivery.kept = entries.iter().map(|_| (PageId::from(""), kind.clone())).collect();
            return Ok(delivery);
        }
    };
    for entry in entries {
        read_entry(channel, entry, &mut delivery);
    }
    Ok(delivery)
}

fn read_entry(channel: Channel, entry: &Value, delivery: &mut Delivery) {
    let Some(page_id) = entry.get("id").and_then(id).map(PageId::from) else {
        delivery.kept.push((PageId::from(""), "malformed".to_owned()));
        return;
    };
    let time = entry.get("time").and_then(moment);
    let mut seen = false;
    for list in ["messaging", "standby"].into_iter().filter_map(|key| entry.get(key)) {
        seen = true;
        let Some(items) = list.as_array() else {
            delivery.kept.push((page_id.clone(), "malformed".to_owned()));
            continue;
        };
        for item in items {
            match read_item(&page_id, channel, time, item) {
                Ok(arrival) => delivery.arrivals.push(arrival),
                Err(kind) => delivery.kept.push((page_id.clone(), kind.to_owned())),
            }
        }
    }
    for (key, is_field) in [("changes", false), ("changed_fields", true)] {
        let Some(list) = entry.get(key) else { continue };
        seen = true;
        let Some(changes) = list.as_array() else {
            delivery.kept.push((page_id.clone(), "malformed".to_owned()));
            continue;
        };
        for change in changes {
            let field = if is_field { Some(change) } else { change.get("field") };
            let kind = match field.and_then(Value::as_str) {
                Some(field) => format!("change:{}", word(field)),
                None => "malformed".to_owned(),
            };
            delivery.kept.push((page_id.clone(), kind));
        }
    }
    if !seen {
        delivery.kept.push((page_id, "unknown".to_owned()));
    }
}

/// One event, or the word it is kept under.
fn read_item(
    page_id: &PageId,
    channel: Channel,
    entry_time: Option<Timestamp>,
    item: &Value,
) -> Result<Arrival, &'static str> {
    const MALFORMED: &str = "malformed";
    if !item.is_object() {
        return Err(MALFORMED);
    }
    let present = |key: &str| item.get(key).filter(|value| !value.is_null());
    let mut from = "sender";
    let (what, referral) = if let Some(message) = present("message") {
        if !message.is_object() {
            return Err(MALFORMED);
        }
        if is_true(message, "is_deleted") {
            return Err("deleted");
        }
        let mut author = Author::Customer;
        if is_true(message, "is_echo") {
            from = "recipient";
            author = match message.get("app_id").and_then(id) {
                Some(app) if !INBOXES.contains(&app.as_str()) => Author::App,
                _ => Author::Operator,
            };
        }
        let attachments = message.get("attachments").and_then(Value::as_array).into_iter().flatten();
        let what = What::Message {
            mid: Some(text(message, "mid").ok_or(MALFORMED)?),
            author,
            text: text(message, "text"),
            attachments: attachments
                .map(|one| one.get("type").and_then(Value::as_str).map_or_else(|| word(""), word))
                .collect(),
        };
        (what, message.get("referral").or_else(|| item.get("referral")).and_then(referral))
    } else if let Some(postback) = present("postback") {
        if !postback.is_object() {
            return Err(MALFORMED);
        }
        let what = What::Message {
            mid: text(postback, "mid"),
            author: Author::Customer,
            text: text(postback, "title"),
            attachments: Vec::new(),
        };
        (what, postback.get("referral").or_else(|| item.get("referral")).and_then(referral))
    } else if let Some(led) = present("referral") {
        if !led.is_object() {
            return Err(MALFORMED);
        }
        (What::Referral, referral(led))
    } else {
        return Err(kind_of(item));
    };
    let person = item.get(from);
    let Some(psid) = person.and_then(|person| person.get("id")).and_then(id) else {
        let by_reference = person.is_some_and(|person| person.get("user_ref").is_some());
        return Err(if by_reference { "user_ref" } else { MALFORMED });
    };
    let at = match present("timestamp") {
        Some(timestamp) => moment(timestamp),
        None => entry_time,
    };
    let at = at.ok_or(MALFORMED)?;
    Ok(Arrival { page_id: page_id.clone(), channel, psid: Psid(psid), at, what, referral })
}

/// The word for an event that is not projected.
fn kind_of(item: &Value) -> &'static str {
    [
        ("read", "read"),
        ("delivery", "delivery"),
        ("reaction", "reaction"),
        ("message_edit", "edit"),
        ("optin", "optin"),
        ("pass_thread_control", "handover"),
        ("take_thread_control", "handover"),
        ("request_thread_control", "handover"),
        ("app_roles", "handover"),
    ]
    .into_iter()
    .find(|(key, _)| item.get(*key).is_some())
    .map_or("unknown", |(_, kind)| kind)
}

fn referral(json: &Value) -> Option<Referral> {
    let found = Referral {
        ad_id: json.get("ad_id").and_then(id),
        r#ref: text(json, "ref"),
        source: text(json, "source"),
        kind: text(json, "type"),
        ad_title: json.get("ads_context_data").and_then(|context| text(context, "ad_title")),
    };
    (found != Referral::default()).then_some(found)
}

fn is_true(json: &Value, key: &str) -> bool {
    json.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A text without NUL, which `PostgreSQL` does not take, and cut to its length.
fn text(json: &Value, key: &str) -> Option<String> {
    let text: String =
        json.get(key)?.as_str()?.chars().filter(|letter| *letter != '\0').take(TEXT_MAX).collect();
    (!text.is_empty()).then_some(text)
}

/// An id, as a string or a number.
fn id(json: &Value) -> Option<String> {
    let id = match json {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64()?.to_string(),
        _ => return None,
    };
    let plain = (1..=100).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then_some(id)
}

/// A time in milliseconds or, when it is small, in seconds.
fn moment(json: &Value) -> Option<Timestamp> {
    let number = json.as_i64().or_else(|| json.as_str()?.parse().ok())?;
    match number {
        0..100_000_000_000 => Some(Timestamp::from_seconds(number)),
        100_000_000_000..100_000_000_000_000 => Some(Timestamp::from_millis(number)),
        _ => None,
    }
}

/// A word of Meta's format; anything that does not look like one is `unknown`.
fn word(text: &str) -> String {
    let plain = (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain { text.to_owned() } else { "unknown".to_owned() }
}

/// Escapes of half a surrogate pair, which no string can hold, become `\ufffd`.
fn mend(body: &[u8]) -> Vec<u8> {
    let unit = |at: usize| -> Option<u32> {
        let escape = body.get(at..at + 6)?;
        let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut mended = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        let taken = if body[at] == b'\\' {
            match unit(at) {
                Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
                Some(0xd800..=0xdfff) => {
                    mended.extend_from_slice(b"\\ufffd");
                    at += 6;
                    continue;
                }
                Some(_) => 6,
                None => 2,
            }
        } else {
            1
        };
        let end = body.len().min(at + taken);
        mended.extend_from_slice(&body[at..end]);
        at = end;
    }
    mended
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(items: &str) -> Delivery {
        let body = format!(
            r#"{{"object":"page","entry":[{{"id":1111111111,"time":"1717171717","messaging":[{items}]}}]}}"#
        );
        read(body.as_bytes()).unwrap()
    }

    fn message(fields: &str) -> String {
        format!(r#"{{"sender":{{"id":"22"}},"recipient":{{"id":"33"}},"message":{{"mid":"m_1",{fields}}}}}"#)
    }

    #[test]
    fn authors_of_echoes() {
        for (app, author, psid) in [
            (r#""is_echo":true"#, Author::Operator, "33"),
            (r#""is_echo":true,"app_id":26390203743090"#, Author::Operator, "33"),
            (r#""is_echo":true,"app_id":"263902037430900""#, Author::Operator, "33"),
            (r#""is_echo":true,"app_id":1517776481860111"#, Author::App, "33"),
            (r#""text":"hi""#, Author::Customer, "22"),
        ] {
            let arrival = page(&message(app)).arrivals.remove(0);
            assert_eq!((arrival.psid.as_str(), arrival.at.seconds()), (psid, 1_717_171_717));
            assert!(matches!(arrival.what, What::Message { author: found, .. } if found == author), "{app}");
        }
    }

    #[test]
    fn neighbours_of_the_malformed_survive() {
        let delivery =
            page(&format!(r#"7,{},{{"read":{{}}}},{{"x":1}}"#, message(r#""text":"a\ud800\u0000b""#)));
        let kinds: Vec<_> = delivery.kept.iter().map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(kinds, ["malformed", "read", "unknown"]);
        assert!(
            matches!(&delivery.arrivals[0].what, What::Message { text: Some(text), .. } if text == "a\u{fffd}b")
        );
    }

    #[test]
    fn referrals_in_three_places_and_standby() {
        let body = r#"{"object":"page","entry":[{"id":"1","time":1717171717000,"standby":[
          {"sender":{"id":"2"},"message":{"mid":"m","referral":{"ad_id":12,"ads_context_data":{"ad_title":"T"}}}},
          {"sender":{"id":"2"},"postback":{"title":"Go","referral":{"ad_id":"12"}}},
          {"sender":{"id":"2"},"timestamp":1665424533,"referral":{"ad_id":"12"}}],
          "changes":[{"field":"inbox_labels","value":{}}]}]}"#;
        let delivery = read(body.as_bytes()).unwrap();
        assert_eq!(delivery.arrivals.len(), 3);
        assert!(delivery.arrivals.iter().all(|one| one.referral.as_ref().is_some_and(Referral::is_from_ad)));
        assert_eq!(delivery.arrivals[2].what, What::Referral);
        assert_eq!(delivery.kept, [(PageId::from("1"), "change:inbox_labels".to_owned())]);
    }

    proptest! {
        #[test]
        fn bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&body);
            let _ = mend(&body);
        }

        #[test]
        fn json_never_panics(pieces in prop::collection::vec(
            prop::sample::select(vec!["\"id\":1", "\"message\":{}", "\"sender\":[]", "\"postback\":3",
                "\"referral\":{\"ad_id\":-1}", "\"sender\":{\"id\":\"\"}", "\"timestamp\":1e30", "\"read\":null",
                "\"message\":{\"mid\":\"\\ud800\",\"is_echo\":1}"]), 0..6)) {
            let delivery = page(&format!("{{{}}}", pieces.join(",")));
            prop_assert_eq!(delivery.arrivals.len() + delivery.kept.len(), 1);
        }
    }
}
