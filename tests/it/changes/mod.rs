//! The change feed: complete, in order, and the same whenever it is read. Here is a reader, and what its tests share.

mod numbering;
mod readers;
mod requests;
mod snapshots;

use std::collections::BTreeMap;
use std::time::Duration;

use salesbridge::domain::basic::identity::{ConversationId, OutcomeId, PageId};
use salesbridge::domain::order::outcome::Source;
use salesbridge::domain::order::tag::Tag;
use salesbridge::error::Error;
use salesbridge::flow::manage::keys;
use salesbridge::flow::{self, IdempotentRequest, Sender, Services};
use salesbridge::web::{App, AppState, BODY_LIMIT, Readiness, router};
use salesbridge::worker::publish;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::harness::{PAGE, Shop};

const KEPT: Duration = Duration::from_hours(90 * 24);

/// A reader of the feed, with a key of its own.
#[derive(Clone)]
struct Reader {
    url: String,
    secret: String,
    client: reqwest::Client,
}

impl Reader {
    async fn of(shop: &Shop, role: &str, page: Option<&str>) -> Self {
        Self::at(&shop.services, shop, role, page).await
    }

    async fn at(services: &Services, shop: &Shop, role: &str, page: Option<&str>) -> Self {
        let app = App::from(AppState {
            services: services.clone(),
            app_secret: None,
            verify_token: None,
            intake: shop.intake.clone(),
            in_flight: flow::InFlight::default(),
            readiness: Readiness::default(),
            body_limit: BODY_LIMIT,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(app)).await });
        let secret = keys::create(services, role, role, page.map(PageId::from).as_ref()).await.unwrap();
        Self { url, secret, client: salesbridge::http_client::client().unwrap() }
    }

    async fn asks(&self, query: &str) -> (u16, Value) {
        let url = format!("{}/v1/changes?{query}", self.url);
        let answer = self.client.get(url).bearer_auth(&self.secret).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// All changes behind a cursor, and the cursor behind them.
    async fn follows(&self, cursor: &str, limit: i64) -> (Vec<Value>, String) {
        let (mut changes, mut cursor) = (Vec::new(), cursor.to_owned());
        loop {
            let after = if cursor.is_empty() { String::new() } else { format!("&after={cursor}") };
            let (status, answer) = self.asks(&format!("limit={limit}{after}")).await;
            assert_eq!(status, 200, "{answer}");
            text(&answer["cursor"]).clone_into(&mut cursor);
            let some = answer["data"].as_array().unwrap().clone();
            if some.is_empty() {
                return (changes, cursor);
            }
            changes.extend(some);
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

async fn publishes(shop: &Shop) -> usize {
    publish::round(&shop.services, "the publisher").await.unwrap()
}

/// The snapshots of an order by one of its names, in the order of the feed.
fn of_order<'a>(changes: &'a [Value], number: &str) -> Vec<&'a Value> {
    let orders = changes.iter().map(|change| &change["data"]["order"]);
    orders.filter(|order| order["order_id"] == number).collect()
}

/// The versions of each subject, in the order of the feed.
fn versions(changes: &[Value]) -> BTreeMap<String, Vec<i64>> {
    let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for change in changes {
        let (_, subject) = change["data"].as_object().unwrap().iter().next().unwrap();
        versions
            .entry(text(&subject["id"]).to_owned())
            .or_default()
            .push(subject["version"].as_i64().unwrap());
    }
    versions
}

/// What a reader has in the end who keeps the newest version of everything.
fn checksum(changes: &[Value]) -> String {
    let mut state: BTreeMap<&str, (i64, &Value)> = BTreeMap::new();
    for change in changes {
        let (_, subject) = change["data"].as_object().unwrap().iter().next().unwrap();
        let version = subject["version"].as_i64().unwrap();
        let kept = state.entry(text(&subject["id"])).or_insert((version, subject));
        if version >= kept.0 {
            *kept = (version, subject);
        }
    }
    hex::encode(Sha256::digest(serde_json::to_string(&state).unwrap()))
}

async fn tells(shop: &Shop, chat: &ConversationId, tag: Tag) -> Result<flow::Tagged, Error> {
    let at = tag.occurred_at.unwrap_or_else(|| shop.services.clock.now());
    shop.tags(chat, &Tag { source: Source::Crm, occurred_at: Some(at), ..tag }).await
}

async fn accepts(shop: &Shop, outcome: &OutcomeId) {
    flow::accept(&shop.services, outcome, Sender::person("nino", Source::Api), &IdempotentRequest::unkeyed())
        .await
        .unwrap();
}

fn led_by(psid: &str, ad: &str, at: i64) -> String {
    format!(
        r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"{psid}"}},
        "recipient":{{"id":"{PAGE}"}},"timestamp":{at},
        "referral":{{"source":"ADS","type":"OPEN_THREAD","ad_id":"{ad}","ref":"r-{ad}"}}}}]}}]}}"#
    )
}
