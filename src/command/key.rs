//! `salesbridge key`: makes, lists, renames and revokes API keys on the database that the configuration names.

use crate::command::arguments::KeyVerb;
use crate::command::output::{columns, print};
use crate::command::setup;
use crate::config::Config;
use crate::domain::basic::identity::{KeyId, PageId};
use crate::error::{Error, Result};
use crate::flow::manage::keys;
use crate::flow::{PhoneKey, Services};
use crate::store::key::KeyRow;

/// Makes, lists, renames or revokes.
pub async fn run(config: &Config, verb: KeyVerb) -> Result<()> {
    let services = setup::open(config, PhoneKey::default()).await?;
    let done = act(config, &services, verb).await;
    services.store.close().await;
    done
}

async fn act(config: &Config, services: &Services, verb: KeyVerb) -> Result<()> {
    match verb {
        KeyVerb::Create { role, name, page } => {
            let page = page.map(PageId);
            if let Some(id) = &page
                && !config.has_page(id)
                && services.store.look().await?.page(id).await?.is_none()
            {
                return Err(Error::invalid("page", format!("--page: there is no Page {id}; add it first")));
            }
            print(&format!("{}\n", keys::create(services, &role, &name, page.as_ref()).await?))
        }
        KeyVerb::List => print(&table(&services.store.look().await?.keys().await?)),
        KeyVerb::Rename { name, new_name } => {
            keys::rename(services, &name, &new_name).await?;
            tracing::info!("The sender is renamed, with all that it told");
            Ok(())
        }
        KeyVerb::Revoke { id } => {
            keys::revoke(services, &KeyId(id)).await?;
            tracing::info!("The key is revoked");
            Ok(())
        }
    }
}

/// The keys in columns.
fn table(keys: &[KeyRow]) -> String {
    let head = ["id", "name", "role", "page", "made", "revoked"].map(str::to_owned);
    let rows = keys.iter().map(|key| {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            key.id.to_string(),
            key.name.clone(),
            key.role.clone(),
            or_none(key.page.as_ref().map(ToString::to_string)),
            key.made_at.to_string(),
            or_none(key.revoked_at.map(|at| at.to_string())),
        ]
    });
    columns(std::iter::once(head).chain(rows).collect())
}
