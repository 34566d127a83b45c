//! Reads the body of a webhook into the types of `domain` (Meta's documentation of webhooks). An event that is not
//! understood stops none of its neighbours: it is *kept*, counted under a word of Meta's format such as `event:x`, never
//! under what a person wrote.

mod chat;
mod json;
mod label;
#[cfg(test)]
mod samples;
mod whatsapp;

use crate::domain::basic::identity::PageId;
use crate::domain::conversation::inbound::{Channel, WebhookContent};

use chat::{EntryContext, MALFORMED};
use json::{Json, mend, word};

/// The body is no webhook of Meta's. The text describes its shape, and never holds its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Reads the body of one webhook.
///
/// # Errors
/// [`Unreadable`] if the body as a whole is no webhook.
pub fn read(body: &[u8]) -> Result<WebhookContent, Unreadable> {
    match serde_json::from_slice(body) {
        Ok(json) => read_body(&json),
        // Mending copies the body, so that only those few are mended that can't be read as they are.
        Err(fault) => match serde_json::from_slice(&mend(body)) {
            Ok(json) => read_body(&json),
            Err(_) => Err(Unreadable(format!(
                "not JSON ({:?}) at line {}, column {} of {} bytes",
                fault.classify(),
                fault.line(),
                fault.column(),
                body.len()
            ))),
        },
    }
}

fn read_body(json: &Json<'_>) -> Result<WebhookContent, Unreadable> {
    let mut content = WebhookContent::default();
    let Some(object) = json.get("object").and_then(Json::str) else {
        // A sample from Meta's app dashboard, pasted as it is shown there, is one change without its envelope.
        if let (Some(Json::Text(_)), Some(value)) = (json.get("field"), json.get("value")) {
            let page_id = PageId(value.id_of("recipient").unwrap_or_default());
            read_change(
                &EntryContext { page_id: &page_id, channel: Channel::Messenger, entry_time: None },
                json,
                &mut content,
            );
            return Ok(content);
        }
        return Err(Unreadable("JSON without an `object`".to_owned()));
    };
    let Some(entries) = json.get("entry").and_then(Json::list) else {
        return Err(Unreadable("JSON without a list of `entry`".to_owned()));
    };
    let channel = match object {
        "page" => Channel::Messenger,
        "instagram" => Channel::Instagram,
        "whatsapp_business_account" => Channel::Whatsapp,
        _ => {
            // What its entries are about is unknown, and so is their Page.
            let kind = format!("object:{}", word(object));
            content.kept = entries.iter().map(|_| (PageId::from(""), kind.clone())).collect();
            return Ok(content);
        }
    };
    for entry in entries {
        read_entry(channel, entry, &mut content);
    }
    Ok(content)
}

/// One entry: what happened at one Page or account, in up to four lists.
fn read_entry(channel: Channel, json: &Json<'_>, content: &mut WebhookContent) {
    let Some(page_id) = json.get("id").and_then(Json::id).map(PageId::from) else {
        content.kept.push((PageId::from(""), MALFORMED.to_owned()));
        return;
    };
    let entry = EntryContext { page_id: &page_id, channel, entry_time: json.moment("time") };
    let mut holds_known_list = false;
    for (key, read) in [
        ("messaging", read_item as fn(&EntryContext<'_>, &Json<'_>, &mut WebhookContent)),
        // Events of a thread that another app owns happened all the same.
        ("standby", read_item),
        ("changes", read_change),
        ("changed_fields", read_changed_field),
    ] {
        let Some(list) = json.get(key) else { continue };
        holds_known_list = true;
        match list.list() {
            Some(items) => items.iter().for_each(|item| read(&entry, item, content)),
            None => content.kept.push((page_id.clone(), MALFORMED.to_owned())),
        }
    }
    if !holds_known_list {
        content.kept.push((page_id, "unknown".to_owned()));
    }
}

