//! The change feed: complete, in order, and the same whenever it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use salesbridge::domain::basic::identity::{ConversationId, OutcomeId, PageId};
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::error::Error;
use salesbridge::flow::manage::keys;
use salesbridge::flow::{self, IdempotentRequest, Sender, Services};
use salesbridge::web::{App, AppState, BODY_LIMIT, Readiness, router};
use salesbridge::worker::publish;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::Row as _;

use crate::harness::{PAGE, Shop, both, numbered, referred, say};

const OTHER_PAGE: &str = "9999999999";
const KEPT: Duration = Duration::from_hours(90 * 24);

/// A reader of the feed, with a key of its own.
#[derive(Clone)]
struct Reader {
    url: String,
    secret: String,
    client: reqwest::Client,
}

impl Reader {
    async fn of(shop: &Shop, role: &str, page: Option<&str>) -> Self {
        Self::at(&shop.services, shop, role, page).await
    }

    async fn at(services: &Services, shop: &Shop, role: &str, page: Option<&str>) -> Self {
        let app = App::from(AppState {
            services: services.clone(),
            app_secret: None,
            verify_token: None,
            intake: shop.intake.clone(),
            in_flight: flow::InFlight::default(),
            readiness: Readiness::default(),
            body_limit: BODY_LIMIT,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(app)).await });
        let secret = keys::create(services, role, role, page.map(PageId::from).as_ref()).await.unwrap();
        Self { url, secret, client: salesbridge::http_client::client().unwrap() }
    }

    async fn asks(&self, query: &str) -> (u16, Value) {
        let url = format!("{}/v1/changes?{query}", self.url);
        let answer = self.client.get(url).bearer_auth(&self.secret).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// All changes behind a cursor, and the cursor behind them.
    async fn follows(&self, cursor: &str, limit: i64) -> (Vec<Value>, String) {
        let (mut changes, mut cursor) = (Vec::new(), cursor.to_owned());
        loop {
            let after = if cursor.is_empty() { String::new() } else { format!("&after={cursor}") };
            let (status, answer) = self.asks(&format!("limit={limit}{after}")).await;
            assert_eq!(status, 200, "{answer}");
            text(&answer["cursor"]).clone_into(&mut cursor);
            let some = answer["data"].as_array().unwrap().clone();
            if some.is_empty() {
                return (changes, cursor);
            }
            changes.extend(some);
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

async fn publishes(shop: &Shop) -> usize {
    publish::round(&shop.services, "the publisher").await.unwrap()
}

/// The snapshots of an order by one of its names, in the order of the feed.
fn of_order<'a>(changes: &'a [Value], number: &str) -> Vec<&'a Value> {
    let orders = changes.iter().map(|change| &change["data"]["order"]);
    orders.filter(|order| order["order_id"] == number).collect()
}

/// The versions of each subject, in the order of the feed.
fn versions(changes: &[Value]) -> BTreeMap<String, Vec<i64>> {
    let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for change in changes {
        let (_, subject) = change["data"].as_object().unwrap().iter().next().unwrap();
        versions
            .entry(text(&subject["id"]).to_owned())
            .or_default()
            .push(subject["version"].as_i64().unwrap());
    }
    versions
}

/// What a reader has in the end who keeps the newest version of everything.
fn checksum(changes: &[Value]) -> String {
    let mut state: BTreeMap<&str, (i64, &Value)> = BTreeMap::new();
    for change in changes {
        let (_, subject) = change["data"].as_object().unwrap().iter().next().unwrap();
        let version = subject["version"].as_i64().unwrap();
        let kept = state.entry(text(&subject["id"])).or_insert((version, subject));
        if version >= kept.0 {
            *kept = (version, subject);
        }
    }
    hex::encode(Sha256::digest(serde_json::to_string(&state).unwrap()))
}

async fn tells(shop: &Shop, chat: &ConversationId, tag: Tag) -> Result<flow::Tagged, Error> {
    let at = tag.occurred_at.unwrap_or_else(|| shop.services.clock.now());
    shop.tags(chat, &Tag { source: Source::Crm, occurred_at: Some(at), ..tag }).await
}

async fn accepts(shop: &Shop, outcome: &OutcomeId) {
    flow::accept(&shop.services, outcome, Sender::person("nino", Source::Api), &IdempotentRequest::unkeyed())
        .await
        .unwrap();
}

fn led_by(psid: &str, ad: &str, at: i64) -> String {
    format!(
        r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"{psid}"}},
        "recipient":{{"id":"{PAGE}"}},"timestamp":{at},
        "referral":{{"source":"ADS","type":"OPEN_THREAD","ad_id":"{ad}","ref":"r-{ad}"}}}}]}}]}}"#
    )
}

