//! What is said in Meta's own inbox: the map of labels, and the shop's sentences, tried before they are
//! switched on.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::inbox::label::LABEL_KINDS;
use crate::domain::inbox::pending::PendingReason;
use crate::domain::inbox::sentence::{Reading, is_pattern};
use crate::domain::operator::Language;
use crate::domain::order::outcome::OutcomeKind;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, PageChange, Trial, Tried};
use crate::store::page::Page;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, money};
use crate::web::console::guard::Visitor;
use crate::web::console::queue::{Choice, cut};
use crate::web::console::settings::{self, Shown, settable};
use crate::web::console::text::{self, fill};
use crate::web::server::state::App;

/// Labels, or patterns of one meaning, and letters of one, at most.
const LIST_MAX: usize = 50;
const LETTERS_MAX: usize = 200;

/// Empty lines for labels to come.
const SPARE: usize = 2;

/// Messages of a trial that are shown, and letters of each.
const FOUND_SHOWN: usize = 50;
const WORDS_SHOWN: usize = 160;

/// The part of the settings that is about Meta's inbox.
#[derive(Debug)]
pub struct Inbox {
    pub labels: Vec<Labelled>,
    pub take_off: bool,
    pub sentences: Vec<Sentence>,
    pub pattern: String,
    pub kinds: Vec<Choice>,
    pub trial: Option<Shelf>,
}

/// A label, with what it says.
#[derive(Debug)]
pub struct Labelled {
    pub name: String,
    pub kinds: Vec<Choice>,
}

/// A pattern that is switched on.
#[derive(Debug)]
pub struct Sentence {
    pub kind: &'static str,
    pub says: &'static str,
    pub pattern: String,
}

/// What a pattern would have tagged.
#[derive(Debug)]
pub struct Shelf {
    pub kind: &'static str,
    pub says: String,
    pub pattern: String,
    pub summary: String,
    pub found: Vec<Found>,
}

/// A message in which it was found.
#[derive(Debug)]
pub struct Found {
    pub href: String,
    pub when: String,
    pub at: String,
    pub reading: String,
    pub is_whole: bool,
    pub words: String,
}

/// A pattern that is looked at before it is switched on.
#[derive(Debug)]
pub struct Tryout {
    kind: OutcomeKind,
    pattern: String,
    /// What it found, with the words of those that are shown.
    trial: Option<(Trial, Vec<Option<String>>)>,
}

/// How it stands.
pub fn shown(page: &Page, tryout: Option<&Tryout>, language: Language, now: Timestamp) -> Inbox {
    let w = text::of(language);
    let line = |name: &str, kind: Option<OutcomeKind>| Labelled {
        name: name.to_owned(),
        kinds: kinds(&LABEL_KINDS, kind, language),
    };
    let mut labels: Vec<Labelled> = page.labels.iter().map(|(name, kind)| line(name, Some(*kind))).collect();
    labels.extend((0..SPARE).map(|_| line("", None)));
    let sentences = page.sentences.iter().flat_map(|(kind, patterns)| {
        patterns.iter().map(|pattern| Sentence {
            kind: kind.as_str(),
            says: text::outcome_kind(*kind, language),
            pattern: pattern.clone(),
        })
    });
    let teller = Formatter::new(&page.timezone, w, now);
    Inbox {
        labels,
        take_off: page.take_off_labels,
        sentences: sentences.collect(),
        pattern: tryout.map(|tryout| tryout.pattern.clone()).unwrap_or_default(),
        kinds: kinds(
            &OutcomeKind::ALL,
            Some(tryout.map_or(OutcomeKind::Confirmed, |tryout| tryout.kind)),
            language,
        ),
        trial: tryout.and_then(|tryout| shelf(page, tryout, language, &teller)),
    }
}

fn kinds(all: &[OutcomeKind], chosen: Option<OutcomeKind>, language: Language) -> Vec<Choice> {
    let choice = |kind: &OutcomeKind| Choice {
        value: kind.as_str().to_owned(),
        name: text::outcome_kind(*kind, language).to_owned(),
        chosen: chosen == Some(*kind),
    };
    all.iter().map(choice).collect()
}

fn shelf(page: &Page, tryout: &Tryout, language: Language, teller: &Formatter) -> Option<Shelf> {
    let (trial, texts) = tryout.trial.as_ref()?;
    let w = text::of(language);
    let number = format!("{}{}", trial.found.len(), if trial.is_cut { "+" } else { "" });
    let found = trial.found.iter().zip(texts).map(|(tried, text)| {
        let (reading, is_whole) = reading(tried, tryout.kind, page, language);
        Found {
            href: format!("/console/conversations/{}", tried.conversation_id),
            when: teller.time(tried.at),
            at: tried.at.to_string(),
            reading,
            is_whole,
            words: cut(text.as_deref().unwrap_or_default(), WORDS_SHOWN),
        }
    });
    Some(Shelf {
        kind: tryout.kind.as_str(),
        says: text::outcome_kind(tryout.kind, language).to_owned(),
        pattern: tryout.pattern.clone(),
        summary: fill(w.trial_found, &[&trial.read.to_string(), &number]),
        found: found.collect(),
    })
}

