//! The doors: a story is told to the service as its users tell it, and what Meta and the API show is noted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use salesbridge::clock::Timestamp;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::policy::Policy;
use salesbridge::sandbox::webhook::{Chat, messaging};
use serde_json::{Value, json};

use crate::api::{Answer, Api};
use crate::harness::{PAGE, Shop};
use crate::truth::judge::{Purchase, Seen, calls_off, entries, is_in_doubt};
use crate::truth::world::{Door, Said, Story, Telling};

/// How a run is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub hold: Duration,
    /// Questions are answered, truly.
    pub answered: bool,
    /// The operator says in the tag itself which sale it is, where the chat has an order.
    pub offered: bool,
}

/// Deliveries in between are this far apart at least.
const DRAIN: i64 = 600;

pub struct World {
    shop: Shop,
    operator: Api,
    crm: Api,
    setup: Setup,
    start: Timestamp,
    now: i64,
    drained: i64,
    taken: usize,
    told: Vec<Told>,
    by_psid: BTreeMap<String, usize>,
}

/// What was told of a story so far.
#[derive(Default)]
struct Told {
    conversation: String,
    seen: Seen,
    /// The entries that tellings led to, by the telling.
    entries: BTreeMap<usize, String>,
    sums: BTreeMap<String, i64>,
}

impl World {
    pub async fn new(shop: Shop, setup: Setup) -> Self {
        shop.set_page(|page| {
            page.policy = Policy { hold: setup.hold, ..Policy::default() };
            page.labels = BTreeMap::from([("Order".to_owned(), OutcomeKind::Confirmed)]);
            page.sentences.insert(OutcomeKind::Confirmed, vec!["შეკვეთა მიღებულია {*} {value} ₾".to_owned()]);
        })
        .await;
        let operator = shop.api("operator").await;
        let crm = operator.with("crm").await;
        let start = shop.services.clock.now();
        let (told, by_psid) = (Vec::new(), BTreeMap::new());
        Self { shop, operator, crm, setup, start, now: 0, drained: 0, taken: 0, told, by_psid }
    }

    fn moment(&self, at: i64) -> Timestamp {
        Timestamp::from_millis(self.start.millis() + at * 1000)
    }

    /// Tells the stories, all at once in the order of arrival; gives what was seen of each.
    pub async fn plays(mut self, stories: &[Story]) -> Vec<Seen> {
        for (index, story) in stories.iter().enumerate() {
            self.told.push(Told::default());
            self.by_psid.insert(story.psid.clone(), index);
        }
        let mut arrivals: Vec<(i64, usize, Option<usize>)> = Vec::new();
        for (index, story) in stories.iter().enumerate() {
            arrivals.push((story.begins_at, index, None));
            arrivals
                .extend(story.tellings.iter().enumerate().map(|(place, one)| (one.at, index, Some(place))));
        }
        arrivals.sort_unstable();
        for (at, index, place) in arrivals {
            self.comes(at, stories).await;
            match place {
                None => self.begins(index, &stories[index]).await,
                Some(place) => {
                    let telling = &stories[index].tellings[place];
                    self.tells(index, &stories[index], telling).await;
                    if self.setup.answered {
                        self.settles(index, &stories[index]).await;
                    }
                }
            }
        }
        for _ in 0..8 {
            self.comes(self.now + 24 * 3600, stories).await;
        }
        for (index, story) in stories.iter().enumerate() {
            let conversation = self.sees(index, story).await;
            self.told[index].seen.conversation = conversation;
        }
        self.told.into_iter().map(|told| told.seen).collect()
    }

