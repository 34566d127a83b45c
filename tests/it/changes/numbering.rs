//! How changes are numbered: complete and in order, whoever writes and publishes.

use std::collections::BTreeSet;
use std::time::Duration;

use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow::{self, IdempotentRequest, Services};
use salesbridge::store::change::NewChange;
use salesbridge::worker::publish;

use super::{Reader, of_order, publishes, text, versions};
use crate::harness::{Shop, both, numbered, say};

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
    let new = NewChange { id: shop.services.ids.next(now), thread: &thread, cause: None, now };
    unit.conversation_changed(new).await.unwrap();
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
