//! A shop on a database of its own, a clock that a test moves, and a sandbox for Meta. No background job runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salesbridge::clock::{Clock, Timestamp};
use salesbridge::domain::basic::identity::{
    AttemptId, ConversationId, ConversionId, DatasetId, LaneId, OutcomeId, PageId, PersonId,
};
use salesbridge::domain::basic::money::Currency;
use salesbridge::domain::conversation::inbound::Channel;
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::reason::Reasons;
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::order::terms::{Details, Terms};
use salesbridge::domain::signal::conversion::Conversion;
use salesbridge::domain::signal::lane::Lane;
use salesbridge::domain::signal::policy::{Mode, Policy};
use salesbridge::error::Error;
use salesbridge::flow::{
    self, FeedSignal, IdempotentRequest, Intake, PhoneKey, Resolution, Sender, Services, TagQueue, Tagged,
};
use salesbridge::http_client;
use salesbridge::id::Ids;
use salesbridge::meta::events::graph::Graph;
use salesbridge::sandbox::Sandbox;
use salesbridge::store::Store;
use salesbridge::store::page::Page;
use salesbridge::worker::deliver::{self, Stop};

/// Makes a test two: `NAME::on_sqlite` and `NAME::on_postgres`, each with a shop of its own.
macro_rules! both {
    ($(#[$doc:meta])* async fn $name:ident($shop:ident: Shop) $body:block) => {
        mod $name {
            use super::*;
            async fn test($shop: Shop) $body
            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() { test(Shop::on_sqlite().await).await; }
            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() { test(Shop::on_postgres().await).await; }
        }
    };
}
pub(crate) use both;

/// The Page of every shop.
pub const PAGE: &str = "1111111111";
/// The hold of the default policy: after it a conversion is due.
pub const HOLD: Duration = Duration::from_mins(30);
static DATABASES: AtomicU32 = AtomicU32::new(0);

pub struct Shop {
    pub services: Services,
    pub meta: Sandbox,
    pub graph: Graph,
    pub intake: Intake,
    /// The address of its database.
    pub url: String,
    /// The SQLite file, to be removed; a database of PostgreSQL goes with the server of the tests.
    file: Option<PathBuf>,
}

impl Shop {
    pub async fn on_sqlite() -> Self {
        let name =
            format!("salesbridge-{}-{}.db", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
        let file = std::env::temp_dir().join(name);
        let url = format!("sqlite://{}", file.display());
        Self::open(&url, Some(file)).await
    }

    pub async fn on_postgres() -> Self {
        let server = std::env::var("SALESBRIDGE_TEST_POSTGRES")
            .expect("the PostgreSQL of the tests is not running: use bash tests/run");
        let name = format!("shop_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
        let admin = sqlx::PgPool::connect(&server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&admin).await.unwrap();
        admin.close().await;
        let (server, _) = server.rsplit_once('/').unwrap();
        Self::open(&format!("{server}/{name}"), None).await
    }

    async fn open(url: &str, file: Option<PathBuf>) -> Self {
        let clock = Clock::steered(Timestamp::parse("2026-11-23T09:00:00Z").unwrap());
        let meta = Sandbox::start(clock.clone(), "127.0.0.1:0".parse().unwrap()).await.unwrap();
        meta.link(PAGE, "1234567890123456", "token-of-the-page");
        let store = Store::open(url).await.unwrap();
        let graph = Graph::new(http_client::client().unwrap(), meta.url().to_owned(), "v26.0".to_owned());
        let services = Services {
            store,
            clock,
            ids: Ids::counted(),
            phone_key: PhoneKey::new(vec![7; 32].into()),
            keep_text: Duration::from_hours(7 * 24),
            feed_signal: FeedSignal::default(),
            tag_queue: TagQueue::default(),
            changes_keep: Duration::from_hours(90 * 24),
        };
        let intake = Intake::start(services.clone(), Arc::default());
        let shop = Self { services, meta, graph, intake, url: url.to_owned(), file };
        shop.set_page(|_| {}).await;
        shop
    }

    /// Stores the Page: the settings below, after `change`.
    pub async fn set_page(&self, change: impl FnOnce(&mut Page)) {
        let mut page = Page {
            id: PageId::from(PAGE),
            name: "Shop".to_owned(),
            lane: Lane::new(DatasetId::from("1234567890123456"), "token-of-the-page".to_owned().into()),
            currency: gel(),
            country: "GE".to_owned(),
            timezone: "Asia/Tbilisi".to_owned(),
            mode: Mode::Live,
            test_event_code: None,
            instagram_id: None,
            whatsapp_id: None,
            silent_after: Duration::from_hours(72),
            working_hours: None,
            labels: BTreeMap::new(),
            take_off_labels: false,
            sentences: BTreeMap::new(),
            reasons: Reasons::default(),
            policy: Policy::default(),
        };
        change(&mut page);
        self.puts(&page).await;
    }

    /// Stores a Page.
    pub async fn puts(&self, page: &Page) {
        let now = self.services.clock.now();
        let mut unit = self.services.store.begin("test").await.unwrap();
        unit.put_page(page, &LaneId(self.services.ids.next(now)), now).await.unwrap();
        unit.commit().await.unwrap();
    }

    /// A stored Page.
    pub async fn page(&self, id: &str) -> Page {
        let mut unit = self.services.store.read().await.unwrap();
        unit.page(&PageId::from(id)).await.unwrap().unwrap()
    }

    /// Connects another Page, which shares the lane of the first.
    pub async fn add_page(&self, id: &str) {
        self.puts(&Page { id: PageId::from(id), ..self.page(PAGE).await }).await;
    }

    /// Another process on the same database, with the same clock.
    pub async fn beside(&self) -> Services {
        let store = Store::open(&self.url).await.unwrap();
        Services {
            store,
            feed_signal: FeedSignal::default(),
            tag_queue: TagQueue::default(),
            ..self.services.clone()
        }
    }

    /// A person clears the lane's fault.
    pub async fn mend(&self) {
        let mut unit = self.services.store.begin("test").await.unwrap();
        let page = unit.page(&PageId::from(PAGE)).await.unwrap().unwrap();
        unit.set_fault(&page.lane, None, self.services.clock.now()).await.unwrap();
        unit.commit().await.unwrap();
    }

    /// A customer writes, always the same message by its `mid`; gives the conversation.
    pub async fn hears_from(&self, psid: &str) -> ConversationId {
        let at = self.services.clock.now().millis();
        let body = format!(
            r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"{psid}"}},
            "recipient":{{"id":"{PAGE}"}},"timestamp":{at},"message":{{"mid":"m_{psid}","text":"Is it there?"}}}}]}}]}}"#
        );
        self.receives(body).await;
        self.conversation(psid).await.expect("the message opened a conversation")
    }

    /// A webhook body arrives and is projected.
    pub async fn receives(&self, body: String) {
        self.intake.take(body.into()).await.unwrap();
        while flow::project(&self.services).await.unwrap() > 0 {}
    }

    /// The conversation of a person with [`PAGE`] on Messenger.
    pub async fn conversation(&self, psid: &str) -> Option<ConversationId> {
        let mut unit = self.services.store.read().await.unwrap();
        let psid = PersonId(psid.to_owned());
        unit.conversation_of(&PageId::from(PAGE), Channel::Messenger, &psid).await.unwrap()
    }

    /// An operator tags, with a reason where one is wanted.
    pub async fn tags(&self, conversation: &ConversationId, tag: &Tag) -> Result<Tagged, Error> {
        let reason = tag.kind.wants_reason().then(|| "changed her mind".to_owned());
        let tag = Tag { reason, ..tag.clone() };
        let tagged =
            flow::tag(&self.services, conversation, &tag, "nino", &IdempotentRequest::unkeyed()).await;
        tagged.map(|tagged| tagged.done().expect("no Idempotency-Key was sent"))
    }

    /// An operator undoes an entry.
    pub async fn undoes(&self, outcome: &OutcomeId) -> Result<Tagged, Error> {
        let undone = flow::undo(
            &self.services,
            outcome,
            Sender::person("nino", Source::Api),
            &IdempotentRequest::unkeyed(),
        )
        .await;
        undone.map(|undone| undone.done().expect("no Idempotency-Key was sent"))
    }

    /// A person sends a held conversion now.
    pub async fn sends(&self, id: &ConversionId) -> Result<Conversion, Error> {
        let released = flow::send_now(&self.services, id, &IdempotentRequest::unkeyed()).await;
        released.map(|released| released.done().expect("no Idempotency-Key was sent").conversion)
    }

    /// A person tries a rejected conversion again.
    pub async fn retries(&self, id: &ConversionId) -> Result<Conversion, Error> {
        let released = flow::retry(&self.services, id, &IdempotentRequest::unkeyed()).await;
        released.map(|released| released.done().expect("no Idempotency-Key was sent").conversion)
    }

    /// A person settles an attempt whose answer was lost.
    pub async fn resolves(&self, id: &AttemptId, as_what: Resolution) -> Result<usize, Error> {
        let resolved = flow::resolve(&self.services, id, as_what, &IdempotentRequest::unkeyed()).await;
        resolved.map(|resolved| resolved.done().expect("no Idempotency-Key was sent").conversions)
    }

    /// Moves the clock.
    pub fn later(&self, by: Duration) {
        self.services.clock.advance(by);
    }

    /// Sends everything that is due; gives the number of requests.
    pub async fn delivers(&self) -> usize {
        deliver::drain(&self.services, &self.graph, &Stop::default()).await.unwrap()
    }

    /// The values of what Meta took, in order, as JSON: `50.0` for 5000 tetri.
    pub fn told(&self) -> Vec<String> {
        self.meta.accepted().iter().map(|event| event["custom_data"]["value"].to_string()).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            for end in ["", "-wal", "-shm", "-intake", "-intake-wal", "-intake-shm"] {
                drop(std::fs::remove_file(format!("{}{end}", file.display())));
            }
        }
    }
}

pub fn gel() -> Currency {
    Currency::parse("GEL").unwrap()
}

/// A tag of this kind, with a value in tetri (1/100 GEL).
pub fn say(kind: OutcomeKind, value: impl Into<Option<i64>>) -> Tag {
    Tag {
        kind,
        source: Source::Api,
        order_number: None,
        new_order: false,
        same_as: None,
        terms: Terms { value: value.into(), ..Terms::unstated(gel()) },
        occurred_at: None,
        reference: None,
        if_version: None,
        details: Details::default(),
        reason: None,
        note: None,
        customer: None,
    }
}

/// The tag, said of the sale that the order of this number is.
pub fn same_as(tag: Tag, number: &str) -> Tag {
    Tag { same_as: Some(number.to_owned()), ..tag }
}

/// The tag with the number of an order.
pub fn numbered(tag: Tag, number: &str) -> Tag {
    Tag { order_number: Some(number.to_owned()), ..tag }
}

/// The tag with its sender's own id, the `ref` of the API.
pub fn referred(tag: Tag, reference: &str) -> Tag {
    Tag { reference: Some(reference.to_owned()), ..tag }
}
