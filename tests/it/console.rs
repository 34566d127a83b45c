//! The console as a browser meets it, less the browser: pages, forms and cookies.

use std::time::Duration;

use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use salesbridge::domain::basic::identity::{ConversationId, PageId};
use salesbridge::domain::operator::{Language, Role};
use salesbridge::flow::InFlight;
use salesbridge::flow::manage::operators::{self, NewOperator};
use salesbridge::web::{App, AppState, BODY_LIMIT, Readiness, router};
use tokio::net::TcpListener;

use crate::harness::{PAGE, Shop};

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse battery";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The session that it gives.
    pub fn session(&self) -> Option<String> {
        let cookies = self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        let mut sessions = cookies.filter_map(|text| text.strip_prefix("__Host-salesbridge="));
        sessions.next().map(|text| text.split(';').next().unwrap().to_owned())
    }

    /// The value of the hidden or filled field of this name, the first one on the page.
    pub fn field(&self, name: &str) -> String {
        let after = self.text.split(&format!("name=\"{name}\"")).nth(1).expect("the field is there");
        after.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    /// What stands between two texts, the first time.
    pub fn between(&self, before: &str, after: &str) -> String {
        let rest =
            self.text.split(before).nth(1).unwrap_or_else(|| panic!("{before} is not in {}", self.text));
        rest.split(after).next().unwrap().to_owned()
    }
}

/// A browser.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub url: String,
    pub session: String,
    client: reqwest::Client,
}

impl Visitor {
    /// Somebody without a session.
    pub async fn comes(shop: &Shop) -> Self {
        Self { url: listens(shop).await, session: String::new(), client: client() }
    }

    /// Somebody with a role, logged in.
    pub async fn of_role(shop: &Shop, name: &str, role: Role, page: Option<&str>) -> Self {
        person(shop, name, role, page).await;
        Self::comes(shop).await.logged_in(name).await
    }

    /// The same, logged in as somebody.
    pub async fn logged_in(mut self, name: &str) -> Self {
        let answer = self.post("/console/login", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/console"), "{}", answer.text);
        self.session = answer.session().expect("a session");
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.answer(self.client.get(format!("{}{path}", self.url))).await
    }

    /// Posts a form as this site's own pages do.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, &[("origin", &self.url), ("sec-fetch-site", "same-origin")]).await
    }

    /// Posts a form with these headers.
    pub async fn post_from(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let mut request = self.client.post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body(encoded(fields));
        self.answer(request).await
    }

    /// Uploads a file as the field of a form.
    pub async fn upload(&self, path: &str, field: &str, file: &str) -> Answer {
        let body = format!(
            "--b\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"f.csv\"\r\n\r\n{file}\r\n--b--\r\n"
        );
        let request = self.client.post(format!("{}{path}", self.url)).header("origin", &self.url);
        self.answer(request.header("content-type", "multipart/form-data; boundary=b").body(body)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let cookie = format!("__Host-salesbridge={}; __Host-salesbridge-language=en", self.session);
        let answer = request.header(COOKIE, cookie).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }
}

fn client() -> reqwest::Client {
    salesbridge::http_client::client().unwrap()
}

/// The fields of a form as a body.
fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// The service at an address of its own.
pub async fn listens(shop: &Shop) -> String {
    let app = App::from(AppState {
        services: shop.services.clone(),
        app_secret: Some("app_secret_test".to_owned().into()),
        verify_token: Some("my_secret".to_owned().into()),
        intake: shop.intake.clone(),
        in_flight: InFlight::default(),
        readiness: Readiness::default(),
        body_limit: BODY_LIMIT,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router(app)).await });
    url
}

/// Somebody who may use the console.
pub async fn person(shop: &Shop, name: &str, role: Role, page: Option<&str>) {
    let page = page.map(PageId::from);
    let newcomer = NewOperator { name: name.to_owned(), role, page, language: Language::English };
    operators::add(&shop.services, &newcomer, PASSWORD).await.unwrap();
}

/// A customer writes, and an operator answers in Meta's inbox with an amount.
pub async fn chat_with_price(shop: &Shop, psid: &str, price: &str) -> ConversationId {
    let chat = shop.hears_from(psid).await;
    shop.later(Duration::from_secs(30));
    let at = shop.services.clock.now().millis();
    let body = format!(
        r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"{PAGE}"}},
        "recipient":{{"id":"{psid}"}},"timestamp":{at},
        "message":{{"mid":"e_{psid}","is_echo":true,"text":"სულ {price}"}}}}]}}]}}"#
    );
    shop.receives(body).await;
    chat
}
