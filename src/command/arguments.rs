//! The command line: commands, options and their help.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use crate::flow::manage::keys::ROLES;

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

/// Reports orders that are closed in Messenger to Meta's Conversions API.
#[derive(Debug, Parser)]
#[command(name = "salesbridge", version, after_help = ABOUT)]
pub struct Command {
    /// The configuration file; without it salesbridge.toml, if present.
    #[arg(long, global = true, value_name = "FILE", env = "SALESBRIDGE_CONFIG")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
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
pub enum KeyVerb {
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
    /// Gives the keys of a name another one, with what was told under it: a sender's `ref`s and order numbers go by its name.
    #[command(after_help = "Example: salesbridge key rename bitrix amocrm")]
    Rename {
        /// The name, as `key list` prints it.
        #[arg(value_name = "NAME")]
        name: String,
        /// A name that no key has or had.
        #[arg(value_name = "NEW_NAME")]
        new_name: String,
    },
    /// Ends a key at once, everywhere.
    #[command(after_help = "Example: salesbridge key revoke 019a9f3c-0000-7000-8000-000000000000")]
    Revoke {
        /// The id, as `key list` prints it.
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum UserVerb {
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
        /// The name of the person.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Prints all people as a table: name, role, page, language, made, left.
    #[command(after_help = "Example: salesbridge user list")]
    List,
}

/// Who somebody is.
#[derive(Debug, clap::Args)]
pub struct PersonNamed {
    /// What they are called, at the login and beside each of their tags.
    #[arg(long)]
    pub name: String,
    /// What they may do; the roles are those of keys.
    #[arg(long, value_parser = PossibleValuesParser::new(ROLES))]
    pub role: String,
    /// For this Page alone.
    #[arg(long, value_name = "PAGE_ID")]
    pub page: Option<String>,
    /// The language in which the console is shown to them; both BCP 47.
    #[arg(long, value_parser = PossibleValuesParser::new(["ka", "en"]), default_value = "ka")]
    pub language: String,
}

impl Command {
    /// What is logged where nobody says: the demo tells its own story.
    pub const fn quiet_level(&self) -> Option<&'static str> {
        match self.verb {
            Verb::Demo { .. } => Some("error"),
            _ => None,
        }
    }
}
