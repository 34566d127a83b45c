//! The `salesbridge` command: wiring, signals, exit codes (0 fine, 1 failed, 2 wrong usage).

mod command;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use salesbridge::{failpoint, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    failpoint::arm();
    let command = command::Command::parse();
    let setting = |name| std::env::var(name).ok();
    let (level, format) = (setting("SALESBRIDGE_LOG"), setting("SALESBRIDGE_LOG_FORMAT"));
    let level = level.or(command.quiet_level().map(str::to_owned));
    if let Err(error) = telemetry::start(level.as_deref(), format.as_deref(), std::io::stderr().is_terminal())
    {
        eprintln!("salesbridge: {error}");
        return ExitCode::from(2);
    }
    match command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