/// What would have come of a message, and whether it would have been a tag at once.
fn reading(tried: &Tried, kind: OutcomeKind, page: &Page, language: Language) -> (String, bool) {
    let w = text::of(language);
    let says = text::outcome_kind(kind, language);
    let waits = |why: PendingReason| (fill(w.trial_waits, &[says, text::why(why, language)]), false);
    match tried.reading {
        Reading::Whole(Some(value)) => (format!("{says} {}", money(value, page.currency)), true),
        Reading::Whole(None) if kind.is_amount() => waits(PendingReason::ValueMissing),
        Reading::Whole(None) | Reading::Nothing => (says.to_owned(), true),
        Reading::InPart(open) => waits(PendingReason::InPart(open)),
    }
}

/// Sets the map of labels, and whether a label is taken off once it was heard.
pub async fn set_labels(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let done = match read_labels(&fields) {
        Ok(labels) => {
            let change = PageChange {
                labels: Some(labels),
                take_off_labels: Some(fields.text("take_off").is_some()),
                ..PageChange::default()
            };
            flow::change_page(&app.services, &page.id, &change).await
        }
        Err(error) => Err(error),
    };
    settings::saved(&app, &visitor, &page, done).await
}

fn read_labels(fields: &Form) -> Result<BTreeMap<String, OutcomeKind>> {
    let mut labels = BTreeMap::new();
    for line in 0..LIST_MAX + SPARE {
        let Some(name) = fields.text(&format!("label_{line}")) else { continue };
        let kind = fields.text(&format!("kind_{line}"));
        // A label that says nothing is none of the map.
        let Some(word) = kind else { continue };
        let kind = OutcomeKind::parse(&word).filter(|kind| LABEL_KINDS.contains(kind));
        let kind = kind.ok_or_else(|| Error::field("/labels", "Choose one of the list."))?;
        if name.chars().count() > LETTERS_MAX || labels.insert(name, kind).is_some() {
            return Err(Error::field("/labels", "Each label once, with at most 200 letters."));
        }
    }
    if labels.len() > LIST_MAX {
        return Err(Error::field("/labels", "At most 50 labels."));
    }
    Ok(labels)
}

/// Tries a sentence, switches it on, or ends it.
pub async fn set_sentence(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let kind = fields.text("kind").as_deref().and_then(OutcomeKind::parse);
    let kind = kind.ok_or_else(|| Error::field("/kind", "Choose what it says."))?;
    let pattern = fields.text("pattern").unwrap_or_default();
    match fields.text("do").as_deref() {
        Some("save") => {
            let done = switch_on(&app, &page, kind, &pattern).await;
            settings::saved(&app, &visitor, &page, done).await
        }
        Some("end") => {
            let mut sentences = page.sentences.clone();
            if let Some(patterns) = sentences.get_mut(&kind) {
                patterns.retain(|known| *known != pattern);
            }
            sentences.retain(|_, patterns| !patterns.is_empty());
            let change = PageChange { sentences: Some(sentences), ..PageChange::default() };
            settings::saved(&app, &visitor, &page, flow::change_page(&app.services, &page.id, &change).await)
                .await
        }
        _ => tried(&app, &visitor, &page, (kind, pattern)).await,
    }
}

async fn switch_on(app: &App, page: &Page, kind: OutcomeKind, pattern: &str) -> Result<()> {
    if pattern.chars().count() > LETTERS_MAX || !is_pattern(pattern) {
        return Err(no_pattern());
    }
    let mut sentences = page.sentences.clone();
    let patterns = sentences.entry(kind).or_default();
    if !patterns.iter().any(|known| known == pattern) {
        patterns.push(pattern.to_owned());
    }
    if patterns.len() > LIST_MAX {
        return Err(Error::field("/sentences", "At most 50 sentences of one meaning."));
    }
    let change = PageChange { sentences: Some(sentences), ..PageChange::default() };
    flow::change_page(&app.services, &page.id, &change).await
}

fn no_pattern() -> Error {
    let message = "Words with at most one {value} for the amount and any number of {*} for anything.";
    Error::new(ErrorKind::Invalid, "no_pattern", message)
}

async fn tried(
    app: &App,
    visitor: &Visitor,
    page: &Page,
    (kind, pattern): (OutcomeKind, String),
) -> Result<Response> {
    if pattern.chars().count() > LETTERS_MAX || !is_pattern(&pattern) {
        let shown = Shown { tryout: Some(Tryout { kind, pattern, trial: None }), ..Shown::default() };
        return settings::not_saved(app, visitor, page, &no_pattern(), shown).await;
    }
    let trial = flow::try_sentence(&app.services, &page.id, &pattern).await?;
    let mut unit = app.services.store.read().await?;
    let mut texts = Vec::new();
    for found in trial.found.iter().take(FOUND_SHOWN) {
        texts.push(unit.text_of(&found.conversation_id, found.at, &found.message_id).await?);
    }
    drop(unit);
    let tryout = Tryout { kind, pattern, trial: Some((trial, texts)) };
    settings::render(app, visitor, &page.id, Shown { tryout: Some(tryout), ..Shown::default() }).await
}
