//! Why a form was not taken, with the order as it now stands.

use crate::domain::order::ledger::OrderLedger;
use crate::error::Error;
use crate::web::console::form::Form;
use crate::web::console::presenter::Presenter;
use crate::web::console::text::{self, fill};

/// A form that was not taken: its page is shown again, filled in as it was.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    pub error: &'a Error,
    pub form: &'a Form,
}

/// What the page says about it.
#[derive(Debug)]
pub struct Refusal {
    pub words: String,
    /// The order that was looked at, and who said the last of it.
    pub standing: Option<String>,
}

impl Refusal {
    /// The words for `error`, with the field at fault before them.
    pub fn new(error: &Error, focus: Option<&OrderLedger>, presenter: &Presenter<'_>) -> Self {
        let texts = presenter.texts();
        let why = text::trouble(error.code, presenter.language())
            .map_or_else(|| error.message.clone(), str::to_owned);
        let field = error.fields.first().and_then(|field| match field.pointer.as_str() {
            "/value" | "/total" => Some(texts.value),
            "/order_id" => Some(texts.order_number),
            "/delivery_fee" => Some(texts.delivery_fee),
            "/fee" => Some(texts.fee),
            "/reason" => Some(texts.reason),
            "/until" => Some(texts.until),
            _ => None,
        });
        let standing = focus.map(|ledger| {
            let last = ledger.facts.iter().rev().find(|fact| !fact.undone);
            let by = last.map_or(String::new(), |fact| {
                format!(" ({}, {})", fact.actor, presenter.formatter.time(fact.recorded_at))
            });
            fill(texts.now_stands, &[&format!("{}{by}", presenter.order_title(ledger))])
        });
        Self { words: field.map_or_else(|| why.clone(), |field| format!("{field}: {why}")), standing }
    }
}
