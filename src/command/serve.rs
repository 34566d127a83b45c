//! `salesbridge serve`: webhooks, API and delivery in one process, until SIGTERM or SIGINT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::command::setup;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::flow::{self, Intake, PhoneKey};
use crate::meta::events::graph::Graph;
use crate::store::db::lock;
use crate::web::{self, App, AppState, Limits, Readiness};
use crate::{http_client, worker};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The background jobs end within this time of the signal to stop: 9 s for requests in flight, the rest to settle what
/// was cut off. With [`CLOSES_WITHIN`] it is under 10 s.
const JOBS_END_WITHIN: Duration = Duration::from_millis(9600);

/// The database is closed within this time, if no query still waits for a row that another process has locked.
const CLOSES_WITHIN: Duration = Duration::from_millis(300);

/// Serves until it is told to stop.
pub async fn run(config: &Config) -> Result<()> {
    let stop_signal = setup::stop_signal()?;
    let (webhook, pages) = (config.webhook()?, config.pages()?);
    let _lock = lock::take(config.database_url())?;
    let listener = listen("listen", config.listen).await?;
    let metrics_listener = match config.metrics_listen {
        Some(address) => Some(listen("metrics_listen", address).await?),
        None => None,
    };
    // Read, or made, at the start: a fault of it should not wait for the first phone number.
    let phone_key = PhoneKey::new(config.phone_key()?);
    let services = setup::open(config, phone_key).await?;
    flow::configure(&services, &pages).await?;
    if webhook.is_none() {
        tracing::warn!("No webhook can be taken: [meta] app_secret and verify_token are missing");
    }

    let meta = &config.meta;
    let mut graph = Graph::new(http_client::client()?, meta.graph_url.clone(), meta.graph_version.clone());
    if let Some(webhook) = webhook.as_ref().filter(|_| meta.appsecret_proof) {
        graph = graph.proving(webhook.app_secret.clone());
    }
    let came_in = Arc::new(Notify::new());
    let (app_secret, verify_token) =
        webhook.map(|webhook| (webhook.app_secret, webhook.verify_token)).unzip();
    let intake = Intake::start(services.clone(), Arc::clone(&came_in));
    let readiness = Readiness::default();
    let app = App::from(AppState {
        services: services.clone(),
        app_secret,
        verify_token,
        intake,
        in_flight: flow::InFlight::default(),
        readiness: readiness.clone(),
        body_limit: config.body_limit,
    });

    let stop = CancellationToken::new();
    let address = listener.local_addr().unwrap_or(config.listen);
    let serve = |listener, router| web::serve(listener, router, Limits::default(), stop.clone());
    let server = tokio::spawn(serve(listener, web::router(app)));
    let operations = web::router_for_operations(readiness.clone(), services.clone());
    let metrics_server = metrics_listener.map(|listener| tokio::spawn(serve(listener, operations)));
    let mut jobs = tokio::spawn(worker::run(services.clone(), graph, came_in, stop.clone()));

    tracing::info!("Listening at http://{address}");

    // The jobs end by themselves only by a panic; then the process ends too.
    let broken = tokio::select! {
        () = stop_signal => None,
        ended = &mut jobs => Some(ended),
    };
    readiness.fall();
    tracing::info!("Stopping: no new work is taken, what is in hand is finished");
    stop.cancel();
    if broken.is_none() && tokio::time::timeout(JOBS_END_WITHIN, &mut jobs).await.is_err() {
        tracing::error!("The background jobs did not end in time and are cut off");
        jobs.abort();
    }
    for server in std::iter::once(server).chain(metrics_server) {
        match server.await {
            Ok(0) => {}
            Ok(cut_off) => tracing::warn!(cut_off, "{cut_off} connections were cut off in mid-request"),
            Err(error) => tracing::error!("The server broke: {error}"),
        }
    }
    if tokio::time::timeout(CLOSES_WITHIN, services.store.close()).await.is_err() {
        tracing::warn!("The database is left as by a crash: a query still waits for somebody else");
    }
    if let Some(ended) = broken {
        let why = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
        return Err(Error::internal(format!("The background jobs broke: {why}")));
    }
    tracing::info!("Stopped");
    Ok(())
}

async fn listen(key: &str, address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let why = format!("{key}: {address} can't be listened at: give another address, or free this one");
        Error::unavailable("no_address", why).caused_by(error)
    })?;
    Ok(listener)
}