both!(
    async fn complete_and_in_order_with_many_writers_and_publishers(shop: Shop) {
        let mut chats = Vec::new();
        for psid in 0..4 {
            chats.push(shop.hears_from(&format!("{psid}")).await);
        }
        // On a file there is one process; several publishers are several tasks of it.
        let replica =
            if shop.services.store.is_shared() { shop.beside().await } else { shop.services.clone() };
        let done = tokio_util::sync::CancellationToken::new();
        let mut publishers = Vec::new();
        for number in 0..4 {
            let services = if number % 2 == 0 { shop.services.clone() } else { replica.clone() };
            let done = done.clone();
            publishers.push(tokio::spawn(async move {
                let mut numbered = 0;
                while !done.is_cancelled() {
                    numbered += publish::round(&services, &format!("publisher {number}")).await.unwrap();
                    // Time goes on, so that the lease changes hands in the midst of it.
                    services.clock.advance(Duration::from_secs(1));
                    tokio::task::yield_now().await;
                }
                numbered
            }));
        }
        let reader = Reader::at(&replica, &shop, "crm", None).await;
        let follower = tokio::spawn({
            let (reader, done) = (reader.clone(), done.clone());
            async move {
                let (mut seen, mut cursor) = (Vec::new(), String::new());
                while !done.is_cancelled() {
                    let (some, behind) = reader.follows(&cursor, 7).await;
                    seen.extend(some);
                    cursor = behind;
                }
                (seen, cursor)
            }
        });
        let mut writers = Vec::new();
        for number in 0_usize..8 {
            let services = if number % 2 == 0 { shop.services.clone() } else { replica.clone() };
            let chat = chats[number / 2].clone();
            writers.push(tokio::spawn(async move {
                for value in 0..12 {
                    let kind = if value == 0 { OutcomeKind::Confirmed } else { OutcomeKind::Amended };
                    let tag = numbered(say(kind, 5000 + value), &format!("A-{number}"));
                    flow::tag(&services, &chat, &tag, "nino", &IdempotentRequest::unkeyed()).await.unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        done.cancel();
        let mut numbered = 0;
        for publisher in publishers {
            numbered += publisher.await.unwrap();
        }
        shop.later(flow::LEASE);
        numbered += publishes(&shop).await;
        let (mut seen, cursor) = follower.await.unwrap();
        seen.extend(reader.follows(&cursor, 200).await.0);

        let ids: BTreeSet<&str> = seen.iter().map(|change| text(&change["id"])).collect();
        let all = 4 + 8 * 12;
        // Units of a file number their changes themselves.
        let by_publishers = if shop.services.store.is_shared() { all } else { 0 };
        assert_eq!((seen.len(), ids.len(), numbered), (all, all, by_publishers));
        let versions = versions(&seen);
        assert_eq!(versions.len(), 4 + 8);
        for (subject, versions) in versions {
            let expected: Vec<i64> = (1..=versions.len()).map(|version| version as i64).collect();
            assert_eq!(versions, expected, "{subject}");
        }
        assert_eq!(reader.follows("", 200).await.0, seen);
        let mut unit = shop.services.store.read().await.unwrap();
        assert_eq!(unit.feed().await.unwrap().last, 4 + 8 * 12);
    }
);

#[tokio::test(flavor = "multi_thread")]
async fn a_late_commit_is_not_skipped() {
    let shop = Shop::on_postgres().await;
    let (late, early) = (shop.hears_from("1").await, shop.hears_from("2").await);
    publishes(&shop).await;
    let reader = Reader::of(&shop, "crm", None).await;
    let (_, cursor) = reader.follows("", 200).await;
    let mut unit = shop.services.store.begin("test").await.unwrap();
    let mut thread = unit.load_conversation(&late).await.unwrap().unwrap().thread;
    thread.version += 1;
    let now = shop.services.clock.now();
    unit.conversation_changed(shop.services.ids.next(now), &thread, now).await.unwrap();
    shop.tags(&early, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
    assert_eq!(publishes(&shop).await, 1);
    let (first, cursor) = reader.follows(&cursor, 200).await;
    unit.commit().await.unwrap();
    assert_eq!(publishes(&shop).await, 1);
    let (second, _) = reader.follows(&cursor, 200).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(text(&second[0]["data"]["conversation"]["id"]), late.as_str());
}

both!(
    async fn versions_go_in_order_although_the_clock_went_back(shop: Shop) {
        let chat = shop.hears_from("1").await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 6000), "A-1")).await.unwrap();
        // A replica whose clock is behind writes the next version, and another order.
        let behind = salesbridge::clock::Clock::steered(shop.services.clock.now() - Duration::from_secs(60));
        let replica =
            Services { clock: behind, tag_queue: flow::TagQueue::default(), ..shop.services.clone() };
        let other = numbered(say(OutcomeKind::Confirmed, 100), "A-2");
        let cancel = Tag {
            reason: Some("late".to_owned()),
            occurred_at: Some(shop.services.clock.now() + Duration::from_secs(1)),
            ..numbered(say(OutcomeKind::Cancelled, None), "A-1")
        };
        for tag in [cancel, other] {
            flow::tag(&replica, &chat, &tag, "nino", &IdempotentRequest::unkeyed()).await.unwrap();
        }
        publishes(&shop).await;
        let reader = Reader::of(&shop, "crm", None).await;
        let (changes, _) = reader.follows("", 200).await;
        let states: Vec<&str> = of_order(&changes, "A-1").iter().map(|order| text(&order["state"])).collect();
        assert_eq!(states, ["confirmed", "confirmed", "cancelled"]);
        assert_eq!(versions(&changes).values().map(Vec::len).sum::<usize>(), 5);
    }
);

both!(
    async fn a_change_reads_the_same_whenever_it_is_read(shop: Shop) {
        let chat = shop.hears_from("42").await;
        let reader = Reader::of(&shop, "crm", None).await;
        let (mut as_it_happened, mut cursor) = (Vec::new(), String::new());
        let mut number = 0;
        macro_rules! then {
            ($step:expr) => {{
                let done = $step;
                shop.later(Duration::from_secs(1));
                publishes(&shop).await;
                let (some, behind) = reader.follows(&cursor, 200).await;
                assert!(!some.is_empty(), "step {number}");
                as_it_happened.extend(some);
                cursor = behind;
                number += 1;
                done
            }};
        }
        let a1 = |kind, value: Option<i64>| numbered(say(kind, value), "A-1");
        then!(shop.tags(&chat, &say(OutcomeKind::Qualified, None)).await.unwrap());
        let first = then!(shop.tags(&chat, &a1(OutcomeKind::Confirmed, Some(5000))).await.unwrap());
        then!(shop.undoes(&first.outcome_id).await.unwrap());
        then!(shop.tags(&chat, &a1(OutcomeKind::Confirmed, Some(6000))).await.unwrap());
        then!(shop.tags(&chat, &a1(OutcomeKind::Amended, Some(4500))).await.unwrap());
        then!(tells(&shop, &chat, referred(a1(OutcomeKind::Paid, Some(4500)), "p-1")).await.unwrap());
        then!(shop.tags(&chat, &a1(OutcomeKind::Cancelled, None)).await.unwrap());
        let flagged = then!(tells(&shop, &chat, a1(OutcomeKind::Shipped, None)).await.unwrap());
        assert!(flagged.flag.is_some());
        then!(accepts(&shop, &flagged.outcome_id).await);
        assert_eq!(number, 9);
        assert_eq!(reader.follows(&cursor, 200).await, (Vec::new(), cursor));

        let (again, _) = reader.follows("", 4).await;
        assert_eq!(again, as_it_happened);
        let orders = of_order(&again, "A-1");
        let short = |order: &&Value| {
            format!("{} {} {} {}", order["version"], order["state"], order["value"], order["paid"])
        };
        assert_eq!(
            orders.iter().map(short).collect::<Vec<_>>().join("\n").replace('"', ""),
            "\
1 confirmed 50.00 0.00
2 none null 0.00
3 confirmed 60.00 0.00
4 confirmed 45.00 0.00
5 confirmed 45.00 45.00
6 cancelled 45.00 45.00
7 cancelled 45.00 45.00
8 shipped 45.00 45.00"
        );
        let facts = |version: usize| orders[version - 1]["outcomes"].as_array().unwrap();
        assert_eq!((facts(1).len(), facts(2).len(), facts(4).len(), facts(8).len()), (1, 1, 3, 6));
        assert_eq!((&facts(1)[0]["undone"], &facts(2)[0]["undone"]), (&false.into(), &true.into()));
        assert_eq!(facts(7)[5]["flag"], "contradiction");
        assert_eq!((&facts(8)[5]["flag"], &facts(8)[5]["accepted"]), (&Value::Null, &true.into()));
        assert_eq!((text(&orders[0]["psid"]), text(&orders[0]["conversation_id"])), ("42", chat.as_str()));
        let paid = facts(8).iter().find(|fact| fact["kind"] == "paid").unwrap();
        assert_eq!(
            (text(&paid["ref"]), text(&paid["source"]), text(&paid["value"])),
            ("p-1", "crm", "45.00")
        );
        let chats: Vec<&Value> = again.iter().map(|change| &change["data"]["conversation"]).collect();
        let of_chat: Vec<usize> =
            chats.iter().filter_map(|chat| chat["outcomes"].as_array()).map(Vec::len).collect();
        assert_eq!(of_chat, [0, 1]);
    }
);

both!(
    async fn an_order_carries_its_referral_also_when_that_is_told_late(shop: Shop) {
        let chat = shop.hears_from("7").await;
        let before = shop.services.clock.now();
        shop.later(Duration::from_mins(5));
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        shop.receives(led_by("7", "ad-1", before.millis() + 1000)).await;
        shop.later(Duration::from_mins(5));
        shop.receives(led_by("7", "ad-2", shop.services.clock.now().millis())).await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Shipped, None), "A-1")).await.unwrap();
        publishes(&shop).await;
        let reader = Reader::of(&shop, "crm", None).await;
        let (changes, _) = reader.follows("", 200).await;
        let ads: Vec<&Value> =
            of_order(&changes, "A-1").iter().map(|order| &order["referral"]["ad_id"]).collect();
        assert_eq!(ads, [&Value::Null, &"ad-1".into(), &"ad-1".into()]);
        let last = changes.iter().rfind(|change| change["type"] == "conversation.updated").unwrap();
        let chat = &last["data"]["conversation"];
        assert_eq!(
            (&chat["first_referral"]["ref"], &chat["last_referral"]["ref"]),
            (&"r-ad-1".into(), &"r-ad-2".into())
        );
    }
);

