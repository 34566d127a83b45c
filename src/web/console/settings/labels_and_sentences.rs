//! Tags from Meta's inbox: the map of labels, and the shop's sentences, tried before they are switched on.

use std::collections::BTreeMap;

use crate::domain::inbox::label::LABEL_KINDS;
use crate::domain::inbox::pending::PendingReason;
use crate::domain::inbox::sentence::Reading;
use crate::domain::operator::Language;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::page_setting::{self, LIST_MAX};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Trial, Tried};
use crate::store::page::Page;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, money, shortened};
use crate::web::console::text::{self, fill};

/// The number of empty lines for further labels.
const SPARE_LINES: usize = 2;

/// The most messages of a trial that are shown.
pub const FOUND_SHOWN: usize = 50;

/// The most characters of such a message.
const WORDS_SHOWN: usize = 160;

/// The section about labels.
#[derive(Debug)]
pub struct LabelsSection {
    pub lines: Vec<LabelLine>,
    /// Whether a label is taken off once its tag is recorded.
    pub take_off: bool,
}

/// A label, with the outcomes that it can mean.
#[derive(Debug)]
pub struct LabelLine {
    pub name: String,
    pub kinds: Vec<Choice>,
}

/// The section about sentences.
#[derive(Debug)]
pub struct SentencesSection {
    pub sentences: Vec<SentenceLine>,
    /// The outcomes that a tried sentence can mean, with the one last tried selected.
    pub kinds: Vec<Choice>,
    pub pattern: String,
    pub trial: Option<TrialView>,
}

/// A sentence that is switched on.
#[derive(Debug)]
pub struct SentenceLine {
    pub kind: &'static str,
    pub says: &'static str,
    pub pattern: String,
}

/// What a sentence would have tagged.
#[derive(Debug)]
pub struct TrialView {
    pub sentence: SentenceLine,
    pub summary: String,
    pub found: Vec<FoundLine>,
}

/// A message that the sentence matched.
#[derive(Debug)]
pub struct FoundLine {
    pub href: String,
    /// In RFC 3339, for the `datetime` of its `time` element.
    pub sent_at: String,
    /// The same time as text, in the Page's time zone.
    pub time: String,
    pub reading: String,
    /// Whether it would have been recorded at once, not pending.
    pub is_whole: bool,
    pub words: String,
}

/// A sentence as it was typed into the form.
#[derive(Clone, Debug)]
pub struct TypedSentence {
    pub kind: OutcomeKind,
    pub pattern: String,
}

/// A sentence that is looked at before it is switched on.
#[derive(Debug)]
pub struct TriedSentence {
    pub sentence: TypedSentence,
    /// What it matched; `None` if it is not a valid pattern.
    pub trial: Option<TrialWithTexts>,
}

/// A trial with the texts of the messages that are shown, as far as they are kept.
#[derive(Debug)]
pub struct TrialWithTexts {
    pub trial: Trial,
    pub texts: Vec<Option<String>>,
}

impl LabelsSection {
    /// The map of labels, with a few empty lines.
    pub fn new(page: &Page, language: Language) -> Self {
        let line = |name: &str, kind: Option<OutcomeKind>| LabelLine {
            name: name.to_owned(),
            kinds: kinds(&LABEL_KINDS, kind, language),
        };
        let mut lines: Vec<LabelLine> =
            page.labels.iter().map(|(name, kind)| line(name, Some(*kind))).collect();
        lines.extend((0..SPARE_LINES).map(|_| line("", None)));
        Self { lines, take_off: page.take_off_labels }
    }
}

