//! Configuration text → domain types: a TOML file, then environment variables, which win. An unknown key, an empty secret,
//! or one that is needed and missing is an error that names it and says what to do. A command reads only its secrets.

mod document;
mod page;
mod phone_key;
mod secret;
mod zone;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use crate::domain::basic::identity::PageId;
use crate::domain::basic::span;
use crate::error::Result;
use crate::flow::manage::configure::PageText;

use document::{Section, fault};
use secret::Secret;

/// The file that is read where none is named.
pub const FILE: &str = "salesbridge.toml";

/// Where HTTP is served by default.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// The database by default.
const DATABASE_URL: &str = "sqlite://data/salesbridge.db";

/// Text and raw bodies are kept so long by default.
const KEEP_TEXT: Duration = Duration::from_hours(7 * 24);

/// Changes of the feed are kept so long by default.
const CHANGES_KEEP: Duration = Duration::from_hours(90 * 24);

/// The largest body of a request by default, in bytes.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The configuration; its secrets are read when a command asks for them.
#[derive(Debug)]
pub struct Config {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Where the metrics are served, if not beside everything else.
    pub metrics_listen: Option<SocketAddr>,
    /// How the service is reached from outside, without a slash at the end.
    pub public_url: Option<String>,
    /// How long message text and raw bodies are kept; zero drops them once projected.
    pub keep_text: Duration,
    /// How long changes of the feed are kept.
    pub changes_keep: Duration,
    /// The largest body of a request, in bytes.
    pub body_limit: usize,
    /// The app at Meta.
    pub meta: Meta,
    database_url: SecretString,
    phone_key_file: Option<Secret>,
    pages: Vec<page::ConfiguredPage>,
}

/// The app at Meta.
#[derive(Debug)]
pub struct Meta {
    /// The app's id: digits. `None` where the configuration has none.
    pub app_id: Option<String>,
    /// Whether calls to Graph carry an `appsecret_proof`.
    pub appsecret_proof: bool,
    /// The address of Graph, without a slash at the end.
    pub graph_url: String,
    /// The version of Graph, such as `v26.0`.
    pub graph_version: String,
    app_secret: Option<Secret>,
    verify_token: Option<Secret>,
}

/// The secrets by which webhooks are known to come from Meta.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The key of Meta's signature on each webhook.
    pub app_secret: SecretString,
    /// The word of our choice that Meta shows when it verifies the webhook's address.
    pub verify_token: SecretString,
}

