//! `salesbridge user`: who may use the console.

use std::io::Read;

use crate::command::arguments::{PersonNamed, UserVerb};
use crate::command::output;
use crate::command::setup;
use crate::config::Config;
use crate::domain::basic::identity::PageId;
use crate::domain::operator::{Language, Role};
use crate::error::{Error, Result};
use crate::flow::manage::operators::{self, NewOperator};
use crate::flow::{PhoneKey, Services};

/// Adds, invites, resets or lists.
pub async fn run(config: &Config, verb: UserVerb) -> Result<()> {
    let services = setup::open(config, PhoneKey::default()).await?;
    let done = act(config, &services, verb).await;
    services.store.close().await;
    done
}

async fn act(config: &Config, services: &Services, verb: UserVerb) -> Result<()> {
    let address = config.public_url.clone().unwrap_or_else(|| format!("http://{}", config.listen));
    let link = |secret: &str| format!("{}/console/link/{secret}\n", address.trim_end_matches('/'));
    match verb {
        UserVerb::Add { person } => {
            let mut password = String::new();
            std::io::stdin().read_to_string(&mut password).map_err(|error| {
                Error::invalid("no_password", "The password can't be read").caused_by(error)
            })?;
            operators::add(services, &newcomer(person)?, password.trim_end_matches(['\r', '\n'])).await?;
            tracing::info!("The person may log in");
            Ok(())
        }
        UserVerb::Invite { person } => {
            output::print(&link(&operators::invite(services, &newcomer(person)?).await?))
        }
        UserVerb::Reset { name } => output::print(&link(&operators::reset(services, &name).await?)),
        UserVerb::List => {
            let people = services.store.look().await?.operators().await?;
            let head = ["name", "role", "page", "language", "made", "left"].map(str::to_owned);
            let rows = people.iter().map(|one| {
                let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
                [
                    one.operator.name.clone(),
                    one.operator.role.as_str().to_owned(),
                    or_none(one.operator.page.as_ref().map(ToString::to_string)),
                    one.operator.language.as_str().to_owned(),
                    one.made_at.to_string(),
                    or_none(one.ended_at.map(|at| at.to_string())),
                ]
            });
            output::print(&output::columns(std::iter::once(head).chain(rows).collect()))
        }
    }
}

fn newcomer(person: PersonNamed) -> Result<NewOperator> {
    let wrong = |what: &str| Error::invalid("usage", format!("--{what} has an unknown value"));
    Ok(NewOperator {
        name: person.name,
        role: Role::parse(&person.role).ok_or_else(|| wrong("role"))?,
        page: person.page.map(PageId),
        language: Language::parse(&person.language).ok_or_else(|| wrong("language"))?,
    })
}
