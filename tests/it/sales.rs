//! What the tests of signal and delivery ask of a shop: many sales at once, messages in both directions, and
//! how conversions and attempts stand.

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::{AttemptId, ConversationId, PageId, PersonId};
use salesbridge::domain::order::outcome::{OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::signal::attempt::{GraphAnswer, Verdict};
use salesbridge::domain::signal::conversion::{Conversion, EventName, Reason, State, event_id};
use salesbridge::domain::signal::policy::Policy;
use salesbridge::flow::{self, Batch, IdempotentRequest, ImportLine};
use salesbridge::store::aggregate::Scope;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::harness::{PAGE, Shop, numbered, say};

pub const DATASET: &str = "1234567890123456";

impl Shop {
    /// Sets the signal policy, all else by default.
    pub async fn set_policy(&self, change: impl FnOnce(&mut Policy)) {
        self.set_page(|page| change(&mut page.policy)).await;
    }

    /// A CRM tells of these; each must be taken.
    pub async fn imports(&self, lines: impl IntoIterator<Item = ImportLine>) {
        let lines: Vec<(usize, ImportLine)> = lines.into_iter().enumerate().collect();
        let told =
            flow::import(&self.services, &lines, "crm", None, IdempotentRequest::unkeyed().render).await;
        for told in told.unwrap().done().unwrap() {
            told.unwrap();
        }
    }

    /// Sells `A-0`, `A-1`, … to as many people, for 10.00, 10.01, …; gives the names of the events.
    pub async fn sells(&self, count: usize) -> Vec<String> {
        let numbers: Vec<String> = (0..count).map(|index| format!("A-{index}")).collect();
        let lines = numbers.iter().zip(1000..).map(|(number, value)| {
            line(Some(&format!("of-{number}")), told(OutcomeKind::Confirmed, value, number))
        });
        self.imports(lines).await;
        numbers.iter().map(|number| purchase_id(number, 0)).collect()
    }

    /// The customer writes.
    pub async fn writes(&self, psid: &str, mid: &str, text: &str) -> ConversationId {
        self.receives(message((psid, PAGE), self.services.clock.now(), mid, text)).await;
        self.conversation(psid).await.expect("the message opened a conversation")
    }

    /// The Page writes, from Meta's inbox.
    pub async fn answers_in_inbox(&self, psid: &str, mid: &str, text: &str) {
        self.receives(message((PAGE, psid), self.services.clock.now(), mid, text)).await;
    }

    pub async fn conversions(&self, chat: &ConversationId) -> Vec<Conversion> {
        let mut unit = self.services.store.read().await.unwrap();
        unit.aggregates(Scope::Conversation(chat)).await.unwrap().pop().unwrap().conversions
    }

    /// The only conversion of this name and number.
    pub async fn find(&self, chat: &ConversationId, name: EventName, number: i64) -> Conversion {
        let mut found = self.conversions(chat).await;
        found.retain(|row| row.name == name && row.number == number);
        assert_eq!(found.len(), 1, "{name:?} {number}");
        found.remove(0)
    }

    pub async fn purchase(&self, chat: &ConversationId) -> Conversion {
        self.find(chat, EventName::Purchase, 0).await
    }

    pub async fn purchase_stands(&self, chat: &ConversationId) -> (State, Reason) {
        stands(&self.purchase(chat).await)
    }

    pub async fn fault(&self) -> Option<String> {
        let mut unit = self.services.store.read().await.unwrap();
        unit.page(&PageId::from(PAGE)).await.unwrap().unwrap().lane.fault
    }

    /// The names of what Meta took, in order.
    pub fn names(&self) -> Vec<String> {
        self.meta.accepted().iter().map(|event| event["event_name"].as_str().unwrap().to_owned()).collect()
    }

    /// The event ids of what Meta took, in order.
    pub fn taken(&self) -> Vec<String> {
        self.meta.accepted().iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect()
    }

    /// What the database itself says: one text a row.
    pub async fn asks(&self, query: &str) -> Vec<String> {
        let query = AssertSqlSafe(query.to_owned());
        if self.url.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
        }
    }

    /// How all conversions stand: `2 rejected refused, 998 sent taken`.
    pub async fn stand(&self) -> String {
        let query = "select cast(count(*) as text) || ' ' || state || ' ' || reason as line from conversion
                      group by state, reason order by state, reason";
        self.asks(query).await.join(", ")
    }

    /// The attempts so far, in order.
    pub async fn attempts(&self) -> Vec<AttemptId> {
        let ids = self.asks("select id from attempt order by opened_at, id").await;
        ids.into_iter().map(AttemptId).collect()
    }

    /// Leases and opens what is due, as a sender does; its answer is still out.
    pub async fn opens(&self) -> Batch {
        self.opens_for(PAGE).await
    }

    pub async fn opens_for(&self, page: &str) -> Batch {
        let page = PageId::from(page);
        flow::release(&self.services).await.unwrap();
        let lease = flow::lease(&self.services, &page).await.unwrap().expect("something is due");
        flow::open(&self.services, &page, &lease).await.unwrap().expect("something may leave")
    }

    /// The answer to a batch arrives; gives the leases of its halves.
    pub async fn settles(&self, batch: &Batch, verdict: Verdict) -> Vec<String> {
        flow::settle(&self.services, batch, &GraphAnswer::unanswered(verdict, "as the test has it"))
            .await
            .unwrap()
    }
}

fn message((from, to): (&str, &str), at: Timestamp, mid: &str, text: &str) -> String {
    let (at, is_echo) = (at.millis(), from == PAGE);
    serde_json::json!({"object": "page", "entry": [{"id": PAGE, "time": at, "messaging": [{
        "sender": {"id": from}, "recipient": {"id": to}, "timestamp": at,
        "message": {"mid": mid, "text": text, "is_echo": is_echo},
    }]}]})
    .to_string()
}

pub fn stands(row: &Conversion) -> (State, Reason) {
    (row.state, row.reason)
}

/// The name of an order's Purchase at Meta.
pub fn purchase_id(order: &str, number: i64) -> String {
    event_id(&PageId::from(PAGE), order, EventName::Purchase, number)
}

/// A CRM says so of an order.
pub fn told(kind: OutcomeKind, value: impl Into<Option<i64>>, number: &str) -> Tag {
    let reason = kind.wants_reason().then(|| "not wanted any more".to_owned());
    Tag { source: Source::Crm, reason, ..numbered(say(kind, value), number) }
}

pub fn at(tag: Tag, moment: Timestamp) -> Tag {
    Tag { occurred_at: Some(moment), ..tag }
}

pub fn line(psid: Option<&str>, tag: Tag) -> ImportLine {
    let psid = psid.map(|psid| PersonId(psid.to_owned()));
    ImportLine { page: PageId::from(PAGE), psid, phone_hash: None, tag }
}
