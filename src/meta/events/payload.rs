//! The JSON of one event for Meta, and the body of a request with many.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::basic::money::Money;
use crate::domain::conversation::inbound::Channel;
use crate::domain::conversation::recipient::Recipient;
use crate::domain::signal::conversion::Event;

/// The most events that Meta takes in one request (Meta's documentation of the Conversions API).
pub const EVENTS_MAX: usize = 1000;

/// The name of this software, beside the events (Meta: "Conversions API", `partner_agent`).
const PARTNER_AGENT: &str = "salesbridge";

/// An event, its members named and ordered as in Meta's "Conversions API for business messaging".
#[derive(Serialize)]
struct Wire<'a> {
    event_name: &'a str,
    /// In Unix seconds.
    event_time: i64,
    event_id: &'a str,
    action_source: &'a str,
    messaging_channel: &'a str,
    user_data: UserData<'a>,
    #[serde(skip_serializing_if = "CustomData::is_empty")]
    custom_data: CustomData<'a>,
}

/// Whom an event is about, in the words of its channel (Meta: "Conversions API for business messaging").
#[derive(Serialize)]
#[serde(untagged)]
enum UserData<'a> {
    Messenger {
        page_id: &'a str,
        page_scoped_user_id: &'a str,
    },
    /// Both names of the account: the documentation has `instagram_business_account_id`, the endpoint wants
    /// `ig_account_id` (subcode 2804079).
    Instagram {
        ig_account_id: &'a str,
        instagram_business_account_id: &'a str,
        ig_sid: &'a str,
    },
}

/// No event of this channel can be written: on `WhatsApp` Meta wants the id of the ad click that led to the chat
/// (`ctwa_clid`), which is not part of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelNotSent(pub Channel);

/// The recipient in Meta's words, by channel.
fn user_data(recipient: &Recipient) -> Result<UserData<'_>, ChannelNotSent> {
    let Recipient::Messaging { channel, account_id, person_id } = recipient;
    let (account, person) = (account_id.as_str(), person_id.as_str());
    match channel {
        Channel::Messenger => Ok(UserData::Messenger { page_id: account, page_scoped_user_id: person }),
        Channel::Instagram => Ok(UserData::Instagram {
            ig_account_id: account,
            instagram_business_account_id: account,
            ig_sid: person,
        }),
        Channel::Whatsapp => Err(ChannelNotSent(*channel)),
    }
}

/// What was sold. `value` and `item_price` are in major units, such as `120.50`.
#[derive(Serialize)]
struct CustomData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contents: Vec<ContentLine<'a>>,
}

impl CustomData<'_> {
    /// Whether nothing was sold, as in a lead; `currency` and `content_type` come only with a value and contents.
    fn is_empty(&self) -> bool {
        self.value.is_none() && self.order_id.is_none() && self.contents.is_empty()
    }
}

#[derive(Serialize)]
struct ContentLine<'a> {
    id: &'a str,
    quantity: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_price: Option<Box<RawValue>>,
}

/// The amount as an exact JSON number with all decimals of its currency; never `None`.
fn number(money: Money) -> Option<Box<RawValue>> {
    RawValue::from_string(money.to_string()).ok()
}

/// The JSON of an event. It is stored at its first attempt, and every further one sends the same bytes.
///
/// # Errors
/// Nothing can be written for the recipient's channel.
pub fn event_text(event: &Event) -> Result<String, ChannelNotSent> {
    let wire = Wire {
        event_name: event.name.as_str(),
        event_time: event.time.seconds(),
        event_id: &event.event_id,
        action_source: "business_messaging",
        messaging_channel: event.recipient.channel().as_str(),
        user_data: user_data(&event.recipient)?,
        custom_data: CustomData {
            value: event.value.and_then(number),
            currency: event.value.map(|money| money.currency.code()),
            order_id: event.order_number.as_deref().filter(|text| !text.is_empty()),
            content_type: (!event.contents.is_empty()).then_some("product"),
            contents: event
                .contents
                .iter()
                .map(|content| ContentLine {
                    id: &content.sku,
                    quantity: content.quantity,
                    item_price: content.unit_price.and_then(number),
                })
                .collect(),
        },
    };
    // Strings and numbers under string keys: there is nothing here that cannot be written as JSON.
    Ok(serde_json::to_string(&wire).unwrap_or_default())
}

