//! The sandbox as those meet it who stand in front of it: Graph's callers, webhook receivers, and curl.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use salesbridge::clock::{Clock, Timestamp};
use salesbridge::domain::basic::identity::DatasetId;
use salesbridge::domain::signal::attempt::Verdict;
use salesbridge::http_client;
use salesbridge::meta::events::graph::Graph;
use salesbridge::meta::signature;
use salesbridge::sandbox::webhook::{Chat, messaging, standby};
use salesbridge::sandbox::{Fault, InjectedFault, RetryHint, Sandbox};
use secrecy::SecretString;
use serde_json::{Value, json};

const PAGE: &str = "1111111111";
const DATASET: &str = "1234567890123456";
const TOKEN: &str = "token-of-the-page";

async fn sandbox() -> Sandbox {
    let clock = Clock::steered(Timestamp::parse("2026-11-23T09:00:00Z").unwrap());
    let sandbox = Sandbox::start(clock, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    sandbox.link(PAGE, DATASET, TOKEN);
    sandbox
}

fn event(id: &str) -> Value {
    let at = Timestamp::parse("2026-11-23T08:59:00Z").unwrap().seconds();
    json!({"event_name": "Purchase", "event_time": at, "event_id": id, "action_source": "business_messaging",
           "messaging_channel": "messenger", "user_data": {"page_id": PAGE, "page_scoped_user_id": "2"},
           "custom_data": {"value": 12.5, "currency": "GEL"}})
}

/// Two events sent by the bridge's own caller.
async fn sends(sandbox: &Sandbox) -> Verdict {
    let graph = Graph::new(http_client::client().unwrap(), sandbox.url().to_owned(), "v26.0".to_owned());
    let body = Bytes::from(json!({"data": [event("a"), event("b")]}).to_string());
    graph.send(&DatasetId::from(DATASET), &SecretString::from(TOKEN), body, 2).await.verdict
}

struct Caller<'a> {
    client: reqwest::Client,
    sandbox: &'a Sandbox,
}

impl<'a> Caller<'a> {
    fn of(sandbox: &'a Sandbox) -> Self {
        Self { client: http_client::client().unwrap(), sandbox }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        read(self.client.get(format!("{}{path}", self.sandbox.url())).bearer_auth(TOKEN)).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.sandbox.url())).bearer_auth(TOKEN);
        read(request.body(body.to_string())).await
    }

    async fn events(&self, data: Vec<Value>) -> (u16, Value) {
        self.post(&format!("/v26.0/{DATASET}/events"), &json!({"data": data})).await
    }
}

async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

fn codes(answer: &Value) -> (Option<i64>, Option<i64>) {
    (answer["error"]["code"].as_i64(), answer["error"]["error_subcode"].as_i64())
}

#[tokio::test]
async fn one_bad_event_refuses_all_and_says_which_and_why() {
    let sandbox = sandbox().await;
    let caller = Caller::of(&sandbox);
    let mut old = event("old");
    old["event_time"] = json!(1_717_171_717);
    let (status, answer) = caller.events(vec![event("good"), old]).await;
    assert_eq!((status, codes(&answer)), (400, (Some(100), Some(2_804_003))));
    let error = &answer["error"];
    assert_eq!(error["error_data"]["blame_field_specs"], json!([["data[1][event_time]"]]));
    assert!(error["error_user_msg"].as_str().unwrap().ends_with("Documented by Meta."), "{error}");
    assert_eq!(sandbox.accepted_count(), 0);

    let form =
        reqwest::Url::parse_with_params("http://form/", [("data", json!([event("form")]).to_string())]);
    let form = form.unwrap().query().unwrap().to_owned();
    let url = format!("{}/v26.0/{DATASET}/events?access_token={TOKEN}", sandbox.url());
    let as_form = caller.client.post(url).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(read(as_form.body(form)).await.1["events_received"], 1);
    let (status, answer) = caller.events(vec![event("good"), json!(event("as text").to_string())]).await;
    assert_eq!((status, answer["events_received"].as_u64()), (200, Some(2)));
    assert_eq!(sandbox.accepted_by(DATASET).len(), 3);
    assert_eq!(sandbox.counts()[&(DATASET.to_owned(), "Purchase".to_owned())], 3);
    assert_eq!(sandbox.requests().iter().map(|seen| seen.status).collect::<Vec<_>>(), [400, 200, 200]);
}

