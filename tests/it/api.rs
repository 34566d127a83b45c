//! The API as its users meet it: a server on loopback, and a key.

use salesbridge::domain::basic::identity::PageId;
use salesbridge::flow::InFlight;
use salesbridge::flow::manage::keys;
use salesbridge::web::{App, AppState, BODY_LIMIT, Readiness, router};
use serde_json::Value;

use crate::harness::Shop;

/// A key at a server of its own.
#[derive(Clone)]
pub struct Api {
    pub app: App,
    url: String,
    client: reqwest::Client,
    secret: Option<String>,
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first field at fault.
    pub fn pointer(&self) -> Option<&str> {
        self.body["errors"][0]["pointer"].as_str()
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// It is this status, and a problem as RFC 9457 wants it.
    pub fn is_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.body["status"], status);
        assert_eq!(self.body["type"], format!("urn:salesbridge:{}", self.code()));
        assert_eq!(self.body["instance"].as_str(), self.header("x-request-id"));
    }
}

impl Shop {
    /// A key of this role for all Pages, at a server of its own.
    pub async fn api(&self, role: &str) -> Api {
        let app = App::from(AppState {
            services: self.services.clone(),
            app_secret: Some("app_secret_test".to_owned().into()),
            verify_token: Some("my_secret".to_owned().into()),
            intake: self.intake.clone(),
            in_flight: InFlight::default(),
            readiness: Readiness::default(),
            body_limit: BODY_LIMIT,
        });
        let url = serve(&app).await;
        Api { app, url, client: salesbridge::http_client::client().unwrap(), secret: None }.with(role).await
    }
}

async fn serve(app: &App) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = router(app.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

impl Api {
    /// The same key at another process on the same database.
    pub async fn elsewhere(&self) -> Self {
        let app = App::from(AppState { in_flight: InFlight::default(), ..(*self.app).clone() });
        Self { url: serve(&app).await, app, ..self.clone() }
    }

    /// The same server with a key of another role.
    pub async fn with(&self, role: &str) -> Self {
        self.keyed(role, None).await
    }

    /// The same server with a key for one Page alone.
    pub async fn keyed(&self, role: &str, page: Option<&str>) -> Self {
        let page = page.map(PageId::from);
        let secret = keys::create(&self.app.services, role, "nino", page.as_ref()).await.unwrap();
        Self { secret: Some(secret), ..self.clone() }
    }

    /// The same server without a key.
    pub fn nobody(&self) -> Self {
        Self { secret: None, ..self.clone() }
    }

    /// The same server with this key.
    pub fn with_secret(&self, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None, &[]).await
    }

    pub async fn post(&self, path: &str, body: impl Into<String>) -> Answer {
        self.ask("POST", path, Some(body.into()), &[]).await
    }

    /// With an Idempotency-Key.
    pub async fn post_once(&self, path: &str, body: impl Into<String>, word: &str) -> Answer {
        self.ask("POST", path, Some(body.into()), &[("idempotency-key", word)]).await
    }

    pub async fn patch(&self, path: &str, body: impl Into<String>) -> Answer {
        self.ask("PATCH", path, Some(body.into()), &[]).await
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(secret) = &self.secret {
            request = request.bearer_auth(secret);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, headers, text, body }
    }
}
