//! Running it: conversions let go and tried again, unknown attempts settled, Pages set anew.

use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::policy::LeadOn;
use salesbridge::sandbox::Fault;
use serde_json::json;

use crate::harness::{HOLD, PAGE, Shop, both, numbered, say};

both!(
    async fn a_held_conversion_goes_at_once(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("operator").await);
        let tagged = shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        let path = format!("/v1/conversions/{}/send", tagged.conversions[0].id);
        let sent = api.post_once(&path, "", "one").await;
        assert_eq!((sent.status, &sent.body["conversion"]["state"]), (200, &json!("ready")));
        assert_eq!(
            (&sent.body["order_id"], &sent.body["conversion"]["value"]),
            (&json!("A-1"), &json!("50.00"))
        );
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
        assert_eq!(api.post_once(&path, "", "one").await.text, sent.text);
        let late = api.post(&path, "").await;
        late.is_problem(409);
        assert_eq!(late.body["order"]["order_id"], "A-1");
    }
);

both!(
    async fn a_rejected_one_is_tried_again(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("admin").await);
        let tagged = shop.tags(&chat, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        let path = format!("/v1/conversions/{}/retry", tagged.conversions[0].id);
        api.post(&path, "").await.is_problem(409);
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_008) });
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(api.get("/v1/conversions?state=rejected").await.body["data"].as_array().unwrap().len(), 1);
        let retried = api.post(&path, "").await;
        assert_eq!((retried.status, &retried.body["conversion"]["state"]), (200, &json!("ready")));
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn an_unknown_attempt_is_settled_once(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("admin").await);
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.meta.fail_next(Fault::TakeAndLoseAnswer);
        shop.later(HOLD);
        shop.delivers().await;
        let unknown = api.get("/v1/attempts?verdict=unknown").await.body["data"][0].clone();
        let path = format!("/v1/attempts/{}/resolve", unknown["id"].as_str().unwrap());
        assert_eq!(api.post(&path, r#"{"as":"maybe"}"#).await.pointer(), Some("/as"));
        let settled = api.post_once(&path, r#"{"as":"sent"}"#, "one").await;
        assert_eq!((settled.status, &settled.body["conversions"]), (200, &json!(1)));
        assert_eq!(api.post_once(&path, r#"{"as":"sent"}"#, "one").await.text, settled.text);
        api.post(&path, r#"{"as":"resend"}"#).await.is_problem(409);
        assert_eq!(api.get("/v1/attempts?verdict=unknown").await.body["data"], json!([]));
        assert_eq!(api.get("/v1/conversions?state=sent").await.body["data"].as_array().unwrap().len(), 1);
    }
);

both!(
    async fn a_page_is_set_anew(shop: Shop) {
        let api = shop.api("admin").await;
        let path = format!("/v1/pages/{PAGE}");
        let before = shop.hears_from("1").await;
        shop.tags(&before, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        let set = api
            .patch(
                &path,
                r#"{"mode":"live","signals":{"purchase_on":"delivered","hold":"0s","lifecycle":true},
                    "labels":{"Order":"confirmed"},"sentences":{"confirmed":["order taken {*} {value}"]},
                    "reasons":{"lost":["price"]},"silent_after":"24h","working_hours":"Mon-Sat 10:00-20:00",
                    "test_event_code":"TEST1"}"#,
            )
            .await;
        assert_eq!(set.status, 200, "{}", set.text);
        let page = &set.body;
        assert_eq!((&page["signals"]["version"], &page["signals"]["hold"]), (&json!(2), &json!("0s")));
        assert_eq!((&page["labels"]["Order"], &page["silent_after"]), (&json!("confirmed"), &json!("1d")));
        assert_eq!(page["reasons"]["lost"], json!(["price"]));
        assert_eq!(page["working_hours"], "Mon-Sat 10:00-20:00");
        assert_eq!(&api.get("/v1/pages").await.body["data"][0], page);
        let cleared = api.patch(&path, r#"{"test_event_code":null}"#).await.body;
        assert_eq!((&cleared["test_event_code"], &cleared["signals"]["version"]), (&json!(null), &json!(2)));
        assert_eq!(cleared["working_hours"], "Mon-Sat 10:00-20:00");
        // What was confirmed before keeps its policy; what is confirmed afterwards follows the new one.
        let after = shop.hears_from("2").await;
        let tagged = shop.tags(&after, &numbered(say(OutcomeKind::Confirmed, 7000), "A-2")).await.unwrap();
        assert_eq!(tagged.conversions[0].name.as_str(), "OrderCreated");
        let known = shop.tags(&before, &numbered(say(OutcomeKind::Confirmed, 5000), "A-1")).await.unwrap();
        assert_eq!(known.conversions.len(), 1);
        assert_eq!(known.conversions[0].name.as_str(), "Purchase");
    }
);

both!(
    async fn any_token_lets_a_page_go_on(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("admin").await);
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        shop.meta.kill_token("token-of-the-page");
        shop.later(HOLD);
        shop.delivers().await;
        let page = api.get("/v1/pages").await.body["data"][0].clone();
        assert!(page["fault"].as_str().unwrap().contains("token"));
        shop.meta.revive_token("token-of-the-page");
        let path = format!("/v1/pages/{PAGE}");
        assert!(api.patch(&path, r#"{"mode":"live"}"#).await.body["fault"].is_string());
        let set = api.patch(&path, r#"{"access_token":"token-of-the-page"}"#).await;
        assert_eq!((set.status, &set.body["fault"]), (200, &json!(null)));
        assert!(!set.text.contains("token-of-the-page"));
        shop.delivers().await;
        assert_eq!(shop.told(), ["50.0"]);
    }
);

both!(
    async fn a_name_that_is_allowed_again_is_tried_anew(shop: Shop) {
        let api = shop.api("admin").await;
        shop.set_page(|page| page.policy.lead_on = LeadOn::FirstMessage).await;
        shop.meta.fail_next(Fault::Graph { status: 400, code: 100, subcode: Some(2_804_066) });
        shop.hears_from("2").await;
        shop.later(HOLD);
        shop.delivers().await;
        let page = api.get("/v1/pages").await.body["data"][0].clone();
        assert_eq!(page["refused_names"], json!(["LeadSubmitted"]));
        let held_back = api.get("/v1/conversions?state=suppressed").await.body["data"][0].clone();
        assert_eq!(held_back["reason"], "name_refused");
        let path = format!("/v1/pages/{PAGE}");
        let kept = api.patch(&path, r#"{"refused_names":["LeadSubmitted"]}"#).await.body;
        assert_eq!(kept["refused_names"], json!(["LeadSubmitted"]));
        let allowed = api.patch(&path, r#"{"refused_names":[]}"#).await.body;
        assert_eq!(allowed["refused_names"], json!([]));
        let woken = api.get("/v1/conversions").await.body["data"][0].clone();
        assert_eq!((&woken["id"], &woken["state"]), (&held_back["id"], &json!("held")));
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.meta.accepted()[0]["event_name"], "LeadSubmitted");
    }
);
