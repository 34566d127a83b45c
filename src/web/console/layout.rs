//! What stands around the content of every page: the menu, banners, what was just saved.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use crate::clock::Timestamp;
use crate::domain::operator::{Language, Permission};
use crate::domain::signal::policy::Mode;
use crate::error::{Error, Result};
use crate::store::Unit;
use crate::store::page::PageHead;
use crate::store::read::queue::Filter;
use crate::web::console::formatting::Formatter;
use crate::web::console::guard::Visitor;
use crate::web::console::text::{self, Texts, fill};

/// The number of waiting conversations is counted up to here.
const COUNT_MAX: i64 = 1000;

/// What every page shows.
#[derive(Debug)]
pub struct Layout {
    pub w: &'static Texts,
    pub lang: &'static str,
    pub person: Option<String>,
    pub links: Vec<Link>,
    pub searches: bool,
    pub sought: String,
    pub path: String,
    pub banners: Vec<Banner>,
    pub flash: Option<Flash>,
}

/// An entry of the menu.
#[derive(Debug)]
pub struct Link {
    pub href: &'static str,
    pub name: &'static str,
    pub here: bool,
    pub count: Option<String>,
}

/// Something that everybody at the console should know.
#[derive(Debug)]
pub struct Banner {
    pub tone: &'static str,
    pub text: String,
    pub href: Option<String>,
}

/// What was just done, and how to take it back.
#[derive(Debug)]
pub struct Flash {
    pub text: String,
    pub undo: Option<String>,
    pub back: String,
}

/// The frame of a page for somebody without a session.
pub fn bare(language: Language) -> Layout {
    Layout {
        w: text::of(language),
        lang: language.as_str(),
        person: None,
        links: Vec::new(),
        searches: false,
        sought: String::new(),
        path: String::new(),
        banners: Vec::new(),
        flash: None,
    }
}

/// The frame of a page for `visitor`, with the Pages that they see.
pub async fn layout_for(
    unit: &mut Unit,
    visitor: &Visitor,
    now: Timestamp,
) -> Result<(Layout, Vec<PageHead>)> {
    let operator = &visitor.operator;
    let pages = unit.page_heads(operator.page.as_ref()).await?;
    let mut layout = bare(operator.language);
    let w = layout.w;
    layout.person = Some(operator.name.clone());
    layout.path.clone_from(&visitor.path);
    layout.searches = operator.role.may(Permission::Tag);
    let places = [
        (Permission::Tag, "/console/queue", w.queue),
        (Permission::ReadToday, "/console/today", w.today),
        (Permission::ReadSignals, "/console/deliveries", w.deliveries),
        (Permission::ReadPages, "/console/pages", w.pages),
        (Permission::Invite, "/console/people", w.people),
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
    layout.banners = banners(&pages, w, operator.role.may(Permission::SetPages), now);
    Ok((layout, pages))
}

fn counted(number: i64) -> String {
    if number >= COUNT_MAX { format!("{}+", COUNT_MAX - 1) } else { number.to_string() }
}

fn banners(pages: &[PageHead], w: &'static Texts, sets: bool, now: Timestamp) -> Vec<Banner> {
    let mut banners = Vec::new();
    for page in pages {
        let mut say = |tone, text| {
            let href = sets.then(|| format!("/console/pages/{}", page.id));
            banners.push(Banner { tone, text, href });
        };
        if let Some(fault) = &page.fault {
            say("bad", fill(w.fault_banner, &[&page.name, fault]));
        }
        match page.mode {
            Mode::Shadow => say("quiet", fill(w.in_shadow, &[&page.name])),
            Mode::Paused => say("warn", fill(w.is_paused, &[&page.name])),
            Mode::Live => {}
        }
        if let Some(code) = &page.test_event_code {
            let teller = Formatter::new(&page.timezone, w, now);
            let until = page.test_until.map(|at| fill(w.test_until_banner, &[&teller.time(at)]));
            say("warn", fill(w.test_banner, &[&page.name, code, until.as_deref().unwrap_or_default()]));
        }
    }
    banners
}

#[derive(Template)]
#[template(path = "trouble.html", config = "src/web/console/askama.toml")]
struct TroublePage<'a> {
    f: Layout,
    title: &'a str,
    words: &'a str,
    href: &'a str,
    way_out: &'a str,
}

/// A failure as a page.
pub fn trouble_page(language: Language, code: &str, detail: &str) -> Result<Response> {
    let f = bare(language);
    let w = f.w;
    let words = text::trouble(code, language).unwrap_or(detail);
    let (href, way_out) = match code {
        "session_ended" => ("/console/login", w.log_in),
        _ => ("/console", w.queue),
    };
    page(&TroublePage { f, title: w.words_wrong_page, words, href, way_out })
}

/// A page.
pub fn page(template: &impl Template) -> Result<Response> {
    let html =
        template.render().map_err(|error| Error::internal("a page can't be rendered").caused_by(error))?;
    Ok(Html(html).into_response())
}

/// A page that says why something was not taken, with the status of that failure.
pub fn refused(error: &Error, mut page: Response) -> Response {
    let status = Error::new(error.kind, error.code, String::new()).into_response().status();
    *page.status_mut() = status;
    page
}