both!(
    async fn an_order_that_turns_out_to_be_another_ends_in_it(shop: Shop) {
        let chat = shop.hears_from("7").await;
        let reader = Reader::of(&shop, "crm", None).await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.later(Duration::from_secs(1));
        tells(&shop, &chat, numbered(say(OutcomeKind::Confirmed, 6000), "C-77")).await.unwrap();
        publishes(&shop).await;
        let (mut as_it_happened, cursor) = reader.follows("", 200).await;
        tells(&shop, &chat, numbered(say(OutcomeKind::Shipped, None), "C-77")).await.unwrap();
        let orders = shop.aggregate(&chat).await.orders;
        let sender = Sender::person("nino", Source::Api);
        let request = IdempotentRequest::unkeyed();
        flow::join_orders(&shop.services, &orders[1].id, &orders[0].id, sender, &request).await.unwrap();
        publishes(&shop).await;
        as_it_happened.extend(reader.follows(&cursor, 200).await.0);
        let (changes, _) = reader.follows("", 200).await;
        assert_eq!(changes, as_it_happened);

        let told = of_order(&changes, "C-77");
        assert_eq!(told.len(), 3);
        assert_eq!(
            (&told[0]["value"], &told[0]["outcomes"][0]["flag"]),
            (&"60.00".into(), &"perhaps_same_sale".into())
        );
        assert_eq!(
            (&told[2]["state"], &told[2]["same_as"], &told[2]["version"]),
            (&"none".into(), &"S-1001".into(), &3.into())
        );
        assert_eq!(told[2]["outcomes"], Value::Array(Vec::new()));
        let sale = of_order(&changes, "S-1001");
        assert_eq!(
            (&sale[0]["order_ids"], &sale[0]["state"]),
            (&serde_json::json!(["S-1001"]), &"confirmed".into())
        );
        let newest = sale.last().unwrap();
        assert_eq!(
            (&newest["order_ids"], &newest["state"]),
            (&serde_json::json!(["S-1001", "C-77"]), &"shipped".into())
        );
        assert_eq!(newest["outcomes"].as_array().unwrap().len(), 3);
        for versions in versions(&changes).values() {
            let expected: Vec<i64> = (1..=versions.len()).map(|version| version as i64).collect();
            assert_eq!(*versions, expected);
        }
    }
);