#[tokio::test]
async fn requests_that_are_wrong_as_a_whole() {
    let sandbox = sandbox().await;
    let caller = Caller::of(&sandbox);
    for (path, body, status, code, subcode) in [
        (format!("/v26.0/{DATASET}/events"), json!({"data": []}), 400, 100, None),
        (format!("/v26.0/{DATASET}/events"), json!({}), 400, 100, None),
        (format!("/v26.0/{DATASET}/events"), json!("no object"), 400, 100, None),
        (format!("/v26.0/{DATASET}/events"), json!({"data": vec![event("e"); 1001]}), 400, 100, None),
        ("/v26.0/999/events".to_owned(), json!({"data": [event("e")]}), 400, 100, Some(33)),
        (format!("/v20.0/{DATASET}/events"), json!({"data": [event("e")]}), 400, 100, None),
        (format!("/{DATASET}/events"), json!({"data": [event("e")]}), 404, 803, None),
        (format!("/v26.0/{DATASET}/elsewhere"), json!({}), 404, 803, None),
    ] {
        let (told, answer) = caller.post(&path, &body).await;
        assert_eq!((told, codes(&answer)), (status, (Some(code), subcode)), "{path} {answer}");
    }
    let url = format!("{}/v26.0/{DATASET}/events", sandbox.url());
    let broken = caller.client.post(&url).bearer_auth(TOKEN).body("{\"data\":[");
    assert_eq!(codes(&read(broken).await.1), (Some(100), None));
    let thousand = (0..1000).map(|number| event(&format!("e-{number}"))).collect();
    assert_eq!(caller.events(thousand).await.1["events_received"], 1000);
}

#[tokio::test]
async fn tokens_may_be_missing_dead_or_without_proof() {
    let sandbox = sandbox().await;
    let url = format!("{}/v26.0/{DATASET}/events", sandbox.url());
    let client = http_client::client().unwrap();
    let ask = async |query: &str| {
        let request = client.post(format!("{url}?{query}")).body(json!({"data": [event("e")]}).to_string());
        codes(&read(request).await.1)
    };
    assert_eq!(ask("").await, (Some(190), None));
    assert_eq!(ask("access_token=unheard").await, (Some(190), Some(467)));
    assert_eq!(ask(&format!("access_token={TOKEN}")).await, (None, None));
    sandbox.kill_token_with(TOKEN, 460);
    assert_eq!(ask(&format!("access_token={TOKEN}")).await, (Some(190), Some(460)));
    sandbox.revive_token(TOKEN);

    sandbox.link(PAGE, DATASET, "EAAB_page_token");
    sandbox.set_app_secret("app_secret_test", true);
    let given = "access_token=EAAB_page_token&appsecret_proof";
    let right = "8d78bec16e7991c65bc4c67117a8d2c5cc9d6f601b7d9eaa7bc442aaecb6a338";
    let aged = "10ce4b0b227fff8c62d06de50a4a4fb2fff06909740ab085cd4216ba31e2bcc1&appsecret_time=1717171717";
    assert_eq!(ask(&format!("{given}={right}")).await, (None, None));
    assert_eq!(ask(&format!("{given}={aged}")).await, (Some(104), None));
    assert_eq!(ask("access_token=EAAB_page_token").await, (Some(104), None));
    sandbox.set_app_secret("app_secret_test", false);
    assert_eq!(ask("access_token=EAAB_page_token").await, (None, None));
    assert_eq!(ask(&format!("{given}=wrong")).await, (Some(104), None));
}

#[tokio::test]
async fn settings_of_a_dataset_and_its_people_are_kept_to() {
    let sandbox = sandbox().await;
    let caller = Caller::of(&sandbox);
    sandbox.refuse_name(DATASET, "Purchase");
    assert_eq!(codes(&caller.events(vec![event("e")]).await.1).1, Some(2_804_066));
    sandbox.link("5", "555", TOKEN);
    assert_eq!(
        codes(&caller.post("/v26.0/555/events", &json!({"data": [event("e")]})).await.1).1,
        Some(2_804_065)
    );
    let mut created = event("e");
    created["event_name"] = json!("OrderCreated");
    sandbox.know_person(PAGE, "3", Value::Null);
    assert_eq!(codes(&caller.events(vec![created.clone()]).await.1).1, Some(2_804_073));
    sandbox.know_person(PAGE, "2", Value::Null);
    assert_eq!(caller.events(vec![created.clone()]).await.0, 200);
    sandbox.unlink(PAGE);
    assert_eq!(codes(&caller.events(vec![created]).await.1).1, Some(2_804_131));
    sandbox.poison("bad", 2_804_007);
    let (_, answer) = caller.events(vec![event("bad")]).await;
    assert_eq!(codes(&answer).1, Some(2_804_007));
    assert!(answer["error"]["error_user_msg"].as_str().unwrap().contains("UNVERIFIED"));
}

