//! The forms of a Page's settings: each makes one change, then redirects back to the settings. If a form is refused,
//! they are shown again with the reason.

use axum::extract::{Multipart, Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::basic::identity::PageId;
use crate::domain::operator::Permission;
use crate::domain::page_setting;
use crate::domain::signal::conversion::EventName;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, PageChange};
use crate::store::page::Page;
use crate::web::console::form::Form;
use crate::web::console::formatting::Formatter;
use crate::web::console::layout;
use crate::web::console::settings::labels_and_sentences::{
    FOUND_SHOWN, TrialWithTexts, TriedSentence, TypedSentence, read_labels, read_pattern, read_sentence,
};
use crate::web::console::settings::page::{Beside, render};
use crate::web::console::settings::{policy, prices, reasons, test_code};
use crate::web::console::text::{self, fill};
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// The Page, if the visitor may change its settings.
///
/// # Errors
/// 403 for another role, 404 for another Page.
async fn settable(app: &App, visitor: &Visitor, id: String) -> Result<Page> {
    let id = PageId(id);
    visitor.may(Permission::SetPages)?;
    visitor.sees(&id)?;
    app.services.store.look().await?.page(&id).await?.ok_or_else(|| Error::not_found("Page"))
}

/// Sets the mode.
pub async fn set_mode(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let mode = form.text("mode").and_then(|text| page_setting::MODE.read(&text));
    let wrong = || Error::field("/mode", format!("It must be {}.", page_setting::MODE.expected));
    let change = PageChange { mode: Some(mode.ok_or_else(wrong)?), ..PageChange::default() };
    change_page(&app, &visitor, &page, Ok(change)).await
}

/// Sets the signal policy, or previews what it would have sent.
pub async fn set_policy(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let policy = policy::read(&form, page.policy)?;
    if form.text("do").as_deref() == Some("preview") {
        let beside = Beside { policy: Some(policy), ..Beside::default() };
        return render(&app, &visitor, &page.id, beside).await;
    }
    change_page(&app, &visitor, &page, Ok(policy::as_change(policy))).await
}

/// Sets the reasons.
pub async fn set_reasons(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    change_page(&app, &visitor, &page, Ok(reasons::read(&form)?)).await
}

/// Sets or ends the test event code.
pub async fn set_test(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let texts = text::of(visitor.operator.language);
    let formatter = Formatter::new(&page.timezone, texts, app.services.clock.now());
    let set = match test_code::read(&form, &formatter) {
        Ok(test) => {
            let test = test.as_ref().map(|test| (test.code.as_str(), test.until));
            flow::set_test_code(&app.services, &page.id, test).await
        }
        Err(error) => Err(error),
    };
    redirect_or_refusal(&app, &visitor, &page, set).await
}

/// Sets the access token, which may be the same one: a fault of the lane is cleared.
pub async fn set_token(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let wrong = || Error::field("/token", format!("It must be {}.", page_setting::ACCESS_TOKEN.expected));
    let token = page_setting::ACCESS_TOKEN.read(form.secret("token").trim()).ok_or_else(wrong);
    let change = token.map(|token| PageChange { access_token: Some(token.into()), ..PageChange::default() });
    change_page(&app, &visitor, &page, change).await
}

/// Allows an event name again that the dataset refused.
pub async fn allow_name(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let name = form.text("name").as_deref().and_then(EventName::parse);
    let name = name.ok_or_else(|| Error::field("/name", "Choose one of the list."))?;
    let mut unit = app.services.store.read().await?;
    let mut refused = unit.rules(&page).await?.refused;
    drop(unit);
    refused.remove(&name);
    let change = PageChange { refused_names: Some(refused), ..PageChange::default() };
    change_page(&app, &visitor, &page, Ok(change)).await
}

/// Sets the map of labels, and whether a label is taken off once its tag is recorded.
pub async fn set_labels(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let change = read_labels(&form).map(|labels| PageChange {
        labels: Some(labels),
        take_off_labels: Some(form.text("take_off").is_some()),
        ..PageChange::default()
    });
    change_page(&app, &visitor, &page, change).await
}

