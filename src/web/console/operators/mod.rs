//! The operators: inviting them, changing their roles, giving them new links, and ending their access.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::basic::identity::{OperatorId, PageId};
use crate::domain::operator::{Language, Permission, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::manage::operators::{self, NewOperator};
use crate::store::operator::OperatorRow;
use crate::store::page::PageHead;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::layout::{self, Layout};
use crate::web::console::text::{self, Texts, fill};
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

#[derive(Template)]
#[template(path = "operators/operators.html", config = "src/web/console/askama.toml")]
struct PeoplePage {
    layout: Layout,
    trouble: Option<String>,
    link: Option<Link>,
    people: Vec<Person>,
    roles: Vec<Choice>,
    pages: Vec<Choice>,
}

#[derive(Debug)]
struct Link {
    title: String,
    href: String,
}

#[derive(Debug)]
struct Person {
    id: String,
    name: String,
    access: &'static str,
    stays: bool,
    roles: Vec<Choice>,
    pages: Vec<Choice>,
}

/// Shows all people who have, or had, access.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    render(&app, &visitor, None, None).await
}

/// Invites somebody; the link is shown once.
pub async fn invite(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Result<Response> {
    may_govern(&visitor)?;
    let name = form.text("name").unwrap_or_default();
    let role = role_of(&form)?;
    let page = form.text("page").map(PageId);
    let newcomer = NewOperator { name: name.clone(), role, page, language: Language::Georgian };
    let made = operators::invite(&app.services, &newcomer).await;
    with_link(&app, &visitor, &headers, &name, made).await
}

/// Gives somebody a new link; the older ones end.
pub async fn reset(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    may_govern(&visitor)?;
    let found = app.services.store.look().await?.operator(&OperatorId(id)).await?;
    let name = found.ok_or_else(|| Error::not_found("person"))?.name;
    let made = operators::reset(&app.services, &name).await;
    with_link(&app, &visitor, &headers, &name, made).await
}

async fn with_link(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    name: &str,
    made: Result<String>,
) -> Result<Response> {
    match made {
        Ok(secret) => {
            // The form came from this very origin, so this is where the console is reached.
            let origin =
                headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
            let texts = text::of(visitor.operator.language);
            let link = Link {
                title: fill(texts.link_for, &[name]),
                href: format!("{origin}/console/link/{secret}"),
            };
            render(app, visitor, Some(link), None).await
        }
        Err(error) => refusal(app, visitor, error).await,
    }
}

/// Sets somebody's role and Page.
pub async fn set_role(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    may_govern(&visitor)?;
    let page = form.text("page").map(PageId);
    let role = role_of(&form)?;
    redirect_or_refusal(
        &app,
        &visitor,
        operators::set_role(&app.services, &OperatorId(id), role, page.as_ref()).await,
    )
    .await
}

/// Ends somebody's access.
pub async fn end(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Result<Response> {
    may_govern(&visitor)?;
    redirect_or_refusal(&app, &visitor, operators::end(&app.services, &OperatorId(id)).await).await
}

/// Checks that this person may manage operators: an admin for all Pages.
fn may_govern(visitor: &Visitor) -> Result<()> {
    visitor.may(Permission::Invite)?;
    if visitor.operator.page.is_some() {
        return Err(Error::new(
            ErrorKind::Forbidden,
            "wrong_role",
            "Only an admin of all Pages may do that.",
        ));
    }
    Ok(())
}

fn role_of(form: &Form) -> Result<Role> {
    let role = form.text("role").as_deref().and_then(Role::parse);
    role.ok_or_else(|| Error::field("/role", "Choose a role."))
}

async fn redirect_or_refusal(app: &App, visitor: &Visitor, changed: Result<()>) -> Result<Response> {
    match changed {
        Ok(()) => Ok(Redirect::to("/console/people").into_response()),
        Err(error) => refusal(app, visitor, error).await,
    }
}

async fn refusal(app: &App, visitor: &Visitor, error: Error) -> Result<Response> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict) {
        return Err(error);
    }
    render(app, visitor, None, Some(&error)).await.map(|page| layout::refused(&error, page))
}

async fn render(app: &App, visitor: &Visitor, link: Option<Link>, error: Option<&Error>) -> Result<Response> {
    may_govern(visitor)?;
    let mut unit = app.services.store.read().await?;
    let (layout, heads) = layout::layout_for(&mut unit, visitor, app.services.clock.now()).await?;
    let people = unit.operators().await?;
    let texts = layout.texts;
    let language = visitor.operator.language;
    layout::page(&PeoplePage {
        trouble: error.map(|error| text::trouble(error.code, language).unwrap_or(&error.message).to_owned()),
        link,
        people: people.iter().map(|one| person(one, &heads, texts)).collect(),
        roles: roles(Role::Operator, texts),
        pages: pages(&heads, None),
        layout,
    })
}

fn person(one: &OperatorRow, heads: &[PageHead], texts: &Texts) -> Person {
    Person {
        id: one.operator.id.0.clone(),
        name: one.operator.name.clone(),
        access: match (one.ended_at, one.has_password) {
            (Some(_), _) => texts.ended,
            (None, true) => texts.has_access,
            (None, false) => texts.invited,
        },
        stays: one.ended_at.is_none(),
        roles: roles(one.operator.role, texts),
        pages: pages(heads, one.operator.page.as_ref()),
    }
}

fn roles(chosen: Role, texts: &Texts) -> Vec<Choice> {
    let name = |role| match role {
        Role::Admin => texts.role_admin,
        Role::Operator => texts.role_operator,
        Role::Crm => texts.role_crm,
        Role::Analyst => texts.role_analyst,
    };
    let choice = |role: Role| Choice::new(role.as_str(), name(role), role == chosen);
    [Role::Operator, Role::Admin, Role::Crm, Role::Analyst].map(choice).into()
}

fn pages(heads: &[PageHead], chosen: Option<&PageId>) -> Vec<Choice> {
    let choice = |page: &PageHead| Choice::new(page.id.0.clone(), &page.name, chosen == Some(&page.id));
    heads.iter().map(choice).collect()
}
