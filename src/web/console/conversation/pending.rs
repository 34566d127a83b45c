//! Pending tags, each with the form that settles it.

use crate::domain::inbox::pending::{PendingAnswer, PendingTag, TypedAnswer};
use crate::domain::inbox::proposal::WrittenAmount;
use crate::domain::operator::Language;
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::reason::Reasons;
use crate::domain::order::tag::Tag;
use crate::error::{Error, Result};
use crate::store::page::Page;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, money, plain_amount};
use crate::web::console::text::{self, fill};

/// A pending tag with its form.
#[derive(Debug)]
pub struct PendingForm {
    pub id: String,
    /// The source of the pending tag, its kind, and its time.
    pub summary: String,
    pub reason: &'static str,
    pub hint: Option<&'static str>,
    /// The number of the order that is looked at.
    pub order: Option<String>,
    /// What the field of the amount begins with; none where no amount is asked for.
    pub value: Option<String>,
    pub reasons: Vec<String>,
    pub answers: Vec<Choice>,
    /// The text of the answer that nothing happened.
    pub nothing: &'static str,
}

/// What the forms of pending tags depend on besides the tag.
#[derive(Clone, Copy, Debug)]
pub struct PendingContext<'a> {
    /// The order that is looked at.
    pub focus: Option<&'a OrderLedger>,
    /// The last amount that an operator wrote.
    pub written: Option<&'a WrittenAmount>,
    /// The Page's reasons.
    pub reasons: &'a Reasons,
    pub formatter: &'a Formatter,
    pub language: Language,
}

impl PendingForm {
    /// The form of a pending tag, with the answers that fit the order that is looked at.
    pub fn new(pending: &PendingTag, context: PendingContext<'_>) -> Self {
        let PendingContext { focus, written, reasons, formatter, language } = context;
        let texts = text::of(language);
        let mut what = text::outcome_kind(pending.kind, language).to_owned();
        if let Some(value) = pending.value {
            what = format!("{what} {}", money(value, pending.currency));
        }
        let summary = if pending.takes_back { texts.pending_taken_off } else { texts.pending_said };
        let answers = pending.answers(focus);
        let is_answerable = !answers.is_empty();
        let proposed = || pending.proposed_value(written.map(|written| written.minor));
        let value = || proposed().map(|minor| plain_amount(minor, pending.currency)).unwrap_or_default();
        Self {
            id: pending.id.0.clone(),
            summary: fill(
                summary,
                &[text::source(pending.source, language), &what, &formatter.time(pending.occurred_at)],
            ),
            reason: text::pending_reason(pending.reason, language),
            hint: (!is_answerable).then_some(texts.pending_decide_below),
            order: focus.and_then(|ledger| ledger.numbers.first().cloned()),
            value: (is_answerable && pending.asks_value()).then(value),
            reasons: if is_answerable && pending.kind.wants_reason() {
                reasons.choices_in(pending.kind, language).into_iter().map(str::to_owned).collect()
            } else {
                Vec::new()
            },
            answers: answers.iter().map(|answer| choice(*answer, pending, language)).collect(),
            nothing: if pending.takes_back { texts.pending_leave } else { texts.pending_nothing },
        }
    }
}

fn choice(answer: PendingAnswer, pending: &PendingTag, language: Language) -> Choice {
    let texts = text::of(language);
    let name = match answer {
        PendingAnswer::NewOrder => texts.new_order,
        PendingAnswer::AsSaid | PendingAnswer::Amended => text::outcome_kind(answer.kind(pending), language),
    };
    Choice::button(answer.as_str(), format!("{}: {name}", texts.save))
}

/// The tag that the form makes of a pending one; `None` for the answer that nothing happened.
pub fn read_answer(form: &Form, pending: &PendingTag, page: &Page) -> Result<Option<Tag>> {
    let word = form.text("as");
    if word.as_deref() == Some("nothing") {
        return Ok(None);
    }
    let answer = word.as_deref().and_then(PendingAnswer::parse);
    let answer = answer.ok_or_else(|| Error::field("/as", "Choose what it was."))?;
    let typed = TypedAnswer {
        currency: page.currency,
        value: form.text("value"),
        order_number: form.text("order_id"),
        reason: form.text("reason"),
    };
    pending.answered(answer, typed).map(Some)
}