both!(
    async fn an_adopted_order_is_told_again_with_its_person(shop: Shop) {
        let chat = shop.hears_from("7").await;
        let page = PageId::from(PAGE);
        let tag = Tag {
            source: Source::Crm,
            occurred_at: Some(shop.services.clock.now()),
            ..numbered(say(OutcomeKind::Confirmed, 5000), "C-1")
        };
        let line = flow::ImportLine { page, psid: None, phone_hash: None, tag: tag.clone() };
        let told =
            flow::import(&shop.services, &[(0, line)], "crm", None, IdempotentRequest::unkeyed().render)
                .await
                .unwrap()
                .done()
                .unwrap();
        assert!(told[0].is_ok());
        // The fact is known, but now it is said of somebody.
        assert!(shop.tags(&chat, &tag).await.unwrap().known);
        publishes(&shop).await;
        let (changes, _) = Reader::of(&shop, "crm", None).await.follows("", 200).await;
        let orders = of_order(&changes, "C-1");
        assert_eq!(orders.len(), 2);
        assert_eq!((&orders[1]["version"], &orders[1]["psid"]), (&2.into(), &"7".into()));
    }
);

both!(
    async fn a_reader_who_waits_is_woken(shop: Shop) {
        let chat = shop.hears_from("7").await;
        publishes(&shop).await;
        let reader = Reader::of(&shop, "crm", None).await;
        let (_, cursor) = reader.follows("", 200).await;
        let asks = |cursor: String| {
            let reader = reader.clone();
            tokio::spawn(async move { reader.asks(&format!("wait=30&after={cursor}")).await.1 })
        };
        // The clock stands still: only the publisher's word can wake.
        let waits = asks(cursor);
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        publishes(&shop).await;
        let told = waits.await.unwrap();
        assert_eq!(told["data"][0]["type"], "order.updated");

        // What another process published is found by looking.
        let cursor = text(&told["cursor"]).to_owned();
        let mut waits = asks(cursor);
        shop.tags(&chat, &say(OutcomeKind::Shipped, None)).await.unwrap();
        let replica = Services { feed_signal: flow::FeedSignal::default(), ..shop.services.clone() };
        publish::round(&replica, "the publisher").await.unwrap();
        let told = loop {
            tokio::select! {
                told = &mut waits => break told.unwrap(),
                () = tokio::task::yield_now() => shop.later(Duration::from_millis(100)),
            }
        };
        assert_eq!(told["data"][0]["data"]["order"]["state"], "shipped");

        // Nobody writes: after its time the answer is empty.
        let cursor = text(&told["cursor"]).to_owned();
        let mut waits = asks(cursor.clone());
        let begun = shop.services.clock.now();
        let told = loop {
            tokio::select! {
                told = &mut waits => break told.unwrap(),
                () = tokio::task::yield_now() => shop.later(Duration::from_millis(100)),
            }
        };
        assert_eq!((told["data"].as_array().unwrap().len(), text(&told["cursor"])), (0, cursor.as_str()));
        assert!(shop.services.clock.now().since(begun) >= Duration::from_secs(30));

        // The process ends: who waits is let go.
        let waits = asks(cursor);
        shop.services.feed_signal.close();
        assert_eq!(waits.await.unwrap()["data"], Value::Array(Vec::new()));
    }
);