#[tokio::test]
async fn each_fault_is_what_it_says_to_the_bridge() {
    let minutes = Some(Duration::from_mins(3));
    let seconds = Some(Duration::from_secs(30));
    for (fault, verdict, taken) in [
        (Fault::Graph { status: 400, code: 190, subcode: Some(463) }, Verdict::LinkBroken, 0),
        (Fault::Transient { status: 500, code: 100, subcode: None }, Verdict::NotTaken, 0),
        (Fault::Throttled { code: 4, retry: RetryHint::Nothing }, Verdict::Throttled(None), 0),
        (
            Fault::Throttled { code: 80_004, retry: RetryHint::Usage { minutes: 3 } },
            Verdict::Throttled(minutes),
            0,
        ),
        (
            Fault::Throttled { code: 613, retry: RetryHint::RetryAfter { seconds: 30 } },
            Verdict::Throttled(seconds),
            0,
        ),
        (Fault::Html503, Verdict::Unknown, 0),
        (Fault::Bare { status: 502 }, Verdict::Unknown, 0),
        (Fault::Zero, Verdict::Zero, 0),
        (Fault::Count { count: 1 }, Verdict::Unknown, 1),
        (Fault::NearlyUsedUp { percent: 96 }, Verdict::Sent, 2),
        (Fault::TakeAndLoseAnswer, Verdict::Unknown, 2),
        (Fault::CloseBeforeBody, Verdict::Unknown, 0),
        (Fault::CloseInAnswer, Verdict::Unknown, 2),
        (Fault::EndlessAnswer, Verdict::Unknown, 2),
        (Fault::LongAnswer, Verdict::Unknown, 2),
    ] {
        let sandbox = sandbox().await;
        sandbox.fail_next(fault);
        assert_eq!(sends(&sandbox).await, verdict, "{fault:?}");
        assert_eq!((sandbox.accepted().len(), sandbox.requests().len()), (taken, 1), "{fault:?}");
        assert_eq!(sends(&sandbox).await, Verdict::Sent, "after {fault:?}");
    }
}

#[tokio::test]
async fn a_broken_answer_begins_and_a_long_one_is_whole() {
    let sandbox = sandbox().await;
    let url = format!("{}/v26.0/{DATASET}/events", sandbox.url());
    let client = http_client::client().unwrap();
    let send = || client.post(&url).bearer_auth(TOKEN).body(json!({"data": [event("e")]}).to_string()).send();
    sandbox.fail_next(Fault::CloseInAnswer);
    let answer = send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.is_err());
    sandbox.fail_next(Fault::LongAnswer);
    let text = send().await.unwrap().text().await.unwrap();
    assert_eq!(text.len(), 2 * 1024 * 1024);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["events_received"], 1);
    sandbox.fail_next(Fault::NearlyUsedUp { percent: 96 });
    assert!(send().await.unwrap().headers()["x-app-usage"].to_str().unwrap().contains("\"call_count\":96"));
}

#[tokio::test]
async fn a_connection_can_close_before_the_body_comes() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let sandbox = sandbox().await;
    sandbox.fail_next(Fault::CloseBeforeBody);
    let address = sandbox.url().strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST /v26.0/{DATASET}/events HTTP/1.1\r\nhost: {address}\r\ncontent-length: 9\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    assert_eq!(stream.read_to_end(&mut answer).await.unwrap(), 0);
    assert_eq!((sandbox.accepted_count(), sandbox.requests()[0].status), (0, 0));
}

#[tokio::test]
async fn a_held_answer_waits_until_it_is_released() {
    let sandbox = sandbox().await;
    sandbox.fail_next(Fault::Hold);
    let held = tokio::spawn({
        let sandbox = sandbox.clone();
        async move { sends(&sandbox).await }
    });
    sandbox.held().await;
    assert!(!held.is_finished());
    assert_eq!(sandbox.accepted_count(), 2);
    assert_eq!(sends(&sandbox).await, Verdict::Sent);
    sandbox.release();
    assert_eq!(held.await.unwrap(), Verdict::Sent);
}

