//! What Meta knows of the business: who is linked to which dataset, who wrote to which Page, and what each
//! token may touch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

/// Who belongs to whom. Ids are text, as everywhere at Meta.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Page → dataset.
    pub(super) pages: HashMap<String, String>,
    /// WhatsApp account → dataset.
    pub(super) whatsapp: HashMap<String, String>,
    /// Instagram account → dataset.
    pub(super) instagram: HashMap<String, String>,
    /// Page → the people who wrote to it, with their profiles. A Page without an entry knows everybody.
    pub(super) people: HashMap<String, HashMap<String, Value>>,
    /// Click id of a WhatsApp ad → its Page. While there is none, every well-formed click id is good.
    pub(super) clicks: HashMap<String, String>,
    /// Dataset → the names that it refuses although Meta's list has them.
    pub(super) refused_names: HashMap<String, HashSet<String>>,
    /// Page → its custom labels, by id.
    pub(super) labels: HashMap<String, BTreeMap<String, String>>,
    /// Label → the people that carry it.
    pub(super) labelled: HashMap<String, BTreeSet<String>>,
    /// Page → the fields that the app is subscribed to.
    pub(super) subscriptions: HashMap<String, Vec<String>>,
    /// Token → the Pages, accounts and datasets that it may touch.
    tokens: HashMap<String, HashSet<String>>,
}

impl Links {
    /// Lets `token` touch `object`.
    pub(super) fn grant(&mut self, token: &str, object: &str) {
        self.tokens.entry(token.to_owned()).or_default().insert(object.to_owned());
    }

    /// Whether Meta has ever given out this token.
    pub(super) fn knows_token(&self, token: &str) -> bool {
        self.tokens.contains_key(token)
    }

    /// Whether `token` may touch `object`.
    pub(super) fn may_touch(&self, token: &str, object: &str) -> bool {
        self.tokens.get(token).is_some_and(|objects| objects.contains(object))
    }

    /// What `token` may touch, in order.
    pub(super) fn touched_by(&self, token: &str) -> Vec<&str> {
        let mut objects: Vec<&str> =
            self.tokens.get(token).into_iter().flatten().map(String::as_str).collect();
        objects.sort_unstable();
        objects
    }
}
