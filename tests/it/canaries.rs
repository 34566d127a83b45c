//! What is personal or secret never stands in a log, in metrics or in an error's answer, however much is logged.

use std::fs::File;
use std::time::Duration;

use salesbridge::clock::{Clock, Timestamp};
use salesbridge::meta::signature;
use salesbridge::sandbox::webhook::{self, Chat};
use salesbridge::sandbox::{Fault, RetryHint, Sandbox};
use serde_json::Value;

use crate::books::{Books, new_postgres};
use crate::harness::PAGE;
use crate::process::{LOOK, Place, Served, comes_true};

const DATASET: &str = "1234567890123456";
const APP_SECRET: &str = "canary-app-secret";
const VERIFY_TOKEN: &str = "canary-verify-token";
const TOKEN: &str = "canary-page-token";
const PASSWORD: &str = "canary-db-password";
const TEXT: &str = "canary words of a customer";
/// The PSIDs begin with it.
const PSID: &str = "7310420";
const PHONE: &str = "555731042";
const PHONE_AS_WRITTEN: &str = "555 73 10 42";
const WRONG_KEY: &str = "sb_canary-wrong-key";

/// Somebody who asks, and remembers every answer that was an error.
struct Asker {
    client: reqwest::Client,
    url: String,
    errors: Vec<String>,
}

impl Asker {
    async fn hears(&mut self, request: reqwest::RequestBuilder) -> (u16, String) {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        let body = answer.text().await.unwrap();
        if status >= 400 {
            self.errors.push(format!("{status} {headers} {body}"));
        }
        (status, body)
    }

    async fn gets(&mut self, path: &str, key: &str) -> (u16, String) {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(key);
        self.hears(request).await
    }

    async fn posts(&mut self, path: &str, key: &str, body: &str) -> (u16, String) {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(key);
        let request = request.header("content-type", "application/json").body(body.to_owned());
        self.hears(request).await
    }

    async fn webhook(&mut self, secret: &str, body: &str) -> u16 {
        let request = self.client.post(format!("{}/webhooks/meta", self.url));
        let signed = signature::sign(secret.as_bytes(), body.as_bytes());
        let request = request.header("x-hub-signature-256", signed).body(body.to_owned());
        self.hears(request).await.0
    }

    /// The conversation of a person who wrote, once it is there.
    async fn finds(&mut self, psid: &str, key: &str) -> String {
        let mut beat = tokio::time::interval(LOOK);
        for _ in 0..2000 {
            beat.tick().await;
            let (status, found) =
                self.gets(&format!("/v1/conversations?page_id={PAGE}&psid={psid}"), key).await;
            assert_eq!(status, 200, "{found}");
            let found: Value = serde_json::from_str(&found).unwrap();
            if let Some(id) = found["data"][0]["id"].as_str() {
                return id.to_owned();
            }
        }
        panic!("{psid} wrote, and there is no conversation")
    }
}

