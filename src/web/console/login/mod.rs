//! Logging in and out, one-time links, the first admin, and the language.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::domain::operator::{Language, Permission, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::manage::operators::{self, Login, NewOperator};
use crate::web::console::form::Form;
use crate::web::console::layout::{self, Layout};
use crate::web::console::path::local;
use crate::web::console::text;
use crate::web::console::visitor::{self, RequestLanguage, Visitor};
use crate::web::server::state::App;

#[derive(Template)]
#[template(path = "login/login.html", config = "src/web/console/askama.toml")]
struct LoginPage {
    layout: Layout,
    title: &'static str,
    hint: Option<&'static str>,
    trouble: Option<String>,
    action: String,
    next: String,
    name: String,
    code: String,
    asks_code: bool,
    asks_name: bool,
    is_new: bool,
    password_label: &'static str,
    submit: &'static str,
}

/// The query of a page before the login.
#[derive(Debug, Deserialize)]
pub struct PageQuery {
    next: Option<String>,
    language: Option<String>,
}

/// The pages before the login; all three are one form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entrance {
    Login,
    First,
    Link,
}

fn login_page(entrance: Entrance, action: String, language: Language) -> LoginPage {
    let layout = layout::bare(language);
    let texts = layout.texts;
    let title = match entrance {
        Entrance::Login => texts.log_in,
        Entrance::First => texts.first_admin,
        Entrance::Link => texts.set_password,
    };
    LoginPage {
        layout,
        title,
        hint: (entrance == Entrance::First).then_some(texts.first_admin_lead),
        trouble: None,
        action,
        next: String::new(),
        name: String::new(),
        code: String::new(),
        asks_code: entrance == Entrance::First,
        asks_name: entrance != Entrance::Link,
        is_new: entrance != Entrance::Login,
        password_label: if entrance == Entrance::Login { texts.password } else { texts.new_password },
        submit: if entrance == Entrance::Login { texts.log_in } else { texts.set_password },
    }
}

/// Redirects to the page at which a role begins its work.
pub async fn home(visitor: Visitor) -> Redirect {
    Redirect::to(if visitor.operator.role.may(Permission::Tag) { "/console/queue" } else { "/console/today" })
}

/// The login page; while nobody has access, a redirect to that of the first admin.
pub async fn show(
    State(app): State<App>,
    RequestLanguage(language): RequestLanguage,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    if !app.services.store.look().await?.has_operators().await? {
        return Ok(Redirect::to("/console/first").into_response());
    }
    let next = query.next.as_deref().and_then(local).unwrap_or_default().to_owned();
    in_language(query.language.as_deref(), language, |language| LoginPage {
        next,
        ..login_page(Entrance::Login, "/console/login".to_owned(), language)
    })
}

fn in_language(
    chosen: Option<&str>,
    language: Language,
    page: impl FnOnce(Language) -> LoginPage,
) -> Result<Response> {
    match chosen.and_then(Language::parse) {
        Some(chosen) => {
            let remembered = AppendHeaders([(SET_COOKIE, visitor::remember(chosen))]);
            Ok((remembered, layout::page(&page(chosen))?).into_response())
        }
        None => layout::page(&page(language)),
    }
}

/// Begins a session by name and password.
pub async fn log_in(
    State(app): State<App>,
    RequestLanguage(language): RequestLanguage,
    form: Form,
) -> Result<Response> {
    let name = form.text("name").unwrap_or_default();
    let next = form.text("next").as_deref().and_then(local).map(str::to_owned);
    match operators::log_in(&app.services, &name, form.secret("password")).await {
        Ok(login) => Ok(begin_session(&login, next.as_deref())),
        Err(error) => shown_again(
            error,
            language,
            |page| LoginPage { name, next: next.unwrap_or_default(), ..page },
            || login_page(Entrance::Login, "/console/login".to_owned(), language),
        ),
    }
}

/// Begins the session in the browser: with a new secret, whatever cookie it showed before.
fn begin_session(login: &Login, next: Option<&str>) -> Response {
    let cookies = AppendHeaders([
        (SET_COOKIE, visitor::begin_session(&login.secret)),
        (SET_COOKIE, visitor::remember(login.operator.language)),
    ]);
    (cookies, Redirect::to(next.unwrap_or("/console"))).into_response()
}

