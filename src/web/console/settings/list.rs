//! The list of Pages; where there is a single one, its settings at once.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::operator::Permission;
use crate::error::Result;
use crate::web::console::choice::Choice;
use crate::web::console::layout::{self, Layout};
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

#[derive(Template)]
#[template(path = "settings/pages.html", config = "src/web/console/askama.toml")]
struct PagesPage {
    layout: Layout,
    pages: Vec<Choice>,
}

/// Shows the Pages that the visitor sees.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    visitor.may(Permission::ReadPages)?;
    let mut unit = app.services.store.read().await?;
    let (layout, heads) = layout::layout_for(&mut unit, &visitor, app.services.clock.now()).await?;
    if let [only] = heads.as_slice() {
        return Ok(Redirect::to(&format!("/console/pages/{}", only.id)).into_response());
    }
    let pages = heads.into_iter().map(|page| Choice::button(page.id.0, page.name)).collect();
    layout::page(&PagesPage { layout, pages })
}
