//! `salesbridge demo`: a shop's day in a few seconds, through the real webhook and the real API, with the
//! sandbox in Meta's place. Nothing leaves the machine.

mod day;
mod shop;
mod table;

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::command::setup;
use crate::domain::operator::{Language, Role};
use crate::error::{Error, Result};
use crate::flow::manage::operators::{self, NewOperator};
use crate::sandbox::webhook::Chat;
use crate::sandbox::{Fault, InjectedFault};
use crate::worker;
use serde_json::{Value, json};

use day::{Act, ENDS, Step, page_of};
use shop::{ADS, PAGES, Shop};

/// How far Tbilisi is ahead of UTC.
const TBILISI: Duration = Duration::from_hours(4);

const DAY: Duration = Duration::from_hours(24);

/// How long one minute of the demo's day takes at least, so that a reader can follow.
const PACE: Duration = Duration::from_millis(6);

/// Replays the day. With `exit` it ends after the table, and fails unless our counts equal the sandbox's;
/// without, it stays up.
pub async fn run(exit: bool) -> Result<()> {
    let stop_signal = setup::stop_signal()?;
    let midnight = yesterday(Clock::system().now());
    let clock = Clock::steered(midnight + Duration::from_hours(9));
    let shop = Shop::open(clock.clone()).await?;
    println!(
        "A shop with {} Pages and {} ads, yesterday from 09:00, under the default policy:",
        PAGES.len(),
        ADS.len()
    );
    println!("a Purchase is held for 30 minutes, so that a mistake can still be taken back.\n");
    let mut playback =
        Playback { shop: &shop, midnight, requests: 0, conversations: HashMap::new(), last: HashMap::new() };
    let mut minute = 9 * 60;
    for step in day::script() {
        playback.until(&mut minute, step.minute).await?;
        playback.happens(&step).await?;
    }
    playback.until(&mut minute, ENDS).await?;
    let equal = table::show(&shop).await?;
    let outcome = if equal {
        Ok(())
    } else {
        Err(Error::internal("Our counts differ from the sandbox's: this is a bug, please report it"))
    };
    if exit || outcome.is_err() {
        shop.stop.soon.cancel();
        shop.services.store.close().await;
        drop(std::fs::remove_dir_all(&shop.folder));
        return outcome;
    }
    stay(&shop, &clock, stop_signal).await
}

/// Stays up on the demo's clock, which now runs on.
async fn stay(shop: &Shop, clock: &Clock, stop_signal: impl Future<Output = ()>) -> Result<()> {
    clock.release();
    let (url, page) = (&shop.url, PAGES[0].id);
    println!(
        "\nThe service stays up at {url} (the sandbox: {}/_sandbox/help). Ctrl-C ends it.",
        shop.meta.url()
    );
    let nino = NewOperator {
        name: "nino".to_owned(),
        role: Role::Operator,
        page: None,
        language: Language::English,
    };
    let secret = operators::invite(&shop.services, &nino).await?;
    println!("The console, for the operator nino (the link sets her password): {url}/console/link/{secret}");
    println!("An admin's key: {}\nTry:\n", shop.admin);
    println!("  KEY={}", shop.admin);
    println!(
        "  curl -H \"Authorization: Bearer $KEY\" '{url}/v1/conversations?page_id={page}&state=waiting'"
    );
    println!("  curl -H \"Authorization: Bearer $KEY\" '{url}/v1/conversions?page_id={page}&state=held'");
    println!("  curl -H \"Authorization: Bearer $KEY\" '{url}/v1/attempts?verdict=unknown'");
    let work = tokio::spawn(worker::run(
        shop.services.clone(),
        shop.graph.clone(),
        shop.came_in.clone(),
        shop.stop.soon.clone(),
    ));
    stop_signal.await;
    shop.stop.soon.cancel();
    drop(work.await);
    shop.services.store.close().await;
    drop(std::fs::remove_dir_all(&shop.folder));
    Ok(())
}

/// Midnight of yesterday in Tbilisi.
fn yesterday(now: Timestamp) -> Timestamp {
    let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    let local = (now + TBILISI).millis();
    Timestamp::from_millis(local - local.rem_euclid(day)) - TBILISI - DAY
}

/// Plays the day against the running shop, and prints what happens.
struct Playback<'a> {
    shop: &'a Shop,
    midnight: Timestamp,
    requests: usize,
    /// Our id of each chat's conversation.
    conversations: HashMap<usize, String>,
    /// The last entry of each chat's ledger.
    last: HashMap<usize, String>,
}