both!(
    async fn a_key_bound_to_a_page_sees_that_page_alone(shop: Shop) {
        shop.set_page(|page| page.id = PageId::from(OTHER_PAGE)).await;
        let at = shop.services.clock.now().millis();
        for psid in 0..5 {
            let chat = shop.hears_from(&format!("{psid}")).await;
            shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        }
        let body = led_by("77", "ad-1", at).replace(PAGE, OTHER_PAGE);
        shop.receives(body).await;
        publishes(&shop).await;
        let all = Reader::of(&shop, "admin", None).await;
        let one = Reader::of(&shop, "crm", Some(OTHER_PAGE)).await;
        let (everything, end) = all.follows("", 3).await;
        let (own, own_end) = one.follows("", 3).await;
        assert_eq!((everything.len(), own.len()), (11, 1));
        assert_eq!(text(&own[0]["page_id"]), OTHER_PAGE);
        assert_eq!(end, own_end);

        let chat = shop.conversation("0").await.unwrap();
        shop.tags(&chat, &say(OutcomeKind::Shipped, None)).await.unwrap();
        publishes(&shop).await;
        let (_, answer) = one.asks(&format!("after={own_end}")).await;
        assert_eq!(answer["data"], Value::Array(Vec::new()));
        assert_ne!(text(&answer["cursor"]), own_end);
    }
);

