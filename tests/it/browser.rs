//! The console in Chromium, driven by `tests/browser`: with keys, by touch, without a script, and looked at.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::operator::Role;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::flow::manage::operators;
use salesbridge::flow::{self, InFlight, Intake, PageChange};
use salesbridge::web::{App, AppState, BODY_LIMIT, Readiness, router};
use salesbridge::worker;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::console::person;
use crate::harness::{PAGE, Shop, say};

/// What the world outside does.
#[derive(Debug, Default, Deserialize)]
struct Deed {
    #[serde(default)]
    psid: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    seconds: u64,
}

#[derive(Clone)]
struct World {
    shop: Arc<Shop>,
    intake: Intake,
}

impl World {
    /// A message from or to a person arrives.
    async fn message(&self, psid: &str, text: &str, is_echo: bool) {
        let at = self.shop.services.clock.now().millis();
        let (from, to) = if is_echo { (PAGE, psid) } else { (psid, PAGE) };
        let body = serde_json::json!({"object": "page", "entry": [{"id": PAGE, "time": at, "messaging": [{
            "sender": {"id": from}, "recipient": {"id": to}, "timestamp": at,
            "message": {"mid": format!("m_{psid}_{at}_{is_echo}"), "text": text, "is_echo": is_echo},
            "referral": {"source": "ADS", "type": "OPEN_THREAD", "ad_id": "120200000000000001",
                         "ads_context_data": {"ad_title": "ტყავის ჩანთა"}}}]}]});
        let mut body = body;
        if is_echo {
            body["entry"][0]["messaging"][0].as_object_mut().unwrap().remove("referral");
        } else {
            let message = &mut body["entry"][0]["messaging"][0];
            let referral = message.as_object_mut().unwrap().remove("referral").unwrap();
            message["message"]["referral"] = referral;
        }
        self.intake.take(body.to_string().into()).await.unwrap();
        while flow::project(&self.shop.services).await.unwrap() > 0 {}
        // The service's own projecting may have taken it, and not have committed yet.
        while self.shop.conversation(psid).await.is_none() {
            tokio::task::yield_now().await;
        }
    }
}

async fn runs(scenario: &str) {
    let shop = Arc::new(Shop::on_sqlite().await);
    person(&shop, "nino", Role::Operator, None).await;
    person(&shop, "giorgi", Role::Admin, None).await;
    runs_in(shop, scenario).await;
}

async fn runs_in(shop: Arc<Shop>, scenario: &str) {
    shop.services.clock.release();
    let came_in = Arc::new(Notify::new());
    let intake = Intake::start(shop.services.clone(), Arc::clone(&came_in));
    let stop = CancellationToken::new();
    let work = tokio::spawn(worker::run(shop.services.clone(), shop.graph.clone(), came_in, stop.clone()));
    let app = App::from(AppState {
        services: shop.services.clone(),
        app_secret: None,
        verify_token: None,
        intake: intake.clone(),
        in_flight: InFlight::default(),
        readiness: Readiness::default(),
        body_limit: BODY_LIMIT,
    });
    let service = serve(router(app)).await;
    let control = serve(control(World { shop: Arc::clone(&shop), intake })).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut node = Command::new("node");
    node.current_dir(root.join("tests/browser"))
        .args(["console.mjs", scenario, &service, &control])
        .arg(root.join("target/screenshots"))
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || node.output()).await.unwrap();
    let output = output.expect("node is not installed: use bash tests/run");
    stop.cancel();
    work.await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{scenario} failed:\n{out}\n{err}");
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn control(world: World) -> Router {
    let writes = |State(world): State<World>, Query(deed): Query<Deed>| async move {
        world.message(&deed.psid, &deed.text, false).await;
        Json(())
    };
    let answers = |State(world): State<World>, Query(deed): Query<Deed>| async move {
        world.message(&deed.psid, &deed.text, true).await;
        Json(())
    };
    let later = |State(world): State<World>, Query(deed): Query<Deed>| async move {
        world.shop.later(Duration::from_secs(deed.seconds));
        Json(())
    };
    let tagged = |State(world): State<World>, Query(deed): Query<Deed>| async move {
        world.message(&deed.psid, "555 12 34 56", false).await;
        let chat = world.shop.conversation(&deed.psid).await.unwrap();
        world.shop.tags(&chat, &say(OutcomeKind::Confirmed, 12_550)).await.unwrap();
        Json(())
    };
    let refused = |State(world): State<World>, Query(deed): Query<Deed>| async move {
        world.message(&deed.psid, "?", false).await;
        let chat = world.shop.conversation(&deed.psid).await.unwrap();
        let tagged = world.shop.tags(&chat, &say(OutcomeKind::Confirmed, 4_000)).await.unwrap();
        world.shop.meta.poison(&tagged.conversions[0].event_id, 2_804_008);
        flow::send_now(&world.shop.services, &tagged.conversions[0].id, &flow::IdempotentRequest::unkeyed())
            .await
            .unwrap();
        world.shop.delivers().await;
        Json(())
    };
    let test = |State(world): State<World>| async move {
        let until = world.shop.services.clock.now() + Duration::from_hours(3);
        flow::set_test_code(&world.shop.services, &PageId::from(PAGE), Some(("TEST42", until)))
            .await
            .unwrap();
        Json(())
    };
    let known = |State(world): State<World>, Query(deed): Query<Deed>| async move {
        world.shop.meta.know_person(PAGE, &deed.psid, serde_json::json!({ "name": deed.text }));
        Json(())
    };
    let inbox = |State(world): State<World>| async move {
        let change = PageChange {
            labels: Some(
                [
                    ("შეკვეთა".to_owned(), OutcomeKind::Confirmed),
                    ("Shipped".to_owned(), OutcomeKind::Shipped),
                ]
                .into(),
            ),
            sentences: Some(
                [(OutcomeKind::Confirmed, vec!["შეკვეთა მიღებულია {*} {value} ₾".to_owned()])].into(),
            ),
            ..PageChange::default()
        };
        flow::change_page(&world.shop.services, &PageId::from(PAGE), &change).await.unwrap();
        Json(())
    };
    let code = |State(world): State<World>| async move {
        Json(operators::first_code(&world.shop.services).await.unwrap())
    };
    Router::new()
        .route("/code", post(code))
        .route("/known", post(known))
        .route("/inbox", post(inbox))
        .route("/writes", post(writes))
        .route("/answers", post(answers))
        .route("/later", post(later))
        .route("/tagged", post(tagged))
        .route("/refused", post(refused))
        .route("/test", post(test))
        .route("/told", get(|State(world): State<World>| async move { Json(world.shop.told()) }))
        .with_state(world)
}

#[tokio::test(flavor = "multi_thread")]
async fn before_anybody_has_access() {
    runs_in(Arc::new(Shop::on_sqlite().await), "first").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_alone() {
    runs("desk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_touch_on_a_narrow_phone() {
    runs("phone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_script() {
    runs("plain").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_on_a_desk_in_both_languages_light_and_dark() {
    runs("pages_on_a_desk").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_on_a_phone_in_both_languages_light_and_dark() {
    runs("pages_on_a_phone").await;
}