impl Config {
    /// Reads the file that is `named`, else [`FILE`] if it is there, and lays the environment over it.
    ///
    /// # Errors
    /// The file can't be read, or a value in it or in the environment can't be taken.
    pub fn load(
        named: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let file = named.unwrap_or(Path::new(FILE));
        let shown = file.display().to_string();
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text, &shown, environment),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Self::parse("", &shown, environment)
            }
            Err(error) => {
                Err(fault(format!("The configuration file {shown} can't be read")).caused_by(error))
            }
        }
    }

    /// Reads TOML that stands in `file`, and lays the environment over it.
    ///
    /// # Errors
    /// A value can't be taken.
    pub fn parse(
        text: &str,
        file: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut top = Section::parse(text, file)?;
        top.overlay(environment)?;
        let address = |text: &str| text.parse::<SocketAddr>().ok();
        let an_address = "an address with a port, such as \"127.0.0.1:8080\"";
        let database_url = Secret::take(&mut top, "database_url", "database_url_file")?
            .unwrap_or_else(|| Secret::written(DATABASE_URL));
        let config = Self {
            listen: top.parsed("listen", an_address, address)?.unwrap_or(LISTEN),
            metrics_listen: top.parsed("metrics_listen", an_address, address)?,
            public_url: top.parsed(
                "public_url",
                "an address such as \"https://bridge.shop.example\"",
                base_url,
            )?,
            keep_text: top
                .parsed("keep_text", "a time such as \"7d\", or \"0s\"", span::parse)?
                .unwrap_or(KEEP_TEXT),
            changes_keep: top
                .parsed("changes_keep", "a time such as \"90d\"", span::parse)?
                .unwrap_or(CHANGES_KEEP),
            body_limit: top
                .parsed("body_limit", "a size such as \"8MiB\" or \"512KiB\"", read_size)?
                .unwrap_or(BODY_LIMIT),
            phone_key_file: Secret::path(&mut top, "phone_key_file")?,
            meta: Meta::read(top.section("meta")?)?,
            pages: page::read_all(top.sections("pages")?)?,
            database_url: read_database_url(&database_url)?,
        };
        top.end()?;
        Ok(config)
    }

    /// `sqlite://FILE` or `postgres://…`; it may hold a password.
    pub fn database_url(&self) -> &str {
        self.database_url.expose_secret()
    }

    /// The secrets of webhooks; `None` while no app is configured.
    ///
    /// # Errors
    /// One of the two secrets is missing or can't be read.
    pub fn webhook(&self) -> Result<Option<Webhook>> {
        let Meta { app_secret, verify_token, appsecret_proof, .. } = &self.meta;
        match (app_secret, verify_token) {
            (None, None) if *appsecret_proof => Err(fault(
                "meta.appsecret_proof is on and meta.app_secret is missing: add the secret of the app, or leave \
                 appsecret_proof out",
            )),
            (None, None) => Ok(None),
            (Some(app_secret), Some(verify_token)) => {
                Ok(Some(Webhook { app_secret: app_secret.read()?, verify_token: verify_token.read()? }))
            }
            (Some(app_secret), None) => Err(fault(format!(
                "{} is given and meta.verify_token is missing: choose a word, add it here and at Meta's webhook",
                app_secret.name()
            ))),
            (None, Some(verify_token)) => Err(fault(format!(
                "{} is given and meta.app_secret is missing: add the secret of the app (Meta: App settings, Basic)",
                verify_token.name()
            ))),
        }
    }

    /// The Pages of the file with their tokens.
    ///
    /// # Errors
    /// The file of a token can't be read.
    pub fn pages(&self) -> Result<Vec<PageText>> {
        self.pages.iter().map(page::ConfiguredPage::complete).collect()
    }

    /// Whether the file has this Page.
    pub fn has_page(&self, id: &PageId) -> bool {
        self.pages.iter().any(|page| page.id() == id)
    }
}

impl Meta {
    fn read(section: Option<Section>) -> Result<Self> {
        let mut of = section.unwrap_or_default();
        let meta = Self {
            app_id: of.parsed("app_id", "the digits of the app's id", |text| {
                (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
            })?,
            app_secret: Secret::take(&mut of, "app_secret", "app_secret_file")?,
            verify_token: Secret::take(&mut of, "verify_token", "verify_token_file")?,
            appsecret_proof: of.truth("appsecret_proof")?.unwrap_or(false),
            graph_url: of
                .parsed("graph_url", "an address such as \"https://graph.facebook.com\"", base_url)?
                .unwrap_or_else(|| "https://graph.facebook.com".to_owned()),
            graph_version: of
                .parsed("graph_version", "such as \"v26.0\"", |text| {
                    let (major, minor) = text.strip_prefix('v')?.split_once('.')?;
                    let number = |text: &str| text.parse::<u16>().is_ok();
                    (number(major) && number(minor)).then(|| text.to_owned())
                })?
                .unwrap_or_else(|| "v26.0".to_owned()),
        };
        of.end()?;
        Ok(meta)
    }
}

fn read_database_url(secret: &Secret) -> Result<SecretString> {
    let url = secret.read()?;
    let schemes = ["sqlite:", "postgres:", "postgresql:"];
    if !schemes.iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
        return Err(fault(format!("{} must begin with sqlite:// or postgres://", secret.name())));
    }
    Ok(url)
}

/// An address of HTTP without credentials, query or slash at its end.
fn base_url(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    let open = url.username().is_empty() && url.password().is_none();
    (plain && open).then(|| text.trim_end_matches('/').to_owned())
}

/// Reads `8MiB`, `512KiB` or `4096B` as bytes; 0 is none.
fn read_size(text: &str) -> Option<usize> {
    let units = [("KiB", 1024), ("MiB", 1024 * 1024), ("B", 1)];
    let (count, size) = units.into_iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))?;
    let plain = count.bytes().all(|byte| byte.is_ascii_digit());
    count.parse::<usize>().ok().filter(|count| plain && *count > 0)?.checked_mul(size)
}