#[tokio::test]
async fn a_lasting_fault_of_one_dataset_leaves_the_others_alone() {
    let sandbox = sandbox().await;
    let fault = Fault::Graph { status: 400, code: 2, subcode: None };
    sandbox.inject(InjectedFault { fault, dataset: Some(DATASET.to_owned()), times: None });
    sandbox.inject(InjectedFault { fault: Fault::Zero, dataset: Some("elsewhere".to_owned()), times: None });
    for _ in 0..3 {
        assert_eq!(sends(&sandbox).await, Verdict::NotTaken);
    }
    sandbox.lift(Some(DATASET));
    assert_eq!(sends(&sandbox).await, Verdict::Sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn crowds_lose_and_double_nothing() {
    let sandbox = sandbox().await;
    let refused = Fault::Graph { status: 400, code: 2, subcode: None };
    sandbox.inject(InjectedFault { fault: refused, dataset: None, times: Some(40) });
    let (client, mut crowd) = (http_client::client().unwrap(), tokio::task::JoinSet::new());
    for number in 0..200 {
        let (sandbox, client) = (sandbox.clone(), client.clone());
        crowd.spawn(async move {
            let caller = Caller { client, sandbox: &sandbox };
            caller.events(vec![event(&format!("e-{number}"))]).await.0 == 200
        });
    }
    let taken = crowd.join_all().await.into_iter().filter(|taken| *taken).count();
    let ids: HashSet<String> =
        sandbox.accepted().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((taken, ids.len(), sandbox.accepted().len()), (160, 160, 160));
    assert_eq!((sandbox.accepted_count(), sandbox.requests().len()), (160, 200));
    sandbox.keep_at_most(10);
    assert_eq!((sandbox.accepted().len(), sandbox.accepted_count()), (10, 160));
}

#[tokio::test]
async fn the_other_calls_of_graph_answer_in_their_shapes() {
    let sandbox = sandbox().await;
    let caller = Caller::of(&sandbox);
    assert_eq!(caller.get(&format!("/v26.0/{PAGE}/dataset")).await.1, json!({"id": DATASET}));
    assert_eq!(caller.post(&format!("/v26.0/{PAGE}/dataset"), &json!({})).await.1, json!({"id": DATASET}));
    sandbox.grant(TOKEN, "42");
    assert_eq!(caller.get("/v26.0/42/dataset").await.1, json!({}));
    let (_, made) = caller.post("/v26.0/42/dataset", &json!({"dataset_name": "Messaging"})).await;
    let path = format!("/v26.0/{}/events", made["id"].as_str().unwrap());
    let mut theirs = event("e");
    theirs["user_data"]["page_id"] = json!("42");
    assert_eq!(caller.post(&path, &json!({"data": [theirs]})).await.0, 200);

    let apps = format!("/v26.0/{PAGE}/subscribed_apps");
    assert_eq!(caller.get(&apps).await.1, json!({"data": []}));
    let subscribe = format!("{apps}?subscribed_fields=messages,standby");
    assert_eq!(caller.post(&subscribe, &json!({})).await.1, json!({"success": true}));
    let (_, subscribed) = caller.get(&apps).await;
    assert_eq!(subscribed["data"][0]["subscribed_fields"], json!(["messages", "standby"]));
    let ended = caller.client.delete(format!("{}{apps}", sandbox.url())).bearer_auth(TOKEN);
    assert_eq!(read(ended).await.1, json!({"success": true}));
    assert_eq!(caller.get(&apps).await.1, json!({"data": []}));

    let labels = format!("/v26.0/{PAGE}/custom_labels");
    let (_, label) = caller.post(&labels, &json!({"page_label_name": "Paid"})).await;
    assert_eq!(caller.post(&labels, &json!({"page_label_name": "Paid"})).await.1, label);
    let id = label["id"].as_str().unwrap();
    let named = json!({"id": id, "page_label_name": "Paid"});
    assert_eq!(caller.get(&format!("/v26.0/{id}?fields=page_label_name")).await.1, named);
    assert_eq!(caller.get(&format!("{labels}?fields=page_label_name")).await.1["data"], json!([named]));

    sandbox.know_person(PAGE, "2", json!({"first_name": "Nino", "last_name": "B", "locale": "ka_GE"}));
    let profile = json!({"id": "2", "first_name": "Nino"});
    assert_eq!(caller.get("/v26.0/2?fields=id,first_name").await.1, profile);
    assert_eq!(codes(&caller.get("/v26.0/3?fields=id").await.1), (Some(803), None));
    assert_eq!(codes(&caller.get("/v26.0/9/dataset").await.1), (Some(803), None));
    sandbox.kill_token(TOKEN);
    assert_eq!(codes(&caller.get(&apps).await.1), (Some(190), Some(463)));
}

#[tokio::test]
async fn a_token_can_be_looked_at_by_its_app() {
    let sandbox = sandbox().await;
    sandbox.set_app_secret("s3cret", false);
    let client = http_client::client().unwrap();
    let look = async |app: &str| {
        let url = format!("{}/v26.0/debug_token?input_token={TOKEN}&access_token={app}", sandbox.url());
        read(client.get(url)).await.1
    };
    let seen = look("123456789%7Cs3cret").await;
    assert_eq!((&seen["data"]["is_valid"], &seen["data"]["expires_at"]), (&json!(true), &json!(0)));
    assert_eq!(codes(&look("123456789%7Cwrong").await), (Some(190), None));
    sandbox.kill_token(TOKEN);
    assert_eq!(look("123456789%7Cs3cret").await["data"]["is_valid"], false);
}

/// A receiver that keeps one request and answers it.
async fn receives_one(answer: &'static str) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/meta", listener.local_addr().unwrap());
    let received = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        loop {
            let head = seen.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            let text = String::from_utf8_lossy(&seen).into_owned();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if head.is_some_and(|head| seen.len() >= head + length.unwrap_or(0)) {
                break;
            }
            assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
        }
        let length = answer.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        seen
    });
    (url, received)
}

