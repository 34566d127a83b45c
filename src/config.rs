//! Configuration text → the types of the trade, handed down in parts. An unknown key or an empty secret is
//! an error that names it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::store::page::Page;
use crate::vocabulary::identity::{DatasetId, PageId};
use crate::vocabulary::money::Currency;
use crate::vocabulary::policy::{HOLD_MAX, LeadOn, Mode, OnUnknown, Policy, PurchaseOn};

/// The whole configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where HTTP is served.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// `sqlite://FILE` or `postgres://…`.
    #[serde(default = "default_database")]
    pub database_url: String,
    /// The app at Meta.
    #[serde(default)]
    pub meta: Meta,
    #[serde(default)]
    pages: Vec<PageText>,
}

/// The app at Meta.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Meta {
    /// What webhooks are signed with.
    pub app_secret: Option<SecretString>,
    /// What Meta shows at the handshake.
    pub verify_token: Option<SecretString>,
    /// Where Graph is.
    pub graph_url: String,
    /// Which version of it.
    pub graph_version: String,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            app_secret: None,
            verify_token: None,
            graph_url: "https://graph.facebook.com".to_owned(),
            graph_version: "v26.0".to_owned(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageText {
    id: String,
    name: String,
    #[serde(default = "default_mode")]
    mode: String,
    dataset_id: String,
    access_token: SecretString,
    currency: String,
    #[serde(default = "default_country")]
    country: String,
    timezone: String,
    test_event_code: Option<String>,
    #[serde(default)]
    signals: SignalText,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SignalText {
    purchase_on: Option<String>,
    hold: Option<String>,
    lead_on: Option<String>,
    on_unknown: Option<String>,
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn default_database() -> String {
    "sqlite://data/salesbridge.db".to_owned()
}

fn default_mode() -> String {
    "live".to_owned()
}

fn default_country() -> String {
    "GE".to_owned()
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// The file can't be read, or a key in it is unknown, missing or empty.
    pub fn read(file: &Path) -> Result<Self> {
        let shown = file.display();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Error::invalid("config", format!("{shown} can't be read")).caused_by(error))?;
        Self::parse(&text).map_err(|error| Error::invalid("config", format!("{shown}: {error}")))
    }

    /// Reads TOML.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self =
            toml::from_str(text).map_err(|error| Error::invalid("config", error.message().to_owned()))?;
        let empty =
            |secret: &Option<SecretString>| secret.as_ref().is_some_and(|it| it.expose_secret().is_empty());
        if empty(&config.meta.app_secret) {
            return Err(Error::invalid("config", "meta.app_secret is empty"));
        }
        if empty(&config.meta.verify_token) {
            return Err(Error::invalid("config", "meta.verify_token is empty"));
        }
        Ok(config)
    }

    /// The Pages of the file.
    pub fn pages(&self) -> Result<Vec<Page>> {
        self.pages.iter().map(read_page).collect()
    }
}

fn read_page(text: &PageText) -> Result<Page> {
    let wrong = |key: &str, expected: &str| {
        Error::invalid("config", format!("pages, {}: {key} must be {expected}", text.id))
    };
    if text.access_token.expose_secret().is_empty() {
        return Err(wrong("access_token", "given"));
    }
    let defaults = Policy::default();
    let signals = &text.signals;
    let hold = signals.hold.as_deref().map_or(Ok(defaults.hold), |span| {
        read_span(span)
            .filter(|hold| *hold <= HOLD_MAX)
            .ok_or_else(|| wrong("signals.hold", "a time such as \"30m\", at most 6 days"))
    })?;
    Ok(Page {
        id: PageId(text.id.clone()),
        name: text.name.clone(),
        dataset_id: DatasetId(text.dataset_id.clone()),
        token: text.access_token.clone(),
        currency: Currency::parse(&text.currency).ok_or_else(|| wrong("currency", "an ISO 4217 code"))?,
        country: text.country.clone(),
        timezone: text.timezone.clone(),
        mode: Mode::parse(&text.mode).ok_or_else(|| wrong("mode", "live, shadow or paused"))?,
        fault: None,
        test_event_code: text.test_event_code.clone(),
        silent_after: Duration::from_hours(72),
        policy: Policy {
            purchase_on: signals.purchase_on.as_deref().map_or(Ok(defaults.purchase_on), |word| {
                PurchaseOn::parse(word)
                    .ok_or_else(|| wrong("signals.purchase_on", "confirmed, shipped, delivered or paid"))
            })?,
            lead_on: signals.lead_on.as_deref().map_or(Ok(defaults.lead_on), |word| {
                LeadOn::parse(word)
                    .ok_or_else(|| wrong("signals.lead_on", "first_message, contact, qualified or off"))
            })?,
            on_unknown: signals.on_unknown.as_deref().map_or(Ok(defaults.on_unknown), |word| {
                OnUnknown::parse(word)
                    .filter(|on| *on == OnUnknown::Keep)
                    .ok_or_else(|| wrong("signals.on_unknown", "keep (resend is not built yet)"))
            })?,
            hold,
            ..defaults
        },
    })
}

/// Reads `0s`, `30m`, `24h`, `3d`.
fn read_span(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = count.parse().ok()?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_and_an_empty_secret_are_named() {
        let unknown = Config::parse("listn = \"127.0.0.1:1\"").unwrap_err().to_string();
        assert!(unknown.contains("listn"), "{unknown}");
        let empty = Config::parse("[meta]\napp_secret = \"\"").unwrap_err().to_string();
        assert!(empty.contains("meta.app_secret"), "{empty}");
    }

    #[test]
    fn a_hold_is_at_most_six_days() {
        let page = |hold: &str| {
            let text = format!(
                "[[pages]]\nid = \"1\"\nname = \"Shop\"\ndataset_id = \"2\"\naccess_token = \"t\"\ncurrency = \"GEL\"\n\
                 timezone = \"Asia/Tbilisi\"\n[pages.signals]\nhold = \"{hold}\""
            );
            Config::parse(&text).unwrap().pages().map(|pages| pages[0].policy.hold.as_secs())
        };
        assert_eq!(page("30m").unwrap(), 1800);
        assert_eq!(page("6d").unwrap(), 518_400);
        for wrong in ["7d", "30", "m", "", "-1m", "30მ"] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
