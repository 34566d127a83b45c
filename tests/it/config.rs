//! The configuration: what is refused and how it is called, what wins, and what a restart applies.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use salesbridge::config::Config;
use salesbridge::domain::basic::identity::PageId;
use salesbridge::domain::order::outcome::OutcomeKind;
use salesbridge::domain::signal::policy::{Mode, OnUnknown, PurchaseOn};
use salesbridge::error::Error;
use salesbridge::flow;
use salesbridge::store::page::Page;
use secrecy::ExposeSecret;

use crate::harness::{PAGE, Shop, both};

static FILES: AtomicU32 = AtomicU32::new(0);

const SHOP: &str = r#"
[[pages]]
id = "2222222222"
name = "Shop"
dataset_id = "7777"
access_token = "token-of-the-file"
currency = "GEL"
timezone = "Asia/Tbilisi"
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Error> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, "shop.toml", environment)
}

/// What the start of `serve` says of it.
fn refusal(text: &str, environment: &[(&str, &str)]) -> String {
    let started = parse(text, environment)
        .and_then(|config| config.webhook().and(config.pages().map(drop)).and(config.phone_key().map(drop)));
    started.expect_err("it must be refused").to_string()
}

fn page(text: &str, environment: &[(&str, &str)]) -> Page {
    parse(text, environment).unwrap().pages().unwrap().remove(0).page().clone()
}

/// A file that a secret stands in.
struct Kept(PathBuf);

impl Kept {
    fn new(text: &str) -> Self {
        let name =
            format!("salesbridge-secret-{}-{}", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn the_sample_is_valid() {
    let text = include_str!("../../deploy/salesbridge.toml");
    let config = parse(text, &[]).unwrap();
    assert!(config.webhook().unwrap().is_some());
    let pages = config.pages().unwrap();
    let page = pages[0].page();
    assert_eq!((page.mode, page.labels["Order"]), (Mode::Shadow, OutcomeKind::Confirmed));
    assert_eq!(page.sentences[&OutcomeKind::Confirmed].len(), 1);
    // What is commented out is valid too.
    let all: String = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ").filter(|line| line.contains(" = \"")).unwrap_or(line).to_owned() + "\n"
        })
        .collect();
    assert_eq!(parse(&all, &[]).unwrap().public_url.as_deref(), Some("https://bridge.shop.example"));
}

#[test]
fn every_variable_of_the_deployments_is_known() {
    let deployments = [
        include_str!("../../deploy/Dockerfile"),
        include_str!("../../deploy/compose.yaml"),
        include_str!("../../deploy/salesbridge.service"),
    ];
    let names: BTreeSet<&str> = deployments
        .iter()
        .flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_'))
        .filter(|word| word.starts_with("SALESBRIDGE_"))
        .collect();
    assert!(names.contains("SALESBRIDGE_META__APP_SECRET_FILE"), "{names:?}");
    for name in names {
        let said = parse("", &[(name, "x")]).map_or_else(|fault| fault.to_string(), |_| String::new());
        assert!(!said.contains("unknown key"), "{said}");
    }
}

