//! What needs a person's word is seen: flagged facts, and sales of which Meta was told twice.

use std::time::Duration;

use salesbridge::domain::operator::Role;
use salesbridge::worker::publish;
use serde_json::{Value, json};

use crate::console::Visitor;
use crate::harness::{Shop, both};
use crate::sequences::Told;

impl Told {
    async fn listed(&self, path: &str) -> usize {
        self.operator.get(path).await.body["data"].as_array().unwrap().len()
    }

    async fn measures(&self, line: &str) {
        let text = self.operator.get("/metrics").await.text;
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }

    async fn changes(&self) -> Vec<Value> {
        publish::round(&self.shop.services, "the publisher").await.unwrap();
        self.crm.get("/v1/changes?limit=200").await.body["data"].as_array().unwrap().clone()
    }
}

both!(
    async fn a_flagged_fact_is_listed_counted_and_settled_and_its_acceptance_can_be_taken_back(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(
            json!({"outcome": "confirmed", "order_id": "A-1", "value": "60.00", "delivery_fee": "5.00",
                         "discount": "0.00"}),
        )
        .await;
        told.line(json!({"outcome": "delivered", "order_id": "A-1", "occurred_at": told.ago(0)})).await;
        told.shop.later(Duration::from_mins(5));
        let off =
            told.line(json!({"outcome": "cancelled", "order_id": "A-1", "occurred_at": told.ago(0)})).await;
        assert_eq!(off["outcome"]["flag"], "contradiction");
        assert_eq!(told.listed("/v1/orders?flagged=true").await, 1);
        assert_eq!(told.listed("/v1/orders?flagged=false").await, 0);
        assert_eq!(told.listed("/v1/conversations?flagged=true").await, 1);
        assert_eq!(told.listed("/v1/conversations?flagged=true&q=A-1").await, 1);
        assert_eq!(told.listed("/v1/conversations?flagged=false").await, 0);
        assert_eq!(told.operator.get("/v1/orders?flagged=perhaps").await.status, 422);
        told.measures("salesbridge_orders_flagged 1").await;
        let nino = Visitor::of_role(&told.shop, "nino", Role::Operator, None).await;
        assert!(nino.get("/console/today").await.text.contains("1 · To decide"));
        assert!(nino.get("/console/queue").await.text.contains("To decide: what was said does not agree"));

        let fact = off["outcome"]["id"].as_str().unwrap().to_owned();
        let page = nino.get(&format!("/console/conversations/{}", told.chat)).await.text;
        for verb in ["accept", "undo"] {
            assert!(page.contains(&format!("/console/outcomes/{fact}/{verb}")), "{verb} is not offered");
        }
        let accepted = told.operator.post(&format!("/v1/outcomes/{fact}/accept"), "").await;
        assert_eq!((accepted.status, &accepted.body["outcome"]["about"]), (201, &json!(fact)));
        let order = told.orders().await.remove(0);
        assert_eq!(order["state"], "cancelled");
        let entry = |order: &Value| {
            let entries = order["outcomes"].as_array().unwrap();
            entries.iter().find(|entry| entry["id"] == json!(fact)).unwrap().clone()
        };
        assert_eq!(entry(&order)["accepted_by"]["id"], accepted.body["outcome"]["id"]);
        assert!(entry(&order)["accepted_by"]["actor"].is_string());
        assert_eq!(told.listed("/v1/orders?flagged=true").await, 0);
        told.measures("salesbridge_orders_flagged 0").await;

        // The acceptance is the newest entry of a person; undoing it brings the question back.
        let refused = told.operator.post(&format!("/v1/outcomes/{fact}/undo"), "").await;
        assert_eq!((refused.status, refused.code()), (409, "not_the_newest"));
        let acceptance = accepted.body["outcome"]["id"].as_str().unwrap().to_owned();
        assert!(refused.text.contains(&acceptance), "{}", refused.text);
        let by_crm = told.crm.post(&format!("/v1/outcomes/{acceptance}/undo"), "").await;
        assert_eq!((by_crm.status, by_crm.code()), (409, "not_your_fact"));
        let undone = told.operator.post(&format!("/v1/outcomes/{acceptance}/undo"), "").await;
        assert_eq!((undone.status, &undone.body["outcome"]["about"]), (201, &json!(acceptance)));
        let order = told.orders().await.remove(0);
        assert_eq!((&order["state"], &entry(&order)["flag"]), (&json!("delivered"), &json!("contradiction")));
        assert_eq!((&entry(&order)["accepted"], entry(&order).get("accepted_by")), (&json!(false), None));
        assert_eq!(told.listed("/v1/orders?flagged=true").await, 1);
        let again = told.operator.post(&format!("/v1/outcomes/{acceptance}/undo"), "").await;
        assert_eq!((again.status, &again.body["outcome"]["id"]), (200, &undone.body["outcome"]["id"]));
        let accepted = told.operator.post(&format!("/v1/outcomes/{fact}/accept"), "").await;
        assert_eq!(accepted.status, 201);
        assert_ne!(accepted.body["outcome"]["id"], json!(acceptance));

        let changes = told.changes().await;
        let of_order = || changes.iter().filter(|change| change["type"] == "order.updated");
        let causes: Vec<&Value> = of_order().map(|change| &change["caused_by"]["kind"]).collect();
        assert_eq!(causes, ["confirmed", "delivered", "cancelled", "accept", "undo", "accept"]);
        let orders: Vec<&Value> = of_order().map(|change| &change["data"]["order"]).collect();
        let states: Vec<&Value> = orders.iter().map(|order| &order["state"]).collect();
        assert_eq!(states, ["confirmed", "delivered", "delivered", "cancelled", "delivered", "cancelled"]);
        assert_eq!(
            (&orders[0]["delivery_fee"], &orders[0]["discount"], &orders[0]["returned"]),
            (&json!("5.00"), &json!("0.00"), &json!("0.00"))
        );
        let accepted_by: Vec<bool> =
            orders[2..].iter().map(|order| entry(order)["accepted_by"].is_object()).collect();
        assert_eq!(accepted_by, [false, true, false, true]);
        assert!(of_order().all(|change| change["caused_by"]["outcome_id"].is_string()));
    }
);

