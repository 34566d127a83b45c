//! Why a form was refused, with the order as it is now.

use crate::domain::order::ledger::OrderLedger;
use crate::error::Error;
use crate::web::console::form::Form;
use crate::web::console::presenter::Presenter;
use crate::web::console::text::{self, fill};

/// A form that was refused: its page is shown again, filled in as it was.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    pub error: &'a Error,
    pub form: &'a Form,
}

/// The message about a refused form.
#[derive(Debug)]
pub struct Refusal {
    pub words: String,
    /// The state of the order that was looked at, and the actor of its last entry.
    pub standing: Option<String>,
    /// The conversation to which the order number belongs.
    pub elsewhere: Option<String>,
}

impl Refusal {
    /// The message of `error`, after the name of the field at fault.
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
        let elsewhere =
            error.extra.get("elsewhere").and_then(|elsewhere| elsewhere["conversation_id"].as_str());
        let elsewhere = elsewhere.map(str::to_owned);
        Self {
            words: field.map_or_else(|| why.clone(), |field| format!("{field}: {why}")),
            standing,
            elsewhere,
        }
    }
}
