//! Bodies that mean harm: nothing unsigned comes in, and nothing signed stops the service.

use std::fmt::Write as _;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use salesbridge::flow::{self, INTAKE_MAX};
use salesbridge::meta::{signature, webhook as reader};
use salesbridge::sandbox::webhook::{self, Chat};
use salesbridge::web::serve;
use salesbridge::web::{App, AppState, BODY_LIMIT, Limits, Readiness, router};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::harness::{PAGE, Shop, both};
use crate::seeded::{Chance, seed};

const APP_SECRET: &str = "app_secret_test";
const MUTATIONS: usize = 100_000;
const MUTATIONS_BY_HTTP: usize = 3_000;
const SIGNED: usize = 1_500;

/// What large bodies on their way may hold together.
const ROOMFUL: usize = 64 * 1024 * 1024;

pub fn service_of(shop: &Shop) -> Router {
    router(App::from(AppState {
        services: shop.services.clone(),
        app_secret: Some(APP_SECRET.to_owned().into()),
        verify_token: Some("my_secret".to_owned().into()),
        intake: shop.intake.clone(),
        in_flight: flow::InFlight::default(),
        readiness: Readiness::default(),
        body_limit: BODY_LIMIT,
    }))
}

fn posted(header: Option<&[u8]>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/webhooks/meta");
    if let Some(header) = header {
        request = request.header("x-hub-signature-256", header);
    }
    request.body(body.into()).unwrap()
}

