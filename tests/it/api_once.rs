//! The same request again.

use salesbridge::flow::Claim;
use serde_json::json;

use crate::harness::{PAGE, Shop, both};

const SALE: &str = r#"{"outcome":"confirmed","order_id":"A-1","value":"50"}"#;
const MORE: &str = r#"{"outcome":"cross_sold","value":"7"}"#;

both!(
    async fn gets_the_first_answer_byte_for_byte(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let path = format!("/v1/conversations/{chat}/outcomes");
        let first = api.post_once(&path, SALE, "one").await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
        let again = api.post_once(&path, SALE, "one").await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
        assert_eq!(again.text, first.text);
        let other = api.post_once(&path, MORE, "one").await;
        other.is_problem(422);
        assert_eq!(other.code(), "idempotency_key_reused");
        // Another process, with nothing in its memory, answers the same.
        let elsewhere = api.elsewhere().await;
        assert_eq!(elsewhere.post_once(&path, SALE, "one").await.text, first.text);

        let undo = format!("/v1/outcomes/{}/undo", first.body["outcome"]["id"].as_str().unwrap());
        let undone = api.post_once(&undo, "", "one").await;
        assert_eq!((undone.status, undone.header("idempotent-replayed")), (201, None));
        assert_eq!(api.post_once(&undo, "", "one").await.text, undone.text);
        // What was said first is answered as before, though it no longer stands.
        assert_eq!(api.post_once(&path, SALE, "one").await.text, first.text);
    }
);

both!(
    async fn names_what_may_be_said_again(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let path = format!("/v1/conversations/{chat}/outcomes");
        api.post(&path, SALE).await;
        let nameless = api.post(&path, MORE).await;
        assert_eq!((nameless.status, nameless.pointer()), (422, Some("/ref")));
        for (word, value) in [("one", "57.00"), ("one", "57.00"), ("two", "64.00")] {
            let said = api.post_once(&path, MORE, word).await;
            assert_eq!((said.status, &said.body["order"]["value"]), (201, &json!(value)));
        }
        let order =
            api.get("/v1/orders?order_id=A-1").await.body["data"][0]["id"].as_str().unwrap().to_owned();
        let seen = api.get(&format!("/v1/orders/{order}")).await.body;
        assert_eq!(seen["outcomes"].as_array().unwrap().len(), 3);
        assert_eq!(seen["outcomes"][1]["ref"], json!(null));
        let other = shop.hears_from("3").await;
        let path = format!("/v1/conversations/{other}/outcomes");
        api.post(&path, r#"{"outcome":"confirmed","order_id":"B-1","value":"50"}"#).await;
        assert_eq!(api.post_once(&path, MORE, "one").await.body["order"]["value"], "57.00");
    }
);

both!(
    async fn a_refusal_is_kept_and_a_conflict_is_not(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let path = format!("/v1/conversations/{chat}/outcomes");
        let wrong = api.post_once(&path, r#"{"outcome":"confirmed"}"#, "a").await;
        wrong.is_problem(422);
        let again = api.post_once(&path, r#"{"outcome":"confirmed"}"#, "a").await;
        assert_eq!(
            (again.status, &again.text, again.header("idempotent-replayed")),
            (422, &wrong.text, Some("true"))
        );
        assert_eq!(api.post_once(&path, SALE, "a").await.code(), "idempotency_key_reused");

        let ship = r#"{"outcome":"shipped","order_id":"A-1"}"#;
        api.post_once(&path, ship, "b").await.is_problem(409);
        api.post(&path, SALE).await;
        assert_eq!(api.post_once(&path, ship, "b").await.status, 201);
    }
);

both!(
    async fn the_first_answer_wins_over_a_refusal_that_comes_before_the_verb(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("crm").await);
        let path = format!("/v1/conversations/{chat}/outcomes");
        let first = api.post_once(&path, SALE, "one").await;
        assert_eq!(first.status, 201, "{}", first.text);
        let refused = api.post_once(&path, "{", "one").await;
        assert_eq!((refused.status, refused.code()), (422, "idempotency_key_reused"));

        let import =
            json!({"outcomes": [{"page_id": PAGE, "psid": "9", "outcome": "qualified"}]}).to_string();
        let first = api.post_once("/v1/outcomes", &import, "lines").await;
        assert_eq!((first.status, first.header("idempotent-replayed")), (200, None), "{}", first.text);
        let again = api.post_once("/v1/outcomes", &import, "lines").await;
        assert_eq!((&again.text, again.header("idempotent-replayed")), (&first.text, Some("true")));
        let other = api.post_once("/v1/outcomes", "{", "lines").await;
        assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
        for replayed in [None, Some("true")] {
            let broken = api.post_once("/v1/outcomes", "{", "broken").await;
            assert_eq!((broken.status, broken.header("idempotent-replayed")), (400, replayed));
        }
    }
);

both!(
    async fn while_it_runs_it_is_not_run_again(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let path = format!("/v1/conversations/{chat}/outcomes");
        let key = shop.services.store.read().await.unwrap().keys().await.unwrap()[0].id.0.clone();
        let name = [key, format!("conversations/{chat}/outcomes"), "one".to_owned()];
        let running = Claim::begin(&api.app.in_flight, name, SALE.as_bytes()).unwrap();
        let refused = api.post_once(&path, SALE, "one").await;
        refused.is_problem(409);
        assert_eq!(refused.code(), "still_running");
        drop(running);
        assert_eq!(api.post_once(&path, SALE, "one").await.status, 201);
    }
);

both!(
    async fn many_at_once_are_one_sale(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let path = format!("/v1/conversations/{chat}/outcomes");
        let asks = (0..8).map(|_| {
            let (api, path) = (api.clone(), path.clone());
            tokio::spawn(async move { api.post_once(&path, SALE, "one").await.status })
        });
        for asked in asks.collect::<Vec<_>>() {
            assert!(matches!(asked.await.unwrap(), 201 | 409));
        }
        let orders = api.get("/v1/orders").await.body;
        assert_eq!((orders["data"].as_array().unwrap().len(), &orders["data"][0]["version"]), (1, &json!(1)));
    }
);
