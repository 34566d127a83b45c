//! What arrives at a shop, as bodies of webhooks and lines of an import, and the whole ledger in words.

use std::collections::BTreeMap;

use salesbridge::clock::Timestamp;
use salesbridge::domain::basic::identity::{ConversationId, PageId, PersonId};
use salesbridge::domain::conversation::aggregate::ConversationAggregate;
use salesbridge::domain::order::outcome::{Fact, OutcomeKind, Source};
use salesbridge::domain::order::tag::Tag;
use salesbridge::domain::signal::conversion::event_id;
use salesbridge::error::{Error, ErrorKind};
use salesbridge::flow::{self, ImportLine, Reply, Tagged};
use serde_json::{Value, json};

use crate::books;
use crate::harness::{PAGE, Shop, say};

/// An event of a webhook: a message of the customer.
pub fn word(psid: &str, mid: &str, at: Timestamp, text: &str) -> Value {
    json!({"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at.millis(),
           "message": {"mid": mid, "text": text}})
}

/// A message of the customer that reads otherwise now, by its edit `number`.
pub fn edit(psid: &str, mid: &str, at: Timestamp, (text, number): (&str, usize)) -> Value {
    json!({"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at.millis(),
           "message_edit": {"mid": mid, "text": text, "num_edit": number}})
}

/// A message of the customer that was taken back.
pub fn unsent(psid: &str, mid: &str, at: Timestamp) -> Value {
    json!({"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at.millis(),
           "message": {"mid": mid, "is_deleted": true}})
}

/// A message of the Page.
pub fn echo(psid: &str, mid: &str, at: Timestamp, text: &str) -> Value {
    json!({"sender": {"id": PAGE}, "recipient": {"id": psid}, "timestamp": at.millis(),
           "message": {"mid": mid, "text": text, "is_echo": true}})
}

/// A button that was tapped.
pub fn tap(psid: &str, mid: &str, at: Timestamp, title: &str) -> Value {
    json!({"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at.millis(),
           "postback": {"mid": mid, "title": title, "payload": "GO"}})
}

/// The ad that led here, in one of its three places: an event of its own, inside of a message, or of a tap.
pub fn ad(psid: &str, mid: &str, at: Timestamp, ad_id: &str, place: u8) -> Value {
    let referral = json!({"ad_id": ad_id, "source": "ADS", "type": "OPEN_THREAD"});
    let mut event = match place % 3 {
        0 => json!({"sender": {"id": psid}, "recipient": {"id": PAGE}, "timestamp": at.millis()}),
        1 => word(psid, mid, at, "from the ad"),
        _ => tap(psid, mid, at, "Begin"),
    };
    match place % 3 {
        0 => event["referral"] = referral,
        1 => event["message"]["referral"] = referral,
        _ => event["postback"]["referral"] = referral,
    }
    event
}

/// The body of a webhook with these events, on another Page than the usual if it says so.
pub fn body(page: &str, events: &[Value]) -> String {
    let entry = json!({"object": "page", "entry": [{"id": page, "time": 1, "messaging": events}]});
    entry.to_string().replace(PAGE, page)
}

/// Something that a CRM, courier or bank says happened.
pub fn told(source: Source, kind: OutcomeKind, value: impl Into<Option<i64>>, at: Timestamp) -> Tag {
    let reason = kind.wants_reason().then(|| "no more needed".to_owned());
    Tag { source, reason, occurred_at: Some(at), ..say(kind, value) }
}

/// A line of an import about nobody in particular.
pub fn line(tag: Tag) -> ImportLine {
    ImportLine { page: PageId::from(PAGE), psid: None, phone_hash: None, tag }
}

/// The line of a known person.
pub fn line_of(psid: &str, tag: Tag) -> ImportLine {
    ImportLine { psid: Some(PersonId(psid.to_owned())), ..line(tag) }
}

fn render(tagged: &Tagged) -> Reply {
    Reply { status: 200, body: tagged.outcome_id.0.clone() }
}

/// Imports lines; gives status and entry, or status and code, of each.
pub async fn imports(shop: &Shop, lines: Vec<ImportLine>) -> Vec<(u16, String)> {
    let lines: Vec<(usize, ImportLine)> = lines.into_iter().enumerate().collect();
    let told = flow::import(&shop.services, &lines, "crm", None, render).await.unwrap().done().unwrap();
    let shown = |told: Result<Reply, Error>| match told {
        Ok(reply) => (reply.status, reply.body),
        Err(error) => (if error.kind == ErrorKind::Conflict { 409 } else { 422 }, error.code.to_owned()),
    };
    told.into_iter().map(shown).collect()
}

