//! The commands. What is common to them: the configuration, and the database that it names.

mod demo;
mod healthcheck;
mod key;
mod labels;
mod sandbox;
mod serve;
mod user;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::failpoint;
use crate::flow::manage::keys::ROLES;
use crate::flow::{PhoneKey, Published, Services, TagQueue};
use crate::id::Ids;
use crate::store::Store;
use crate::store::db::lock;
use crate::telemetry;
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

const ABOUT: &str = "\
Configuration: a TOML file (--config, or SALESBRIDGE_CONFIG, or salesbridge.toml if present), then environment
variables, which win: SALESBRIDGE_LISTEN, SALESBRIDGE_META__APP_SECRET (section and key joined by two underscores),
SALESBRIDGE_PAGES__1111111111__ACCESS_TOKEN (a Page of the file by its id). A secret may be given as …_file.

Logs go to standard error: SALESBRIDGE_LOG=info,salesbridge=debug sets the level, SALESBRIDGE_LOG_FORMAT=json the form.

Exit codes: 0 fine, 1 failed, 2 wrong usage.

Examples:
  salesbridge serve --config salesbridge.toml
  salesbridge key create --role operator --name nino
  SALESBRIDGE_DATABASE_URL=postgres://localhost/shop salesbridge migrate";

/// Runs the command that was asked for; gives its exit code: 0 fine, 1 failed, 2 wrong usage. Not generic, so that all
/// that it runs is compiled once, within the library.
pub fn main() -> ExitCode {
    failpoint::arm();
    let command = Command::parse();
    let setting = |name| std::env::var(name).ok();
    let (level, format) = (setting("SALESBRIDGE_LOG"), setting("SALESBRIDGE_LOG_FORMAT"));
    let level = level.or(command.quiet_level().map(str::to_owned));
    if let Err(error) = telemetry::start(level.as_deref(), format.as_deref(), std::io::stderr().is_terminal())
    {
        eprintln!("salesbridge: {error}");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("The threads of the service can't be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Reports orders that are closed in Messenger to Meta's Conversions API.
#[derive(Debug, Parser)]
#[command(name = "salesbridge", version, after_help = ABOUT)]
pub struct Command {
    /// The configuration file; without it salesbridge.toml, if present.
    #[arg(long, global = true, value_name = "FILE", env = "SALESBRIDGE_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Webhooks, API and delivery in one process; migrates on start. SIGTERM drains and ends it.
    #[command(after_help = "\
Examples:
  salesbridge serve
  salesbridge serve --config /etc/salesbridge/salesbridge.toml
  SALESBRIDGE_LISTEN=0.0.0.0:8080 salesbridge serve")]
    Serve,
    /// A shop's day in a few seconds, with a stand-in for Meta: nothing leaves the machine. Then stays up.
    #[command(after_help = "\
Examples:
  salesbridge demo
  salesbridge demo --exit")]
    Demo {
        /// Ends after the table, with exit code 0 only if our counts equal the stand-in's.
        #[arg(long)]
        exit: bool,
    },
    /// A stand-in for Meta: takes events under Meta's documented rules, answers with its documented errors, sends
    /// signed webhooks, plays faults on request.
    #[command(after_help = "\
Examples:
  salesbridge sandbox
  salesbridge sandbox --listen 127.0.0.1:9000
  curl http://127.0.0.1:8081/_sandbox/help")]
    Sandbox {
        /// Where it listens.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
    },
    /// Brings the database to this version's form, and nothing else.
    #[command(after_help = "\
Examples:
  salesbridge migrate
  SALESBRIDGE_DATABASE_URL=postgres://localhost/shop salesbridge migrate")]
    Migrate,
    /// API keys: makes, lists and revokes them, also beside a running `serve`.
    #[command(
        subcommand,
        after_help = "\
Examples:
  salesbridge key create --role operator --name nino
  salesbridge key list
  salesbridge key revoke 019a9f3c-0000-7000-8000-000000000000"
    )]
    Key(KeyVerb),
    /// People who use the console: adds, invites, resets and lists them, also beside a running `serve`.
    #[command(
        subcommand,
        after_help = "\
Examples:
  salesbridge user invite --role admin --name giorgi
  salesbridge user reset nino
  salesbridge user list"
    )]
    User(UserVerb),
    /// Makes the labels of [pages.labels] in the Pages' inboxes, where they are missing; can be run again.
    #[command(after_help = "\
Examples:
  salesbridge labels
  salesbridge labels --page 1111111111")]
    Labels {
        /// On this Page alone.
        #[arg(long, value_name = "PAGE_ID")]
        page: Option<String>,
    },
    /// Prints the `OpenAPI` 3.1 document of the HTTP API.
    #[command(after_help = "Example: salesbridge openapi > openapi.json")]
    Openapi,
    /// Asks a running service whether it lives; fails if not.
    #[command(after_help = "\
