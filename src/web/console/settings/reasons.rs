//! The reasons that people choose from.

use crate::domain::operator::Language;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::page_setting;
use crate::error::{Error, Result};
use crate::flow::PageChange;
use crate::store::page::Page;
use crate::web::console::form::Form;
use crate::web::console::text;

/// One list, as a text area shows it.
#[derive(Debug)]
pub struct ReasonList {
    pub field: &'static str,
    pub name: &'static str,
    /// One reason a line.
    pub text: String,
}

/// The lists of a Page.
pub fn lists(page: &Page, language: Language) -> Vec<ReasonList> {
    let name = |kind| text::outcome_kind(kind, language);
    [
        ("lost", name(OutcomeKind::Lost), &page.reasons.lost),
        ("cancelled", name(OutcomeKind::Cancelled), &page.reasons.cancelled),
        ("returned", name(OutcomeKind::Returned), &page.reasons.returned),
        ("not_a_sale", text::of(language).not_a_sale, &page.reasons.not_a_sale),
    ]
    .map(|(field, name, list)| ReasonList { field, name, text: list.join("\n") })
    .into()
}

/// The lists that a form sets.
pub fn read(form: &Form) -> Result<PageChange> {
    let list = |field: &str| {
        let text = form.text(field).unwrap_or_default();
        let lines: Vec<String> =
            text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
        page_setting::list(&lines).map(Some).map_err(|why| Error::field("/reason", why))
    };
    Ok(PageChange {
        lost: list("lost")?,
        cancelled: list("cancelled")?,
        returned: list("returned")?,
        not_a_sale: list("not_a_sale")?,
        ..PageChange::default()
    })
}
