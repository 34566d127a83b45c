//! The service as Meta and an operator meet it.

use salesbridge::flow;
use salesbridge::flow::manage::keys;
use salesbridge::meta::signature;
use salesbridge::web::{App, AppState, BODY_LIMIT, Readiness, router};
use serde_json::Value;

use crate::harness::{HOLD, PAGE, Shop, both};

const BODY: &str = r#"{"object":"page","entry":[{"id":"1111111111","time":1795424400000,"messaging":[{"sender":{"id":"42"},"recipient":{"id":"1111111111"},"timestamp":1795424400000,"message":{"mid":"m_1","text":"caf\u00e9 \/ ok"}}]}]}"#;

async fn listens(shop: &Shop) -> String {
    let app = App::from(AppState {
        services: shop.services.clone(),
        app_secret: Some("app_secret_test".to_owned().into()),
        verify_token: Some("my_secret".to_owned().into()),
        intake: shop.intake.clone(),
        in_flight: flow::InFlight::default(),
        readiness: Readiness::default(),
        body_limit: BODY_LIMIT,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router(app)).await });
    url
}

async fn read(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

both!(
    async fn from_a_signed_webhook_to_a_tagged_purchase(shop: Shop) {
        let (url, client) = (listens(&shop).await, salesbridge::http_client::client().unwrap());
        let hook = format!("{url}/webhooks/meta");
        let unsigned = client.post(&hook).body(BODY).send().await.unwrap();
        assert_eq!(read(unsigned).await.0, 401);
        let signature = signature::sign(b"app_secret_test", BODY.as_bytes());
        let signed =
            client.post(&hook).header("x-hub-signature-256", signature).body(BODY).send().await.unwrap();
        assert_eq!(signed.status(), 200);
        shop.receives("not json".to_owned()).await;

        let secret = keys::create(&shop.services, "operator", "nino", None).await.unwrap();
        let ask = format!("{url}/v1/conversations?page_id={PAGE}&psid=42");
        assert_eq!(read(client.get(&ask).send().await.unwrap()).await.0, 401);
        let (_, found) = read(client.get(&ask).bearer_auth(&secret).send().await.unwrap()).await;
        let path = format!("{url}/v1/conversations/{}/outcomes", found["data"][0]["id"].as_str().unwrap());
        let say = |body: &'static str| client.post(&path).bearer_auth(&secret).body(body).send();

        let (status, wrong) = read(say(r#"{"outcome":"confirmed","value":"1e400"}"#).await.unwrap()).await;
        assert_eq!((status, wrong["errors"][0]["pointer"].as_str()), (422, Some("/value")));
        let (status, early) = read(say(r#"{"outcome":"shipped"}"#).await.unwrap()).await;
        assert_eq!((status, early["code"].as_str()), (409, Some("which_order")));
        let confirmed =
            r#"{"outcome":"confirmed","order_id":"A-1001","value":"125.50","delivery_fee":"5.00"}"#;
        let (status, tagged) = read(say(confirmed).await.unwrap()).await;
        assert_eq!((status, tagged["conversions"][0]["value"].as_str()), (201, Some("120.50")));
        assert_eq!(read(say(confirmed).await.unwrap()).await.0, 200);
        shop.later(HOLD);
        shop.delivers().await;
        assert_eq!(shop.told(), ["120.5"]);
    }
);

both!(
    async fn the_handshake_wants_the_right_token(shop: Shop) {
        let (url, client) = (listens(&shop).await, salesbridge::http_client::client().unwrap());
        let ask = |token: &str| {
            let asked = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token";
            client.get(format!("{url}/webhooks/meta?{asked}={token}")).send()
        };
        assert_eq!(ask("my_secret").await.unwrap().text().await.unwrap(), "1158201444");
        assert_eq!(ask("another").await.unwrap().status(), 403);
    }
);