    /// Time goes on, and what is due leaves.
    async fn comes(&mut self, at: i64, stories: &[Story]) {
        self.shop.later(Duration::from_secs((at - self.now).unsigned_abs()));
        self.now = at;
        if at - self.drained < DRAIN {
            return;
        }
        self.drained = at;
        while self.shop.delivers().await > 0 {}
        let accepted = self.shop.meta.accepted_count();
        if usize::try_from(accepted).unwrap() == self.taken {
            return;
        }
        let new = self.shop.meta.accepted().split_off(self.taken);
        self.taken += new.len();
        for event in new.iter().filter(|event| event["event_name"] == "Purchase") {
            self.hears(event, stories).await;
        }
    }

    /// Meta received a Purchase.
    async fn hears(&mut self, event: &Value, stories: &[Story]) {
        let index = self.by_psid[event["user_data"]["page_scoped_user_id"].as_str().unwrap()];
        let conversation = self.sees(index, &stories[index]).await;
        let is_it = |row: &Value| row["event_id"] == event["event_id"];
        let holds = |order: &&Value| order["conversions"].as_array().into_iter().flatten().any(is_it);
        let order =
            conversation["orders"].as_array().unwrap().iter().find(holds).cloned().unwrap_or_default();
        let sum = minor(&event["custom_data"]["value"].to_string());
        let told = &mut self.told[index];
        let known = told.sums.entry(order["id"].to_string()).or_default();
        *known += sum;
        let is_later = *known != sum;
        let worth =
            order["value"].as_str().map_or(0, minor) - order["delivery_fee"].as_str().map_or(0, minor);
        let purchase = Purchase {
            at: self.now,
            sum,
            sales: entries(&order)
                .filter_map(|entry| told.seen.facts.get(entry["id"].as_str()?))
                .copied()
                .collect(),
            told_and_worth: is_later.then_some((*known, worth)),
        };
        told.seen.words.push(format!("{} Meta receives a Purchase of {}", clock(self.now), money(sum)));
        told.seen.purchases.push(purchase);
    }

    /// The conversation as the API shows it; entries of sentences and labels are known by their time.
    async fn sees(&mut self, index: usize, story: &Story) -> Value {
        let path = format!("/v1/conversations/{}", self.told[index].conversation);
        let conversation = self.operator.get(&path).await.body;
        for entry in conversation["orders"].as_array().into_iter().flatten().flat_map(entries) {
            let door = match entry["source"].as_str() {
                Some("sentence") => Door::Sentence,
                Some("label") => Door::Label,
                _ => continue,
            };
            let is_it = |telling: &&Telling| {
                telling.door == door
                    && telling.stated.is_some_and(|at| entry["occurred_at"] == self.moment(at).to_string())
            };
            if let (Some(telling), Some(id)) = (story.tellings.iter().find(is_it), entry["id"].as_str()) {
                let seen = &mut self.told[index].seen;
                seen.facts.insert(id.to_owned(), telling.sale);
            }
        }
        if conversation["orders"].as_array().into_iter().flatten().any(is_in_doubt) {
            self.told[index].seen.asked = true;
        }
        conversation
    }

    async fn begins(&mut self, index: usize, story: &Story) {
        let at = self.moment(self.now);
        let chat = Chat { page: PAGE, psid: &story.psid, at };
        let item = chat.text(&format!("m_{}", story.psid), "Is it there?");
        self.shop.receives(messaging(PAGE, at, &[item]).to_string()).await;
        let id = self.shop.conversation(&story.psid).await.unwrap();
        self.told[index].conversation = id.to_string();
    }

