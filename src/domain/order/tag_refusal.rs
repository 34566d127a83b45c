//! Why a tag is not taken. Each refusal has a stable code for programs and a sentence for people that says what to
//! do instead. Facts from outside are refused only where the request itself is wrong.

use crate::domain::order::fold::{Order, State};
use crate::domain::order::outcome::OutcomeKind;

/// Why a tag is not taken; nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether the state of things forbids it (409) or a field of the request is wrong (422).
    pub at_fault: Fault,
    /// The error code in the API's answer, such as `illegal_move`; it never changes.
    pub code: &'static str,
    /// What is wrong and what to do, as a sentence.
    pub message: String,
    /// Index of the order that stands in the way, among those of the conversation; the answer shows it.
    pub order: Option<usize>,
    /// Indexes of the orders that are perhaps the same sale, from which the sender chooses.
    pub candidates: Vec<usize>,
}

/// What a refused tag is at odds with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The order as it now stands; the answer is 409 with the legal moves.
    State,
    /// A field of the request, by its JSON pointer such as `/value`; the answer is 422.
    Field(&'static str),
}

impl Refusal {
    /// The kind can't be said of an order in this state.
    pub(super) fn illegal_move(kind: OutcomeKind, state: State, order: usize) -> Self {
        Self {
            at_fault: Fault::State,
            code: "illegal_move",
            message: format!("\"{}\" can't be said of an order that is {}.", kind.as_str(), state.as_str()),
            order: Some(order),
            candidates: Vec::new(),
        }
    }

    /// It would contradict what the ledger has already.
    pub(super) fn contradicts(kind: OutcomeKind, order: usize) -> Self {
        let message = match kind {
            OutcomeKind::Paid => {
                "More would be paid than the order is worth: check the sum, or amend the order first."
            }
            OutcomeKind::Refunded => "More would be refunded than was paid: check the sum.",
            OutcomeKind::Returned => "More pieces would come back than were sold: check them.",
            _ => "It contradicts what was said of the order already: look at its entries.",
        };
        Self {
            at_fault: Fault::State,
            code: "contradiction",
            message: message.to_owned(),
            order: Some(order),
            candidates: Vec::new(),
        }
    }

    /// The number names no order yet, and only `confirmed` can open one.
    pub(super) fn not_confirmed_yet(kind: OutcomeKind) -> Self {
        Self {
            at_fault: Fault::State,
            code: "illegal_move",
            message: format!(
                "There is no order of this number yet; say \"confirmed\" before \"{}\".",
                kind.as_str()
            ),
            order: None,
            candidates: Vec::new(),
        }
    }

    /// A second `confirmed` of an order names another value.
    pub(super) fn confirmed_with_other_value(order: usize) -> Self {
        Self {
            at_fault: Fault::State,
            code: "sale_open_with_other_value",
            message: "This sale is already confirmed with another value: say \"amended\" to set it right, \
                      \"cross_sold\" for an addition, or \"new_order\": true for another sale."
                .to_owned(),
            order: Some(order),
            candidates: Vec::new(),
        }
    }

    /// The sale is perhaps one that the conversation has already. `candidates` are the orders in question.
    pub(super) fn perhaps_same_sale(candidates: Vec<usize>) -> Self {
        Self {
            at_fault: Fault::State,
            code: "perhaps_same_sale",
            message:
                "This is perhaps a sale that is there already: say \"same_as\" with the number of one of the \
                      candidates, or \"new_order\": true for another sale."
                    .to_owned(),
            order: candidates.first().copied(),
            candidates,
        }
    }

    /// The order is at another version than the sender looked at. `order` is `None` where none exists yet.
    pub(super) fn version_conflict(version: i64, expected: i64, order: Option<usize>) -> Self {
        Self {
            at_fault: Fault::State,
            code: "version_conflict",
            message: format!(
                "Someone else was quicker: the order is at version {version}, not {expected}. Look at it and decide anew."
            ),
            order,
            candidates: Vec::new(),
        }
    }

    /// The amounts are in another currency than the order.
    pub(super) fn in_other_currency(order: &Order, index: Option<usize>) -> Self {
        let message = format!("The order is in {}; say it in that currency.", order.currency);
        Self::field("/currency", message, index)
    }

    /// A field of the request is wrong.
    pub(super) fn field(pointer: &'static str, message: String, order: Option<usize>) -> Self {
        Self {
            at_fault: Fault::Field(pointer),
            code: "invalid_field",
            message,
            order,
            candidates: Vec::new(),
        }
    }
}