both!(
    async fn what_is_asked_wrongly_is_refused_with_the_reason(shop: Shop) {
        let reader = Reader::of(&shop, "crm", None).await;
        for (query, pointer) in [
            ("limit=0", "/limit"),
            ("limit=201", "/limit"),
            ("limit=many", "/limit"),
            ("wait=31", "/wait"),
            ("wait=-1", "/wait"),
            ("after=17", "/after"),
            ("after=", "/after"),
        ] {
            let (status, problem) = reader.asks(query).await;
            assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some(pointer)), "{query}");
        }
        assert_eq!(reader.asks("limit=1&limit=2").await.0, 422);
        let (status, answer) = reader.asks("limit=200&wait=0").await;
        assert_eq!((status, answer["data"].as_array().map(Vec::len)), (200, Some(0)));
        assert_eq!(reader.asks(&format!("after={}", text(&answer["cursor"]))).await.0, 200);
        for role in ["operator", "analyst"] {
            let (status, problem) = Reader::of(&shop, role, None).await.asks("").await;
            assert_eq!((status, text(&problem["code"])), (403, "wrong_role"));
        }
        let nobody = Reader { secret: "sb_nobody".to_owned(), ..reader };
        assert_eq!(nobody.asks("").await.0, 401);
    }
);

both!(
    async fn a_cursor_older_than_what_is_kept_is_told_so(shop: Shop) {
        let reader = Reader::of(&shop, "crm", None).await;
        let (_, beginning) = reader.asks("").await;
        let beginning = text(&beginning["cursor"]).to_owned();
        let chat = shop.hears_from("7").await;
        publishes(&shop).await;
        let (_, early) = reader.follows("", 200).await;
        shop.later(Duration::from_hours(24));
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        publishes(&shop).await;
        let (_, end) = reader.follows("", 200).await;
        shop.later(KEPT - Duration::from_hours(24));
        assert_eq!(flow::drop_old_changes(&shop.services, KEPT).await.unwrap(), 0);
        shop.later(Duration::from_secs(1));
        assert_eq!(flow::drop_old_changes(&shop.services, KEPT).await.unwrap(), 1);
        let (status, problem) = reader.asks(&format!("after={beginning}")).await;
        assert_eq!((status, text(&problem["code"])), (410, "cursor_gone"));
        assert_eq!(reader.follows(&early, 200).await.0.len(), 1);
        assert_eq!(reader.follows("", 200).await.0.len(), 1);
        shop.later(KEPT);
        assert_eq!(flow::drop_old_changes(&shop.services, KEPT).await.unwrap(), 1);
        assert_eq!(reader.asks(&format!("after={early}")).await.0, 410);
        assert_eq!(reader.follows("", 200).await, (Vec::new(), end.clone()));

        // The numbers go on, although nothing is kept.
        shop.tags(&chat, &numbered(say(OutcomeKind::Shipped, None), "A-1")).await.unwrap();
        publishes(&shop).await;
        let (changes, _) = reader.follows(&end, 200).await;
        assert_eq!(changes[0]["data"]["order"]["outcomes"].as_array().unwrap().len(), 2);
        let feed = shop.services.store.read().await.unwrap().feed().await.unwrap();
        let (status, problem) = reader.asks(&format!("after={}", feed.key.cursor(feed.last + 1))).await;
        assert_eq!((status, text(&problem["code"])), (410, "cursor_ahead"));
    }
);