#[test]
fn every_fault_is_called_by_its_key_and_says_what_to_do() {
    let in_page = |line: &str| format!("{SHOP}{line}\n");
    let without = |key: &str| {
        let lines = SHOP.lines().filter(|line| !line.starts_with(key));
        lines.fold(String::new(), |text, line| text + line + "\n")
    };
    for (text, expected) in [
        ("listn = \"127.0.0.1:1\"".to_owned(), "shop.toml:1: listn is an unknown key: known here are"),
        ("\n[meta]\napp_secret = \"\"".to_owned(), "shop.toml:3: meta.app_secret is empty: give the secret"),
        ("[meta]\napp_secret = \"s\"".to_owned(), "meta.verify_token is missing: choose a word"),
        ("[meta]\nverify_token = \"v\"".to_owned(), "meta.app_secret is missing: add the secret of the app"),
        ("[meta]\nappsecret_proof = true".to_owned(), "meta.app_secret is missing: add"),
        ("[meta]\ngraph_version = \"26\"".to_owned(), "meta.graph_version must be such as \"v26.0\""),
        ("listen = \"8080\"".to_owned(), "shop.toml:1: listen must be an address with a port"),
        ("listen = 8080".to_owned(), "shop.toml:1: listen must be a text in quotes"),
        ("keep_text = \"7 days\"".to_owned(), "keep_text must be a time such as \"7d\""),
        ("body_limit = \"8\"".to_owned(), "body_limit must be a size such as \"8MiB\""),
        ("public_url = \"bridge.shop.example\"".to_owned(), "public_url must be an address"),
        ("database_url = \"mysql://x\"".to_owned(), "database_url must begin with sqlite:// or postgres://"),
        ("database_url = \"postgres://x\"".to_owned(), "openssl rand -hex 32"),
        ("listen = \"1\"\nlisten".to_owned(), "shop.toml:2:"),
        (without("access_token"), "shop.toml:2: pages.2222222222.access_token is missing: add the token"),
        (without("timezone"), "pages.2222222222.timezone is missing"),
        (without("id"), "pages.0.id is missing"),
        (format!("{SHOP}{SHOP}"), "pages.2222222222 is there twice"),
        (SHOP.replace("token-of-the-file", " "), "pages.2222222222.access_token is empty"),
        (SHOP.replace("GEL", "Lari"), "currency must be an ISO 4217 code"),
        (SHOP.replace("Asia/Tbilisi", "Tbilisi"), "timezone must be an IANA time zone"),
        (
            SHOP.replace("Asia/Tbilisi", "UTC"),
            "pages.2222222222.country is missing: the time zone is not of one country",
        ),
        (in_page("mode = \"on\""), "shop.toml:9: pages.2222222222.mode must be live, shadow or paused"),
        (in_page("country = \"Georgia\""), "country must be the two capital letters"),
        (in_page("working_hours = \"always\""), "working_hours must be such as"),
        (in_page("silent_after = \"0s\""), "silent_after must be a time"),
        (
            in_page("[pages.signals]\nhold = \"7d\""),
            "shop.toml:10: pages.2222222222.signals.hold must be a time such as \"30m\", at most 6 days",
        ),
        (in_page("[pages.signals]\nvalue = \"profit\""), "signals.value must be revenue"),
        (in_page("[pages.signals]\nlifecycle = \"yes\""), "signals.lifecycle must be true or false"),
        (
            in_page("[pages.signals]\nholds = \"1d\""),
            "signals.holds is an unknown key: known here are value, lifecycle",
        ),
        (
            in_page("[pages.labels]\nOrder = \"paid\""),
            "labels.Order must be one of qualified, lost, confirmed",
        ),
        (
            in_page("[pages.sentences]\nconfirmed = [\"{value}\"]"),
            "sentences.confirmed must be words with at most one {value}",
        ),
        (in_page("[pages.sentences]\nconfirmed = [\"ok {amount}\"]"), "sentences.confirmed must be words"),
        (in_page("[pages.sentences]\nsold = [\"ok\"]"), "sentences.sold is an unknown key"),
        (in_page("[pages.reasons]\nlost = \"price\""), "reasons.lost must be a list of texts"),
        (
            SHOP.replace("\"Shop\"", "\"Shop\\u0000\""),
            "pages.2222222222.name must be free of control characters",
        ),
        (in_page("access_token_file = \"x\""), "access_token_file are both given: leave one out"),
    ] {
        let said = refusal(&text, &[]);
        assert!(said.contains(expected), "{said}\n  should say: {expected}");
        assert!(!said.contains("token-of-the-file"), "{said}");
    }
}