/// An item of `messaging[]` or `standby[]`.
fn read_item(entry: &EntryContext<'_>, item: &Json<'_>, content: &mut WebhookContent) {
    match chat::read(entry, item) {
        Some(Ok(event)) => content.events.push(event),
        Some(Err(kind)) => content.kept.push((entry.page_id.clone(), kind.to_owned())),
        None => {
            // The member that says what happened is the one that is not common to all events.
            let mut names = item.members().iter().map(|(name, _)| name.as_ref());
            let name = names.find(|name| !["sender", "recipient", "timestamp"].contains(name));
            content.kept.push((entry.page_id.clone(), format!("event:{}", word(name.unwrap_or_default()))));
        }
    }
}

/// An item of `changes[]`: `{field, value}`.
fn read_change(entry: &EntryContext<'_>, change: &Json<'_>, content: &mut WebhookContent) {
    let Some(field) = change.get("field").and_then(Json::str) else {
        content.kept.push((entry.page_id.clone(), MALFORMED.to_owned()));
        return;
    };
    let is_read = match change.get("value") {
        Some(value) if entry.channel == Channel::Whatsapp => whatsapp::read(entry.page_id, value, content),
        Some(value) if field == "inbox_labels" => {
            match label::read(entry, value) {
                Ok(label) => content.labels.push(label),
                Err(kind) => content.kept.push((entry.page_id.clone(), kind.to_owned())),
            }
            true
        }
        Some(value) if is_of_chats(field) => match chat::read(entry, value) {
            Some(Ok(event)) => {
                content.events.push(event);
                true
            }
            Some(Err(kind)) => {
                content.kept.push((entry.page_id.clone(), kind.to_owned()));
                true
            }
            None => false,
        },
        _ => false,
    };
    if !is_read {
        content.kept.push((entry.page_id.clone(), format!("change:{}", word(field))));
    }
}

/// The name of a field that changed, which is all that Meta sends while "Include values" is switched off in the app's
/// dashboard.
fn read_changed_field(entry: &EntryContext<'_>, field: &Json<'_>, content: &mut WebhookContent) {
    let kind = match field.str() {
        Some(field) => format!("changed_field:{}", word(field)),
        None => MALFORMED.to_owned(),
    };
    content.kept.push((entry.page_id.clone(), kind));
}

