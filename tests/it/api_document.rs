//! The document, its page, and what load balancers and Prometheus ask.

use salesbridge::domain::order::outcome::OutcomeKind;
use serde_json::Value;

use crate::harness::{HOLD, Shop, both, say};

#[test]
fn every_operation_is_described() {
    let document: Value = serde_json::from_str(&salesbridge::web::openapi()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(operation["summary"].is_string(), "{method} {path} says nothing of itself");
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem");
            let named = operation["parameters"].as_array().is_some_and(|parameters| {
                parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key")
            });
            assert_eq!(named, method == "post" && path.starts_with("/v1/"), "{method} {path}");
            if path.starts_with("/v1/") {
                assert!(operation["security"].is_null(), "{method} {path} has the key of all");
            }
        }
    }
    for schema in ["TagBody", "TaggedView", "Problem", "PageBody"] {
        assert!(document["components"]["schemas"][schema].is_object(), "{schema}");
    }
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is missing");
    }
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
}

both!(
    async fn it_is_served_with_a_page_that_runs_no_script(shop: Shop) {
        let api = shop.api("operator").await.nobody();
        let document = api.get("/openapi.json").await;
        assert_eq!((document.status, document.text.as_str()), (200, salesbridge::web::openapi().as_str()));
        let page = api.get("/docs").await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
        assert!(page.text.contains("/v1/conversations/{id}/outcomes") && !page.text.contains("<script"));
    }
);

both!(
    async fn it_is_ready_until_it_stops_or_the_database_is_gone(shop: Shop) {
        let api = shop.api("operator").await.nobody();
        assert_eq!(api.get("/healthz").await.text, "ok");
        assert_eq!(api.get("/readyz").await.body["ready"], true);
        api.app.readiness.fall();
        let stopping = api.get("/readyz").await;
        assert_eq!((stopping.status, &stopping.body["reasons"][0]["code"]), (503, &"stopping".into()));
        shop.services.store.close().await;
        assert_eq!(api.get("/readyz").await.body["reasons"][1]["code"], "database");
        let unavailable = api.with_secret("sb_none").get("/v1/orders").await;
        unavailable.is_problem(503);
        assert!(unavailable.header("retry-after").is_some());
        assert_eq!(api.get("/healthz").await.status, 200);
    }
);

both!(
    async fn prometheus_reads_counts_and_nobodys_name(shop: Shop) {
        let api = shop.api("operator").await.nobody();
        let chat = shop.hears_from("4242424242424242").await;
        shop.tags(&chat, &say(OutcomeKind::Confirmed, 5000)).await.unwrap();
        api.post("/webhooks/meta", "{}").await.is_problem(401);
        let before = api.get("/metrics").await.text;
        let reads = |text: &str, line: &str| assert!(text.lines().any(|one| one == line), "{line} in {text}");
        reads(&before, r#"salesbridge_conversions{state="held"} 1"#);
        reads(&before, r#"salesbridge_webhooks_total{outcome="unsigned"} 1"#);
        reads(&before, "salesbridge_intake_log_waiting 0");
        shop.later(HOLD);
        shop.delivers().await;
        let after = api.get("/metrics").await.text;
        reads(&after, r#"salesbridge_conversions{state="sent"} 1"#);
        reads(&after, r#"salesbridge_conversions{state="held"} 0"#);
        reads(&after, r#"salesbridge_attempts_day{verdict="sent"} 1"#);
        reads(&after, "salesbridge_conversions_unknown_day_ratio 0");
        assert!(!after.contains("4242424242424242") && !after.contains("1111111111"));
    }
);