    async fn tells(&mut self, index: usize, story: &Story, telling: &Telling) {
        let answer = match (telling.door, &telling.said) {
            (Door::Sentence | Door::Label, _) => {
                self.webhook(story, telling).await;
                self.told[index].seen.heard.extend(telling.value.map(|_| telling.sale));
                "taken".to_owned()
            }
            (_, Said::Undo(id)) => match self.told[index].entries.get(id).cloned() {
                None => "not there".to_owned(),
                Some(entry) => {
                    let answer = self.operator.post(&format!("/v1/outcomes/{entry}/undo"), "").await;
                    format!("{} {}", answer.status, answer.code())
                }
            },
            (Door::Operator, Said::Outcome(kind)) => self.operator_says(index, story, telling, kind).await,
            (_, Said::Outcome(kind)) => {
                let mut line = tag(telling, kind, |at| self.moment(at).to_string());
                line["page_id"] = json!(PAGE);
                line["source"] = json!(if telling.door == Door::Crm { "crm" } else { "courier" });
                if telling.names_person {
                    line["psid"] = json!(story.psid);
                }
                let answer = self.crm.post("/v1/outcomes", json!({"outcomes": [line]}).to_string()).await;
                let result = answer.body["results"][0].clone();
                let status = result["status"].as_u64().unwrap_or_default();
                if status < 300 {
                    self.is_taken(index, story, telling, &result);
                } else {
                    self.told[index].seen.refused.insert(telling.sale);
                }
                format!("{status} {}{}", text(&result["problem"]["code"]), text(&result["outcome"]["flag"]))
            }
        };
        let words = format!("{} {} → {answer}", clock(self.now), words(telling));
        self.told[index].seen.words.push(words);
    }

    async fn webhook(&self, story: &Story, telling: &Telling) {
        let chat = Chat { page: PAGE, psid: &story.psid, at: self.moment(telling.stated.unwrap()) };
        let body = match telling.value {
            Some(value) if telling.door == Door::Sentence => {
                let text = format!("შეკვეთა მიღებულია, სულ {} ₾", money(value));
                messaging(PAGE, chat.at, &[chat.echo(telling.key.as_ref().unwrap(), &text)])
            }
            _ => chat.label("add", "501", "Order"),
        };
        self.shop.receives(body.to_string()).await;
    }

    fn is_taken(&mut self, index: usize, story: &Story, telling: &Telling, answer: &Value) {
        let told = &mut self.told[index];
        let Some(id) = answer["outcome"]["id"].as_str() else { return };
        told.entries.insert(telling.id, id.to_owned());
        told.seen.facts.entry(id.to_owned()).or_insert(telling.sale);
        if matches!(telling.said, Said::Outcome("confirmed")) {
            told.seen.heard.insert(telling.sale);
        }
        if calls_off(story, telling.sale, &telling.said) {
            told.seen.called_off.push((id.to_owned(), telling.sale, self.now));
        }
    }

    /// The order of the chat that holds an effective fact of this sale; of several the one with its value.
    fn order_of(&self, index: usize, conversation: &Value, sale: usize) -> Option<Value> {
        let facts = &self.told[index].seen.facts;
        let is_of = |order: &&Value| {
            entries(order).any(|entry| {
                entry["undone"] != true && entry["id"].as_str().and_then(|id| facts.get(id)) == Some(&sale)
            })
        };
        let its: Vec<&Value> = conversation["orders"].as_array()?.iter().filter(is_of).collect();
        let valued = its.iter().find(|order| !self.is_of_another_sale(index, order, sale));
        valued.or(its.first()).map(|order| (*order).clone())
    }

    /// The order that a person knows as this sale: what shows another sale's value is not it.
    fn own_order(&self, index: usize, conversation: &Value, sale: usize) -> Option<Value> {
        let order = self.order_of(index, conversation, sale)?;
        (!self.is_of_another_sale(index, &order, sale)).then_some(order)
    }

    /// Whether an order has its value from another sale, and of this one a label alone.
    fn is_of_another_sale(&self, index: usize, order: &Value, sale: usize) -> bool {
        let facts = &self.told[index].seen.facts;
        let valued = |entry: &&Value| entry["value"].is_string() && entry["undone"] != true;
        let of_sale = |entry: &Value| entry["id"].as_str().and_then(|id| facts.get(id)) == Some(&sale);
        order["value"].is_string() && !entries(order).filter(valued).any(of_sale)
    }