/// Whether a change of this field has the form of an event in `messaging[]`. Other fields may hold a `message` too, such
/// as that of a post.
fn is_of_chats(field: &str) -> bool {
    field.starts_with("message")
        || field.starts_with("messaging")
        || matches!(field, "send_cart" | "standby" | "response_feedback")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::inbound::{Author, InboundKind, Referral};
    use proptest::prelude::*;

    fn page(items: &str) -> WebhookContent {
        let body = format!(
            r#"{{"object":"page","entry":[{{"id":1111111111,"time":"1717171717","messaging":[{items}]}}]}}"#
        );
        read(body.as_bytes()).unwrap()
    }

    fn message(fields: &str) -> String {
        format!(r#"{{"sender":{{"id":"22"}},"recipient":{{"id":"33"}},"message":{{"mid":"m_1",{fields}}}}}"#)
    }

    fn kinds(content: &WebhookContent) -> Vec<&str> {
        content.kept.iter().map(|(_, kind)| kind.as_str()).collect()
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
            let event = page(&message(app)).events.remove(0);
            assert_eq!((event.person_id.as_str(), event.at.seconds()), (psid, 1_717_171_717));
            assert!(
                matches!(event.kind, InboundKind::Message { author: found, .. } if found == author),
                "{app}"
            );
        }
    }

    #[test]
    fn the_page_is_never_taken_for_a_person() {
        let from_page = r#"{"sender":{"id":"1111111111"},"recipient":{"id":"33"},"message":{"mid":"m"}}"#;
        let event = page(from_page).events.remove(0);
        assert_eq!(event.person_id.as_str(), "33");
        assert!(matches!(event.kind, InboundKind::Message { author: Author::Operator, .. }));
        let to_itself = from_page.replace("33", "1111111111");
        assert_eq!(kinds(&page(&to_itself)), ["self"]);
    }

    #[test]
    fn neighbours_of_the_malformed_survive() {
        let content = page(&format!(
            r#"7,{},{{"read":{{}}}},{{"x":1}},{{"Private words":1}},{{}},{{"message":"words"}}"#,
            message(r#""text":"a\ud800\u0000b""#)
        ));
        let expected = ["malformed", "read", "event:x", "event:unknown", "event:unknown", "malformed"];
        assert_eq!(kinds(&content), expected);
        assert!(
            matches!(&content.events[0].kind, InboundKind::Message { text: Some(text), .. } if text == "a\u{fffd}b")
        );
        let body = r#"{"object":"page","entry":[7,{"time":1},{"id":"1"},{"id":"1","messaging":{}},{"id":"1","changes":[{},7],
            "changed_fields":["feed",7,"Private words"]}]}"#;
        let expected = [
            "malformed",
            "malformed",
            "unknown",
            "malformed",
            "malformed",
            "malformed",
            "changed_field:feed",
            "malformed",
            "changed_field:unknown",
        ];
        assert_eq!(kinds(&read(body.as_bytes()).unwrap()), expected);
    }

    #[test]
    fn referrals_in_three_places_and_standby() {
        let body = r#"{"object":"page","entry":[{"id":"1","time":1717171717000,"standby":[
          {"sender":{"id":"2"},"message":{"mid":"m","referral":{"ad_id":12,"ads_context_data":{"ad_title":"T"}}}},
          {"sender":{"id":"2"},"postback":{"title":"Go","referral":{"ad_id":"12"}}},
          {"sender":{"id":"2"},"timestamp":1665424533,"referral":{"ad_id":"12"}}],
          "changes":[{"field":"inbox_labels","value":{}}]}]}"#;
        let content = read(body.as_bytes()).unwrap();
        assert_eq!(content.events.len(), 3);
        assert!(content.events.iter().all(|one| one.referral.as_ref().is_some_and(Referral::is_from_ad)));
        assert_eq!(content.events[2].kind, InboundKind::Referral);
        assert_eq!(content.kept, [(PageId::from("1"), "change:inbox_labels".to_owned())]);
    }

    #[test]
    fn a_batch_of_a_thousand() {
        let item = |number: usize| {
            let mid = format!(r#""mid":"m_{number}""#);
            message(r#""text":"hi""#).replace(r#""mid":"m_1""#, &mid)
        };
        let content = page(&(0..1000).map(item).collect::<Vec<_>>().join(","));
        let mids = content.events.iter().map(|event| match &event.kind {
            InboundKind::Message { mid: Some(mid), .. } => mid.clone(),
            other => panic!("{other:?}"),
        });
        assert!(mids.eq((0..1000).map(|number| format!("m_{number}"))));
    }

    #[test]
    fn what_is_no_webhook_is_described_without_its_content() {
        let deep = "[".repeat(100_000);
        let deeper = format!(r#"{{"object":"page","entry":[{{"id":"1","messaging":{deep}"#);
        let closed = format!(r#"{{"object":"page","x":{deep}{}}}"#, "]".repeat(100_000));
        let objects = format!(r#"{{"object":"page","entry":{}"#, r#"{"a":"#.repeat(100_000));
        for body in [
            "",
            "secret",
            r#"{"object":"page","entry":"secret"}"#,
            r#"{"object":"secret"}"#,
            r#"["secret"]"#,
            r#"{"field":"secret"}"#,
            r#"{"object":"secret"#,
            &deep,
            &deeper,
            &closed,
            &objects,
        ] {
            let Unreadable(shape) = read(body.as_bytes()).unwrap_err();
            assert!(!shape.contains("secret") && shape.len() < 120, "{shape}");
        }
        let broken = b"{\"object\":\"page\",\"entry\":[{\"id\":\"\xff\xfe\"}]}";
        assert!(read(broken).unwrap_err().0.starts_with("not JSON"));
    }

    #[test]
    fn of_a_member_given_twice_the_last_stands() {
        let content = page(r#"{"sender":{"id":"1"},"sender":{"id":"2"},"message":{"mid":"m"},"read":null}"#);
        assert_eq!(content.events[0].person_id.as_str(), "2");
    }

    #[test]
    fn ids_and_texts_that_no_row_can_hold_are_cut_or_malformed() {
        let long = "x".repeat(30_000);
        let fields = format!(r#""text":"{long}","referral":{{"ref":"{long}","ad_id":"{long}"}}"#);
        let event = page(&message(&fields)).events.remove(0);
        let referral = event.referral.unwrap();
        assert_eq!((referral.r#ref.map(|text| text.len()), referral.ad_id), (Some(2_083), None));
        assert!(matches!(event.kind, InboundKind::Message { text: Some(text), .. } if text.len() == 20_000));
        let mid = message("\"text\":\"\"").replace("m_1", &long);
        assert_eq!(kinds(&page(&mid)), ["malformed"]);
        let sender = message("\"text\":\"\"").replace("22", "a b");
        assert_eq!(kinds(&page(&sender)), ["malformed"]);
    }

    /// JSON made of the words of webhooks, in any arrangement.
    fn shaped() -> impl Strategy<Value = serde_json::Value> {
        const KEYS: [&str; 44] = [
            "object",
            "entry",
            "id",
            "time",
            "messaging",
            "standby",
            "changes",
            "changed_fields",
            "field",
            "value",
            "sender",
            "recipient",
            "timestamp",
            "message",
            "mid",
            "text",
            "is_echo",
            "is_deleted",
            "app_id",
            "attachments",
            "type",
            "payload",
            "referral",
            "ad_id",
            "ref",
            "postback",
            "title",
            "message_edit",
            "num_edit",
            "order",
            "products",
            "quantity",
            "unit_price",
            "messaging_customer_information",
            "screens",
            "responses",
            "key",
            "lead",
            "data",
            "user",
            "action",
            "label",
            "messages",
            "from",
        ];
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            prop::sample::select(vec![
                "page",
                "instagram",
                "whatsapp_business_account",
                "inbox_labels",
                "messages",
                "1",
                "22",
                "1717171717000",
                "add",
                "remove",
                "text",
                "order",
                "ad",
                "\0"
            ])
            .prop_map(Into::into),
            "\\PC{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(7, 96, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec((prop::sample::select(&KEYS[..]), inner), 0..8).prop_map(|members| {
                    let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                    serde_json::Value::Object(members.collect())
                }),
            ]
        })
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
                "\"order\":{\"products\":[{},7]}", "\"lead\":{\"data\":[{\"answer\":\"x\"}]}", "\"sender\":{\"id\":2}",
                "\"message_edit\":{\"mid\":\"m\"}", "\"timestamp\":\"1717171717\"",
                "\"message\":{\"mid\":\"\\ud800\",\"is_echo\":1}"]), 0..6)) {
            let content = page(&format!("{{{}}}", pieces.join(",")));
            prop_assert_eq!(content.events.len() + content.kept.len(), 1);
        }

        #[test]
        fn no_arrangement_of_its_words_panics_or_is_kept_with_content(
            object in prop::sample::select(vec!["page", "instagram", "whatsapp_business_account"]),
            lists in prop::collection::vec(shaped(), 0..4), value in shaped()) {
            for list in ["messaging", "standby", "changes", "changed_fields"] {
                let body = serde_json::json!({"object": object, "entry": [{"id": "1", "time": 1, list: lists}]});
                let content = read(body.to_string().as_bytes()).unwrap();
                let told = content.events.len() + content.labels.len() + content.kept.len();
                prop_assert!(told >= lists.len());
                for (_, kind) in &content.kept {
                    prop_assert!(kind.bytes().all(|byte| byte.is_ascii_lowercase() || b"_:0123456789".contains(&byte)));
                }
                for event in &content.events {
                    prop_assert!(event.channel == Channel::Whatsapp || event.person_id.as_str() != "1");
                }
            }
            for field in ["messages", "inbox_labels", "send_cart"] {
                let change = serde_json::json!({"field": field, "value": value});
                let body = serde_json::json!({"object": object, "entry": [{"id": "1", "time": 1, "changes": [change]}]});
                let content = read(body.to_string().as_bytes()).unwrap();
                prop_assert!(content.events.len() + content.labels.len() + content.kept.len() >= 1);
            }
            let _ = read(value.to_string().as_bytes());
        }
    }
}