both!(
    async fn a_sale_that_meta_was_told_of_twice_is_counted_and_shown(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(json!({"outcome": "confirmed", "value": "50.00"})).await;
        told.line(
            json!({"outcome": "confirmed", "order_id": "C-1", "value": "70.00", "occurred_at": told.ago(0)}),
        )
        .await;
        let ids: Vec<String> =
            told.orders().await.iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(told.operator.post(&format!("/v1/orders/{}/part", ids[1]), "").await.status, 200);
        assert_eq!(told.leaves().await, ["50.0", "70.0"]);
        told.measures("salesbridge_orders_told_twice 0").await;
        let into = json!({"into": ids[0]}).to_string();
        assert_eq!(told.operator.post(&format!("/v1/orders/{}/join", ids[1]), into).await.status, 200);
        assert_eq!(told.orders().await[0]["told_twice"], true);
        let listed = told.operator.get("/v1/orders").await.body;
        assert_eq!(
            listed["data"].as_array().unwrap().iter().map(|order| &order["told_twice"]).collect::<Vec<_>>(),
            [&json!(true)]
        );
        told.measures("salesbridge_orders_told_twice 1").await;
        let nino = Visitor::of_role(&told.shop, "nino", Role::Operator, None).await;
        assert!(nino.get("/console/today").await.text.contains("told of 1 sales of the last 7 days twice"));
        let page = nino.get(&format!("/console/conversations/{}", told.chat)).await.text;
        assert!(page.contains("Meta was told of this sale twice"));
        told.shop.later(Duration::from_hours(8 * 24));
        told.measures("salesbridge_orders_told_twice 0").await;
    }
);

both!(
    async fn accepting_a_payment_says_nothing_of_which_sale_it_is(shop: Shop) {
        let told = Told::of(shop).await;
        told.taps(json!({"outcome": "confirmed", "value": "70.00"})).await;
        told.line(
            json!({"outcome": "confirmed", "order_id": "C-1", "value": "50.00", "occurred_at": told.ago(0)}),
        )
        .await;
        let paid = |source: &str, reference: &str| {
            json!({"outcome": "paid", "order_id": "C-1", "value": "50.00", "source": source, "ref": reference,
                   "occurred_at": told.ago(0)})
        };
        told.line(paid("crm", "p-1")).await;
        let second = told.line(paid("courier", "p-2")).await;
        assert_eq!(second["outcome"]["flag"], "perhaps_same_payment");
        let id = second["outcome"]["id"].as_str().unwrap();
        assert_eq!(told.operator.post(&format!("/v1/outcomes/{id}/accept"), "").await.status, 201);
        let parked: Vec<Value> = told.orders().await.iter().map(|order| order["parked"].clone()).collect();
        assert_eq!(parked, [false, true]);
        // To accept what is perhaps the same sale is to say that it is another one, for good.
        let orders = told.orders().await;
        let entries = orders[1]["outcomes"].as_array().unwrap();
        let doubted = entries.iter().find(|entry| entry["flag"] == "perhaps_same_sale").unwrap();
        let id = doubted["id"].as_str().unwrap();
        let accepted = told.operator.post(&format!("/v1/outcomes/{id}/accept"), "").await;
        let acceptance = accepted.body["outcome"]["id"].as_str().unwrap();
        let refused = told.operator.post(&format!("/v1/outcomes/{acceptance}/undo"), "").await;
        assert_eq!((refused.status, refused.code()), (409, "said_two_sales"));
    }
);
