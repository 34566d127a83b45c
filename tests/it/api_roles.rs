//! Who may do what, as the API's own document says it.

use salesbridge::domain::basic::identity::{DatasetId, PageId};
use serde_json::Value;

use crate::harness::{PAGE, Shop, both};

const ROLES: [&str; 4] = ["admin", "operator", "crm", "analyst"];

both!(
    async fn every_route_takes_the_roles_that_the_document_names(shop: Shop) {
        let admin = shop.api("admin").await;
        let document: Value = serde_json::from_str(&salesbridge::web::openapi()).unwrap();
        let mut seen = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let Some(roles) = operation["x-roles"].as_array() else {
                    assert!(!path.starts_with("/v1/"), "{method} {path} names no roles");
                    continue;
                };
                let (method, path) = (method.to_uppercase(), path.replace("{id}", "none"));
                let body = (method != "GET").then(|| "{}".to_owned());
                admin.nobody().ask(&method, &path, body.clone(), &[]).await.is_problem(401);
                for role in ROLES {
                    let api = admin.with(role).await;
                    let answer = api.ask(&method, &path, body.clone(), &[]).await;
                    let may = role == "admin" || roles.iter().any(|may| may == role);
                    assert_eq!(answer.status != 403, may, "{method} {path} as {role}: {}", answer.text);
                    // An empty body says nothing that these two could take; they refuse it only after the role.
                    let wants_a_body =
                        method == "POST" && ["/v1/outcomes", "/v1/payouts"].contains(&path.as_str());
                    let expected: &[u16] = if wants_a_body { &[422] } else { &[200, 404] };
                    assert!(
                        !may || expected.contains(&answer.status),
                        "{method} {path} as {role}: {}",
                        answer.text
                    );
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 21 * 4);
    }
);

both!(
    async fn another_pages_things_are_not_there(shop: Shop) {
        shop.set_page(|page| {
            page.id = PageId::from("2222222222");
            page.lane.dataset_id = DatasetId::from("9876543210");
        })
        .await;
        let chat = shop.hears_from("2").await;
        let all = shop.api("admin").await;
        let said = all
            .post(&format!("/v1/conversations/{chat}/outcomes"), r#"{"outcome":"confirmed","value":"5"}"#)
            .await;
        assert_eq!(said.status, 201, "{}", said.text);
        let other = all.keyed("admin", Some("2222222222")).await;
        let own = all.keyed("admin", Some(PAGE)).await;
        let id = |pointer: &str| said.body.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        for path in [
            format!("/v1/conversations/{chat}"),
            format!("/v1/orders/{}", id("/order/id")),
            format!("/v1/conversions/{}", id("/conversions/0/id")),
            format!("/v1/conversations?page_id={PAGE}"),
            format!("/v1/orders?page_id={PAGE}"),
            format!("/v1/conversions?page_id={PAGE}"),
            format!("/v1/attempts?page_id={PAGE}"),
        ] {
            other.get(&path).await.is_problem(404);
            assert_eq!(own.get(&path).await.status, 200, "{path}");
        }
        for path in [
            format!("/v1/conversations/{chat}/outcomes"),
            format!("/v1/outcomes/{}/undo", id("/outcome/id")),
            format!("/v1/outcomes/{}/accept", id("/outcome/id")),
            format!("/v1/conversions/{}/send", id("/conversions/0/id")),
            format!("/v1/conversions/{}/retry", id("/conversions/0/id")),
        ] {
            other.post(&path, "{}").await.is_problem(404);
        }
        other.patch(&format!("/v1/pages/{PAGE}"), "{}").await.is_problem(404);
        for list in ["conversations", "orders", "conversions", "attempts"] {
            assert_eq!(other.get(&format!("/v1/{list}")).await.body["data"], serde_json::json!([]));
        }
        assert_eq!(other.get("/v1/pages").await.body["data"].as_array().unwrap().len(), 1);
        assert_eq!(all.get("/v1/pages").await.body["data"].as_array().unwrap().len(), 2);
    }
);

both!(
    async fn a_revoked_key_is_no_key_at_once(shop: Shop) {
        let api = shop.api("operator").await;
        assert_eq!(api.get("/v1/orders").await.status, 200);
        let id = shop.services.store.read().await.unwrap().keys().await.unwrap()[0].id.clone();
        salesbridge::flow::manage::keys::revoke(&shop.services, &id).await.unwrap();
        let answer = api.get("/v1/orders").await;
        answer.is_problem(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
);
