//! What a person may say of an order: the moves that are offered and the moves that are taken both come from here.

use crate::domain::order::fold::{self, Order, State};
use crate::domain::order::outcome::{Fact, OutcomeKind};

/// The kinds of facts that a person may say of `order` as it stands; of none, those that begin a sale.
pub fn legal_moves(order: Option<&Order>) -> &'static [OutcomeKind] {
    order.map_or(State::None, |order| order.state).legal()
}

/// Whether a person may add `fact` to the `facts` of which `order` is the fold: it must be legal now, and at the moment
/// at which it happened, and leave no later fact impossible.
///
/// # Errors
/// The state of the order in which it is not legal.
pub fn check(fact: Fact, order: &Order, facts: &[Fact]) -> Result<(), State> {
    if !legal_moves(Some(order)).contains(&fact.kind) {
        return Err(order.state);
    }
    let (kind, currency) = (fact.kind, fact.terms.currency);
    let added = fact.id.clone();
    let facts: Vec<Fact> = facts.iter().cloned().chain([fact]).collect();
    let states = fold::states_before(&facts, currency);
    let then = states.iter().find(|(id, _)| *id == added).map_or(order.state, |(_, state)| *state);
    if !then.legal().contains(&kind) {
        return Err(then);
    }
    let flags = fold::fold(&facts, currency).flags;
    if flags.iter().any(|flag| !order.flags.contains(flag)) {
        return Err(order.state);
    }
    Ok(())
}
