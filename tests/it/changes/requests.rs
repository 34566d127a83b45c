//! The requests of a reader: waiting, a key bound to a Page, what is refused, and a cursor that is too old.

use std::time::Duration;

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::flow::{self, Services};
use salesbridge::worker::publish;
use serde_json::Value;

use super::{KEPT, Reader, led_by, publishes, text};
use crate::harness::{PAGE, Shop, both, numbered, say};

const OTHER_PAGE: &str = "9999999999";

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