/// Tries a sentence, switches it on, or switches it off.
pub async fn set_sentence(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let sentence = read_sentence(&form)?;
    let sentences = match form.text("do").as_deref() {
        Some("save") => read_pattern(&sentence).and_then(|pattern| {
            page_setting::switch_on(&page.sentences, sentence.kind, pattern)
                .map_err(|why| Error::field("/sentences", why))
        }),
        Some("end") => Ok(page_setting::switch_off(&page.sentences, sentence.kind, &sentence.pattern)),
        _ => return try_sentence(&app, &visitor, &page, sentence).await,
    };
    let change =
        sentences.map(|sentences| PageChange { sentences: Some(sentences), ..PageChange::default() });
    change_page(&app, &visitor, &page, change).await
}

async fn try_sentence(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    sentence: TypedSentence,
) -> Result<Response> {
    let pattern = match read_pattern(&sentence) {
        Ok(pattern) => pattern,
        Err(error) => {
            let tried = Some(TriedSentence { sentence, trial: None });
            return refusal(app, visitor, page, &error, Beside { tried, ..Beside::default() }).await;
        }
    };
    let trial = flow::try_sentence(&app.services, &page.id, &pattern).await?;
    let mut unit = app.services.store.read().await?;
    let mut texts = Vec::new();
    for found in trial.found.iter().take(FOUND_SHOWN) {
        texts.push(unit.text_of(&found.conversation_id, found.at, &found.message_id).await?);
    }
    drop(unit);
    let tried = TriedSentence { sentence, trial: Some(TrialWithTexts { trial, texts }) };
    render(app, visitor, &page.id, Beside { tried: Some(tried), ..Beside::default() }).await
}

/// Replaces the price list, all of it or nothing.
pub async fn set_prices(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Multipart,
) -> Result<Response> {
    let page = settable(&app, &visitor, id).await?;
    let file = prices::uploaded(form).await?;
    match prices::read(&file, page.currency) {
        Ok(products) => {
            flow::set_products(&app.services, &page.id, &products).await?;
            let href = format!("/console/pages/{}?prices={}", page.id, products.len());
            Ok(Redirect::to(&href).into_response())
        }
        Err(line) => {
            let texts = text::of(visitor.operator.language);
            let trouble = Some(fill(texts.csv_wrong, &[&line.to_string()]));
            let shown = render(&app, &visitor, &page.id, Beside { trouble, ..Beside::default() }).await?;
            Ok(layout::refused(&Error::field("/prices", "A line can't be read."), shown))
        }
    }
}

/// Changes the Page by a form, if it could be read.
async fn change_page(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    change: Result<PageChange>,
) -> Result<Response> {
    let changed = match change {
        Ok(change) => flow::change_page(&app.services, &page.id, &change).await,
        Err(error) => Err(error),
    };
    redirect_or_refusal(app, visitor, page, changed).await
}

/// A redirect to the saved settings, or the settings with the reason of the refusal.
///
/// # Errors
/// A failure that no other input would mend.
async fn redirect_or_refusal(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    saved: Result<()>,
) -> Result<Response> {
    match saved {
        Ok(()) => Ok(Redirect::to(&format!("/console/pages/{}?saved=1", page.id)).into_response()),
        Err(error) => refusal(app, visitor, page, &error, Beside::default()).await,
    }
}

/// The settings with the reason why a form was refused.
///
/// # Errors
/// A failure that no other input would mend.
async fn refusal(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    error: &Error,
    beside: Beside,
) -> Result<Response> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict) {
        return Err(Error::new(error.kind, error.code, error.message.clone()));
    }
    let trouble = text::trouble(error.code, visitor.operator.language).unwrap_or(&error.message);
    let beside = Beside { trouble: Some(trouble.to_owned()), ..beside };
    let shown = render(app, visitor, &page.id, beside).await?;
    Ok(layout::refused(error, shown))
}
