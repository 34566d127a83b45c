//! What can't be taken: refused with its place, and nothing stored.

use crate::api::Api;
use crate::harness::{PAGE, Shop, both};

async fn stored(api: &Api) -> Vec<String> {
    let mut all = Vec::new();
    for list in ["conversations", "orders", "conversions", "attempts", "pages"] {
        all.push(api.get(&format!("/v1/{list}")).await.text);
    }
    all
}

both!(
    async fn bodies(shop: Shop) {
        let (chat, api) = (shop.hears_from("2").await, shop.api("admin").await);
        let tag = format!("/v1/conversations/{chat}/outcomes");
        let said = api.post(&tag, r#"{"outcome":"confirmed","order_id":"A-1","value":"5"}"#).await.body;
        let id = |pointer: &str| said.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let undo = format!("/v1/outcomes/{}/undo", id("/outcome/id"));
        let send = format!("/v1/conversions/{}/send", id("/conversions/0/id"));
        let before = stored(&api).await;
        for path in [&tag, &undo, &send] {
            for (body, status) in [
                ("{", 400),
                ("{}}", 400),
                ("\u{feff}{}", 400),
                ("{\"colour\":1}", 422),
                ("[]", 422),
                ("7", 422),
                ("null", 422),
            ] {
                let answer = api.post(path, body).await;
                assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
                answer.is_problem(status);
            }
            let form =
                api.ask("POST", path, None, &[("content-type", "application/x-www-form-urlencoded")]).await;
            form.is_problem(415);
        }
        api.post(&tag, r#"{"outcome":"\ud800"}"#).await.is_problem(400);
        let deep = format!("{{\"outcome\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(api.post(&tag, deep).await.pointer(), Some("/outcome"));
        for (body, pointer) in [
            (r#"{"outcome":"paid","value":"5"}"#, "/ref"),
            (r#"{"outcome":"cancelled"}"#, "/reason"),
            (r#"{"outcome":"cancelled","reason":"a\u0000b"}"#, "/reason"),
            (r#"{"outcome":"cross_sold","value":"5","currency":"USD","ref":"r"}"#, "/currency"),
            (r#"{"outcome":"amended","value":"5","items":[{"quantity":1,"unit_price":"4"}]}"#, "/value"),
            (r#"{"outcome":"amended","value":"5","delivery_fee":"6"}"#, "/delivery_fee"),
            (r#"{"outcome":"amended","value":"99999999999999999999"}"#, "/value"),
        ] {
            let answer = api.post(&tag, body).await;
            assert_eq!((answer.status, answer.pointer()), (422, Some(pointer)), "{body}: {}", answer.text);
        }
        let long = api.ask("POST", &tag, Some("{}".into()), &[("idempotency-key", &"k".repeat(256))]).await;
        assert_eq!((long.status, long.code()), (422, "invalid_idempotency_key"));
        let huge = api.post(&tag, " ".repeat(salesbridge::web::BODY_LIMIT + 1)).await;
        huge.is_problem(413);
        let page = format!("/v1/pages/{PAGE}");
        for (body, pointer) in [
            (r#"{"mode":"asleep"}"#, "/mode"),
            (r#"{"signals":{"hold":"7d"}}"#, "/signals/hold"),
            (r#"{"signals":{"value":"profit"}}"#, "/signals/value"),
            (r#"{"labels":{"Order":"paid"}}"#, "/labels"),
            (r#"{"labels":{"Order":"lost","Order":"confirmed"}}"#, "/labels/Order"),
            (r#"{"sentences":{"confirmed":["{value}"]}}"#, "/sentences/confirmed"),
            (r#"{"refused_names":["Purchase"]}"#, "/refused_names"),
            (r#"{"access_token":""}"#, "/access_token"),
            (r#"{"working_hours":"always"}"#, "/working_hours"),
            (r#"{"dataset_id":"1"}"#, "/dataset_id"),
        ] {
            let answer = api.patch(&page, body).await;
            assert_eq!((answer.status, answer.pointer()), (422, Some(pointer)), "{body}: {}", answer.text);
        }
        assert_eq!(stored(&api).await, before);
    }
);

both!(
    async fn paths_and_queries(shop: Shop) {
        let api = shop.api("admin").await;
        for (path, pointer) in [
            ("/v1/orders?limit=0", "/limit"),
            ("/v1/orders?limit=201", "/limit"),
            ("/v1/orders?limit=x", "/limit"),
            ("/v1/orders?cursor=x", "/cursor"),
            ("/v1/orders?state=sold", "/state"),
            ("/v1/conversations?state=sold", "/state"),
            ("/v1/conversations?phone=12", "/phone"),
            ("/v1/conversations?q=a%00b", "/q"),
            ("/v1/conversions?state=lost", "/state"),
            ("/v1/attempts?verdict=bad", "/verdict"),
        ] {
            let answer = api.get(path).await;
            assert_eq!((answer.status, answer.pointer()), (422, Some(pointer)), "{path}: {}", answer.text);
        }
        for path in ["/v1/orders?colour=red", "/v1/orders?state=none&state=none", "/v1/orders?state=%FF"] {
            api.get(path).await.is_problem(422);
        }
        for path in [
            "/v1/orders/%00",
            "/v1/orders/%FF",
            "/v1/conversations/none",
            "/v1/conversions/none",
            "/v1/orders?page_id=3",
            "/v2/orders",
            "/nothing",
        ] {
            api.get(path).await.is_problem(404);
        }
        let wrong = api.ask("DELETE", "/v1/orders", None, &[]).await;
        wrong.is_problem(405);
        assert!(wrong.header("allow").is_some_and(|allowed| allowed.contains("GET")));
        assert_eq!(api.get("/v1/orders?page_id=&state=&order_id=&cursor=&limit=").await.status, 200);
    }
);
