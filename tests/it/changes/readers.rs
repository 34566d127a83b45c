//! Whole readers: one who was away for a month, and the example consumer.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use salesbridge::domain::basic::identity::OutcomeId;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow::{self, IdempotentRequest, Sender};
use serde_json::Value;
use sqlx::Row as _;

use super::{KEPT, Reader, accepts, checksum, led_by, of_order, publishes, tells, text, versions};
use crate::harness::{Shop, both, numbered, referred, say};

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
