//! What a change says of its order, whenever it is read and whatever becomes known later.

use std::time::Duration;

use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow::{self, IdempotentRequest, Sender};
use serde_json::Value;

use super::{Reader, accepts, led_by, of_order, publishes, tells, text, versions};
use crate::harness::{PAGE, Shop, both, numbered, referred, say};

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
