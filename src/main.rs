//! The `salesbridge` command: wiring, signals, exit codes (0 fine, 1 failed, 2 wrong usage).

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use salesbridge::clock::Clock;
use salesbridge::config::Config;
use salesbridge::egress;
use salesbridge::error::{Error, Result};
use salesbridge::flow::{self, House, Intake, PhoneKey, key};
use salesbridge::id::Ids;
use salesbridge::meta::graph::Graph;
use salesbridge::store::Store;
use salesbridge::vocabulary::identity::PageId;
use salesbridge::web::{self, App};
use salesbridge::work::deliver;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// The work behind looks for what is due at least so often.
const TICK: Duration = Duration::from_secs(1);

/// Reports orders that are closed in Messenger to Meta's Conversions API.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example: salesbridge serve --config salesbridge.toml")]
struct Command {
    /// The configuration file.
    #[arg(long, global = true, env = "SALESBRIDGE_CONFIG", default_value = "salesbridge.toml")]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Webhooks, API and delivery in one process.
    Serve,
    /// Migrations only.
    Migrate,
    /// API keys.
    #[command(subcommand)]
    Key(KeyVerb),
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// Prints a new key once, alone on standard output.
    #[command(after_help = "Example: salesbridge key create --role operator --name nino")]
    Create {
        /// admin, operator, crm or analyst.
        #[arg(long)]
        role: String,
        /// Whose key it is.
        #[arg(long)]
        name: String,
        /// For one Page alone.
        #[arg(long)]
        page: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    let level = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    let in_colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(level).with_ansi(in_colour).with_writer(std::io::stderr).init();
    match run(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    let config = Config::read(&command.config)?;
    let store = Store::open(&config.database_url).await?;
    let house = House {
        store,
        clock: Clock::system(),
        ids: Ids::random(),
        phone_key: PhoneKey::new([0; 32]),
        keep_text: Duration::from_hours(168),
    };
    match command.verb {
        Verb::Serve => serve(config, house).await,
        Verb::Migrate => Ok(()),
        Verb::Key(KeyVerb::Create { role, name, page }) => {
            let page = page.map(PageId);
            println!("{}", key::create(&house, &role, &name, page.as_ref()).await?);
            Ok(())
        }
    }
}

async fn serve(config: Config, house: House) -> Result<()> {
    let mut unit = house.store.begin().await?;
    for page in config.pages()? {
        unit.put_page(&page, house.clock.now()).await?;
        tracing::info!(page.id = %page.id, "Page {} is {}", page.id, page.mode.as_str());
    }
    unit.commit().await?;
    let graph = Graph::new(egress::client()?, config.meta.graph_url, config.meta.graph_version);
    let came_in = Arc::new(Notify::new());
    let app = App {
        house: house.clone(),
        app_secret: config.meta.app_secret,
        verify_token: config.meta.verify_token,
        intake: Intake::start(house.clone(), came_in.clone()),
    };
    let failed = |error: std::io::Error| {
        Error::unavailable("address_taken", format!("{} can't be listened at", config.listen))
            .caused_by(error)
    };
    let listener = tokio::net::TcpListener::bind(config.listen).await.map_err(failed)?;
    tracing::info!("Listening at http://{}", config.listen);
    let mut ended = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
    let server = axum::serve(listener, web::router(app)).with_graceful_shutdown(async move {
        tokio::select! {
            _ = ended.recv() => {}
            _ = interrupted.recv() => {}
        }
    });
    let stop = tokio_util::sync::CancellationToken::new();
    let worker = tokio::spawn(work(house.clone(), graph, came_in, stop.clone()));
    server.await.map_err(failed)?;
    stop.cancel();
    drop(worker.await);
    house.store.close().await;
    tracing::info!("Stopped");
    Ok(())
}

/// Projects what came in and sends what is due, until `stop`; a request that is out is waited for.
async fn work(house: House, graph: Graph, came_in: Arc<Notify>, stop: tokio_util::sync::CancellationToken) {
    while !stop.is_cancelled() {
        let round = async {
            while flow::project(&house).await? > 0 {}
            deliver::drain(&house, &graph, &deliver::Stop::default()).await
        };
        if let Err(error) = round.await {
            tracing::error!("The work behind failed and is tried again in {TICK:?}: {error}");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = came_in.notified() => {}
            () = house.clock.sleep(TICK) => {}
        }
    }
}