Examples:
  salesbridge healthcheck
  salesbridge healthcheck --url http://127.0.0.1:8080/healthz")]
    Healthcheck {
        /// The address to ask; by default /healthz where `listen` of the configuration says.
        #[arg(long)]
        url: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// Makes a key and prints it once, alone on standard output; only its hash is stored.
    #[command(after_help = "\
Examples:
  salesbridge key create --role operator --name nino
  salesbridge key create --role crm --name bitrix --page 1111111111
  KEY=$(salesbridge key create --role admin --name giorgi)")]
    Create {
        /// What it may do.
        #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
        role: String,
        /// Whose key it is.
        #[arg(long)]
        name: String,
        /// For this Page alone.
        #[arg(long, value_name = "PAGE_ID")]
        page: Option<String>,
    },
    /// Prints all keys as a table: id, name, role, page, made, revoked.
    #[command(after_help = "Example: salesbridge key list")]
    List,
    /// Ends a key at once, everywhere.
    #[command(after_help = "Example: salesbridge key revoke 019a9f3c-0000-7000-8000-000000000000")]
    Revoke {
        /// The id, as `key list` prints it.
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum UserVerb {
    /// Adds a person with the password that standard input gives.
    #[command(after_help = "Example: salesbridge user add --role operator --name nino < password")]
    Add {
        #[command(flatten)]
        person: PersonNamed,
    },
    /// Adds a person and prints the one-time link by which they set their password, alone on standard output.
    #[command(after_help = "Example: salesbridge user invite --role operator --name nino --page 1111111111")]
    Invite {
        #[command(flatten)]
        person: PersonNamed,
    },
    /// Prints a one-time link by which a person sets a new password; their other links end.
    #[command(after_help = "Example: salesbridge user reset nino")]
    Reset {
        /// Whose.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Prints all people as a table: name, role, page, language, made, left.
    #[command(after_help = "Example: salesbridge user list")]
    List,
}

/// Who somebody is.
#[derive(Debug, clap::Args)]
struct PersonNamed {
    /// What they are called, at the login and beside each of their tags.
    #[arg(long)]
    name: String,
    /// What they may do; the roles are those of keys.
    #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
    role: String,
    /// For this Page alone.
    #[arg(long, value_name = "PAGE_ID")]
    page: Option<String>,
    /// Their language.
    #[arg(long, value_parser = PossibleValuesParser::new(["ka", "en"]), default_value = "ka")]
    language: String,
}

impl Command {
    /// What is logged where nobody says: the demo tells its own story.
    pub const fn quiet_level(&self) -> Option<&'static str> {
        match self.verb {
            Verb::Demo { .. } => Some("error"),
            _ => None,
        }
    }

    /// Does what was asked.
    pub async fn run(self) -> Result<()> {
        let config = || Config::load(self.config.as_deref(), environment());
        match self.verb {
            Verb::Serve => Box::pin(serve::run(&config()?)).await,
            Verb::Openapi => {
                println!("{}", crate::web::openapi());
                Ok(())
            }
            Verb::Demo { exit } => Box::pin(demo::run(exit)).await,
            Verb::Sandbox { listen } => sandbox::run(listen).await,
            Verb::Migrate => {
                open(&config()?, PhoneKey::default()).await?.store.close().await;
                tracing::info!("The database has this version's form");
                Ok(())
            }
            Verb::Key(verb) => key::run(&config()?, verb).await,
            Verb::User(verb) => Box::pin(user::run(&config()?, verb)).await,
            Verb::Labels { page } => Box::pin(labels::run(&config()?, page)).await,
            Verb::Healthcheck { url: Some(url) } => healthcheck::run(&url).await,
            Verb::Healthcheck { url: None } => healthcheck::run(&healthcheck::url(config()?.listen)).await,
        }
    }
}

/// The environment; what is no text is no configuration.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Opens and migrates the database of the configuration.
async fn open(config: &Config, phone_key: PhoneKey) -> Result<Services> {
    let _opening = lock::wait_to_open(config.database_url())?;
    let store = Store::open(config.database_url()).await?;
    Ok(Services {
        store,
        clock: Clock::system(),
        ids: Ids::random(),
        phone_key,
        keep_text: config.keep_text,
        published: Published::default(),
        tags: TagQueue::default(),
        changes_keep: config.changes_keep,
    })
}

/// SIGTERM or SIGINT. Both are caught from now on.
fn told_to_stop() -> Result<impl Future<Output = ()>> {
    let caught =
        |kind| signal(kind).map_err(|error| Error::internal("signals can't be caught").caused_by(error));
    let (mut terminated, mut interrupted) =
        (caught(SignalKind::terminate())?, caught(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}
