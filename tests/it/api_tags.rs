//! Tags over HTTP.

use serde_json::{Value, json};

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
    async fn a_crm_takes_its_own_fact_back_by_its_own_id(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let (crm, operator) = (shop.api("crm").await, shop.api("operator").await);
        let sold = r#"{"outcome":"confirmed","order_id":"A-1001","value":"5","ref":"ფაქტი 7/1"}"#;
        let sold = says(&crm, &chat, sold).await.body;
        says(&crm, &chat, r#"{"outcome":"shipped","order_id":"A-1001","ref":"8"}"#).await;
        let path = "/v1/outcomes/ref:%E1%83%A4%E1%83%90%E1%83%A5%E1%83%A2%E1%83%98%207%2F1/undo";
        operator.post(path, "").await.is_problem(404);
        crm.post("/v1/outcomes/ref:9/undo", "").await.is_problem(404);
        crm.post("/v1/outcomes/ref:%0A/undo", "").await.is_problem(404);
        let undone = crm.post(path, "").await;
        assert_eq!((undone.status, &undone.body["outcome"]["about"]), (201, &sold["outcome"]["id"]));
        assert_eq!(crm.post(path, "").await.status, 200);
        // What was taken back frees its name; what stands keeps it.
        let again = r#"{"outcome":"confirmed","order_id":"A-1001","value":"6","ref":"ფაქტი 7/1"}"#;
        assert_eq!(says(&crm, &chat, again).await.status, 201);
        let paid = r#"{"outcome":"paid","order_id":"A-1001","value":"5","source":"bank","ref":"8"}"#;
        let refused = says(&crm, &chat, paid).await;
        assert_eq!((refused.status, refused.code()), (409, "ref_reused"));
        assert_eq!(refused.body["earlier"]["kind"], "shipped");
        assert_eq!(crm.post("/v1/outcomes/ref:8/undo", "").await.status, 201);
    }
);

both!(
    async fn a_new_whole_gives_the_uplift_of_its_moment(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let (crm, operator) = (shop.api("crm").await, shop.api("operator").await);
        let at = |minute: u32| format!("2026-11-22T14:{minute:02}:00+04:00");
        let whole = |minute| {
            let at = at(minute);
            format!(
                r#"{{"outcome":"cross_sold","order_id":"A-1","total":"80","occurred_at":"{at}","ref":"w"}}"#
            )
        };
        // The whole comes before what it is the whole of.
        let early = says(&crm, &chat, &whole(10)).await;
        assert_eq!((early.status, &early.body["order"]["value"]), (201, &json!("80.00")));
        assert_eq!(early.body["outcome"]["value"], Value::Null);
        let sold =
            format!(r#"{{"outcome":"confirmed","order_id":"A-1","value":"50","occurred_at":"{}"}}"#, at(5));
        assert_eq!(says(&crm, &chat, &sold).await.body["order"]["value"], "80.00");
        let again = says(&crm, &chat, &whole(10)).await;
        let told = &again.body["outcome"];
        assert_eq!((again.status, &told["value"], &told["total"]), (200, &json!("30.00"), &json!("80.00")));
        // A later one that is less fits nothing, until a person says that it does.
        let less = format!(
            r#"{{"outcome":"cross_sold","order_id":"A-1","total":"70","occurred_at":"{}","ref":"x"}}"#,
            at(20)
        );
        let less = says(&crm, &chat, &less).await.body;
        assert_eq!(
            (&less["outcome"]["flag"], &less["order"]["value"]),
            (&json!("other_value"), &json!("80.00"))
        );
        let accept = format!("/v1/outcomes/{}/accept", less["outcome"]["id"].as_str().unwrap());
        assert_eq!(operator.post(&accept, "").await.body["order"]["value"], "70.00");
        // A person sees what the order is worth.
        for (total, status) in [("70", 422), ("71", 201)] {
            let said =
                format!(r#"{{"outcome":"cross_sold","order_id":"A-1","total":"{total}","ref":"{total}"}}"#);
            let answer = says(&operator, &chat, &said).await;
            assert_eq!(answer.status, status, "{}", answer.text);
        }
        let (pointer, goods) = ("/total", r#""items":[{"quantity":1,"unit_price":"4"}]"#);
        let said = format!(r#"{{"outcome":"cross_sold","order_id":"A-1","total":"76",{goods},"ref":"y"}}"#);
        assert_eq!(says(&operator, &chat, &said).await.pointer(), Some(pointer));
    }
);

both!(
    async fn another_currency_is_flagged_from_outside_and_refused_from_people(shop: Shop) {
        let chat = shop.hears_from("2").await;
        let (crm, operator) = (shop.api("crm").await, shop.api("operator").await);
        says(&operator, &chat, r#"{"outcome":"confirmed","order_id":"A-1","value":"50"}"#).await;
        for (kind, name) in [("cross_sold", "a"), ("paid", "b"), ("amended", "c")] {
            let said = format!(
                r#"{{"outcome":"{kind}","order_id":"A-1","value":"50","currency":"USD","ref":"{name}"}}"#
            );
            assert_eq!(says(&operator, &chat, &said).await.pointer(), Some("/currency"), "{kind}");
            let told = says(&crm, &chat, &said).await;
            assert_eq!(
                (told.status, &told.body["outcome"]["flag"]),
                (201, &json!("other_currency")),
                "{kind}"
            );
            let order = &told.body["order"];
            assert_eq!((&order["value"], &order["paid"]), (&json!("50.00"), &json!("0.00")));
            let accept = format!("/v1/outcomes/{}/accept", told.body["outcome"]["id"].as_str().unwrap());
            let refused = operator.post(&accept, "").await;
            assert_eq!((refused.status, refused.code()), (409, "other_currency"));
        }
        // What names no sum has no currency.
        assert_eq!(says(&operator, &chat, r#"{"outcome":"shipped","order_id":"A-1"}"#).await.status, 201);
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
