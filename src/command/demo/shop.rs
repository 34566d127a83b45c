//! The seeded shop: two Pages, five ads, a database in a new temporary folder, and the sandbox in Meta's place.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::flow::manage::keys;
use crate::flow::{self, Intake, PhoneKey, Services};
use crate::http_client;
use crate::id::Ids;
use crate::meta::events::graph::Graph;
use crate::sandbox::{Sandbox, webhook};
use crate::store::Store;
use crate::web::{self, App, AppState, Limits, Readiness};
use crate::worker::deliver::{self, Stop};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// A Page of the shop.
pub struct Page {
    /// Its id at Meta.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The dataset that its events are sent to.
    pub dataset: &'static str,
    /// The access token of that dataset, as the sandbox knows it.
    pub token: &'static str,
}

/// The shop's two Pages, each with a lane of its own.
pub const PAGES: [Page; 2] = [
    Page { id: "1111111111", name: "Tbilisi Bags", dataset: "1234567890123456", token: "demo-token-bags" },
    Page { id: "2222222222", name: "Tbilisi Shoes", dataset: "6543210987654321", token: "demo-token-shoes" },
];

/// An ad by which customers come to a Page.
pub struct Ad {
    /// Its id at Meta.
    pub id: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// The article that it sells.
    pub sku: &'static str,
    /// Whose it is.
    pub page: usize,
}

/// The five ads.
pub const ADS: [Ad; 5] = [
    Ad { id: "120200000000000001", title: "Leather bag", sku: "BAG-1", page: 0 },
    Ad { id: "120200000000000002", title: "City backpack", sku: "BAG-2", page: 0 },
    Ad { id: "120200000000000003", title: "Summer tote", sku: "BAG-3", page: 0 },
    Ad { id: "120200000000000004", title: "Winter boots", sku: "SHOE-1", page: 1 },
    Ad { id: "120200000000000005", title: "White sneakers", sku: "SHOE-2", page: 1 },
];

/// What the app signs its webhooks with here.
pub const APP_SECRET: &str = "demo-app-secret";

/// The running shop.
pub struct Shop {
    pub services: Services,
    pub meta: Sandbox,
    pub graph: Graph,
    pub url: String,
    pub came_in: Arc<Notify>,
    pub stop: Stop,
    pub admin: String,
    pub operator: String,
    pub folder: PathBuf,
    client: reqwest::Client,
}

impl Shop {
    /// Opens it at `clock`, on free ports of the loopback.
    pub async fn open(clock: Clock) -> Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let meta = Sandbox::start(clock.clone(), any).await?;
        for page in &PAGES {
            meta.link(page.id, page.dataset, page.token);
        }
        let ids = Ids::random();
        let folder = std::env::temp_dir().join(format!("salesbridge-demo-{}", ids.next(clock.now())));
        std::fs::create_dir(&folder)
            .map_err(|error| Error::internal("a temporary folder can't be made").caused_by(error))?;
        let config = Config::parse(&configuration(&folder, meta.url()), "the demo's configuration", [])?;
        let store = Store::open(config.database_url()).await?;
        let phone_key = PhoneKey::new(config.phone_key()?);
        let services = Services {
            store,
            clock,
            ids,
            phone_key,
            keep_text: config.keep_text,
            feed_signal: flow::FeedSignal::default(),
            tag_queue: flow::TagQueue::default(),
            changes_keep: config.changes_keep,
        };
        flow::configure(&services, &config.pages()?).await?;
        let admin = keys::create(&services, "admin", "demo", None).await?;
        let operator = keys::create(&services, "operator", "nino", None).await?;

        let failed = |error| Error::unavailable("no_address", "No port is free").caused_by(error);
        let listener = TcpListener::bind(any).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let (came_in, stop) = (Arc::new(Notify::new()), Stop::default());
        let app = App::from(AppState {
            services: services.clone(),
            app_secret: Some(APP_SECRET.to_owned().into()),
            verify_token: Some("demo-verify-token".to_owned().into()),
            intake: Intake::start(services.clone(), Arc::clone(&came_in)),
            in_flight: flow::InFlight::default(),
            readiness: Readiness::default(),
            body_limit: config.body_limit,
        });
        tokio::spawn(web::serve(listener, web::router(app), Limits::default(), stop.soon.clone()));
        let graph = Graph::new(http_client::client()?, config.meta.graph_url, config.meta.graph_version);
        let client = http_client::client()?;
        Ok(Self { services, meta, graph, url, came_in, stop, admin, operator, folder, client })
    }

    /// What the background jobs do in one round: projects what came in, sends what is due.
    pub async fn works(&self) -> Result<()> {
        while flow::project(&self.services).await? > 0 {}
        deliver::drain(&self.services, &self.graph, &self.stop).await.map(drop)
    }

    /// Meta sends a webhook with one event of a Page.
    pub async fn hears(&self, page: &str, at: Timestamp, event: Value) -> Result<()> {
        let body = webhook::messaging(page, at, &[event]);
        let hook = format!("{}/webhooks/meta", self.url);
        let answered = self.meta.post_webhook(&hook, APP_SECRET, &body).await?;
        expect(answered.status == 200, || format!("the webhook was answered {}", answered.status))
    }

    /// An answer of the API to a GET with the admin's key.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.admin);
        self.answer(request, path).await
    }

    /// An answer of the API to a POST with the operator's key.
    pub async fn post(&self, path: &str, word: &str, body: Option<&Value>) -> Result<Value> {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.operator);
        let body = body.map(Value::to_string).unwrap_or_default();
        self.answer(request.header("idempotency-key", word).body(body), path).await
    }

    /// An answer of the API to a PATCH with the admin's key.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.client.patch(format!("{}{path}", self.url)).bearer_auth(&self.admin);
        self.answer(request.body(body.to_string()), path).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Value> {
        let failed = |error: reqwest::Error| Error::internal(format!("{path} failed")).caused_by(error);
        let request = request.header("content-type", "application/json");
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        expect(status.is_success(), || format!("{path} was answered {status}: {text}"))?;
        serde_json::from_str(&text)
            .map_err(|error| Error::internal(format!("{path}: no JSON")).caused_by(error))
    }
}

fn expect(holds: bool, why: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::internal(why())) }
}

/// The shop as an operator would configure it: everything at its default.
fn configuration(folder: &std::path::Path, graph_url: &str) -> String {
    use std::fmt::Write;
    let mut text = format!(
        "database_url = \"sqlite://{}/salesbridge.db\"\n[meta]\napp_secret = \"{APP_SECRET}\"\n\
         verify_token = \"demo-verify-token\"\ngraph_url = \"{graph_url}\"\n",
        folder.display()
    );
    for page in &PAGES {
        let Page { id, name, dataset, token } = page;
        // Writing to a text does not fail.
        let _ = write!(
            text,
            "[[pages]]\nid = \"{id}\"\nname = \"{name}\"\ndataset_id = \"{dataset}\"\naccess_token = \"{token}\"\n\
             currency = \"GEL\"\ntimezone = \"Asia/Tbilisi\"\n"
        );
    }
    text
}
