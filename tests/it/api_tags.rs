//! Tags over HTTP.

use serde_json::json;

use crate::api::Api;
use crate::harness::{HOLD, Shop, both};

const SALE: &str = r#"{"outcome":"confirmed","order_id":"A-1001","value":"125.50","currency":"GEL",
 "delivery_fee":"5.00","discount":"0.00","items":[{"sku":"BAG-1","name":"Bag","quantity":1,"unit_price":"120.50"}],
 "payment":"cod","courier":null,"waybill":null,"new_order":false,"occurred_at":null,"reason":null,"note":"blue",
 "ref":null,"if_version":null,"customer":{"phone":"555 12 34 56","email":null,"first_name":"Nana",
 "last_name":"Beridze","city":null,"external_id":null}}"#;

async fn says(api: &Api, chat: &impl std::fmt::Display, body: &str) -> crate::api::Answer {
    api.post(&format!("/v1/conversations/{chat}/outcomes"), body).await
}

both!(
    async fn a_sale_is_answered_as_the_contract_has_it(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let said = says(&api, &chat, SALE).await;
        assert_eq!(said.status, 201, "{}", said.text);
        let keys = |pointer: &str| -> Vec<String> {
            said.body.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
        };
        let mut outcome = [
            "id",
            "kind",
            "order_id",
            "value",
            "currency",
            "occurred_at",
            "recorded_at",
            "source",
            "actor",
            "flag",
        ];
        outcome.sort_unstable();
        assert_eq!(keys("/outcome"), outcome);
        assert_eq!(keys("/order"), ["currency", "id", "order_id", "paid", "state", "value", "version"]);
        let body = &said.body;
        assert_eq!(
            [&body["outcome"]["source"], &body["outcome"]["actor"], &body["outcome"]["flag"]],
            [&json!("api"), &json!("nino"), &json!(null)]
        );
        assert_eq!(
            [
                &body["order"]["state"],
                &body["order"]["value"],
                &body["order"]["paid"],
                &body["order"]["version"]
            ],
            [&json!("confirmed"), &json!("125.50"), &json!("0.00"), &json!(1)]
        );
        let conversion = &body["conversions"][0];
        assert_eq!(
            [&conversion["event_name"], &conversion["state"], &conversion["reason"], &conversion["value"]],
            [&json!("Purchase"), &json!("held"), &json!("hold"), &json!("120.50")]
        );
        assert_eq!(conversion["event_id"], "6302d0976def42406a0fab44af2c9b16");
        let again = says(&api, &chat, SALE).await;
        assert_eq!((again.status, &again.body["outcome"]["id"]), (200, &body["outcome"]["id"]));

        let seen = api.get(&format!("/v1/conversations/{chat}")).await.body;
        assert_eq!(seen["customer"]["last_name"], "Beridze");
        assert_eq!(seen["orders"][0]["outcomes"][0]["note"], "blue");
        assert_eq!(seen["orders"][0]["outcomes"][0]["items"][0]["unit_price"], "120.50");
        assert_eq!(seen["messages"][0]["text"], "Is it there?");
        assert_eq!(seen["chats"][0]["stage"], "sold");
        assert!(seen["inbox_url"].as_str().unwrap().ends_with("selected_item_id=2"));
        for sought in
            ["phone=%2B995555123456", "phone=555123456", "psid=2", "q=A-1001", "q=beri", "state=done"]
        {
            let found = api.get(&format!("/v1/conversations?{sought}")).await.body;
            assert_eq!(found["data"][0]["id"], chat.as_str(), "{sought}: {found}");
        }
        for sought in ["phone=555123457", "psid=3", "q=A-1002", "q=%25", "state=waiting", "psid=2&q=A-1"] {
            let found = api.get(&format!("/v1/conversations?{sought}")).await.body;
            assert_eq!(found["data"], json!([]), "{sought}");
        }
    }
);