/// The body of a request: the texts joined byte for byte, and the code under which Events Manager's "Test events" shows
/// them, if there is one.
pub fn request_body<'a>(events: impl Iterator<Item = &'a str>, test_event_code: Option<&str>) -> Bytes {
    let mut body = String::from("{\"data\":[");
    for (place, text) in events.enumerate() {
        if place > 0 {
            body.push(',');
        }
        body.push_str(text);
    }
    body.push_str("],\"partner_agent\":\"");
    body.push_str(PARTNER_AGENT);
    body.push('"');
    if let Some(code) = test_event_code.filter(|code| !code.is_empty()) {
        body.push_str(",\"test_event_code\":");
        body.push_str(&serde_json::Value::from(code).to_string());
    }
    body.push('}');
    Bytes::from(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::domain::basic::identity::{AccountId, PersonId};
    use crate::domain::basic::money::Currency;
    use crate::domain::signal::conversion::{Content, EventName};

    fn on(channel: Channel) -> Recipient {
        let account_id = AccountId::from("1111111111");
        Recipient::Messaging { channel, account_id, person_id: PersonId("2222222222222222".to_owned()) }
    }

    fn event() -> Event {
        let gel = Currency::parse("GEL").unwrap();
        Event {
            name: EventName::Purchase,
            time: Timestamp::from_seconds(1_717_171_717),
            event_id: "6302d0976def42406a0fab44af2c9b16".to_owned(),
            recipient: on(Channel::Messenger),
            value: Some(Money::new(12050, gel)),
            order_number: Some("A-1001".to_owned()),
            contents: vec![Content {
                sku: "BAG-1".to_owned(),
                quantity: 1,
                unit_price: Some(Money::new(12050, gel)),
            }],
        }
    }

    #[test]
    fn a_purchase_has_the_shape_of_the_contract() {
        assert_eq!(
            event_text(&event()).unwrap(),
            concat!(
                r#"{"event_name":"Purchase","event_time":1717171717,"event_id":"6302d0976def42406a0fab44af2c9b16","#,
                r#""action_source":"business_messaging","messaging_channel":"messenger","#,
                r#""user_data":{"page_id":"1111111111","page_scoped_user_id":"2222222222222222"},"#,
                r#""custom_data":{"value":120.50,"currency":"GEL","order_id":"A-1001","content_type":"product","#,
                r#""contents":[{"id":"BAG-1","quantity":1,"item_price":120.50}]}}"#,
            )
        );
    }

    #[test]
    fn nothing_null_or_empty_is_sent() {
        let bare = Event {
            name: EventName::LeadSubmitted,
            value: None,
            order_number: None,
            contents: vec![],
            ..event()
        };
        let text = event_text(&bare).unwrap();
        assert!(text.ends_with(r#""page_scoped_user_id":"2222222222222222"}}"#), "{text}");
        let numbered = event_text(&Event { value: None, contents: vec![], ..event() }).unwrap();
        assert!(numbered.ends_with(r#""custom_data":{"order_id":"A-1001"}}"#), "{numbered}");
    }

    #[test]
    fn each_channel_names_a_person_in_its_own_words() {
        let text = event_text(&Event { recipient: on(Channel::Instagram), ..event() }).unwrap();
        let named = concat!(
            r#""messaging_channel":"instagram","user_data":{"ig_account_id":"1111111111","#,
            r#""instagram_business_account_id":"1111111111","ig_sid":"2222222222222222"},"#,
        );
        assert!(text.contains(named), "{text}");
        let refused = event_text(&Event { recipient: on(Channel::Whatsapp), ..event() });
        assert_eq!(refused, Err(ChannelNotSent(Channel::Whatsapp)));
    }

    #[test]
    fn large_amounts_stay_exact() {
        let jpy = Currency::parse("JPY").unwrap();
        let text =
            event_text(&Event { value: Some(Money::new(99_999_999_999_999, jpy)), ..event() }).unwrap();
        assert!(text.contains(r#""value":99999999999999,"currency":"JPY""#), "{text}");
    }

    #[test]
    fn a_body_joins_the_texts_byte_for_byte() {
        let texts = [r#"{"a":1.50}"#, r#"{ "b" : 2 }"#];
        assert_eq!(
            request_body(texts.into_iter(), None),
            r#"{"data":[{"a":1.50},{ "b" : 2 }],"partner_agent":"salesbridge"}"#
        );
        assert_eq!(
            request_body(texts.into_iter().take(1), Some("T\"1")),
            r#"{"data":[{"a":1.50}],"partner_agent":"salesbridge","test_event_code":"T\"1"}"#
        );
    }
}