#[tokio::test]
async fn webhooks_are_signed_so_that_the_bridge_believes_them() {
    let sandbox = sandbox().await;
    let chat = Chat { page: PAGE, psid: "2", at: Timestamp::from_seconds(1_795_424_400) };
    let items = [
        chat.text("m_1", "არის ეს ჩანთა? / yes"),
        chat.echo("m_2", "დადასტურდა: 12.50 ₾"),
        chat.ad("m_3", "Hi", "1202", "spring"),
        chat.postback("m_4", "Start", "GET_STARTED"),
    ];
    for body in
        [messaging(PAGE, chat.at, &items), standby(PAGE, chat.at, &items), chat.label("add", "5", "Paid")]
    {
        let (url, received) = receives_one("").await;
        let delivered = sandbox.post_webhook(&url, "app_secret_test", &body).await.unwrap();
        assert_eq!(delivered.status, 200);
        let raw = received.await.unwrap();
        let cut = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(raw[..cut].to_vec()).unwrap();
        let shown = head.lines().find_map(|line| line.strip_prefix("x-hub-signature-256: "));
        assert!(signature::verify(b"app_secret_test", shown, &raw[cut..]), "{head}");
        assert!(raw[cut..].is_ascii());
        assert_eq!(serde_json::from_slice::<Value>(&raw[cut..]).unwrap(), body);
    }
    let (url, received) = receives_one("1158201444").await;
    assert!(sandbox.verify_webhook(&url, "a token&").await.unwrap());
    let asked = String::from_utf8(received.await.unwrap()).unwrap();
    assert!(asked.starts_with("GET /webhooks/meta?hub.mode=subscribe&hub.challenge=1158201444&"), "{asked}");
    let (url, _received) = receives_one("something else").await;
    assert!(!sandbox.verify_webhook(&url, "t").await.unwrap());
}