    async fn operator_says(&mut self, index: usize, story: &Story, telling: &Telling, kind: &str) -> String {
        let path = format!("/v1/conversations/{}/outcomes", self.told[index].conversation);
        let mut kind = kind;
        let mut body = tag(telling, kind, |at| self.moment(at).to_string());
        if kind != "confirmed" {
            let conversation = self.sees(index, story).await;
            match self.own_order(index, &conversation, telling.sale) {
                Some(order) => body["order_id"] = order["order_id"].clone(),
                // What the order shows is another sale's value, so the person tells of the sale itself.
                None if kind == "amended" => {
                    kind = "confirmed";
                    body["outcome"] = json!(kind);
                }
                None => {
                    self.told[index].seen.refused.insert(telling.sale);
                    return "no order to say it of".to_owned();
                }
            }
        }
        if kind == "confirmed" && self.setup.offered {
            let conversation = self.sees(index, story).await;
            let stands = |order: &Value| order["state"] != "none";
            let has_order = conversation["orders"].as_array().is_some_and(|orders| orders.iter().any(stands));
            let order = self.order_of(index, &conversation, telling.sale);
            if order.as_ref().is_some_and(is_called_off) {
                return "the sale is over: nothing to do".to_owned();
            }
            match self.own_order(index, &conversation, telling.sale) {
                // The sale stands there with another value: what is offered is to set it right.
                Some(order) if order["value"].is_string() && order["value"] != body["value"] => {
                    body["outcome"] = json!("amended");
                    body["order_id"] = order["order_id"].clone();
                }
                _ if has_order => self.answers(index, &conversation, telling.sale, &mut body),
                _ => {}
            }
        }
        let mut answer = self.says(&path, &body, telling).await;
        if matches!(answer.code(), "perhaps_same_sale" | "sale_open_with_other_value") {
            self.told[index].seen.asked = true;
            if self.setup.answered {
                let conversation = self.sees(index, story).await;
                let order = self.order_of(index, &conversation, telling.sale);
                if order.as_ref().is_some_and(is_called_off) {
                    return format!("409 {}, nothing to do", answer.code());
                }
                self.answers(index, &conversation, telling.sale, &mut body);
                let asked = answer.code().to_owned();
                // Another body needs a key of its own.
                answer = self.operator.post(&path, body.to_string()).await;
                if answer.status < 300 {
                    self.is_taken(index, story, telling, &answer.body);
                }
                return format!("409 {asked}, answered {body} → {} {}", answer.status, answer.code());
            }
        }
        if answer.status < 300 {
            self.is_taken(index, story, telling, &answer.body);
        } else {
            self.told[index].seen.refused.insert(telling.sale);
        }
        format!("{} {}", answer.status, answer.code())
    }

    async fn says(&self, path: &str, body: &Value, telling: &Telling) -> Answer {
        match &telling.key {
            Some(key) => self.operator.post_once(path, body.to_string(), key).await,
            None => self.operator.post(path, body.to_string()).await,
        }
    }

    /// The true answer to the question which sale it is.
    fn answers(&self, index: usize, conversation: &Value, sale: usize, body: &mut Value) {
        match self.own_order(index, conversation, sale) {
            Some(order) => body["same_as"] = order["id"].clone(),
            None => body["new_order"] = json!(true),
        }
    }

    /// A person answers, truly, what waits in the queue.
    async fn settles(&mut self, index: usize, story: &Story) {
        for _ in 0..6 {
            let conversation = self.sees(index, story).await;
            let Some((path, body)) = self.answer_to(index, story, &conversation) else { return };
            let answer = self.operator.post(&path, body.clone()).await;
            let words =
                format!("{} a person: {path} {body} → {} {}", clock(self.now), answer.status, answer.code());
            self.told[index].seen.words.push(words);
            if answer.status >= 300 {
                return;
            }
        }
    }

