//! After `keep_text` nothing that a person wrote is left, in any column of any table.

use std::time::Duration;

use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::order::tag::Tag;
use salesbridge::flow;
use serde_json::{Value, json};

use crate::harness::{HOLD, PAGE, Shop, both, say};
use crate::inbound_events::{Tables, ad, body, echo, rows, tap, word};

/// Words that stand in every kind of text that a person writes.
const PLANTED: [&str; 9] =
    ["zebrafish", "quokka", "axolotl", "pangolin", "capybara", "wombat", "narwhal", "okapi", "599123456"];

fn form(psid: &str, at: i64) -> Value {
    json!({"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at,
           "form": {"responses": [{"key": "name", "value": "wombat"}]}})
}

fn cart(psid: &str, at: i64) -> Value {
    let product = json!({"id": "1", "retailer_id": "K-1", "name": "narwhal", "unit_price": "5", "currency": "GEL", "quantity": 1});
    json!({"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at,
           "order": {"products": [product], "note": "okapi"}})
}

async fn plants(shop: &Shop) {
    let at = shop.services.clock.now();
    let edit = json!({"sender": {"id": "2"}, "recipient": {"id": PAGE}, "timestamp": at.millis() + 1,
                      "message_edit": {"mid": "m_1", "text": "axolotl", "num_edit": 1}});
    let events = [
        word("2", "m_1", at, "a zebrafish, my number is 599123456"),
        echo("2", "e_1", at, "a quokka"),
        edit,
        tap("2", "t_1", at, "pangolin"),
        ad("2", "a_1", at, "880001", 1),
        form("2", at.millis()),
        cart("2", at.millis()),
    ];
    shop.receives(body(PAGE, &events)).await;
    // What can't be read is kept too.
    shop.receives("{\"object\":\"page\",\"entry\":\"zebrafish\"}".to_owned()).await;
    shop.receives("zebrafish".to_owned()).await;
    let chat = shop.conversation("2").await.unwrap();
    let note = Some("capybara".to_owned());
    shop.tags(&chat, &Tag { note: note.clone(), ..say(OutcomeKind::Qualified, None) }).await.unwrap();
    shop.tags(&chat, &Tag { note, ..say(OutcomeKind::Confirmed, 5000) }).await.unwrap();
    shop.later(HOLD);
    shop.delivers().await;
    assert!(shop.told().contains(&"50.0".to_owned()));
}

/// Where a planted word still stands.
async fn found(shop: &Shop) -> Vec<String> {
    let mut found = Vec::new();
    let tables = Tables::of(shop).await;
    let names = tables.names().await;
    assert!(names.len() > 20, "{names:?}");
    for table in names {
        for row in tables.rows(&table).await {
            let text = row.to_string().to_lowercase();
            for planted in PLANTED {
                if text.contains(planted) || text.contains(&hex::encode(planted)) {
                    found.push(format!("{planted} in {table}"));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

both!(
    async fn nothing_is_left_after_its_days(shop: Shop) {
        plants(&shop).await;
        let before = found(&shop).await;
        for planted in PLANTED.iter().filter(|word| **word != "599123456" && **word != "zebrafish") {
            assert!(
                before.iter().any(|place| place.starts_with(planted)),
                "{planted} was never kept: {before:?}"
            );
        }
        shop.later(Duration::from_hours(7 * 24));
        flow::drop_expired(&shop.services).await.unwrap();
        assert_eq!(found(&shop).await, Vec::<String>::new());
        // The number itself still joins, as a hash.
        assert_eq!(rows(&shop, "phone_mention").await.len(), 1);
    }
);

both!(
    async fn what_a_person_took_back_is_gone_whichever_came_first(shop: Shop) {
        let at = shop.services.clock.now();
        let said = |mid: &str| word("2", mid, at, "a zebrafish");
        let taken_back = |mid: &str| {
            json!({"sender": {"id": "2"}, "recipient": {"id": PAGE}, "timestamp": at.millis() + 1,
                   "message": {"mid": mid, "is_deleted": true}})
        };
        for event in [said("m_1"), taken_back("m_1"), taken_back("m_2"), said("m_2")] {
            shop.receives(body(PAGE, &[event])).await;
        }
        let messages = rows(&shop, "message").await;
        assert_eq!((messages.len(), messages.iter().filter(|row| !row["text"].is_null()).count()), (2, 0));
    }
);

both!(
    async fn nothing_is_left_at_once_when_nothing_is_kept(shop: Shop) {
        let mut shop = shop;
        shop.services.keep_text = Duration::ZERO;
        shop.intake = flow::Intake::start(shop.services.clone(), std::sync::Arc::default());
        plants(&shop).await;
        // A remark is written with its tag, and goes with the next sweep.
        flow::drop_expired(&shop.services).await.unwrap();
        assert_eq!(found(&shop).await, Vec::<String>::new());
    }
);
