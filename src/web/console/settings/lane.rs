//! What mends a Page that Meta stopped: a token, and event names that are to be tried anew.

use axum::extract::{Path, State};
use axum::response::Response;

use crate::domain::basic::identity::PageId;
use crate::domain::signal::conversion::EventName;
use crate::error::{Error, Result};
use crate::flow::{self, PageChange};
use crate::web::console::form::Form;
use crate::web::console::guard::Visitor;
use crate::web::console::settings::{saved, settable};
use crate::web::server::state::App;

/// Letters of a token, at most.
const TOKEN_MAX: usize = 2048;

/// Takes a token, even the same one: a Page that was stopped for a fault goes on.
pub async fn set_token(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let token = fields.secret("token").trim();
    let is_one = (1..=TOKEN_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    let done = if is_one {
        let change = PageChange { access_token: Some(token.to_owned().into()), ..PageChange::default() };
        flow::change_page(&app.services, &page.id, &change).await
    } else {
        Err(Error::field("/token", "It must be a token of Meta's."))
    };
    saved(&app, &visitor, &page, done).await
}

/// Lets an event name be tried anew that the dataset did not take.
pub async fn allow_name(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let name = fields.text("name").as_deref().and_then(EventName::parse);
    let name = name.ok_or_else(|| Error::field("/name", "Choose one of the list."))?;
    let mut unit = app.services.store.read().await?;
    let mut refused = unit.rules(&page).await?.refused;
    drop(unit);
    refused.remove(&name);
    let change = PageChange { refused_names: Some(refused), ..PageChange::default() };
    saved(&app, &visitor, &page, flow::change_page(&app.services, &page.id, &change).await).await
}