#[tokio::test]
async fn curl_can_do_what_a_test_can() {
    let sandbox = sandbox().await;
    let caller = Caller::of(&sandbox);
    let steer = async |room: &str, body: Value| caller.post(&format!("/_sandbox/{room}"), &body).await;
    assert_eq!(steer("link", json!({"page": "7", "dataset": "77", "token": TOKEN})).await.0, 200);
    let link = json!({"instagram": "17", "dataset": "77", "token": TOKEN});
    assert_eq!(steer("link", link).await.1, json!({"ok": true}));
    assert_eq!(
        steer("fault", json!({"fault": "graph", "code": 190, "subcode": 463, "dataset": "77"})).await.0,
        200
    );
    assert_eq!(sends(&sandbox).await, Verdict::Sent);
    let (_, answer) = caller.post("/v26.0/77/events", &json!({"data": [event("e")]})).await;
    assert_eq!(codes(&answer), (Some(190), Some(463)));

    steer("kill", json!({"token": TOKEN})).await;
    assert_eq!(sends(&sandbox).await, Verdict::LinkBroken);
    steer("revive", json!({"token": TOKEN})).await;
    steer("poison", json!({"event_id": "a", "subcode": 2_804_008})).await;
    assert_eq!(sends(&sandbox).await, Verdict::Refused);
    steer("fault", json!({"fault": "throttled", "code": 17, "minutes": 5, "lasting": true})).await;
    let pause = Some(Duration::from_mins(5));
    assert_eq!(sends(&sandbox).await, Verdict::Throttled(pause));
    let (_, state) = caller.get("/_sandbox/state").await;
    assert_eq!(state["accepted_count"], 2);
    assert_eq!(state["accepted"][DATASET]["Purchase"], 2);
    assert_eq!(state["seen"].as_array().unwrap().len(), 5);
    assert_eq!(state["faults"][0]["times"], Value::Null);
    steer("lift", json!({})).await;
    assert_eq!(caller.get("/_sandbox/state").await.1["faults"], json!([]));
    let (_, accepted) = caller.get(&format!("/_sandbox/accepted?dataset={DATASET}&limit=1")).await;
    assert_eq!(accepted["data"][0]["event"]["event_id"], "b");
    assert!(caller.get("/_sandbox/rules").await.1["data"].as_array().unwrap().len() > 60);

    let post = async |body: Value| caller.post(&format!("/v26.0/{DATASET}/events"), &body).await;
    steer("fault", json!({"fault": "codeless", "status": 503})).await;
    assert_eq!(post(json!({"data": [event("c")]})).await, (503, json!({"error": {}})));
    assert_eq!(steer("poison", json!({"event_id": "a", "code": 1, "subcode": 99})).await.0, 400);
    assert_eq!(steer("poison", json!({"event_id": "a", "code": 341})).await.0, 200);
    assert_eq!(sends(&sandbox).await, Verdict::NotTaken);
    steer("cure", json!({})).await;
    steer("at_once", json!({"events": 1})).await;
    assert_eq!(sends(&sandbox).await, Verdict::TooMuch);
    steer("at_once", json!({"events": 2})).await;
    steer("restrict", json!({"id": "2"})).await;
    assert_eq!(sends(&sandbox).await, Verdict::RegionRefused);
    let (_, answer) = post(json!({"data": [event("c")]})).await;
    assert_eq!(answer["error"]["message"], "Messaging Event Within Messaging Restrictive Region");

    let (url, received) = receives_one("").await;
    let hook = json!({"url": url, "secret": "s", "page": PAGE, "person": "2", "text": "₾?", "kind": "echo"});
    let (_, sent) = steer("webhook", hook).await;
    assert_eq!(
        (&sent["status"], &sent["sent"]["entry"][0]["messaging"][0]["message"]["is_echo"]),
        (&json!(200), &json!(true))
    );
    assert!(String::from_utf8(received.await.unwrap()).unwrap().contains(r"\u20be?"));

    let as_curl = caller.client.post(format!("{}/_sandbox/lift", sandbox.url()));
    let as_curl = as_curl.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(read(as_curl.body(r#"{"dataset": "77"}"#)).await.0, 200);
    assert_eq!(steer("kill", json!({"tokken": TOKEN})).await.0, 400);
    assert_eq!(steer("fault", json!({"fault": "flood"})).await.0, 400);
    assert_eq!(steer("nowhere", json!({})).await.0, 404);
    let help = caller.client.get(format!("{}/_sandbox/", sandbox.url())).send().await.unwrap();
    assert!(help.text().await.unwrap().contains("POST /_sandbox/webhook"));
}

#[tokio::test]
async fn the_command_runs_until_it_is_stopped() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let listen = "127.0.0.1:0".parse().unwrap();
    let run = tokio::spawn(salesbridge::sandbox::run(listen, Clock::system(), async {
        drop(stopped.await);
    }));
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();
}