both!(
    async fn a_reader_who_was_away_for_a_month_ends_in_the_same_state(shop: Shop) {
        let reader = Reader::of(&shop, "crm", None).await;
        let (_, start) = reader.follows("", 200).await;
        let mut chats = Vec::new();
        for psid in 0..5 {
            chats.push(shop.hears_from(&format!("{psid}")).await);
        }
        // What chance may leave out happens here.
        let certain = shop.hears_from("9").await;
        let mut dice: u64 = 20_261_123;
        let mut roll = move |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let (mut present, mut cursor) = (Vec::new(), start.clone());
        let mut said: Vec<OutcomeId> = Vec::new();
        for step in 0_u32..180 {
            shop.later(Duration::from_hours(4));
            let who = usize::try_from(roll(5)).unwrap();
            let chat = &chats[who];
            let kind = OutcomeKind::ALL[usize::try_from(roll(11)).unwrap()];
            let value = (!kind.is_of_conversation()).then(|| 1000 + i64::try_from(roll(3)).unwrap() * 500);
            let value = value.filter(|_| {
                !matches!(kind, OutcomeKind::Cancelled | OutcomeKind::Shipped | OutcomeKind::Delivered)
            });
            let tag = referred(say(kind, value), &format!("r-{step}"));
            let c9 = |kind, value: Option<i64>| numbered(say(kind, value), "C-9");
            let done = match (step, roll(6)) {
                (20, _) => shop.tags(&certain, &say(OutcomeKind::Confirmed, 1500)).await,
                (40, _) => {
                    let untimed = Tag { source: Source::Crm, ..c9(OutcomeKind::Confirmed, Some(1700)) };
                    shop.tags(&certain, &untimed).await
                }
                (60, _) => {
                    tells(&shop, &certain, referred(c9(OutcomeKind::Amended, Some(1500)), "r-60")).await
                }
                (80, _) => shop.tags(&certain, &c9(OutcomeKind::Cancelled, None)).await,
                (100, _) => tells(&shop, &certain, c9(OutcomeKind::Delivered, None)).await,
                (_, 0) => tells(&shop, chat, numbered(tag, &format!("C-{who}-{}", roll(2)))).await,
                (_, 1) => shop.tags(chat, &numbered(tag, &format!("A-{who}"))).await,
                (_, 2) if !said.is_empty() => shop.undoes(&said[said.len() - 1]).await,
                (_, 3) => {
                    let ago = Duration::from_hours(roll(200));
                    let at = (shop.services.clock.now() - ago).millis();
                    shop.receives(led_by(&who.to_string(), &format!("ad-{step}"), at)).await;
                    continue;
                }
                _ => shop.tags(chat, &tag).await,
            };
            if step == 60 {
                let orders = shop.aggregate(&certain).await.orders;
                let ids = (&orders[1].id, &orders[0].id);
                let sender = Sender::person("nino", Source::Api);
                let request = IdempotentRequest::unkeyed();
                flow::join_orders(&shop.services, ids.0, ids.1, sender, &request).await.unwrap();
            }
            // What is not legal is refused, and that is no matter of the feed.
            if let Ok(tagged) = done {
                said.extend((step % 20 != 0).then(|| tagged.outcome_id.clone()));
                if tagged.flag.is_some() && (step == 100 || roll(2) == 0) {
                    accepts(&shop, &tagged.fact.id).await;
                }
            }
            flow::fall_silent(&shop.services).await.unwrap();
            publishes(&shop).await;
            let (some, behind) = reader.follows(&cursor, 3).await;
            present.extend(some);
            cursor = behind;
        }
        publishes(&shop).await;
        present.extend(reader.follows(&cursor, 3).await.0);
        let (away, _) = reader.follows(&start, 200).await;
        let has = |what: &str| present.iter().filter(|change| change.to_string().contains(what)).count();
        let told =
            ["same_as\":\"S-", "\"undone\":true", "\"accepted\":true", "flag\":\"c", "perhaps_same_sale"]
                .map(has);
        assert!(present.len() > 100 && told.iter().all(|count| *count > 0), "{} {told:?}", present.len());
        assert_eq!(checksum(&away), checksum(&present));
        for (subject, versions) in versions(&present) {
            let expected: Vec<i64> = (1..=versions.len()).map(|version| version as i64).collect();
            assert_eq!(versions, expected, "{subject}");
        }
        // What comes twice or in another order ends alike.
        let twice: Vec<Value> = away.iter().rev().chain(&present).cloned().collect();
        assert_eq!(checksum(&twice), checksum(&present));
        // The newest snapshots are what the orders are.
        for chat in &chats {
            let mut unit = shop.services.store.begin("test").await.unwrap();
            let aggregate = unit.load_conversation(chat).await.unwrap().unwrap();
            for ledger in aggregate.orders {
                let newest = *of_order(&away, &ledger.numbers[0]).last().unwrap();
                assert_eq!(text(&newest["state"]), ledger.order.state.as_str());
                assert_eq!(newest["version"], ledger.version);
                let facts = newest["outcomes"].as_array().unwrap();
                assert_eq!(facts.len(), ledger.facts.len());
            }
        }
    }
);

