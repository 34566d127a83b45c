//! The handle on a running stand-in: everything that a test, the demo, or `control` can do with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::sandbox::fault::{Fault, InjectedFault};
use crate::sandbox::gate::Gate;
use crate::sandbox::state::{Proof, RecordedRequest, State};

/// The subcode of 190 (access token not valid) that says that it has expired.
pub(super) const TOKEN_EXPIRED: i64 = 463;

/// A running stand-in; clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Sandbox {
    url: String,
    clock: Clock,
    state: Arc<Mutex<State>>,
    gate: Gate,
    /// Sends webhooks. Made for the first one, since a client loads the machine's certificates.
    pub(super) client: Arc<OnceCell<reqwest::Client>>,
}

impl Sandbox {
    /// A stand-in that will listen at `url`; it judges ages by `clock`.
    pub(super) fn new(clock: Clock, url: String) -> Self {
        let (state, gate, client) = Default::default();
        Self { url, clock, state, gate, client }
    }

    /// The address at which it listens, such as `http://127.0.0.1:9090`: the setting `graph_url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Links a Page to a dataset; `token` gets access to both.
    pub fn link(&self, page: &str, dataset: &str, token: &str) {
        let links = &mut self.state().links;
        links.pages.insert(page.to_owned(), dataset.to_owned());
        links.grant(token, page);
        links.grant(token, dataset);
    }

    /// Links a WhatsApp account to a dataset; `token` gets access to both.
    pub fn link_whatsapp(&self, account: &str, dataset: &str, token: &str) {
        let links = &mut self.state().links;
        links.whatsapp.insert(account.to_owned(), dataset.to_owned());
        links.grant(token, account);
        links.grant(token, dataset);
    }

    /// Links an Instagram account to a dataset; `token` gets access to both.
    pub fn link_instagram(&self, account: &str, dataset: &str, token: &str) {
        let links = &mut self.state().links;
        links.instagram.insert(account.to_owned(), dataset.to_owned());
        links.grant(token, account);
        links.grant(token, dataset);
    }

    /// Gives `token` access to a Page or dataset without linking it.
    pub fn grant(&self, token: &str, object: &str) {
        self.state().links.grant(token, object);
    }

    /// Ends the link of a Page to its dataset; tokens keep their access.
    pub fn unlink(&self, page: &str) {
        self.state().links.pages.remove(page);
    }

    /// Records that a person has written to a Page. From the first one on, events about others at this Page are
    /// refused (2804073). `profile` is what Graph shows of the person; `Value::Null` stands for a made-up profile.
    pub fn know_person(&self, page: &str, psid: &str, profile: Value) {
        let people = &mut self.state().links.people;
        people.entry(page.to_owned()).or_default().insert(psid.to_owned(), profile);
    }

    /// Records a label of a Page's inbox by its id.
    pub fn know_label(&self, page: &str, id: &str, name: &str) {
        let labels = &mut self.state().links.labels;
        labels.entry(page.to_owned()).or_default().insert(id.to_owned(), name.to_owned());
    }

    /// Puts a label on a person, as somebody at the Page would. Its webhook is sent only by
    /// [`post_webhook`](Self::post_webhook).
    pub fn put_label(&self, label: &str, psid: &str) {
        self.state().links.labelled.entry(label.to_owned()).or_default().insert(psid.to_owned());
    }

    /// The people who carry a label, by their ids.
    pub fn labelled(&self, label: &str) -> Vec<String> {
        self.state().links.labelled.get(label).into_iter().flatten().cloned().collect()
    }

    /// Records a click on a WhatsApp ad of a Page. From the first one on, all other click ids are refused (2804087).
    pub fn know_click(&self, ctwa_clid: &str, page: &str) {
        self.state().links.clicks.insert(ctwa_clid.to_owned(), page.to_owned());
    }

