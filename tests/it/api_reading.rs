//! Lists and what they show.

use std::time::Duration;

use salesbridge::domain::basic::identity::{DatasetId, PageId};
use salesbridge::domain::order::outcome::OutcomeKind;
use serde_json::{Value, json};

use crate::api::Api;
use crate::harness::{HOLD, Shop, both, numbered, say};

/// All rows of a list, in parts of this size.
async fn walks(api: &Api, list: &str, limit: usize) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let part = api.get(&format!("/v1/{list}&limit={limit}&cursor={cursor}")).await.body;
        let data = part["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        rows.extend(data.clone());
        match part["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return rows,
        }
    }
}

both!(
    async fn a_list_is_the_same_in_parts_of_any_size(shop: Shop) {
        for number in 0..7 {
            let chat = shop.hears_from(&number.to_string()).await;
            shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 1000), &format!("A-{number}")))
                .await
                .unwrap();
            // Some of them at the same moment.
            if number % 3 == 0 {
                shop.later(Duration::from_mins(1));
            }
        }
        let api = shop.api("admin").await;
        for list in [
            "conversations?",
            "orders?state=confirmed",
            "conversions?state=held",
            "orders?page_id=1111111111",
        ] {
            let whole = walks(&api, list, 200).await;
            assert_eq!(whole.len(), 7, "{list}");
            for limit in [1, 2, 3, 7] {
                assert_eq!(walks(&api, list, limit).await, whole, "{list} by {limit}");
            }
        }
        let newest = api.get("/v1/orders?limit=1").await.body;
        assert_eq!(newest["data"][0]["order_id"], "A-6");
        // A row that comes meanwhile moves nothing.
        let before = walks(&api, "orders?", 200).await;
        let part = api.get("/v1/orders?limit=2").await.body;
        shop.later(Duration::from_mins(1));
        let chat = shop.hears_from("8").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 1000)).await.unwrap();
        let next = part["next_cursor"].as_str().unwrap();
        let next = api.get(&format!("/v1/orders?limit=2&cursor={next}")).await.body;
        assert_eq!(next["data"], json!(before[2..4]));
    }
);

both!(
    async fn several_pages_lie_together_in_time(shop: Shop) {
        shop.set_page(|page| {
            page.id = PageId::from("2222222222");
            page.lane.dataset_id = DatasetId::from("9876543210");
        })
        .await;
        let mut psids = Vec::new();
        for number in 0..6 {
            let (page, at) =
                ([1_111_111_111_u64, 2_222_222_222][number % 2], shop.services.clock.now().millis());
            shop.receives(format!(
                r#"{{"object":"page","entry":[{{"id":"{page}","time":{at},"messaging":[{{"sender":{{"id":"{number}"}},
                "recipient":{{"id":"{page}"}},"timestamp":{at},"message":{{"mid":"m_{number}","text":"hi"}}}}]}}]}}"#
            ))
            .await;
            psids.insert(0, json!(number.to_string()));
            shop.later(Duration::from_mins(1));
        }
        let api = shop.api("operator").await;
        let rows = walks(&api, "conversations?state=waiting", 2).await;
        assert_eq!(rows.iter().map(|row| row["psid"].clone()).collect::<Vec<_>>(), psids);
        let one = api.get("/v1/conversations?page_id=2222222222").await.body;
        assert_eq!(one["data"].as_array().unwrap().len(), 3);
    }
);

both!(
    async fn a_conversion_shows_its_attempts_and_to_an_analyst_nobody(shop: Shop) {
        let (chat, admin) = (shop.hears_from("4242424242424242").await, shop.api("admin").await);
        let analyst = admin.with("analyst").await;
        shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        let row = admin.get("/v1/conversions?order_id=A-1").await.body["data"][0].clone();
        assert_eq!([&row["order_id"], &row["state"]], [&json!("A-1"), &json!("held")]);
        let path = format!("/v1/conversions/{}", row["id"].as_str().unwrap());
        assert_eq!(admin.get(&path).await.body["payload"], json!(null));
        shop.later(HOLD);
        shop.delivers().await;
        let seen = admin.get(&path).await.body;
        assert_eq!([&seen["state"], &seen["attempts"][0]["verdict"]], [&json!("sent"), &json!("sent")]);
        assert!(seen["attempts"][0]["fbtrace_id"].is_string());
        assert_eq!(seen["payload"]["user_data"]["page_scoped_user_id"], "4242424242424242");
        for path in [path.as_str(), "/v1/conversions", "/v1/attempts", "/v1/pages", "/v1/orders?order_id=A-1"]
        {
            let seen = analyst.get(path).await;
            assert_eq!(seen.status, 200);
            assert!(!seen.text.contains("4242424242424242") && !seen.text.contains("user_data"), "{path}");
            assert!(!seen.text.contains("token-of-the-page"));
        }
        assert_eq!(analyst.get(&path).await.body["payload"]["custom_data"]["value"], 50.0);
        assert_eq!(admin.get("/v1/conversions?order_id=A-2").await.body["data"], json!([]));
        assert_eq!(admin.get("/v1/conversions?order_id=A-1&state=held").await.body["data"], json!([]));
        assert_eq!(admin.get("/v1/attempts?verdict=sent").await.body["data"][0]["events"], 1);
    }
);