async fn answers(service: &TowerToHyperService<Router>, request: Request<Body>) -> (u16, String) {
    let answer = service.call(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Sends a body as Meta does; gives the status.
async fn signed(service: &TowerToHyperService<Router>, body: Vec<u8>) -> u16 {
    let header = signature::sign(APP_SECRET.as_bytes(), &body);
    answers(service, posted(Some(header.as_bytes()), body)).await.0
}

fn a_body(at: salesbridge::clock::Timestamp) -> String {
    let chat = Chat { page: PAGE, psid: "42", at };
    webhook::escape(&webhook::messaging(PAGE, at, &[chat.text("m_1", "café / ok")]).to_string())
}

/// The same header and body with something else in one of them.
fn mutated(header: &[u8], body: &[u8], chance: &mut Chance) -> (Option<Vec<u8>>, Vec<u8>) {
    let (mut header, mut body) = (header.to_vec(), body.to_vec());
    match chance.below(12) {
        0 => return (None, body),
        1 => header.truncate(chance.below(header.len())),
        2 => header.extend_from_slice(b"0"),
        3 => header = header.to_ascii_uppercase(),
        4 => header = [b"sha1=", &header[7..]].concat(),
        5 => header = signature::sign(&[chance.byte()], &body).into_bytes(),
        6 => header = signature::sign(b"", &body).into_bytes(),
        // A header may not hold control characters.
        7 | 8 => {
            let place = chance.below(header.len());
            header[place] = *chance.pick(b"0123456789abcdefABCDEF=~ \x80\xff");
        }
        9 => {
            let place = chance.below(body.len());
            body[place] ^= 1 << chance.below(8);
        }
        10 => {
            body.remove(chance.below(body.len()));
        }
        _ => body.insert(chance.below(body.len() + 1), chance.byte()),
    }
    (Some(header), body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_mutations_are_all_refused() {
    let shop = Shop::on_sqlite().await;
    let body = a_body(shop.services.clock.now()).into_bytes();
    let header = signature::sign(APP_SECRET.as_bytes(), &body).into_bytes();
    let mut parts = JoinSet::new();
    for part in 0..2 {
        let (service, header, body) =
            (TowerToHyperService::new(service_of(&shop)), header.clone(), body.clone());
        parts.spawn(async move {
            let mut chance = Chance::new(seed() + part);
            let mut refused = 0;
            while refused < MUTATIONS / 2 {
                let (shown, told) = mutated(&header, &body, &mut chance);
                if shown.as_ref() == Some(&header) && told == body {
                    continue;
                }
                let (status, answer) = answers(&service, posted(shown.as_deref(), told.clone())).await;
                assert_eq!(status, 401, "{shown:?} {told:?} {answer}");
                refused += 1;
            }
            refused
        });
    }
    assert_eq!(parts.join_all().await.iter().sum::<usize>(), MUTATIONS);
    assert_eq!(flow::project(&shop.services).await.unwrap(), 0);
    let service = TowerToHyperService::new(service_of(&shop));
    assert_eq!(answers(&service, posted(Some(&header), body)).await.0, 200);
    assert_eq!(flow::project(&shop.services).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_mutations_are_refused_over_http() {
    let shop = Shop::on_sqlite().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/meta", listener.local_addr().unwrap());
    let end = CancellationToken::new();
    let server = tokio::spawn(serve(listener, service_of(&shop), Limits::default(), end.clone()));
    let body = a_body(shop.services.clock.now()).into_bytes();
    let header = signature::sign(APP_SECRET.as_bytes(), &body).into_bytes();
    let (client, mut chance, mut refused) =
        (salesbridge::http_client::client().unwrap(), Chance::new(seed()), 0);
    while refused < MUTATIONS_BY_HTTP {
        let (shown, told) = mutated(&header, &body, &mut chance);
        // Blanks at the end of a header are not part of it.
        if shown.as_deref().map(<[u8]>::trim_ascii) == Some(&header) && told == body {
            continue;
        }
        let mut request = client.post(&url).body(told);
        if let Some(shown) = shown {
            request = request.header("x-hub-signature-256", shown);
        }
        assert_eq!(request.send().await.unwrap().status(), 401);
        refused += 1;
    }
    end.cancel();
    assert_eq!(server.await.unwrap(), 0);
    assert_eq!(flow::project(&shop.services).await.unwrap(), 0);
}

/// A value of a kind that nobody expects in that place.
fn odd(chance: &mut Chance) -> Value {
    match chance.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(i64::MIN),
        3 => json!(u64::MAX),
        4 => json!(1e308),
        5 => json!(-1),
        6 => json!("\0"),
        7 => json!("nul\0in the middle"),
        8 => json!("x".repeat(1 + chance.below(5_000))),
        9 => json!("\u{10ffff}\u{202e}\u{feff}'; drop table inbox; --"),
        10 => json!([[[]], {"id": {"id": "1"}}, 7]),
        11 => json!({"": {"": ""}, "id": [1], "mid": {}}),
        12 => json!(chance.next().to_string()),
        _ => json!(chance.next() % 100_000_000_000_000),
    }
}

/// Replaces, drops or doubles something somewhere within.
fn bend(value: &mut Value, chance: &mut Chance) {
    if chance.one_in(5) {
        *value = odd(chance);
        return;
    }
    match value {
        Value::Object(members) if !members.is_empty() => {
            let name = members.keys().nth(chance.below(members.len())).cloned().unwrap();
            if chance.one_in(6) {
                members.remove(&name);
            } else if chance.one_in(8) {
                members.insert(
                    chance.pick(&["id", "mid", "text", "referral", "read", "\0", ""]).to_string(),
                    odd(chance),
                );
            } else if let Some(member) = members.get_mut(&name) {
                bend(member, chance);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let place = chance.below(items.len());
            if chance.one_in(6) {
                items.push(items[place].clone());
            } else {
                bend(&mut items[place], chance);
            }
        }
        other => *other = odd(chance),
    }
}

/// A body that no honest sender would write.
fn a_hostile_body(number: usize, chance: &mut Chance) -> Vec<u8> {
    if chance.one_in(5) {
        return (0..chance.below(300)).map(|_| chance.byte()).collect();
    }
    let at = salesbridge::clock::Timestamp::from_seconds(1_795_424_400);
    let (psid, mid) = ((number % 40).to_string(), format!("m_hostile_{number}"));
    let chat = Chat { page: PAGE, psid: &psid, at };
    let items = [
        chat.text(&mid, "my number is 555 12 34 56"),
        chat.echo(&mid, "₾ 12.50"),
        chat.ad(&mid, "hi", "1202", "spring"),
        chat.referral("1202", "spring"),
        chat.postback(&mid, "Go", "GO"),
    ];
    let mut body = match chance.below(6) {
        0 => chat.label("add", "7", "Order"),
        1 => webhook::standby(PAGE, at, &items[..2]),
        _ => webhook::messaging(PAGE, at, &[chance.pick(&items).clone()]),
    };
    for _ in 0..=chance.below(4) {
        bend(&mut body, chance);
    }
    let mut bytes = webhook::escape(&body.to_string()).into_bytes();
    if chance.one_in(4) {
        for _ in 0..=chance.below(4) {
            let place = chance.below(bytes.len());
            match chance.below(4) {
                0 => bytes[place] = chance.byte(),
                1 => drop(bytes.splice(place..place, *b"\\ud800")),
                2 => drop(bytes.splice(place..place, *b"\\u0000")),
                _ => bytes.truncate(place.max(1)),
            }
        }
    }
    bytes
}

/// Bodies as large and as deep as they may be.
fn giants() -> Vec<Vec<u8>> {
    let deep = 100_000;
    let keys = |count: usize| {
        let mut keys = String::with_capacity(count * 12);
        for key in 0..count {
            // Writing to a text does not fail.
            let _ = write!(keys, "\"{key:x}\":0,");
        }
        keys
    };
    let item = |inner: &str| {
        format!(
            r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":1795424400000,"messaging":[{{{inner}"sender":{{"id":"9"}},"recipient":{{"id":"{PAGE}"}},"timestamp":1795424400000,"message":{{"mid":"m_giant","text":"hi"}}}}]}}]}}"#
        )
    };
    [
        "[".repeat(deep),
        format!("{}{}", "[".repeat(deep), "]".repeat(deep)),
        format!(
            r#"{{"object":"page","entry":[{{"id":"{PAGE}","messaging":{}{}}}]}}"#,
            "[".repeat(deep),
            "]".repeat(deep)
        ),
        format!("{}1{}", r#"{"a":"#.repeat(deep), "}".repeat(deep)),
        item(&keys(600_000)),
        item(&r#""":0,"#.repeat(1_000_000)),
        format!(r#"{{"object":"page","entry":[{}0]}}"#, "0,".repeat(1_000_000)),
        format!(r#"{{"object":"page","object":"page","entry":7,{}"entry":[]}}"#, keys(600_000)),
        item(&format!(r#""x":"{}","#, "\\ud800".repeat(600_000))),
    ]
    .map(String::into_bytes)
    .into()
}

both!(
    async fn signed_harm_is_kept_counted_and_passed_by(shop: Shop) {
        let service = TowerToHyperService::new(service_of(&shop));
        let mut chance = Chance::new(seed());
        let mut bodies: Vec<Vec<u8>> =
            (0..SIGNED).map(|number| a_hostile_body(number, &mut chance)).collect();
        bodies.extend(giants());
        bodies.extend([
            Vec::new(),
            b"\xff\xfe".to_vec(),
            b"null".to_vec(),
            br#"{"object":"page","entry":[{"id":"\ud800","messaging":[]}]}"#.to_vec(),
        ]);
        let mut unreadable = 0;
        let count = bodies.len();
        for body in bodies {
            unreadable += i64::from(reader::read(&body).is_err());
            let start = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
            assert_eq!(signed(&service, body).await, 200, "{start}");
        }
        let mut projected = 0;
        loop {
            match flow::project(&shop.services).await.unwrap() {
                0 => break,
                more => projected += more,
            }
        }
        assert_eq!(projected, count);
        assert!(unreadable > 100);
        let books = Books::open(&shop.url).await;
        assert_eq!(
            books.count("select count(*) from intake_log where projected_at is not null").await,
            i64::try_from(count).unwrap()
        );
        assert_eq!(books.count("select count(*) from intake_log where unread is not null").await, unreadable);
        let counted = "select cast(sum(count) as bigint) from intake_count where kind = 'unreadable'";
        assert_eq!(books.count(counted).await, unreadable);
        shop.hears_from("424242").await;
    }
);

both!(
    async fn a_batch_of_four_megabytes_is_read_to_the_letter(shop: Shop) {
        let service = TowerToHyperService::new(service_of(&shop));
        let at = shop.services.clock.now();
        let text = "ვერცხლის საყურე / „ღამე“ 😀 \"\\ ".repeat(20);
        let chat = Chat { page: PAGE, psid: "42", at };
        let items: Vec<Value> = (0..1_400).map(|number| chat.text(&format!("m_{number}"), &text)).collect();
        let body = webhook::escape(&webhook::messaging(PAGE, at, &items).to_string()).into_bytes();
        assert!(body.len() >= 4_000_000, "{}", body.len());
        assert_eq!(signed(&service, body).await, 200);
        while flow::project(&shop.services).await.unwrap() > 0 {}
        let rows = Books::open(&shop.url).await.rows("select text from message").await;
        assert_eq!(rows.len(), 1_400);
        assert!(rows.iter().all(|row| row[0] == text));
    }
);

#[tokio::test]
async fn what_is_over_the_limit_is_413() {
    let shop = Shop::on_sqlite().await;
    let service = TowerToHyperService::new(service_of(&shop));
    assert_eq!(signed(&service, vec![b' '; BODY_LIMIT]).await, 200);
    assert_eq!(signed(&service, vec![b' '; BODY_LIMIT + 1]).await, 413);
    // The same when nobody says beforehand how long it is.
    let body = vec![b' '; BODY_LIMIT + 1];
    let header = signature::sign(APP_SECRET.as_bytes(), &body);
    let pieces = Pieces(body.chunks(1 << 16).map(<[u8]>::to_vec).collect());
    let (status, _) = answers(&service, posted(Some(header.as_bytes()), Body::new(pieces))).await;
    assert_eq!(status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_share_a_room_and_small_ones_need_none() {
    let shop = Shop::on_sqlite().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let end = CancellationToken::new();
    let server = tokio::spawn(serve(listener, service_of(&shop), Limits::default(), end.clone()));
    // All but the last byte of bodies that nobody has signed.
    let mut strangers = JoinSet::new();
    for _ in 0..ROOMFUL / BODY_LIMIT + 2 {
        strangers.spawn(async move {
            let mut line = tokio::net::TcpStream::connect(address).await.unwrap();
            let head =
                format!("POST /webhooks/meta HTTP/1.1\r\nhost: x\r\ncontent-length: {BODY_LIMIT}\r\n\r\n");
            let (mut from, mut to) = line.split();
            let mut heard = Vec::new();
            let says = async {
                // Who is turned away early can't say all.
                drop(to.write_all(&[head.as_bytes(), &vec![b' '; BODY_LIMIT - 1]].concat()).await);
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = says => {}
                _ = from.read_to_end(&mut heard) => {}
            }
            String::from_utf8(heard).unwrap()
        });
    }
    let turned_away = strangers.join_next().await.unwrap().unwrap();
    assert!(turned_away.starts_with("HTTP/1.1 503 ") && turned_away.contains("crowded"), "{turned_away}");
    let (client, url) =
        (salesbridge::http_client::client().unwrap(), format!("http://{address}/webhooks/meta"));
    let takes = async |body: Vec<u8>| {
        let header = signature::sign(APP_SECRET.as_bytes(), &body);
        let request = client.post(&url).header("x-hub-signature-256", header).body(body);
        request.send().await.map_or(0, |answer| answer.status().as_u16())
    };
    assert_eq!(takes(a_body(shop.services.clock.now()).into_bytes()).await, 200);
    strangers.shutdown().await;
    // The room is given back as soon as the service sees that they are gone.
    while takes(vec![b' '; BODY_LIMIT]).await != 200 {}
    end.cancel();
    server.await.unwrap();
}

/// A body in pieces.
struct Pieces(std::collections::VecDeque<Vec<u8>>);

impl http_body::Body for Pieces {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::task::Poll::Ready(self.0.pop_front().map(|piece| Ok(http_body::Frame::data(piece.into()))))
    }
}

both!(
    async fn a_full_queue_is_never_a_false_200(shop: Shop) {
        // Nobody else can write now.
        let (mut units, mut file) = (Vec::new(), None);
        if shop.services.store.is_shared() {
            for _ in 0..16 {
                units.push(shop.services.store.begin("test").await.unwrap());
            }
        } else {
            let mut inbox = SqliteConnection::connect(&format!("{}-intake", shop.url)).await.unwrap();
            sqlx::query("begin immediate").execute(&mut inbox).await.unwrap();
            file = Some(inbox);
        }
        let service = TowerToHyperService::new(service_of(&shop));
        let mut waiting = JoinSet::new();
        let body = |number: usize| format!(r#"{{"object":"page","entry":[],"number":{number}}}"#);
        let many = INTAKE_MAX + 1_000;
        for number in 0..many {
            let intake = shop.intake.clone();
            waiting.spawn(async move { (number, intake.take(body(number).into()).await) });
        }
        // Those who found no room are told so while the others still wait.
        let mut refused = Vec::new();
        while refused.is_empty() {
            let (number, taken) = waiting.join_next().await.unwrap().unwrap();
            assert_eq!(taken.unwrap_err().code, "intake_full");
            refused.push(number);
        }
        let (status, told) = answers(&service, {
            let body = body(many);
            let header = signature::sign(APP_SECRET.as_bytes(), body.as_bytes());
            posted(Some(header.as_bytes()), body)
        })
        .await;
        assert_eq!(status, 503, "{told}");
        assert!(told.contains("intake_full"), "{told}");
        drop(units);
        if let Some(inbox) = file {
            inbox.close().await.unwrap();
        }
        let mut taken = 0;
        while let Some(done) = waiting.join_next().await {
            match done.unwrap() {
                (_, Ok(())) => taken += 1,
                (number, Err(_)) => refused.push(number),
            }
        }
        assert!(taken >= INTAKE_MAX && taken + refused.len() == many);
        let books = Books::open(&shop.url).await;
        assert_eq!(books.count("select count(*) from intake_log").await, i64::try_from(taken).unwrap());
    }
);
