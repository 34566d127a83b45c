//! A stand-in for Meta: takes events under Meta's documented rules, answers with Meta's documented errors,
//! sends signed webhooks, and plays faults on request. A house of its own: it shares nothing with `meta`, so
//! that it can disagree.
//!
//! A request goes `server` → `call` → `graph` → `world`, which judges it by `rules` and `links`, spoils it
//! with a `fault`, and gives a `reply`. `control` is the same door for people with curl.

mod call;
mod codes;
mod control;
mod fault;
mod graph;
mod hold;
mod links;
mod refusal;
mod reply;
mod rules;
mod run;
mod server;
mod signature;
pub mod webhook;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::error::{Error, Result};
pub use crate::sandbox::fault::{Announced, Fault, Play};
pub use crate::sandbox::run::run;
use crate::sandbox::world::World;
/// The subcode of 190 for a token that has expired.
const EXPIRED: i64 = 463;

/// A running stand-in; clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Sandbox {
    url: String,
    clock: Clock,
    world: Arc<Mutex<World>>,
    hold: hold::Hold,
    /// Sends webhooks; made when the first one is sent.
    client: Arc<OnceCell<reqwest::Client>>,
}

/// What a request of the bridge came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// To which dataset.
    pub dataset: String,
    /// The events in it, by their ids.
    pub event_ids: Vec<String>,
    /// The HTTP status of the answer; 0 when there was none.
    pub status: u16,
}

impl Sandbox {
    /// Listens at `listen` (port 0: any free one) until the process ends. Ages are judged by `clock`.
    ///
    /// # Errors
    /// The address can't be listened at.
    pub async fn start(clock: Clock, listen: SocketAddr) -> Result<Self> {
        let (sandbox, listener) = Self::bind(clock, listen).await?;
        tokio::spawn(server::serve(sandbox.clone(), listener));
        Ok(sandbox)
    }

