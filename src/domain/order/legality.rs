//! What a person may say of an order: the moves that are offered and the moves that are taken both come from here.

use crate::domain::basic::identity::OutcomeId;
use crate::domain::order::fold::{self, Order, State};
use crate::domain::order::outcome::{Fact, Flag, OutcomeKind};

/// Why a person can't say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Illegal {
    /// The kind is not legal in this state.
    Move(State),
    /// It would contradict what is there, or leave a later fact impossible.
    Contradicts(Flag),
}

/// The kinds of facts that a person may say of `order` as it stands; of none, those that begin a sale.
pub fn legal_moves(order: Option<&Order>) -> Vec<OutcomeKind> {
    let Some(order) = order else { return State::None.legal().to_vec() };
    let mut moves = order.state.legal().to_vec();
    if order.paid <= order.refunded {
        moves.retain(|kind| *kind != OutcomeKind::Refunded);
    }
    if order.value.is_some_and(|value| order.paid >= value) {
        moves.retain(|kind| *kind != OutcomeKind::Paid);
    }
    let is_over = matches!(order.state, State::Cancelled | State::Returned);
    if !order.is_confirmed() && !is_over && !moves.contains(&OutcomeKind::Confirmed) {
        moves.insert(0, OutcomeKind::Confirmed);
    }
    moves
}

/// Whether a person may add `fact` to an `order` of which it would share the ledger with these `facts`: it must be legal now, and at the moment
/// at which it happened, and leave no later fact impossible.
///
/// # Errors
/// Why it can't be said.
pub fn check(fact: Fact, order: &Order, facts: &[Fact]) -> Result<(), Illegal> {
    if !legal_moves(Some(order)).contains(&fact.kind) {
        return Err(Illegal::Move(order.state));
    }
    let (kind, currency) = (fact.kind, fact.terms.currency);
    let added = fact.id.clone();
    let stands = fold::fold(facts, currency).flags;
    let facts: Vec<Fact> = facts.iter().cloned().chain([fact]).collect();
    if let Some(then) = fold::before(&facts, currency, &added)
        && !legal_moves(Some(&then)).contains(&kind)
    {
        return Err(Illegal::Move(then.state));
    }
    let flags = fold::fold(&facts, currency).flags;
    // What a person confirms flags the outside cancels before it; they are asked about, and forbid nothing.
    let is_asked_about = |id: &OutcomeId| {
        let flagged = facts.iter().find(|fact| fact.id == *id);
        kind == OutcomeKind::Confirmed && flagged.is_some_and(|fact| fact.kind == OutcomeKind::Cancelled)
    };
    match flags.iter().find(|flag| !stands.contains(flag) && !is_asked_about(&flag.0)) {
        Some((_, flag)) => Err(Illegal::Contradicts(*flag)),
        None => Ok(()),
    }
}
