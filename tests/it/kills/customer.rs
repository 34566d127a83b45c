//! Customers, and what they and the operator were promised: the ledger outside.

use std::sync::{Mutex, MutexGuard};

use salesbridge::meta::signature;
use serde_json::Value;

use crate::harness::PAGE;
use crate::process::LOOK;

/// How often a conversation is looked for.
const LOOKS_MAX: usize = 2000;

pub const APP_SECRET: &str = "app_secret_test";

/// The process ended before it answered.
#[derive(Debug)]
pub struct Gone;

/// One customer with one order, from the first word to the last tag.
#[derive(Debug)]
pub struct Customer {
    pub number: usize,
    told: Mutex<Told>,
}

#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The webhook was answered 200.
    pub heard: bool,
    pub conversation: Option<String>,
    /// So many tags were answered 201 or 200.
    pub tags: usize,
    /// All of it is done.
    pub done: bool,
}

/// A door of the service with what opens it.
#[derive(Clone, Debug)]
pub struct Door {
    pub client: reqwest::Client,
    pub url: String,
    pub key: String,
}

impl Customer {
    pub fn new(number: usize) -> Self {
        Self { number, told: Mutex::default() }
    }

    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    pub fn mid(&self) -> String {
        format!("m_kill_{}", self.number)
    }

    pub fn order(&self) -> String {
        format!("K-{}", self.number)
    }

    /// The Idempotency-Key of a tag without a name.
    fn word(&self, place: usize) -> Option<String> {
        self.number.is_multiple_of(2).then(|| format!("key-{}-{place}", self.number))
    }

    pub fn is_cancelled(&self) -> bool {
        self.number % 4 == 2
    }

    /// The tags, in order. Those of every other customer have a name; the others' requests have one.
    pub fn tags(&self) -> Vec<String> {
        let (order, kinds) = (self.order(), self.kinds());
        let tag = |(place, kind): (usize, &&str)| {
            let more = match *kind {
                "confirmed" => r#","value":"20.50""#,
                "cross_sold" => r#","value":"4.50""#,
                _ => r#","reason":"changed her mind""#,
            };
            let named = self.number % 2 == 1;
            let name = if named { format!(r#","ref":"{order}-{place}""#) } else { String::new() };
            format!(r#"{{"outcome":"{kind}","order_id":"{order}"{more}{name}}}"#)
        };
        kinds.iter().enumerate().map(tag).collect()
    }

    /// What is said of the order.
    pub fn kinds(&self) -> &'static [&'static str] {
        match self.number % 4 {
            0 | 1 => &["confirmed", "cross_sold"],
            2 => &["confirmed", "cancelled"],
            _ => &["confirmed"],
        }
    }

    pub fn webhook(&self) -> String {
        let (psid, mid) = (70_000 + self.number, self.mid());
        let at = 1_795_424_400_000_u64 + self.number as u64;
        // A few give their phone number, which is a lead; reading the first one is slow.
        let text = if self.number.is_multiple_of(30) { "Call me: 555 12 34 56" } else { "Is it there?" };
        format!(
            r#"{{"object":"page","entry":[{{"id":"{PAGE}","time":{at},"messaging":[{{"sender":{{"id":"{psid}"}},"recipient":{{"id":"{PAGE}"}},"timestamp":{at},"message":{{"mid":"{mid}","text":"{text}"}}}}]}}]}}"#
        )
    }

    /// Does what is still to be done. What was answered is not asked again, except by Meta, which repeats.
    pub async fn deals(&self, door: &Door) -> Result<(), Gone> {
        if !self.told().heard {
            self.writes(door).await?;
            self.told().heard = true;
        }
        let known = self.told().conversation.clone();
        let conversation = match known {
            Some(known) => known,
            None => self.is_found(door).await?,
        };
        let path = format!("{}/v1/conversations/{conversation}/outcomes", door.url);
        let tags = self.tags();
        let done = self.told().tags;
        for (place, tag) in tags.iter().enumerate().skip(done) {
            door.tag(&path, tag, &self.word(place)).await?;
            self.told().tags += 1;
        }
        if self.number.is_multiple_of(5) {
            self.writes(door).await?;
            door.tag(&path, &tags[0], &self.word(0)).await?;
        }
        self.told().done = true;
        Ok(())
    }

    async fn writes(&self, door: &Door) -> Result<(), Gone> {
        let body = self.webhook();
        let request = door
            .client
            .post(format!("{}/webhooks/meta", door.url))
            .header("x-hub-signature-256", signature::sign(APP_SECRET.as_bytes(), body.as_bytes()))
            .body(body);
        let status = request.send().await.map_err(|_| Gone)?.status().as_u16();
        assert_eq!(status, 200);
        Ok(())
    }

    /// Projecting takes a moment.
    async fn is_found(&self, door: &Door) -> Result<String, Gone> {
        let url = format!("{}/v1/conversations?page_id={PAGE}&psid={}", door.url, 70_000 + self.number);
        let mut beat = tokio::time::interval(LOOK);
        for _ in 0..LOOKS_MAX {
            beat.tick().await;
            let answer = door.client.get(&url).bearer_auth(&door.key).send().await.map_err(|_| Gone)?;
            assert_eq!(answer.status(), 200);
            let list: Value = serde_json::from_str(&answer.text().await.map_err(|_| Gone)?).unwrap();
            if let Some(found) = list["data"][0]["id"].as_str() {
                self.told().conversation = Some(found.to_owned());
                return Ok(found.to_owned());
            }
        }
        panic!("customer {} wrote, and there is no conversation", self.number)
    }
}

impl Door {
    /// Says it; an answer of 200 or 201 is a promise.
    async fn tag(&self, path: &str, body: &str, word: &Option<String>) -> Result<(), Gone> {
        let mut request = self.client.post(path).bearer_auth(&self.key).body(body.to_owned());
        if let Some(word) = word {
            request = request.header("idempotency-key", word);
        }
        let answer = request.header("content-type", "application/json").send().await.map_err(|_| Gone)?;
        let status = answer.status().as_u16();
        let told = answer.text().await.map_err(|_| Gone)?;
        assert!(matches!(status, 200 | 201), "{status} for {body}: {told}");
        Ok(())
    }
}