/// The same page again, with the reason why it was refused.
fn shown_again(
    error: Error,
    language: Language,
    filled: impl FnOnce(LoginPage) -> LoginPage,
    page: impl FnOnce() -> LoginPage,
) -> Result<Response> {
    if matches!(
        error.kind,
        ErrorKind::Internal | ErrorKind::Unavailable | ErrorKind::Contended | ErrorKind::NotFound
    ) {
        return Err(error);
    }
    let texts = text::of(language);
    let trouble = match error.fields.first() {
        Some(field) if field.pointer == "/password" => texts.password_hint.to_owned(),
        _ => text::trouble(error.code, language).map_or_else(|| error.message.clone(), str::to_owned),
    };
    let page = layout::page(&LoginPage { trouble: Some(trouble), ..filled(page()) })?;
    Ok(layout::refused(&error, page))
}

/// The page for the code of the first admin, which is in the log by now.
pub async fn show_first(
    State(app): State<App>,
    RequestLanguage(language): RequestLanguage,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    if app.services.store.look().await?.has_operators().await? {
        return Ok(Redirect::to("/console/login").into_response());
    }
    if let Some(code) = operators::first_code(&app.services).await? {
        tracing::warn!("Nobody has access to the console yet. One-time code for the first admin: {code}");
    }
    in_language(query.language.as_deref(), language, |language| {
        login_page(Entrance::First, "/console/first".to_owned(), language)
    })
}

/// Makes the first admin and begins their session.
pub async fn begin(
    State(app): State<App>,
    RequestLanguage(language): RequestLanguage,
    form: Form,
) -> Result<Response> {
    let code = form.text("code").unwrap_or_default();
    let name = form.text("name").unwrap_or_default();
    let newcomer = NewOperator { name: name.clone(), role: Role::Admin, page: None, language };
    match operators::first_admin(&app.services, &code, &newcomer, form.secret("password")).await {
        Ok(login) => Ok(begin_session(&login, None)),
        Err(error) => shown_again(
            error,
            language,
            |page| LoginPage { name, code, ..page },
            || login_page(Entrance::First, "/console/first".to_owned(), language),
        ),
    }
}

/// The page for a new password. Opening it does not use up the link.
pub async fn show_link(
    Path(secret): Path<String>,
    RequestLanguage(language): RequestLanguage,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    in_language(query.language.as_deref(), language, |language| {
        login_page(Entrance::Link, format!("/console/link/{secret}"), language)
    })
}

/// Sets the password of the person whom the link was made for.
pub async fn use_link(
    State(app): State<App>,
    Path(secret): Path<String>,
    RequestLanguage(language): RequestLanguage,
    form: Form,
) -> Result<Response> {
    match operators::set_password(&app.services, &secret, form.secret("password")).await {
        Ok(login) => Ok(begin_session(&login, None)),
        Err(error) => shown_again(
            error,
            language,
            |page| page,
            || login_page(Entrance::Link, format!("/console/link/{secret}"), language),
        ),
    }
}

/// Ends the session.
pub async fn log_out(State(app): State<App>, visitor: Visitor) -> Result<Response> {
    operators::log_out(&app.services, &visitor.secret).await?;
    let cookies = AppendHeaders([(SET_COOKIE, visitor::end_session())]);
    Ok((cookies, Redirect::to("/console/login")).into_response())
}

/// Sets the person's language.
pub async fn set_language(State(app): State<App>, visitor: Visitor, form: Form) -> Result<Response> {
    let chosen = form.text("language").as_deref().and_then(Language::parse);
    let chosen = chosen.ok_or_else(|| Error::field("/language", "It must be ka or en."))?;
    operators::set_language(&app.services, &visitor.operator.id, chosen).await?;
    let back = form.text("back");
    let cookies = AppendHeaders([(SET_COOKIE, visitor::remember(chosen))]);
    let back = Redirect::to(back.as_deref().and_then(local).unwrap_or("/console"));
    Ok((cookies, back).into_response())
}
