//! Webhooks as Meta sends them (Meta's documentation of webhooks for the Messenger Platform): what people and the Page
//! write, escaped and signed.

use std::fmt::Write;

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::http_client;
use crate::sandbox::handle::Sandbox;
use crate::sandbox::signature;

/// The app id of Meta's own inbox, which echoes of what people type there carry.
const INBOX_APP_ID: u64 = 263_902_037_430_900;

/// The `hub.challenge` that a receiver must send back.
const CHALLENGE: &str = "1158201444";

/// The answer of a webhook's receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// HTTP status of the answer.
    pub status: u16,
    /// The text of the answer's body.
    pub body: String,
}

/// A person and a Page at one moment. Each method makes the item of `messaging[]` for what happens then.
#[derive(Clone, Copy, Debug)]
pub struct Chat<'a> {
    /// The Page's id at Meta.
    pub page: &'a str,
    /// The person's id at that Page (PSID).
    pub psid: &'a str,
    /// The `timestamp` of the item.
    pub at: Timestamp,
}

impl Chat<'_> {
    fn item(&self, member: &str, content: &Value) -> Value {
        json!({"sender": {"id": self.psid}, "recipient": {"id": self.page}, "timestamp": self.at.millis(),
               member: content})
    }

    /// The person writes a text.
    pub fn text(&self, mid: &str, text: &str) -> Value {
        self.item("message", &json!({"mid": mid, "text": text}))
    }

    /// Somebody of the shop writes a text in Meta's inbox.
    pub fn echo(&self, mid: &str, text: &str) -> Value {
        json!({"sender": {"id": self.page}, "recipient": {"id": self.psid}, "timestamp": self.at.millis(),
               "message": {"is_echo": true, "app_id": INBOX_APP_ID, "mid": mid, "text": text}})
    }

    /// The person's first message after a click on an ad.
    pub fn ad(&self, mid: &str, text: &str, ad_id: &str, reference: &str) -> Value {
        let referral = referral(ad_id, reference);
        self.item("message", &json!({"mid": mid, "text": text, "referral": referral}))
    }

    /// A click on an ad or link in a chat that already exists.
    pub fn referral(&self, ad_id: &str, reference: &str) -> Value {
        self.item("referral", &referral(ad_id, reference))
    }

    /// The person taps a button.
    pub fn postback(&self, mid: &str, title: &str, payload: &str) -> Value {
        self.item("postback", &json!({"mid": mid, "title": title, "payload": payload}))
    }

    /// Somebody puts a label on the person (`action` is `add`) or takes it off (`remove`). This is a whole body, since
    /// labels come in `changes[]`.
    pub fn label(&self, action: &str, label_id: &str, name: &str) -> Value {
        let value = json!({"user": {"id": self.psid}, "action": action,
                           "label": {"id": label_id, "page_label_name": name}});
        let changes = json!([{"field": "inbox_labels", "value": value}]);
        json!({"object": "page", "entry": [{"id": self.page, "time": self.at.seconds(), "changes": changes}]})
    }
}

fn referral(ad_id: &str, reference: &str) -> Value {
    json!({"ref": reference, "ad_id": ad_id, "source": "ADS", "type": "OPEN_THREAD",
           "ads_context_data": {"ad_title": "Spring bags", "photo_url": "https://cdn.example/p.jpg",
                                "post_id": "1111_3333", "product_id": "9001"}})
}

/// The body with items of one Page.
pub fn messaging(page: &str, at: Timestamp, items: &[Value]) -> Value {
    json!({"object": "page", "entry": [{"id": page, "time": at.millis(), "messaging": items}]})
}

/// The body with items of one Page while another app owns their threads.
pub fn standby(page: &str, at: Timestamp, items: &[Value]) -> Value {
    json!({"object": "page", "entry": [{"id": page, "time": at.millis(), "standby": items}]})
}

/// JSON as Meta writes and signs it: non-ASCII as lowercase `\uXXXX`, `/` as `\/`.
pub fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut units = [0; 2];
    for letter in json.chars() {
        match letter {
            '/' => escaped.push_str("\\/"),
            letter if letter.is_ascii() => escaped.push(letter),
            letter => {
                for unit in letter.encode_utf16(&mut units) {
                    // Writing to a text does not fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

impl Sandbox {
    /// Sends a webhook to `url`, signed with the app's secret, as Meta does.
    ///
    /// # Errors
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if nobody answers at `url`.
    pub async fn post_webhook(&self, url: &str, app_secret: &str, body: &Value) -> Result<WebhookAnswer> {
        let bytes = escape(&body.to_string());
        let signature = signature::of_webhook(app_secret, bytes.as_bytes());
        let request = self
            .client()
            .await?
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("x-hub-signature-256", signature)
            .body(bytes);
        send(request).await
    }

    /// Verifies a webhook's address, as Meta does when it is configured: whether the receiver sends the challenge back.
    ///
    /// # Errors
    /// [`Invalid`](crate::error::ErrorKind::Invalid) if `url` is no address,
    /// [`Unavailable`](crate::error::ErrorKind::Unavailable) if nobody answers there.
    pub async fn verify_webhook(&self, url: &str, verify_token: &str) -> Result<bool> {
        let wrong = |_| Error::invalid("bad_url", "url must be an http address.");
        let mut url = reqwest::Url::parse(url).map_err(wrong)?;
        url.query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", CHALLENGE)
            .append_pair("hub.verify_token", verify_token);
        let answer = send(self.client().await?.get(url)).await?;
        Ok(answer == WebhookAnswer { status: 200, body: CHALLENGE.to_owned() })
    }

    async fn client(&self) -> Result<&reqwest::Client> {
        self.client.get_or_try_init(|| async { http_client::client() }).await
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<WebhookAnswer> {
    let failed = |fault: reqwest::Error| {
        let message = "The webhook's receiver gave no answer: check that it runs at this url";
        Error::unavailable("no_answer", message).caused_by(fault.without_url())
    };
    let answer = request.send().await.map_err(failed)?;
    Ok(WebhookAnswer { status: answer.status().as_u16(), body: answer.text().await.map_err(failed)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_escaped_and_signed_as_meta_does() {
        let plain = r#"{"object":"page","entry":[{"id":"1","time":1717171717000,"messaging":[{"message":{"mid":"m_1","text":"café / ok"}}]}]}"#;
        let escaped = escape(plain);
        assert_eq!((escaped.len(), escaped.contains(r"caf\u00e9 \/ ok")), (124, true));
        assert_eq!(
            signature::of_webhook("app_secret_test", escaped.as_bytes()),
            "sha256=7d0bc4f9bd136c74d8a13550d6af133dbc19aa73c040fc3a4d97d2107b57972d"
        );
        assert_eq!(escape("\"ღ😀\""), r#""\u10e6\ud83d\ude00""#);
    }

    #[test]
    fn escaped_bodies_mean_the_same() {
        let chat = Chat { page: "1", psid: "2", at: Timestamp::from_seconds(1_717_171_717) };
        let item = chat.ad("m_1", "გამარჯობა / \"hi\"\n", "1202", "spring");
        let body = messaging("1", chat.at, &[item, chat.echo("m_2", "₾ 12.50")]);
        let escaped = escape(&body.to_string());
        assert!(escaped.is_ascii());
        assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), body);
    }
}