/// What people do wrong, in every way that may tempt the service to repeat it.
async fn errs(asker: &mut Asker, conversation: &str, key: &str) {
    let query = format!("page_id={PAGE}&psid={PSID}1&phone={PHONE}&q={}", TEXT.replace(' ', "%20"));
    for path in [
        format!("/v1/conversations?{query}"),
        format!("/v1/conversations?{query}&psid={PSID}2"),
        format!("/v1/conversations?psid={PSID}1"),
        format!("/v1/conversations?page_id=5&psid={PSID}1"),
        format!("/v1/conversations/{PSID}1"),
        format!("/v1/{PSID}1?{query}"),
        format!("/webhooks/meta?hub.mode=subscribe&hub.challenge=1&hub.verify_token={TOKEN}"),
        format!("/webhooks/meta?hub.mode={VERIFY_TOKEN}"),
    ] {
        for key in [key, WRONG_KEY] {
            asker.gets(&path, key).await;
        }
    }
    let path = format!("/v1/conversations/{conversation}/outcomes");
    for body in [
        format!(r#"{{"outcome":"{TEXT}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"{PHONE}.123"}}"#),
        format!(r#"{{"outcome":"confirmed","value":{PHONE}}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","if_version":"{PHONE}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","currency":"{TEXT}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","occurred_at":"{TEXT}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","new_order":"{TEXT}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","payment":"{TEXT}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","items":"{TEXT}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","customer":"{PHONE_AS_WRITTEN}"}}"#),
        format!(r#"{{"outcome":"confirmed","value":"5","customer":{{"phone":"{PHONE}","email":"{TEXT}"}}}}"#),
        format!(r#"{{"outcome":"shipped","ref":"","reason":"{TEXT}"}}"#),
        format!(r#"{{"outcome":"cancelled","reason":"{TEXT}"}}"#),
        format!(r#"["{TEXT}"]"#),
        format!("{TEXT} {PHONE}"),
    ] {
        for key in [key, WRONG_KEY] {
            asker.posts(&path, key, &body).await;
        }
    }
    for path in [format!("/v1/outcomes/{PSID}1/undo"), format!("/v1/conversations/{PSID}1/outcomes")] {
        asker.posts(&path, key, "{}").await;
    }
    let at = Timestamp::from_seconds(1_795_424_400);
    let psid = format!("{PSID}9");
    let chat = Chat { page: PAGE, psid: &psid, at };
    let good = webhook::messaging(PAGE, at, &[chat.text("m_canary", TEXT)]).to_string();
    assert_eq!(asker.webhook(TOKEN, &good).await, 401);
    for body in [
        format!(r#"{{"object":"{TEXT}""#),
        format!(r#"{{"object":"{TEXT}","entry":[{{}}]}}"#),
        format!(r#"{{"object":"page","entry":[{{"id":"{PAGE}","messaging":[{{"{TEXT}":"{PHONE}"}}]}}]}}"#),
        format!(r#"{{"object":"page","entry":[{{"id":"{PSID}","changes":[{{"field":"{TEXT}"}}]}}]}}"#),
        good.replace("message\"", "read\""),
    ] {
        assert_eq!(asker.webhook(APP_SECRET, &body).await, 200);
    }
}

/// Fails if a secret or something personal stands in `text`.
fn finds_none(what: &str, text: &str, key: &str) {
    for canary in [
        APP_SECRET,
        VERIFY_TOKEN,
        TOKEN,
        PASSWORD,
        TEXT,
        PSID,
        PHONE,
        PHONE_AS_WRITTEN,
        &format!("995{PHONE}"),
        WRONG_KEY,
        key,
    ] {
        if let Some(place) = text.find(canary) {
            let start = text[..place].rfind('\n').map_or(0, |line| line + 1);
            let end = text[place..].find('\n').map_or(text.len(), |line| place + line);
            panic!("{what} holds \"{canary}\":\n{}", &text[start..end]);
        }
    }
}

async fn nothing_shows(database: Option<String>) {
    let meta = Sandbox::start(Clock::system(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    meta.link(PAGE, DATASET, TOKEN);
    let url = database.as_deref().unwrap_or("sqlite://shop.db");
    let place = Place::new(&format!(
        "database_url = \"{url}\"\nphone_key_file = \"phone.key\"\nmetrics_listen = \"127.0.0.1:0\"\n\
         [meta]\napp_secret = \"{APP_SECRET}\"\nverify_token = \"{VERIFY_TOKEN}\"\ngraph_url = \"{}\"\n\
         [[pages]]\nid = \"{PAGE}\"\nname = \"Shop\"\ndataset_id = \"{DATASET}\"\naccess_token = \"{TOKEN}\"\n\
         currency = \"GEL\"\ntimezone = \"Asia/Tbilisi\"\n[pages.signals]\nhold = \"0s\"\n",
        meta.url()
    ));
    std::fs::write(place.0.join("phone.key"), "0123456789abcdef".repeat(4)).unwrap();
    let key = place.key("operator");
    let mut command = place.command(&["serve"]);
    command.env("SALESBRIDGE_LOG", "debug,salesbridge=trace");
    command.stdout(File::create(place.0.join("out")).unwrap());
    let mut served = Served::spawn(&mut command).listens();
    let mut asker =
        Asker { client: salesbridge::http_client::client().unwrap(), url: served.url(), errors: Vec::new() };

    let faults = [
        None,
        Some(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) }),
        Some(Fault::Html503),
        Some(Fault::Bare { status: 500 }),
        Some(Fault::Zero),
        Some(Fault::TakeAndLoseAnswer),
        Some(Fault::CloseBeforeBody),
        Some(Fault::CloseInAnswer),
        Some(Fault::LongAnswer),
        Some(Fault::Throttled { code: 4, retry: RetryHint::RetryAfter { seconds: 1 } }),
        Some(Fault::Graph { status: 400, code: 190, subcode: Some(463) }),
    ];
    let at = Clock::system().now();
    let mut conversations = Vec::new();
    for (number, fault) in faults.into_iter().enumerate() {
        let psid = format!("{PSID}{number:02}");
        let chat = Chat { page: PAGE, psid: &psid, at };
        let said = format!("{TEXT}, call {PHONE_AS_WRITTEN}");
        let body = webhook::messaging(PAGE, at, &[chat.ad(&format!("m_{number}"), &said, "12", TEXT)]);
        assert_eq!(asker.webhook(APP_SECRET, &webhook::escape(&body.to_string())).await, 200);
        let seen = meta.requests().len();
        if let Some(fault) = fault {
            meta.fail_next(fault);
        }
        let conversation = asker.finds(&psid, &key).await;
        let confirmed = format!(
            r#"{{"outcome":"confirmed","value":"12.50","order_id":"C-{number}","items":[{{"sku":"B","name":"{TEXT}","quantity":1,"unit_price":"12.50"}}]}}"#
        );
        let (status, told) =
            asker.posts(&format!("/v1/conversations/{conversation}/outcomes"), &key, &confirmed).await;
        assert_eq!(status, 201, "{told}");
        conversations.push(conversation);
        let sent = comes_true(Duration::from_secs(15), async || meta.requests().len() > seen).await;
        assert!(sent, "order {number} was not sent");
    }
    errs(&mut asker, &conversations[0], &key).await;
    for path in ["/metrics", "/openapi.json", "/readyz"] {
        let (_, text) = asker.gets(path, &key).await;
        finds_none(path, &text, &key);
    }
    let books =
        Books::open(url.replace("sqlite://", &format!("sqlite://{}/", place.0.display())).as_str()).await;
    let settled = "select count(*) from attempt where verdict is null";
    assert!(comes_true(Duration::from_secs(10), async || books.count(settled).await == 0).await);
    for row in books.rows("select coalesce(message, '') from attempt").await {
        finds_none("an attempt", &row[0], &key);
    }
    for row in books.rows("select coalesce(unread, '') from intake_log").await {
        finds_none("the shape of an unreadable body", &row[0], &key);
    }
    served.is_told_to("-TERM");
    served.waits_for("Stopped");
    let (_, said) = served.ends();
    assert!(said.contains("DEBUG") && said.lines().count() > 100, "hardly anything was logged: {said}");
    finds_none("standard error", &said, &key);
    finds_none("standard output", &std::fs::read_to_string(place.0.join("out")).unwrap(), &key);
    assert!(asker.errors.len() > 40, "{}", asker.errors.len());
    for error in &asker.errors {
        finds_none("an error's answer", error, &key);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    nothing_shows(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let url = new_postgres().await;
    nothing_shows(Some(url.replace("postgres@", &format!("postgres:{PASSWORD}@")))).await;
}

#[test]
fn a_database_that_is_not_there_is_told_of_without_its_password() {
    let place = Place::new("");
    for url in [
        format!("postgres://shop:{PASSWORD}@127.0.0.1:1/shop"),
        format!("postgres://shop:{PASSWORD}@[/shop"),
        format!("mysql://shop:{PASSWORD}@127.0.0.1/shop"),
    ] {
        let mut command = place.command(&["migrate"]);
        command.env("SALESBRIDGE_DATABASE_URL", &url).env("SALESBRIDGE_LOG", "debug,salesbridge=trace");
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{url}");
        finds_none(&url[..8], &String::from_utf8_lossy(&ended.stderr), "sb_none");
    }
}