    /// Lets a dataset refuse events of this name (2804066).
    pub fn refuse_name(&self, dataset: &str, event_name: &str) {
        let refused = &mut self.state().links.refused_names;
        refused.entry(dataset.to_owned()).or_default().insert(event_name.to_owned());
    }

    /// Lets a token expire: every call with it is refused (190/463).
    pub fn kill_token(&self, token: &str) {
        self.kill_token_with(token, TOKEN_EXPIRED);
    }

    /// Refuses every call with a token, with this subcode of 190.
    pub fn kill_token_with(&self, token: &str, subcode: i64) {
        self.state().dead_tokens.insert(token.to_owned(), subcode);
    }

    /// Lets a token that was killed work again.
    pub fn revive_token(&self, token: &str) {
        self.state().dead_tokens.remove(token);
    }

    /// Sets the app's secret, by which `appsecret_proof` is checked; with `is_required`, a call without one is refused.
    pub fn set_app_secret(&self, app_secret: &str, is_required: bool) {
        self.state().proof = Proof { app_secret: Some(app_secret.to_owned()), is_required };
    }

    /// Refuses every request that carries this event, with `subcode` of 100.
    pub fn poison(&self, event_id: &str, subcode: i64) {
        self.state().poison.insert(event_id.to_owned(), (100, Some(subcode)));
    }

    /// Refuses every request that carries this event, with `code` and no subcode.
    pub fn poison_by_code(&self, event_id: &str, code: i64) {
        self.state().poison.insert(event_id.to_owned(), (code, None));
    }

    /// Lets every event pass again that was poisoned.
    pub fn cure(&self) {
        self.state().poison.clear();
    }

    /// Refuses every request with more events than this, as one that holds too much data (1).
    pub fn take_at_once(&self, most: usize) {
        self.state().most_at_once = Some(most);
    }

    /// Marks a Page or a person as one of a region about which Meta takes no messaging events.
    pub fn restrict(&self, id: &str) {
        self.state().links.restricted.insert(id.to_owned());
    }

    /// Plays `fault` once, on the first request with events that meets no earlier fault.
    pub fn fail_next(&self, fault: Fault) {
        self.inject(InjectedFault { fault, dataset: None, times: Some(1) });
    }

    /// Plays a fault as often, and for the dataset, as it says.
    pub fn inject(&self, injected: InjectedFault) {
        self.state().faults.add(injected);
    }

    /// Removes the faults of one dataset; `None`: all faults. Answers that are held stay held.
    pub fn lift(&self, dataset: Option<&str>) {
        self.state().faults.lift(dataset);
    }

    /// Returns once an answer is held ([`Fault::Hold`]).
    pub async fn held(&self) {
        self.gate.is_reached().await;
    }

    /// Lets every answer go that is held now.
    pub fn release(&self) {
        self.gate.open();
    }

    /// Keeps only the newest `count` events and requests; the counts still tell of all. By default all are kept.
    pub fn keep_at_most(&self, count: usize) {
        let mut state = self.state();
        state.keep = Some(count);
        state.drop_oldest();
    }

    /// The events that were taken, in order. A repeated one stands twice: Meta does not deduplicate messaging events.
    pub fn accepted(&self) -> Vec<Value> {
        self.state().accepted.iter().map(|(_, event)| event.clone()).collect()
    }

    /// The events that one dataset has taken, in order.
    pub fn accepted_by(&self, dataset: &str) -> Vec<Value> {
        let state = self.state();
        let taken = state.accepted.iter().filter(|(taker, _)| taker == dataset);
        taken.map(|(_, event)| event.clone()).collect()
    }

    /// The number of events that were taken, also of those that are no longer kept.
    pub fn accepted_count(&self) -> u64 {
        self.state().accepted_count
    }

    /// The number of events that were taken, by dataset and event name.
    pub fn counts(&self) -> BTreeMap<(String, String), u64> {
        self.state().counts.clone()
    }

    /// The requests with events that came in, in order.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state().requests.iter().cloned().collect()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