impl Playback<'_> {
    /// Lets the clock go on, minute by minute, and the background jobs with it.
    async fn until(&mut self, minute: &mut u64, end: u64) -> Result<()> {
        while *minute < end {
            *minute += 1;
            self.shop.services.clock.advance(Duration::from_mins(1));
            self.shop.works().await?;
            self.tell_requests(*minute);
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }

    fn tell_requests(&mut self, minute: u64) {
        let seen = self.shop.meta.requests();
        for request in &seen[self.requests..] {
            let page =
                PAGES.iter().find(|page| page.dataset == request.dataset).map_or("?", |page| page.name);
            let events = request.event_ids.len();
            let answer = match request.status {
                200 => format!("Meta took {events} event(s) of {page}"),
                0 => format!(
                    "Meta took {events} event(s) of {page}, but its answer was lost: unknown, never sent again"
                ),
                status => {
                    format!("Meta refused a request of {page} ({status}): the Page pauses, nothing is lost")
                }
            };
            say(minute, &answer);
        }
        self.requests = seen.len();
    }

    async fn happens(&mut self, step: &Step) -> Result<()> {
        match &step.act {
            Act::TokenDies => {
                let page = &PAGES[day::SECOND];
                self.shop.meta.kill_token(page.token);
                say(step.minute, &format!("The token of {} stops working", page.name));
                Ok(())
            }
            Act::TokenMended => self.mend(step.minute).await,
            Act::AnswerLost => {
                let dataset = Some(PAGES[0].dataset.to_owned());
                self.shop.meta.inject(InjectedFault {
                    fault: Fault::TakeAndLoseAnswer,
                    dataset,
                    times: Some(1),
                });
                Ok(())
            }
            act => match step.chat {
                Some(chat) => self.in_chat(step.minute, chat, act).await,
                None => Ok(()),
            },
        }
    }

    async fn mend(&self, minute: u64) -> Result<()> {
        let page = &PAGES[day::SECOND];
        let token = "demo-token-shoes-renewed";
        self.shop.meta.link(page.id, page.dataset, token);
        self.shop.patch(&format!("/v1/pages/{}", page.id), &json!({"access_token": token})).await?;
        say(minute, &format!("{} is given a new token: what waited leaves now", page.name));
        Ok(())
    }

    async fn in_chat(&mut self, minute: u64, chat: usize, act: &Act) -> Result<()> {
        let page = &PAGES[page_of(chat)];
        let psid = format!("70000000000000{chat:02}");
        let at = self.midnight + Duration::from_mins(minute);
        let person = Chat { page: page.id, psid: &psid, at };
        let mid = format!("m_{chat}_{minute}");
        match act {
            Act::Opens { ad, text } => {
                say(
                    minute,
                    &format!("{} · chat {chat} from the ad \"{}\": {text}", page.name, ADS[*ad].title),
                );
                self.shop.hears(page.id, at, person.ad(&mid, text, ADS[*ad].id, "demo")).await?;
                self.shop.works().await?;
                let found =
                    self.shop.get(&format!("/v1/conversations?page_id={}&psid={psid}", page.id)).await?;
                let id = found["data"][0]["id"].as_str().unwrap_or_default();
                self.conversations.insert(chat, id.to_owned());
            }
            Act::Writes { text } => self.shop.hears(page.id, at, person.text(&mid, text)).await?,
            Act::Answers { text } => self.shop.hears(page.id, at, person.echo(&mid, text)).await?,
            Act::Tags { body } => self.tags(minute, chat, body).await?,
            Act::Undoes => {
                let Some(last) = self.last.get(&chat) else { return Ok(()) };
                let undone = self.shop.post(&format!("/v1/outcomes/{last}/undo"), &mid, None).await?;
                say(
                    minute,
                    &format!(
                        "{} · chat {chat}: nino takes that back → {}",
                        page.name,
                        conversions_of(&undone)
                    ),
                );
            }
            Act::TokenDies | Act::TokenMended | Act::AnswerLost => {}
        }
        Ok(())
    }

    async fn tags(&mut self, minute: u64, chat: usize, body: &Value) -> Result<()> {
        let Some(conversation) = self.conversations.get(&chat) else { return Ok(()) };
        let path = format!("/v1/conversations/{conversation}/outcomes");
        let tagged = self.shop.post(&path, &format!("{chat}-{minute}"), Some(body)).await?;
        let what = body["outcome"].as_str().unwrap_or_default();
        let order = tagged["order"]["order_id"].as_str().unwrap_or_default();
        let value = body["value"].as_str().map_or(String::new(), |value| format!(" {value} ₾"));
        let words = format!("{} · chat {chat}: nino says {what} {order}{value}", PAGES[page_of(chat)].name);
        say(minute, &format!("{} → {}", words.trim_end(), conversions_of(&tagged)));
        if let Some(id) = tagged["outcome"]["id"].as_str() {
            self.last.insert(chat, id.to_owned());
        }
        Ok(())
    }
}

/// The conversions of an answer, with where each stands.
fn conversions_of(tagged: &Value) -> String {
    let rows = tagged["conversions"].as_array().cloned().unwrap_or_default();
    let row = |row: &Value| {
        let word = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} ({})", word("event_name"), word("state"), word("reason"))
    };
    if rows.is_empty() {
        "nothing for Meta".to_owned()
    } else {
        rows.iter().map(row).collect::<Vec<_>>().join(", ")
    }
}

fn say(minute: u64, words: &str) {
    println!("{:02}:{:02}  {words}", minute / 60, minute % 60);
}
