//! What was said in Meta's inbox and waits for a person: a form in its conversation settles it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::basic::identity::PendingTagId;
use crate::domain::inbox::pending::{PendingReason, PendingTag};
use crate::domain::operator::{Language, Permission};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{OutcomeKind, Source};
use crate::domain::order::tag::Tag;
use crate::error::{Error, Result};
use crate::flow;
use crate::store::page::Page;
use crate::web::console::conversation::page_of;
use crate::web::console::conversation::tag::not_taken;
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, money, read_money};
use crate::web::console::guard::Visitor;
use crate::web::console::queue::Choice;
use crate::web::console::text::{self, Texts, fill};
use crate::web::server::state::App;

/// Something that waits, with the form that settles it.
#[derive(Debug)]
pub struct PendingView {
    pub id: String,
    pub said: String,
    pub why: &'static str,
    pub hint: Option<&'static str>,
    pub order: Option<String>,
    pub asks_value: bool,
    pub value: String,
    pub reasons: Vec<String>,
    pub answers: Vec<Choice>,
    pub nothing: &'static str,
}

/// How what waits is shown, beside the order that is looked at.
pub fn shown(
    pending: &PendingTag,
    chosen: Option<&OrderLedger>,
    (proposed, reasons): (Option<i64>, Vec<String>),
    (teller, language): (&Formatter, Language),
) -> PendingView {
    let w = text::of(language);
    let mut what = text::outcome_kind(pending.kind, language).to_owned();
    if let Some(value) = pending.value {
        what = format!("{what} {}", money(value, pending.currency));
    }
    let line = if pending.takes_back { w.waits_taken_off } else { w.waits_said };
    let answers = answers(pending, chosen, w, language);
    let asks_value =
        !answers.is_empty() && (pending.kind == OutcomeKind::Confirmed || pending.kind.is_amount());
    // What was read in part is completed by the person, never guessed.
    let value = pending.value.or_else(|| proposed.filter(|_| pending.why == PendingReason::ValueMissing));
    let value =
        value.map(|minor| crate::domain::basic::money::Money::new(minor, pending.currency).to_string());
    PendingView {
        id: pending.id.0.clone(),
        said: fill(line, &[text::source(pending.source, language), &what, &teller.time(pending.occurred_at)]),
        why: text::why(pending.why, language),
        hint: answers.is_empty().then_some(w.waits_decide_below),
        order: chosen.and_then(|ledger| ledger.numbers.first().cloned()),
        asks_value,
        value: value.filter(|_| asks_value).unwrap_or_default(),
        reasons: if pending.kind.wants_reason() && !answers.is_empty() { reasons } else { Vec::new() },
        answers,
        nothing: if pending.takes_back { w.waits_leave } else { w.waits_nothing },
    }
}

/// What a person can make of it, as the order stands.
fn answers(pending: &PendingTag, chosen: Option<&OrderLedger>, w: &Texts, language: Language) -> Vec<Choice> {
    let choice = |value: &str, name: &str| Choice {
        value: value.to_owned(),
        name: format!("{}: {name}", w.save),
        chosen: false,
    };
    let kind = pending.kind;
    let same = || vec![choice("same", text::outcome_kind(kind, language))];
    let is_open = chosen.is_some_and(|ledger| ledger.order.state.is_open());
    let legal = chosen.is_some_and(|ledger| ledger.order.state.legal().contains(&kind));
    if pending.takes_back {
        Vec::new()
    } else if kind == OutcomeKind::Confirmed && is_open {
        vec![
            choice("amended", text::outcome_kind(OutcomeKind::Amended, language)),
            choice("new", w.new_order),
        ]
    } else if kind == OutcomeKind::Confirmed || kind.is_of_conversation() || legal {
        same()
    } else {
        Vec::new()
    }
}

/// Settles what waits: by what it really was, or as nothing.
pub async fn settle(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    visitor.may(Permission::Tag)?;
    let id = PendingTagId(id);
    let mut unit = app.services.store.read().await?;
    let found = unit.waiting_tag(&id).await?;
    let (pending, _) = found.ok_or_else(|| Error::not_found("thing that waits"))?;
    let conversation = &pending.conversation_id;
    let page = page_of(&mut unit, &visitor, conversation).await?;
    drop(unit);
    let decided = match answer(&fields, &pending, &page) {
        Ok(tag) => flow::decide(&app.services, &id, tag.as_ref(), &visitor.operator.name).await,
        Err(error) => Err(error),
    };
    match decided {
        Ok(tagged) => {
            let saved = tagged.map(|tagged| format!("saved={}", tagged.outcome_id));
            let back = match fields.text("from").as_deref() {
                Some("queue") => "/console/queue".to_owned(),
                _ => format!("/console/conversations/{conversation}"),
            };
            let back = saved.map_or(back.clone(), |saved| format!("{back}?{saved}"));
            Ok(Redirect::to(&back).into_response())
        }
        Err(error) => not_taken(&app, &visitor, conversation, &fields, error).await,
    }
}

/// What the form says; nothing, if it was nothing.
fn answer(fields: &Form, pending: &PendingTag, page: &Page) -> Result<Option<Tag>> {
    let kind = match fields.text("as").as_deref() {
        Some("nothing") => return Ok(None),
        Some("amended") => OutcomeKind::Amended,
        Some("same" | "new") => pending.kind,
        _ => return Err(Error::field("/as", "Choose what it was.")),
    };
    let mut tag = Tag::bare(kind, Source::Console, page.currency);
    tag.new_order = fields.text("as").as_deref() == Some("new");
    if kind == OutcomeKind::Confirmed || kind.is_amount() {
        let text = fields.text("value").ok_or_else(|| Error::field("/value", "Say how much it is."))?;
        let value = read_money(&text, page.currency);
        tag.terms.value = Some(value.map_err(|why| Error::field("/value", format!("It {why}.")))?);
    }
    if !kind.is_of_conversation() && kind != OutcomeKind::Confirmed {
        tag.order_number = fields.text("order_id");
    }
    if kind == OutcomeKind::Confirmed || kind.is_of_conversation() {
        // A chat's word and a sale belong to the moment in which they were said.
        tag.occurred_at = Some(pending.occurred_at);
    }
    tag.reason = fields.text("reason").filter(|_| kind.wants_reason());
    tag.reference = kind.is_amount().then(|| format!("console:{}", pending.id));
    Ok(Some(tag))
}
