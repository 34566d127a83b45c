//! What Meta knows of the business: which account is linked to which dataset, who wrote to which Page, and to what each
//! token gives access.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

/// These links. Every id is a text: Meta's decimal ids may exceed 2^53, which JSON numbers do not hold exactly.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Page → dataset.
    pub(super) pages: HashMap<String, String>,
    /// WhatsApp account → dataset.
    pub(super) whatsapp: HashMap<String, String>,
    /// Instagram account → dataset.
    pub(super) instagram: HashMap<String, String>,
    /// Page → the people who wrote to it, with their profiles. A Page without an entry takes events about everybody.
    pub(super) people: HashMap<String, HashMap<String, Value>>,
    /// Click id of a WhatsApp ad → its Page. While there is none at all, every well-formed click id is taken.
    pub(super) clicks: HashMap<String, String>,
    /// Pages and people of the EEA, the UK and Japan, about whom no messaging event is taken.
    pub(super) restricted: HashSet<String>,
    /// Dataset → event names that it refuses although Meta documents them.
    pub(super) refused_names: HashMap<String, HashSet<String>>,
    /// Page → its custom labels, by id.
    pub(super) labels: HashMap<String, BTreeMap<String, String>>,
    /// Label → the people who carry it.
    pub(super) labelled: HashMap<String, BTreeSet<String>>,
    /// Page → the fields that the app is subscribed to.
    pub(super) subscriptions: HashMap<String, Vec<String>>,
    /// Token → the Pages, accounts and datasets to which it gives access.
    tokens: HashMap<String, HashSet<String>>,
}

impl Links {
    /// Gives `token` access to `object`.
    pub(super) fn grant(&mut self, token: &str, object: &str) {
        self.tokens.entry(token.to_owned()).or_default().insert(object.to_owned());
    }

    /// Whether this token was ever given access to anything.
    pub(super) fn knows_token(&self, token: &str) -> bool {
        self.tokens.contains_key(token)
    }

    /// Whether `token` gives access to `object`.
    pub(super) fn may_touch(&self, token: &str, object: &str) -> bool {
        self.tokens.get(token).is_some_and(|objects| objects.contains(object))
    }

    /// The ids to which `token` gives access, sorted.
    pub(super) fn objects_of(&self, token: &str) -> Vec<&str> {
        let mut objects: Vec<&str> =
            self.tokens.get(token).into_iter().flatten().map(String::as_str).collect();
        objects.sort_unstable();
        objects
    }
}