both!(
    async fn a_conflict_shows_the_legal_moves_and_the_order(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let said = says(&api, &chat, SALE).await.body;
        let refunded = r#"{"outcome":"refunded","order_id":"A-1001","value":"1","ref":"r-1"}"#;
        let refused = says(&api, &chat, refunded).await;
        refused.is_problem(409);
        assert_eq!(refused.body["order"], said["order"]);
        assert_eq!(
            refused.body["legal"],
            json!(["cross_sold", "amended", "cancelled", "shipped", "delivered", "paid"])
        );
        let late = r#"{"outcome":"amended","value":"9","if_version":7}"#;
        let refused = says(&api, &chat, late).await;
        assert_eq!((refused.status, refused.code()), (409, "version_conflict"));
        assert_eq!(refused.body["order"]["version"], 1);
        says(&api, &chat, r#"{"outcome":"amended","value":"9"}"#).await;
        let first = said["outcome"]["id"].as_str().unwrap();
        let refused = api.post(&format!("/v1/outcomes/{first}/undo"), "").await;
        refused.is_problem(409);
        assert_eq!(refused.body["order"]["value"], "9.00");
        assert!(refused.body["legal"].is_array());
    }
);

both!(
    async fn an_undo_says_what_meta_knows(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let said = says(&api, &chat, SALE).await.body;
        assert_eq!(said["conversions"][0]["meta_knows"], "no");
        shop.later(HOLD);
        shop.delivers().await;
        let path = format!("/v1/outcomes/{}/undo", said["outcome"]["id"].as_str().unwrap());
        let undone = api.post(&path, "").await;
        assert_eq!((undone.status, &undone.body["order"]["state"]), (201, &json!("none")));
        assert_eq!(undone.body["outcome"]["kind"], "undo");
        assert_eq!(undone.body["outcome"]["about"], said["outcome"]["id"]);
        assert_eq!(undone.body["conversions"][0]["meta_knows"], "yes");
        let again = api.post(&path, "{}").await;
        assert_eq!((again.status, again.body["outcome"].clone()), (200, undone.body["outcome"].clone()));
        assert_eq!(api.post("/v1/outcomes/none/undo", "").await.status, 404);
    }
);

both!(
    async fn a_crm_is_never_refused_and_a_person_accepts(shop: Shop) {
        let (chat, crm) = (shop.hears_from("2").await, shop.api("crm").await);
        let operator = crm.with("operator").await;
        let say = |kind: &str, more: &str, hour: u8| {
            format!(
                r#"{{"outcome":"{kind}","order_id":"A-1","source":"courier",
                    "occurred_at":"2026-11-22T{hour:02}:00:00Z",{more}}}"#
            )
        };
        let (worth, why) = (r#""value":"50.00""#, r#""reason":"refused at the door""#);
        for (kind, more, hour) in [("confirmed", worth, 8), ("shipped", why, 9), ("returned", why, 10)] {
            let said = says(&crm, &chat, &say(kind, more, hour)).await;
            assert_eq!(said.status, 201, "{}", said.text);
        }
        let flagged = says(&crm, &chat, &say("shipped", why, 12)).await;
        assert_eq!((flagged.status, &flagged.body["outcome"]["source"]), (201, &json!("courier")));
        assert_eq!(flagged.body["outcome"]["flag"], "contradiction");
        let path = format!("/v1/outcomes/{}", flagged.body["outcome"]["id"].as_str().unwrap());
        let accepted = operator.post(&format!("{path}/accept"), "").await;
        assert_eq!((accepted.status, &accepted.body["order"]["state"]), (201, &json!("shipped")));
        assert_eq!(accepted.body["outcome"]["kind"], "accept");
        assert_eq!(operator.post(&format!("{path}/accept"), "").await.status, 200);
        assert_eq!(operator.post(&format!("{path}/undo"), "").await.code(), "not_the_newest");
        assert_eq!(crm.post(&format!("{path}/undo"), "").await.status, 201);
    }
);

both!(
    async fn a_fact_of_a_chat_has_no_order(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let waiting = api.get("/v1/conversations?state=waiting").await.body;
        assert_eq!(waiting["data"][0]["id"], chat.as_str());
        assert_eq!(says(&api, &chat, r#"{"outcome":"lost"}"#).await.pointer(), Some("/reason"));
        let lost = says(&api, &chat, r#"{"outcome":"lost","reason":"price"}"#).await;
        assert_eq!((lost.status, &lost.body["order"]), (201, &json!(null)));
        assert_eq!(lost.body["outcome"]["order_id"], json!(null));
        assert_eq!(says(&api, &chat, r#"{"outcome":"qualified"}"#).await.status, 201);
        let seen = api.get(&format!("/v1/conversations/{chat}")).await.body;
        assert_eq!((&seen["chats"][0]["stage"], &seen["state"]), (&json!("qualified"), &json!("done")));
        assert_eq!(seen["outcomes"].as_array().unwrap().len(), 2);
    }
);

both!(
    async fn a_clock_that_is_ahead_is_marked(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let said = says(
            &api,
            &chat,
            r#"{"outcome":"confirmed","value":"5","occurred_at":"2026-11-23T13:04:00+04:00"}"#,
        )
        .await;
        assert_eq!((said.status, &said.body["outcome"]["clamped"]), (201, &json!(true)));
        assert_eq!(said.body["outcome"]["occurred_at"], said.body["outcome"]["recorded_at"]);
    }
);