both!(
    async fn the_example_consumer_keeps_a_table_of_orders(shop: Shop) {
        let chat = shop.hears_from("7").await;
        let reader = Reader::of(&shop, "crm", None).await;
        let name =
            format!("salesbridge-follow-{}-{}", std::process::id(), reader.url.rsplit(':').next().unwrap());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        publishes(&shop).await;
        assert_eq!(consumes(&reader, &folder).await.status.code(), Some(0));
        assert_eq!(table(&folder).await, ["A-1 confirmed 50.00 1"]);
        shop.tags(&chat, &numbered(say(OutcomeKind::Amended, 6000), "A-1")).await.unwrap();
        let other = Tag { new_order: true, ..say(OutcomeKind::Confirmed, 700) };
        shop.tags(&chat, &other).await.unwrap();
        publishes(&shop).await;
        consumes(&reader, &folder).await;
        let orders = ["A-1 confirmed 60.00 2", "S-1001 confirmed 7.00 1"];
        assert_eq!(table(&folder).await, orders);
        // Whatever comes again changes nothing.
        std::fs::remove_file(folder.join("orders.cursor")).unwrap();
        consumes(&reader, &folder).await;
        assert_eq!(table(&folder).await, orders);
        // A cursor that is too old: it says so, and begins anew.
        let (_, early) = reader.asks("limit=1").await;
        shop.later(KEPT * 2);
        flow::drop_old_changes(&shop.services, KEPT).await.unwrap();
        std::fs::write(folder.join("orders.cursor"), text(&early["cursor"])).unwrap();
        let again = consumes(&reader, &folder).await;
        assert_eq!(again.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&again.stderr).contains("older than what is kept"));
        assert_eq!(table(&folder).await, orders);
        let locked_out = Reader { secret: "sb_nobody".to_owned(), ..reader };
        assert_eq!(consumes(&locked_out, &folder).await.status.code(), Some(1));
        std::fs::remove_dir_all(&folder).unwrap();
    }
);

async fn consumes(reader: &Reader, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/integrations/follow_changes.py");
    let mut command = Command::new("python3");
    command.arg(script).arg("--once").current_dir(folder);
    command.env("SALESBRIDGE_URL", &reader.url).env("SALESBRIDGE_KEY", &reader.secret).env("no_proxy", "*");
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .expect("python3 is needed for this test")
}

async fn table(folder: &Path) -> Vec<String> {
    let url = format!("sqlite://{}", folder.join("orders.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let text = "select order_id || ' ' || state || ' ' || value || ' ' || version as line from orders order by order_id";
    let rows = sqlx::query(text).fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows.iter().map(|row| row.get("line")).collect()
}