#[test]
fn the_environment_wins_and_is_called_by_its_name() {
    let text = format!("listen = \"127.0.0.1:1\"\n[meta]\napp_secret_file = \"/nowhere\"\n{SHOP}");
    let config = parse(
        &text,
        &[
            ("SALESBRIDGE_LISTEN", "127.0.0.1:2"),
            ("SALESBRIDGE_META__APP_SECRET", "secret-of-the-environment"),
            ("SALESBRIDGE_META__VERIFY_TOKEN", "word"),
            ("SALESBRIDGE_PAGES__2222222222__ACCESS_TOKEN", "token-of-the-environment"),
            ("SALESBRIDGE_PAGES__2222222222__SIGNALS__LIFECYCLE", "true"),
            ("SALESBRIDGE_LOG", "debug"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.webhook().unwrap().unwrap().app_secret.expose_secret(), "secret-of-the-environment");
    let page = config.pages().unwrap().remove(0).page().clone();
    assert_eq!((page.lane.token.expose_secret(), page.policy.lifecycle), ("token-of-the-environment", true));
    for (name, value, expected) in [
        ("SALESBRIDGE_LISTN", "x", "SALESBRIDGE_LISTN is an unknown key"),
        ("SALESBRIDGE_META__SECRET", "x", "SALESBRIDGE_META__SECRET is an unknown key"),
        ("SALESBRIDGE_METER__APP_SECRET", "x", "SALESBRIDGE_METER__APP_SECRET"),
        ("SALESBRIDGE_META__APP_SECRET", "", "SALESBRIDGE_META__APP_SECRET is empty: give the secret"),
        ("SALESBRIDGE_LISTEN", "", "SALESBRIDGE_LISTEN must be an address"),
        (
            "SALESBRIDGE_PAGES__3__MODE",
            "live",
            "SALESBRIDGE_PAGES__3__MODE: the configuration file has no [[pages]]",
        ),
    ] {
        let said = refusal(SHOP, &[(name, value)]);
        assert!(said.contains(expected), "{said}\n  should say: {expected}");
    }
}

#[test]
fn a_secret_in_a_file_is_read_only_by_who_needs_it() {
    let (secret, word) = (Kept::new("secret-of-a-file\n"), Kept::new("word\n"));
    let text = format!(
        "[meta]\napp_secret_file = \"{}\"\nverify_token_file = \"{}\"\n{}",
        secret.path(),
        word.path(),
        SHOP.replace("access_token = \"token-of-the-file\"", "access_token_file = \"/nowhere/token\""),
    );
    let config = parse(&text, &[]).unwrap();
    let webhook = config.webhook().unwrap().unwrap();
    assert_eq!(webhook.app_secret.expose_secret(), "secret-of-a-file");
    assert_eq!(webhook.verify_token.expose_secret(), "word");
    let unread = config.pages().unwrap_err().to_string();
    assert!(unread.contains("access_token_file") && unread.contains("/nowhere/token"), "{unread}");
    let empty = Kept::new("\n");
    let environment = ("SALESBRIDGE_META__APP_SECRET_FILE", empty.path());
    let said = refusal(&text, &[environment]);
    assert!(said.contains("SALESBRIDGE_META__APP_SECRET") && said.contains("is empty"), "{said}");
    let url = Kept::new("sqlite://of-a-file.db\n");
    let config = parse("", &[("SALESBRIDGE_DATABASE_URL_FILE", url.path())]).unwrap();
    assert_eq!(config.database_url(), "sqlite://of-a-file.db");
}

#[test]
fn what_is_not_said_has_its_default() {
    let config = parse("keep_text = \"0s\"\nbody_limit = \"512KiB\"", &[]).unwrap();
    assert_eq!((config.keep_text, config.body_limit), (Duration::ZERO, 512 * 1024));
    assert!(config.webhook().unwrap().is_none() && config.pages().unwrap().is_empty());
    let page = page(SHOP, &[]);
    assert_eq!((page.mode, page.country.as_str()), (Mode::Live, "GE"));
    assert_eq!((page.silent_after, page.policy.on_unknown), (Duration::from_hours(72), OnUnknown::Keep));
    assert!(page.reasons.is_not_a_sale("სპამი"));
    let kyiv = SHOP.replace("Asia/Tbilisi", "Europe/Kyiv");
    assert_eq!(self::page(&kyiv, &[]).country, "UA");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let named = std::env::temp_dir().join("salesbridge-no-such-file.toml");
    let said = Config::load(Some(&named), []).unwrap_err().to_string();
    assert!(said.contains("salesbridge-no-such-file.toml can't be read"), "{said}");
    assert!(Config::load(None, []).is_ok());
}

async fn stored(shop: &Shop, id: &str) -> Page {
    let mut unit = shop.services.store.read().await.unwrap();
    unit.page(&PageId::from(id)).await.unwrap().expect("the Page is there")
}

/// A start with this file; gives the keys that were applied.
async fn starts(shop: &Shop, text: &str) -> Vec<&'static str> {
    let pages = parse(text, &[]).unwrap().pages().unwrap();
    let applied = flow::configure(&shop.services, &pages).await.unwrap();
    applied.into_iter().map(|one| one.key.as_str()).collect()
}

async fn sets(shop: &Shop, id: &str, change: impl FnOnce(&mut Page)) {
    let mut page = stored(shop, id).await;
    change(&mut page);
    shop.puts(&page).await;
}

both!(
    async fn run_time_wins_unless_the_text_changed(shop: Shop) {
        let file = format!("{SHOP}[pages.signals]\nhold = \"30m\"\npurchase_on = \"confirmed\"\n");
        let first = starts(&shop, &file).await;
        assert!(first.contains(&"access_token") && first.contains(&"signals.hold"), "{first:?}");
        assert!(starts(&shop, &file).await.is_empty());

        sets(&shop, "2222222222", |page| {
            page.mode = Mode::Paused;
            page.policy.hold = Duration::from_mins(5);
            page.lane.token = "token-of-the-console".to_owned().into();
        })
        .await;
        assert!(starts(&shop, &file).await.is_empty());
        let page = stored(&shop, "2222222222").await;
        assert_eq!((page.mode, page.policy.version), (Mode::Paused, 2));
        assert_eq!(page.lane.token.expose_secret(), "token-of-the-console");

        let changed = file.replace("\"confirmed\"", "\"shipped\"");
        assert_eq!(starts(&shop, &changed).await, ["signals.purchase_on"]);
        let page = stored(&shop, "2222222222").await;
        assert_eq!((page.policy.version, page.policy.purchase_on), (3, PurchaseOn::Shipped));
        assert_eq!(page.policy.hold, Duration::from_mins(5));
        let mut unit = shop.services.store.read().await.unwrap();
        let as_it_was = unit.rules(&page).await.unwrap().policy(1);
        assert_eq!((as_it_was.purchase_on, as_it_was.hold), (PurchaseOn::Confirmed, Duration::from_mins(30)));
        unit.commit().await.unwrap();

        // A line that is gone is a change as well.
        let without_hold = changed.replace("hold = \"30m\"\n", "");
        assert_eq!(starts(&shop, &without_hold).await, ["signals.hold"]);
        assert_eq!(stored(&shop, "2222222222").await.policy.hold, Duration::from_mins(30));
        assert!(starts(&shop, &without_hold).await.is_empty());
    }
);

both!(
    async fn a_page_that_was_added_by_hand_takes_only_what_the_file_says(shop: Shop) {
        sets(&shop, PAGE, |page| page.silent_after = Duration::from_hours(1)).await;
        let mut unit = shop.services.store.begin("test").await.unwrap();
        let lane = unit.page(&PageId::from(PAGE)).await.unwrap().unwrap().lane;
        unit.set_fault(&lane, Some("the token has ended"), shop.services.clock.now()).await.unwrap();
        unit.commit().await.unwrap();
        starts(&shop, &SHOP.replace("2222222222", PAGE)).await;
        let page = stored(&shop, PAGE).await;
        assert_eq!(
            (page.silent_after, page.lane.token.expose_secret()),
            (Duration::from_hours(1), "token-of-the-file")
        );
        assert_eq!(page.lane.fault, None, "a new token clears the fault of the old one");
        let mut unit = shop.services.store.read().await.unwrap();
        let kept = unit.configured_values(&page.id).await.unwrap();
        assert!(kept.values().all(|digest| digest.len() == 64 && !digest.contains("token")), "{kept:?}");
    }
);

both!(
    async fn everything_of_a_page_comes_back_as_it_was_written(shop: Shop) {
        let text = format!(
            "{SHOP}mode = \"shadow\"\ntest_event_code = \"TEST1\"\nsilent_after = \"24h\"\n\
             working_hours = \"Mon-Sat 10:00-20:00\"\n[pages.signals]\nlead_on = \"off\"\nlifecycle = true\n\
             on_unknown = \"resend\"\n[pages.labels]\n\"Order 1\" = \"confirmed\"\n[pages.sentences]\n\
             confirmed = [\"მიღებულია {{*}} {{value}} ₾\"]\n[pages.reasons]\nlost = [\"ფასი\"]\nnot_a_sale = []\n"
        );
        starts(&shop, &text).await;
        let (mut written, kept) = (page(&text, &[]), stored(&shop, "2222222222").await);
        written.lane.id = kept.lane.id.clone();
        assert_eq!(format!("{written:?}"), format!("{kept:?}"));
        assert_eq!(kept.reasons.choices(OutcomeKind::Lost), ["ფასი"]);
    }
);
