//! People: invited, given another role, given a new link, and let go.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::basic::identity::{OperatorId, PageId};
use crate::domain::operator::{Language, Permission, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::manage::operators::{self, Newcomer};
use crate::store::operator::OperatorRow;
use crate::store::page::PageHead;
use crate::web::console::form::Form;
use crate::web::console::guard::Visitor;
use crate::web::console::layout::{self, Layout};
use crate::web::console::queue::Choice;
use crate::web::console::text::{self, Texts, fill};
use crate::web::server::state::App;

#[derive(Template)]
#[template(path = "operators/operators.html", config = "src/web/console/askama.toml")]
struct PeoplePage {
    f: Layout,
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
    standing: &'static str,
    stays: bool,
    roles: Vec<Choice>,
    pages: Vec<Choice>,
}

/// Everybody.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    render(&app, &visitor, None, None).await
}

/// Invites somebody; the link is shown once.
pub async fn invite(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    fields: Form,
) -> Result<Response> {
    governs(&visitor)?;
    let name = fields.text("name").unwrap_or_default();
    let role = role_of(&fields)?;
    let page = fields.text("page").map(PageId);
    let newcomer = Newcomer { name: name.clone(), role, page, language: Language::Georgian };
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
    governs(&visitor)?;
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
            let w = text::of(visitor.operator.language);
            let link =
                Link { title: fill(w.link_for, &[name]), href: format!("{origin}/console/link/{secret}") };
            render(app, visitor, Some(link), None).await
        }
        Err(error) => not_done(app, visitor, error).await,
    }
}

/// Gives somebody another role, or other Pages.
pub async fn set_role(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    governs(&visitor)?;
    let page = fields.text("page").map(PageId);
    let role = role_of(&fields)?;
    done(&app, &visitor, operators::set_role(&app.services, &OperatorId(id), role, page.as_ref()).await).await
}

/// Somebody leaves.
pub async fn end(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Result<Response> {
    governs(&visitor)?;
    done(&app, &visitor, operators::end(&app.services, &OperatorId(id)).await).await
}

/// Whether this person may say who gets in: an admin of all Pages.
fn governs(visitor: &Visitor) -> Result<()> {
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

fn role_of(fields: &Form) -> Result<Role> {
    let role = fields.text("role").as_deref().and_then(Role::parse);
    role.ok_or_else(|| Error::field("/role", "Choose a role."))
}

async fn done(app: &App, visitor: &Visitor, done: Result<()>) -> Result<Response> {
    match done {
        Ok(()) => Ok(Redirect::to("/console/people").into_response()),
        Err(error) => not_done(app, visitor, error).await,
    }
}

async fn not_done(app: &App, visitor: &Visitor, error: Error) -> Result<Response> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict) {
        return Err(error);
    }
    render(app, visitor, None, Some(&error)).await.map(|page| layout::refused(&error, page))
}

async fn render(app: &App, visitor: &Visitor, link: Option<Link>, error: Option<&Error>) -> Result<Response> {
    governs(visitor)?;
    let mut unit = app.services.store.read().await?;
    let (f, heads) = layout::layout_for(&mut unit, visitor, app.services.clock.now()).await?;
    let people = unit.operators().await?;
    let w = f.w;
    let language = visitor.operator.language;
    layout::page(&PeoplePage {
        trouble: error.map(|error| text::trouble(error.code, language).unwrap_or(&error.message).to_owned()),
        link,
        people: people.iter().map(|one| person(one, &heads, w)).collect(),
        roles: roles(Role::Operator, w),
        pages: pages(&heads, None),
        f,
    })
}

fn person(one: &OperatorRow, heads: &[PageHead], w: &Texts) -> Person {
    Person {
        id: one.operator.id.0.clone(),
        name: one.operator.name.clone(),
        standing: match (one.ended_at, one.has_password) {
            (Some(_), _) => w.ended,
            (None, true) => w.has_access,
            (None, false) => w.invited,
        },
        stays: one.ended_at.is_none(),
        roles: roles(one.operator.role, w),
        pages: pages(heads, one.operator.page.as_ref()),
    }
}

fn roles(chosen: Role, w: &Texts) -> Vec<Choice> {
    let name = |role| match role {
        Role::Admin => w.role_admin,
        Role::Operator => w.role_operator,
        Role::Crm => w.role_crm,
        Role::Analyst => w.role_analyst,
    };
    let choice = |role: Role| Choice {
        value: role.as_str().to_owned(),
        name: name(role).to_owned(),
        chosen: role == chosen,
    };
    [Role::Operator, Role::Admin, Role::Crm, Role::Analyst].map(choice).into()
}

fn pages(heads: &[PageHead], chosen: Option<&PageId>) -> Vec<Choice> {
    let choice = |page: &PageHead| Choice {
        value: page.id.0.clone(),
        name: page.name.clone(),
        chosen: chosen == Some(&page.id),
    };
    heads.iter().map(choice).collect()
}