    fn answer_to(&self, index: usize, story: &Story, conversation: &Value) -> Option<(String, String)> {
        let facts = &self.told[index].seen.facts;
        let orders = conversation["orders"].as_array()?;
        for order in orders {
            let id = order["id"].as_str()?;
            if is_in_doubt(order) {
                // The fact that gave an order its value is what the question is about, a person's first.
                let giver = |order: &Value| {
                    let given = entries(order).filter(|entry| {
                        entry["kind"] == "confirmed" && entry["value"].is_string() && entry["undone"] != true
                    });
                    let is_outside = |entry: &&Value| {
                        !matches!(entry["source"].as_str(), Some("console" | "api" | "label" | "sentence"))
                    };
                    let first =
                        given.min_by_key(|entry| (is_outside(entry), entry["occurred_at"].to_string()));
                    let facts_of = |entry: &Value| facts.get(entry["id"].as_str()?).copied();
                    first.and_then(facts_of).or_else(|| entries(order).find_map(facts_of))
                };
                let own = giver(order);
                let is_same =
                    |other: &&Value| other["id"] != order["id"] && own.is_some() && giver(other) == own;
                let other = orders.iter().find(is_same);
                return Some(match other {
                    Some(other) => {
                        (format!("/v1/orders/{id}/join"), json!({"into": other["id"]}).to_string())
                    }
                    None => (format!("/v1/orders/{id}/part"), String::new()),
                });
            }
            let flagged = entries(order).find(|entry| entry["flag"].is_string() && entry["undone"] != true);
            if let Some(entry) = flagged {
                let entry_id = entry["id"].as_str()?;
                let is_called_off =
                    facts.get(entry_id).is_some_and(|sale| story.sales[*sale].is_called_off());
                let is_true = match entry["kind"].as_str() {
                    Some("cancelled" | "returned") => is_called_off,
                    // It is on: what was called off is another sale.
                    Some("confirmed") => entry["flag"] == "contradiction" && !is_called_off,
                    _ => false,
                };
                let verb = if is_true { "accept" } else { "undo" };
                return Some((format!("/v1/outcomes/{entry_id}/{verb}"), String::new()));
            }
        }
        None
    }
}

fn is_called_off(order: &Value) -> bool {
    order["state"] == "cancelled" || order["state"] == "returned"
}

fn tag(telling: &Telling, kind: &str, moment: impl Fn(i64) -> String) -> Value {
    let mut body = json!({"outcome": kind});
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            body[key] = json!(value);
        }
    };
    set("order_id", telling.number.clone());
    set("value", telling.value.map(money));
    set("delivery_fee", telling.fee.map(money));
    set("occurred_at", telling.stated.map(moment));
    set("ref", telling.reference.clone());
    set("reason", matches!(kind, "cancelled" | "returned").then(|| "changed her mind".to_owned()));
    body
}

pub fn money(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// A decimal as minor units.
fn minor(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<2}");
    whole.parse::<i64>().unwrap_or(0) * 100 + part[..2].parse::<i64>().unwrap_or(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn clock(at: i64) -> String {
    format!("{} d {:02}:{:02}:{:02}", at / 86_400, at / 3600 % 24, at / 60 % 60, at % 60)
}

fn words(telling: &Telling) -> String {
    let Telling { sale, door, said, number, value, fee, stated, reference, .. } = telling;
    let said = match said {
        Said::Outcome(kind) => (*kind).to_owned(),
        Said::Undo(id) => format!("undo of telling {id}"),
    };
    let mut words = format!("[sale {sale}] {door:?}: {said}");
    for (name, sum) in [("", value), ("fee ", fee)] {
        if let Some(sum) = sum {
            write!(words, " {name}{}", money(*sum)).unwrap();
        }
    }
    if let Some(number) = number {
        write!(words, " as {number:?}").unwrap();
    }
    if let Some(at) = stated {
        write!(words, ", happened at {}", clock(*at)).unwrap();
    }
    if let Some(reference) = reference {
        write!(words, ", ref {reference}").unwrap();
    }
    words
}
