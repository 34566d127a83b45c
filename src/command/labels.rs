//! `salesbridge labels`: makes the labels that say something on their Pages.

use crate::command::output::print;
use crate::command::setup;
use crate::config::Config;
use crate::domain::basic::identity::PageId;
use crate::error::{Error, Result};
use crate::flow::{self, PhoneKey, Services};
use crate::http_client;
use crate::meta::call::CallFailure;
use crate::meta::events::graph::Graph;
use crate::store::page::Page;

/// Makes the labels of every Page, or of one.
pub async fn run(config: &Config, page: Option<String>) -> Result<()> {
    let pages = config.pages()?;
    let graph = graph(config)?;
    let services = setup::open(config, PhoneKey::default()).await?;
    let mut connected = Vec::new();
    let mut unit = services.store.read().await?;
    for text in &pages {
        // What was set at run time wins over the file, as in `serve`.
        let page = text.page();
        connected.push(unit.page(&page.id).await?.unwrap_or_else(|| page.clone()));
    }
    unit.commit().await?;
    let only = page.map(PageId);
    connected.retain(|page| only.as_ref().is_none_or(|only| page.id == *only));
    let done = if connected.is_empty() {
        Err(Error::invalid("page", "There is no such Page in the configuration: check --page and [[pages]]"))
    } else {
        make(&services, &graph, &connected).await
    };
    services.store.close().await;
    done
}

fn graph(config: &Config) -> Result<Graph> {
    let meta = &config.meta;
    let graph = Graph::new(http_client::client()?, meta.graph_url.clone(), meta.graph_version.clone());
    if !meta.appsecret_proof {
        return Ok(graph);
    }
    Ok(match config.webhook()? {
        Some(webhook) => graph.proving(webhook.app_secret),
        None => graph,
    })
}

/// Makes what is missing, each Page for itself.
async fn make(services: &Services, graph: &Graph, pages: &[Page]) -> Result<()> {
    let mut failed = 0;
    for page in pages {
        if page.labels.is_empty() {
            print(&format!("{}  no label says anything here: see [pages.labels]\n", page.id))?;
        }
        if let Err(refused) = make_on(services, graph, page).await? {
            failed += 1;
            print(&format!("{}  ✗ {refused}\n", page.id))?;
        }
    }
    match failed {
        0 => Ok(()),
        failed => {
            let message = format!("{failed} of {} Pages do not have their labels", pages.len());
            Err(Error::unavailable("labels", message))
        }
    }
}

async fn make_on(
    services: &Services,
    graph: &Graph,
    page: &Page,
) -> Result<std::result::Result<(), CallFailure>> {
    let there = match graph.labels(&page.lane.token, &page.id).await {
        Ok(there) => there,
        Err(refused) => return Ok(Err(refused)),
    };
    for (name, kind) in &page.labels {
        let known = there.iter().find(|label| label.name == *name);
        let (id, how) = match known {
            Some(label) => (label.id.clone(), "is there"),
            None => match graph.make_label(&page.lane.token, &page.id, name).await {
                Ok(id) => (id, "made"),
                Err(refused) => return Ok(Err(refused)),
            },
        };
        flow::name_label(services, &page.id, &id, name).await?;
        print(&format!("{}  ✓ {name} → {}  {how}\n", page.id, kind.as_str()))?;
    }
    Ok(Ok(()))
}