impl SentencesSection {
    /// The section, with a sentence that was just tried.
    pub fn new(
        page: &Page,
        tried: Option<&TriedSentence>,
        formatter: &Formatter,
        language: Language,
    ) -> Self {
        let lines = page.sentences.iter().flat_map(|(kind, patterns)| {
            patterns.iter().map(|pattern| SentenceLine::new(*kind, pattern, language))
        });
        let kind = tried.map_or(OutcomeKind::Confirmed, |tried| tried.sentence.kind);
        Self {
            sentences: lines.collect(),
            kinds: kinds(&OutcomeKind::ALL, Some(kind), language),
            pattern: tried.map(|tried| tried.sentence.pattern.clone()).unwrap_or_default(),
            trial: tried.and_then(|tried| {
                let found = tried.trial.as_ref()?;
                Some(TrialView::new(page, &tried.sentence, found, formatter, language))
            }),
        }
    }
}

impl SentenceLine {
    fn new(kind: OutcomeKind, pattern: &str, language: Language) -> Self {
        Self { kind: kind.as_str(), says: text::outcome_kind(kind, language), pattern: pattern.to_owned() }
    }
}

impl TrialView {
    fn new(
        page: &Page,
        sentence: &TypedSentence,
        found: &TrialWithTexts,
        formatter: &Formatter,
        language: Language,
    ) -> Self {
        let TrialWithTexts { trial, texts: words } = found;
        let number = format!("{}{}", trial.found.len(), if trial.is_cut { "+" } else { "" });
        let line = |(tried, words): (&Tried, &Option<String>)| {
            let reason = PendingReason::of_reading(tried.reading, sentence.kind);
            FoundLine {
                href: format!("/console/conversations/{}", tried.conversation_id),
                sent_at: tried.at.to_string(),
                time: formatter.time(tried.at),
                reading: reading(tried.reading, reason, sentence.kind, page, language),
                is_whole: reason.is_none(),
                words: shortened(words.as_deref().unwrap_or_default(), WORDS_SHOWN),
            }
        };
        Self {
            sentence: SentenceLine::new(sentence.kind, &sentence.pattern, language),
            summary: fill(text::of(language).trial_found, &[&trial.read.to_string(), &number]),
            found: trial.found.iter().zip(words).map(line).collect(),
        }
    }
}

/// The result for a message: a tag, or a pending one with the reason.
fn reading(
    reading: Reading,
    reason: Option<PendingReason>,
    kind: OutcomeKind,
    page: &Page,
    language: Language,
) -> String {
    let says = text::outcome_kind(kind, language);
    match (reason, reading) {
        (Some(reason), _) => {
            fill(text::of(language).trial_pending, &[says, text::pending_reason(reason, language)])
        }
        (None, Reading::Whole(Some(value))) => format!("{says} {}", money(value, page.currency)),
        (None, _) => says.to_owned(),
    }
}

fn kinds(all: &[OutcomeKind], chosen: Option<OutcomeKind>, language: Language) -> Vec<Choice> {
    let choice = |kind: &OutcomeKind| {
        Choice::new(kind.as_str(), text::outcome_kind(*kind, language), chosen == Some(*kind))
    };
    all.iter().map(choice).collect()
}

/// The map of labels of a filled-in form: its lines that have a name and a kind.
pub fn read_labels(form: &Form) -> Result<BTreeMap<String, OutcomeKind>> {
    let line = |number| Some((form.text(&format!("label_{number}"))?, form.text(&format!("kind_{number}"))?));
    let lines = (0..LIST_MAX + SPARE_LINES).filter_map(line);
    page_setting::labels(lines).map_err(|why| Error::field("/labels", why))
}

/// The sentence of a filled-in form; its pattern is not checked yet.
pub fn read_sentence(form: &Form) -> Result<TypedSentence> {
    let kind = form.text("kind").as_deref().and_then(OutcomeKind::parse);
    let kind = kind.ok_or_else(|| Error::field("/kind", "Choose what it says."))?;
    Ok(TypedSentence { kind, pattern: form.text("pattern").unwrap_or_default() })
}

/// The pattern of a sentence, or the error that describes a valid pattern.
pub fn read_pattern(sentence: &TypedSentence) -> Result<String> {
    let message = "Words with at most one {value} for the amount and any number of {*} for anything.";
    page_setting::PATTERN
        .read(&sentence.pattern)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "no_pattern", message))
}