/// Imports lines of which none may be refused.
pub async fn imports_all(shop: &Shop, lines: Vec<ImportLine>) {
    for (status, code) in imports(shop, lines).await {
        assert_eq!(status, 200, "{code}");
    }
}

/// The tables as they are, beside the service.
pub enum Tables {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

impl Tables {
    pub async fn of(shop: &Shop) -> Self {
        if shop.url.starts_with("sqlite:") {
            Self::Sqlite(books::sqlite(&shop.url).await)
        } else {
            Self::Postgres(sqlx::PgPool::connect(&shop.url).await.unwrap())
        }
    }

    /// The rows of a table, each as JSON; bytes as hex.
    pub async fn rows(&self, table: &str) -> Vec<Value> {
        let texts: Vec<String> = match self {
            Self::Sqlite(pool) => {
                let columns = sqlx::query_as("select name, type from pragma_table_info($1)").bind(table);
                let columns: Vec<(String, String)> = columns.fetch_all(pool).await.unwrap();
                let member = |(name, kind): &(String, String)| match kind.to_lowercase().as_str() {
                    "blob" => format!("'{name}', lower(hex(\"{name}\"))"),
                    _ => format!("'{name}', \"{name}\""),
                };
                let members: Vec<String> = columns.iter().map(member).collect();
                let text = format!("select json_object({}) from \"{table}\"", members.join(", "));
                sqlx::query_scalar(sqlx::AssertSqlSafe(text)).fetch_all(pool).await.unwrap()
            }
            Self::Postgres(pool) => {
                let text = format!("select row_to_json(\"{table}\")::text from \"{table}\"");
                sqlx::query_scalar(sqlx::AssertSqlSafe(text)).fetch_all(pool).await.unwrap()
            }
        };
        texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// The names of all tables.
    pub async fn names(&self) -> Vec<String> {
        match self {
            Self::Sqlite(pool) => {
                let names = "select name from sqlite_master where type = 'table' and name not like 'sqlite%'
                             union all select 'intake_log'";
                sqlx::query_scalar(names).fetch_all(pool).await.unwrap()
            }
            Self::Postgres(pool) => {
                let names =
                    "select table_name::text from information_schema.tables where table_schema = 'public'";
                sqlx::query_scalar(names).fetch_all(pool).await.unwrap()
            }
        }
    }
}

/// The rows of a table.
pub async fn rows(shop: &Shop, table: &str) -> Vec<Value> {
    Tables::of(shop).await.rows(table).await
}

/// All that is known of the conversations of a Page.
pub async fn aggregates(shop: &Shop, page: &str) -> Vec<ConversationAggregate> {
    dossiers_among(shop, page, &rows(shop, "conversation").await).await
}

/// Those among these rows that are of a Page.
pub async fn dossiers_among(shop: &Shop, page: &str, conversations: &[Value]) -> Vec<ConversationAggregate> {
    let mut found = Vec::new();
    let mut unit = shop.services.store.begin("test").await.unwrap();
    for row in conversations.iter().filter(|row| row["page_id"] == page) {
        let id = ConversationId::from(row["id"].as_str().unwrap());
        found.push(unit.load_conversation(&id).await.unwrap().unwrap());
    }
    unit.commit().await.unwrap();
    found
}

/// Everything that arrival must not change, in words, without our own ids: orders and their flags, conversions,
/// chats, what was said of them, and phone numbers.
pub async fn picture(shop: &Shop, tables: &Tables, page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let conversations = tables.rows("conversation").await;
    for aggregate in dossiers_among(shop, page, &conversations).await {
        let who = aggregate.thread.recipient.as_ref();
        let who = who.map_or("nobody".to_owned(), |known| known.person_id().as_str().to_owned());
        names.insert(aggregate.thread.id.0.clone(), who.clone());
        picture_of(&aggregate, &who, page, &mut lines);
    }
    let of_page = |row: &&Value| row["page_id"] == page;
    for row in tables.rows("phone_mention").await.iter().filter(of_page) {
        let who = &names[row["conversation_id"].as_str().unwrap()];
        lines.push(format!(
            "{who} phone {} by {} at {}",
            row["hash"], row["mentioned_by"], row["mentioned_at"]
        ));
    }
    for row in tables.rows("message").await.iter().filter(of_page) {
        let who = &names[row["conversation_id"].as_str().unwrap()];
        let [mid, at, author, text] = ["mid", "sent_at", "author", "text"].map(|key| &row[key]);
        lines.push(format!("{who} message {mid} at {at} of {author}: {text}"));
    }
    for row in tables.rows("chat").await.iter().filter(of_page) {
        let who = &names[row["conversation_id"].as_str().unwrap()];
        lines.push(format!("{who} chat {} is {}", row["number"], row["stage"]));
    }
    for row in conversations.iter().filter(of_page) {
        let who = &names[row["id"].as_str().unwrap()];
        lines.push(format!("{who} {} since {}", row["state"], row["waiting_since"]));
    }
    let named = tables.rows("order_number").await;
    for row in
        tables.rows("sale_order").await.iter().filter(of_page).filter(|row| row["joined_into"].is_null())
    {
        let name =
            named.iter().filter(|name| name["order_id"] == row["id"]).map(|name| name["number"].to_string());
        let [state, value, paid, refunded] = ["state", "value", "paid", "refunded"].map(|key| &row[key]);
        lines.push(format!("row of {:?}: {state} {value} {paid} {refunded}", name.min()));
    }
    lines.retain(|line| !line.starts_with("nobody done"));
    lines.sort();
    lines
}

/// A fact in words.
pub fn shown(fact: &Fact) -> String {
    let Fact { kind, occurred_at, source, reference, terms, reason, accepted, .. } = fact;
    format!(
        "{} {} {} {reference:?} {:?} {:?} {:?} {} {reason:?} {accepted}",
        kind.as_str(),
        occurred_at.millis(),
        source.as_str(),
        terms.value,
        terms.total,
        terms.delivery_fee,
        terms.currency,
    )
}

fn picture_of(aggregate: &ConversationAggregate, who: &str, page: &str, lines: &mut Vec<String>) {
    let facts: BTreeMap<_, _> = aggregate
        .orders
        .iter()
        .flat_map(|ledger| &ledger.facts)
        .chain(&aggregate.chat_facts)
        .map(|fact| (fact.id.clone(), shown(fact)))
        .collect();
    for ledger in &aggregate.orders {
        let mut names = ledger.numbers.clone();
        names.sort();
        let order = &ledger.order;
        let mut flags: Vec<String> =
            order.flags.iter().map(|(id, flag)| format!("{} {}", flag.as_str(), facts[id])).collect();
        flags.sort();
        flags.dedup();
        let times = [order.confirmed, order.shipped, order.delivered, order.paid_up, order.ended]
            .map(|moment| moment.map(|moment| moment.occurred_at.millis()));
        lines.push(format!(
            "{who} order {names:?} {} parked {} value {:?} fee {} returned {} paid {} refunded {} {times:?} {:?} items {:?} flags {flags:?}",
            order.state.as_str(), ledger.doubt.is_parked, order.value, order.delivery_fee, order.returned,
            order.paid, order.refunded, order.reason, order.items,
        ));
    }
    let mut said: Vec<String> = aggregate.chat_facts.iter().filter(|fact| !fact.undone).map(shown).collect();
    said.sort();
    said.dedup();
    lines.push(format!("{who} said {said:?}"));
    for chat in &aggregate.chats {
        let times =
            [Some(chat.began_at), Some(chat.last_at), chat.first_word_at, chat.last_word_at, chat.contact_at]
                .map(|at| at.map(Timestamp::millis));
        let stage = aggregate.stage(chat).as_str();
        lines.push(format!("{who} chat {} {times:?} {:?} {stage}", chat.number, chat.ad_id));
    }
    for row in &aggregate.conversions {
        let order = aggregate.orders.iter().find(|ledger| Some(&ledger.id) == row.order_id.as_ref());
        let psid = vec![who.to_owned()];
        let subjects = order.map_or(&psid, |ledger| &ledger.numbers);
        let is_of =
            |subject: &&String| event_id(&PageId::from(page), subject, row.name, row.number) == row.event_id;
        let subject = subjects.iter().find(is_of);
        assert!(row.order_id.is_none() || order.is_some(), "a conversion of an order that is none: {row:?}");
        let mut uplifts: Vec<&String> = row.uplift_ids.iter().map(|id| &facts[id]).collect();
        uplifts.sort();
        lines.push(format!(
            "{who} {} {} of {subject:?} at {} {} {} value {:?} uplifts {uplifts:?}",
            row.name.as_str(),
            row.number,
            row.event_time.millis(),
            row.state.as_str(),
            row.reason.as_str(),
            row.value,
        ));
    }
}
