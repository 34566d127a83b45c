//! The layout around the content of every page: menu, search, banners, and the flash line.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use crate::clock::Timestamp;
use crate::domain::operator::{Language, Permission};
use crate::domain::signal::SEND_WITHIN;
use crate::domain::signal::policy::Mode;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::page::PageHead;
use crate::store::read::queue::Filter;
use crate::web::console::formatting::Formatter;

use crate::web::console::text::{self, Texts, fill};
use crate::web::console::visitor::Visitor;

/// The count of waiting conversations ends at this number.
const COUNT_MAX: i64 = 1000;

/// What every page shows around its content; the templates call it `layout`.
#[derive(Debug)]
pub struct Layout {
    pub texts: &'static Texts,
    pub lang: &'static str,
    pub person: Option<String>,
    pub links: Vec<Link>,
    pub searches: bool,
    pub search: String,
    pub path: String,
    pub banners: Vec<Banner>,
    pub flash: Option<Flash>,
}

/// A link of the menu.
#[derive(Debug)]
pub struct Link {
    pub href: &'static str,
    pub name: &'static str,
    pub here: bool,
    pub count: Option<String>,
}

/// A notice on every page, such as a Page's fault.
#[derive(Debug)]
pub struct Banner {
    pub tone: &'static str,
    pub text: String,
    pub href: Option<String>,
}

/// What was just done, and how to undo it.
#[derive(Debug)]
pub struct Flash {
    pub text: String,
    pub undo: Option<String>,
    pub back: String,
}

/// The layout for somebody without a session.
pub fn bare(language: Language) -> Layout {
    Layout {
        texts: text::of(language),
        lang: language.as_str(),
        person: None,
        links: Vec::new(),
        searches: false,
        search: String::new(),
        path: String::new(),
        banners: Vec::new(),
        flash: None,
    }
}

/// The layout for `visitor`, and the Pages that they see.
pub async fn layout_for(
    unit: &mut Unit,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<(Layout, Vec<PageHead>)> {
    let operator = &visitor.operator;
    let pages = unit.page_heads(operator.page.as_ref()).await?;
    let mut layout = bare(operator.language);
    let texts = layout.texts;
    layout.person = Some(operator.name.clone());
    layout.path.clone_from(&visitor.path);
    layout.searches = operator.role.may(Permission::Tag);
    let places = [
        (Permission::Tag, "/console/queue", texts.queue),
        (Permission::ReadToday, "/console/today", texts.today),
        (Permission::ReadSignals, "/console/deliveries", texts.deliveries),
        (Permission::ReadPages, "/console/pages", texts.pages),
        (Permission::Invite, "/console/people", texts.people),
    ];
    for (permission, href, name) in
        places.into_iter().filter(|(permission, ..)| operator.role.may(*permission))
    {
        let count = match permission {
            Permission::Tag => {
                let filter = Filter { page: operator.page.clone(), ..Filter::default() };
                Some(counted(unit.count_waiting(&filter, COUNT_MAX).await?))
            }
            _ => None,
        };
        let is_chat = permission == Permission::Tag && visitor.path.starts_with("/console/conversations/");
        let here = is_chat
            || visitor.path == href
            || visitor.path.strip_prefix(href).is_some_and(|rest| rest.starts_with(['/', '?']));
        layout.links.push(Link { href, name, here, count });
    }
    layout.banners = banners(&pages, texts, operator.role.may(Permission::SetPages), now);
    Ok((layout, pages))
}

fn counted(number: i64) -> String {
    if number >= COUNT_MAX { format!("{}+", COUNT_MAX - 1) } else { number.to_string() }
}

fn banners(pages: &[PageHead], texts: &'static Texts, may_set: bool, now: Timestamp) -> Vec<Banner> {
    let mut banners = Vec::new();
    for page in pages {
        let mut add = |tone, text| {
            let href = may_set.then(|| format!("/console/pages/{}", page.id));
            banners.push(Banner { tone, text, href });
        };
        if let Some(fault) = &page.fault {
            let mut text = fill(texts.fault_banner, &[&page.name, fault]);
            if let Some(oldest) = page.oldest_waiting {
                let formatter = Formatter::new(&page.timezone, texts, now);
                text.push(' ');
                text.push_str(&fill(texts.fault_until, &[&formatter.time(oldest + SEND_WITHIN)]));
            }
            add("bad", text);
        }
        match page.mode {
            Mode::Shadow => add("quiet", fill(texts.in_shadow, &[&page.name])),
            Mode::Paused => add("warn", fill(texts.is_paused, &[&page.name])),
            Mode::Live => {}
        }
        if let Some(code) = &page.test_event_code {
            let formatter = Formatter::new(&page.timezone, texts, now);
            let until = page.test_until.map(|at| fill(texts.test_until_banner, &[&formatter.time(at)]));
            add("warn", fill(texts.test_banner, &[&page.name, code, until.as_deref().unwrap_or_default()]));
        }
    }
    banners
}

#[derive(Template)]
#[template(path = "trouble.html", config = "src/web/console/askama.toml")]
struct TroublePage<'a> {
    layout: Layout,
    title: &'a str,
    words: &'a str,
    href: &'a str,
    link: &'a str,
}

/// A page that shows a failure.
pub fn trouble_page(language: Language, code: &str, detail: &str) -> Result<Response> {
    let layout = bare(language);
    let texts = layout.texts;
    let words = text::trouble(code, language).unwrap_or(detail);
    let (href, link) = match code {
        "session_ended" => ("/console/login", texts.log_in),
        _ => ("/console", texts.queue),
    };
    page(&TroublePage { layout, title: texts.words_wrong_page, words, href, link })
}

/// Renders a page.
///
/// # Errors
/// A template that fails.
pub fn page(template: &impl Template) -> Result<Response> {
    let html =
        template.render().map_err(|error| Error::internal("a page can't be rendered").caused_by(error))?;
    Ok(Html(html).into_response())
}

/// A page that shows why a form was not taken, with the status of `error`.
pub fn refused(error: &Error, mut page: Response) -> Response {
    let status = Error::new(error.kind, error.code, String::new()).into_response().status();
    *page.status_mut() = status;
    page
}
