//! The picture of a person, served from here, so that a browser loads nothing from Meta.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::domain::basic::identity::ConversationId;
use crate::error::{Error, Result};
use crate::meta::profile::picture_type;
use crate::web::console::conversation::access::page_of;
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// The picture of the person of a conversation.
pub async fn show(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Result<Response> {
    let id = ConversationId(id);
    let mut unit = app.services.store.read().await?;
    page_of(&mut unit, &visitor, &id).await?;
    let missing = || Error::not_found("picture");
    let picture = unit.picture(&id).await?.ok_or_else(missing)?;
    let kind = picture_type(&picture).ok_or_else(missing)?;
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=3600")];
    Ok((headers, picture).into_response())
}
