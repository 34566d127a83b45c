//! The mode of a Page, and what stops its lane: a fault, and event names that the dataset refuses.

use std::collections::BTreeMap;

use crate::domain::operator::Language;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::Mode;
use crate::flow::PreviewTotals;
use crate::store::page::Page;
use crate::web::console::choice::Choice;
use crate::web::console::settings::totals;
use crate::web::console::text::{self, fill};

/// The section of the mode.
#[derive(Debug)]
pub struct ModeSection {
    pub name: &'static str,
    /// The mode that the button sets, with the button's text.
    pub next: Choice,
    /// Whether that mode is the recommended next step.
    pub is_main: bool,
    pub last_week: Option<String>,
    pub fault: Option<String>,
    pub refused: Vec<Choice>,
}

impl ModeSection {
    /// The section with the `refused` event names, and with what a Page in shadow mode would have sent in the
    /// `last_week`.
    pub fn new(
        page: &Page,
        refused: &[EventName],
        last_week: Option<&BTreeMap<EventName, PreviewTotals>>,
        language: Language,
    ) -> Self {
        let texts = text::of(language);
        let (next, button) = match page.mode {
            Mode::Shadow => (Mode::Live, texts.go_live),
            Mode::Live => (Mode::Paused, texts.pause),
            Mode::Paused => (Mode::Live, texts.resume),
        };
        let refused = refused.iter().map(|name| Choice::button(name.as_str(), text::event(*name, language)));
        Self {
            name: text::mode(page.mode, language),
            next: Choice::button(next.as_str(), button),
            is_main: next == Mode::Live,
            last_week: last_week
                .map(|found| fill(texts.last_week, &[&totals::line(found, page.currency, language)])),
            fault: page.lane.fault.clone(),
            refused: refused.collect(),
        }
    }
}
