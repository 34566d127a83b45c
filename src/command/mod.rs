//! The commands of the program: the command line, one file per command, and what all of them share.

mod arguments;
mod demo;
mod healthcheck;
mod key;
mod labels;
mod output;
mod sandbox;
mod serve;
mod setup;
mod user;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use crate::config::Config;
use crate::error::Result;
use crate::failpoint;
use crate::flow::PhoneKey;
use crate::telemetry;
use arguments::{Command, Verb};

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
    match runtime.block_on(run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the verb of a command.
async fn run(command: Command) -> Result<()> {
    let config = || Config::load(command.config.as_deref(), environment());
    match command.verb {
        Verb::Serve => Box::pin(serve::run(&config()?)).await,
        Verb::Openapi => {
            println!("{}", crate::web::openapi());
            Ok(())
        }
        Verb::Demo { exit } => Box::pin(demo::run(exit)).await,
        Verb::Sandbox { listen } => sandbox::run(listen).await,
        Verb::Migrate => {
            setup::open(&config()?, PhoneKey::default()).await?.store.close().await;
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

/// The environment; what is no text is no configuration.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