    async fn bind(clock: Clock, listen: SocketAddr) -> Result<(Self, TcpListener)> {
        let failed = |error: std::io::Error| {
            Error::unavailable("address_taken", format!("The sandbox can't listen at {listen}"))
                .caused_by(error)
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let (world, hold, client) = Default::default();
        Ok((Self { url, clock, world, hold, client }, listener))
    }

    /// Where it listens, for `graph_url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Links a Page to a dataset; `token` may touch both.
    pub fn link(&self, page: &str, dataset: &str, token: &str) {
        let links = &mut self.world().links;
        links.pages.insert(page.to_owned(), dataset.to_owned());
        links.grant(token, page);
        links.grant(token, dataset);
    }

    /// The same for a WhatsApp account.
    pub fn link_whatsapp(&self, account: &str, dataset: &str, token: &str) {
        let links = &mut self.world().links;
        links.whatsapp.insert(account.to_owned(), dataset.to_owned());
        links.grant(token, account);
        links.grant(token, dataset);
    }

    /// The same for an Instagram account.
    pub fn link_instagram(&self, account: &str, dataset: &str, token: &str) {
        let links = &mut self.world().links;
        links.instagram.insert(account.to_owned(), dataset.to_owned());
        links.grant(token, account);
        links.grant(token, dataset);
    }

    /// Lets `token` touch a Page or dataset that is linked to nothing.
    pub fn grant(&self, token: &str, object: &str) {
        self.world().links.grant(token, object);
    }

    /// Ends the link of a Page; its token still works.
    pub fn unlink(&self, page: &str) {
        self.world().links.pages.remove(page);
    }

    /// A person has written to a Page; from then on the Page knows those people alone (2804073). `profile`
    /// is what their profile shows, `Value::Null` for a made-up one.
    pub fn know_person(&self, page: &str, psid: &str, profile: Value) {
        let people = &mut self.world().links.people;
        people.entry(page.to_owned()).or_default().insert(psid.to_owned(), profile);
    }

    /// A label of a Page's inbox, by its id.
    pub fn know_label(&self, page: &str, id: &str, name: &str) {
        let labels = &mut self.world().links.labels;
        labels.entry(page.to_owned()).or_default().insert(id.to_owned(), name.to_owned());
    }

    /// Somebody at the Page puts a label on a person. Meta's webhook of it is sent only on request.
    pub fn put_label(&self, label: &str, psid: &str) {
        self.world().links.labelled.entry(label.to_owned()).or_default().insert(psid.to_owned());
    }

    /// The people that carry a label.
    pub fn labelled(&self, label: &str) -> Vec<String> {
        self.world().links.labelled.get(label).into_iter().flatten().cloned().collect()
    }

    /// A click on a WhatsApp ad of a Page; from then on other clicks are invalid (2804087).
    pub fn know_click(&self, ctwa_clid: &str, page: &str) {
        self.world().links.clicks.insert(ctwa_clid.to_owned(), page.to_owned());
    }

    /// A dataset refuses events of this name (2804066).
    pub fn refuse_name(&self, dataset: &str, event_name: &str) {
        let refused = &mut self.world().links.refused_names;
        refused.entry(dataset.to_owned()).or_default().insert(event_name.to_owned());
    }

    /// A token no longer works (190/463).
    pub fn kill_token(&self, token: &str) {
        self.kill_token_with(token, EXPIRED);
    }

    /// A token no longer works, with this subcode of 190.
    pub fn kill_token_with(&self, token: &str, subcode: i64) {
        self.world().dead_tokens.insert(token.to_owned(), subcode);
    }

    /// It works again.
    pub fn revive_token(&self, token: &str) {
        self.world().dead_tokens.remove(token);
    }

    /// The app's secret, by which a given `appsecret_proof` is checked; `is_required`: each call must have one.
    pub fn set_app_secret(&self, app_secret: &str, is_required: bool) {
        self.world().proof = world::Proof { app_secret: Some(app_secret.to_owned()), is_required };
    }

    /// Refuses an event for ever, with `subcode`.
    pub fn poison(&self, event_id: &str, subcode: i64) {
        self.world().poison.insert(event_id.to_owned(), subcode);
    }

    /// Plays `fault` on the next request that has none yet.
    pub fn fail_next(&self, fault: Fault) {
        self.play(Play { fault, dataset: None, times: Some(1) });
    }

    /// Plays a fault in its scope.
    pub fn play(&self, play: Play) {
        self.world().plays.add(play);
    }

    /// Ends the faults of one dataset; `None`: all faults. Answers that are held stay held.
    pub fn lift(&self, dataset: Option<&str>) {
        self.world().plays.lift(dataset);
    }

    /// Returns once an answer is held ([`Fault::Hold`]).
    pub async fn held(&self) {
        self.hold.held().await;
    }

    /// Lets every answer go that is held now.
    pub fn release(&self) {
        self.hold.release();
    }

    /// Keeps so many events and requests, the newest; all are counted. Without this, all are kept.
    pub fn keep_at_most(&self, count: usize) {
        let mut world = self.world();
        world.keep = Some(count);
        world.forget();
    }

    /// What was taken, in order; a repeated event stands twice, for Meta does not deduplicate these.
    pub fn accepted(&self) -> Vec<Value> {
        self.world().accepted.iter().map(|(_, event)| event.clone()).collect()
    }

    /// What one dataset has taken, in order.
    pub fn accepted_by(&self, dataset: &str) -> Vec<Value> {
        let world = self.world();
        let taken = world.accepted.iter().filter(|(taker, _)| taker == dataset);
        taken.map(|(_, event)| event.clone()).collect()
    }

    /// How many events were taken.
    pub fn accepted_count(&self) -> u64 {
        self.world().accepted_count
    }

    /// How many events were taken, by dataset and event name.
    pub fn counts(&self) -> BTreeMap<(String, String), u64> {
        self.world().counts.clone()
    }

    /// Every request with events so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.world().seen.iter().cloned().collect()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
