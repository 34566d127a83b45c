//! A person's decisions about two sales: that they are one, or that they are two. They are entries of the ledger and
//! final, and bind the facts that gave those orders their value.

use crate::domain::basic::identity::{OrderId, OutcomeId};
use crate::domain::order::ledger::OrderLedger;
use crate::domain::order::outcome::{Fact, FollowUp};
use crate::domain::order::telling::giver;
use crate::error::{Error, Result};
use crate::flow::convert::loaded::{LoadedConversation, load};
use crate::flow::tag::record::append_ruling;
use crate::flow::tag::undo::Sender;
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;

/// Decides that two orders of a conversation are one sale. The order of both goes on under the number of one of them,
/// which the answer names. A second time it changes nothing.
///
/// # Errors
/// `not_found`; 409 `other_conversation` where they are of two conversations; 409 `no_facts` where nothing stands of one.
pub async fn join_orders(
    services: &Services,
    order: &OrderId,
    into: &OrderId,
    sender: Sender<'_>,
    request: &IdempotentRequest<OrderLedger>,
) -> Result<Idempotent<OrderLedger>> {
    run::answer(services, "join_orders", request, |unit, _| {
        Box::pin(async move {
            let mut loaded = load_order(unit, services, order).await?;
            let (own, other) = (of_id(&loaded, order)?, of_id(&loaded, into)?);
            if own.id != other.id {
                let (about, other) = (giver_of(own)?, giver_of(other)?);
                rule(unit, services, &mut loaded, FollowUp::Join, &[(about, other.id)], sender).await?;
            }
            of_id(&loaded, order).cloned()
        })
    })
    .await
}

/// Decides that an order is a sale of its own: apart from those with which it is in doubt, and its tellings apart that
/// only their value made one. A second time it changes nothing.
///
/// # Errors
/// `not_found`; 409 `nothing_to_part` where it is in no doubt and nothing was joined by its value.
pub async fn part_order(
    services: &Services,
    order: &OrderId,
    sender: Sender<'_>,
    request: &IdempotentRequest<OrderLedger>,
) -> Result<Idempotent<OrderLedger>> {
    run::answer(services, "part_order", request, |unit, _| {
        Box::pin(async move {
            let mut loaded = load_order(unit, services, order).await?;
            let own = of_id(&loaded, order)?;
            let mut pairs = Vec::new();
            for doubt in &own.doubt.with {
                pairs.push((giver_of(own)?, giver_of(of_id(&loaded, doubt)?)?.id));
            }
            if pairs.is_empty() {
                for (one, other) in &own.by_value {
                    pairs.push((giver_of_telling(own, one)?, giver_of_telling(own, other)?.id));
                }
            }
            if pairs.is_empty() && !is_parted(&loaded, own) {
                return Err(Error::conflict(
                    "nothing_to_part",
                    "This order is in no doubt, and nothing was joined to it by its value alone.",
                ));
            }
            rule(unit, services, &mut loaded, FollowUp::Part, &pairs, sender).await?;
            of_id(&loaded, order).cloned()
        })
    })
    .await
}

async fn load_order(unit: &mut Unit, services: &Services, order: &OrderId) -> Result<LoadedConversation> {
    let conversation = unit.conversation_of_order(order).await?;
    load(unit, &conversation.ok_or_else(missing)?, services.clock.now()).await
}

async fn rule(
    unit: &mut Unit,
    services: &Services,
    loaded: &mut LoadedConversation,
    kind: FollowUp,
    pairs: &[(Fact, OutcomeId)],
    sender: Sender<'_>,
) -> Result<()> {
    for (about, other) in pairs {
        let source = sender.source.unwrap_or(about.source);
        let about = Fact { actor: sender.actor.to_owned(), source, ..about.clone() };
        append_ruling(unit, services, loaded, &about, kind, other.clone());
    }
    if pairs.is_empty() { Ok(()) } else { loaded.apply(unit, services).await }
}

fn of_id<'a>(loaded: &'a LoadedConversation, id: &OrderId) -> Result<&'a OrderLedger> {
    loaded.aggregate.orders.iter().find(|ledger| ledger.has_id(id)).ok_or_else(|| {
        Error::conflict("other_conversation", "Only two orders of one conversation can be one sale.")
    })
}

fn giver_of(ledger: &OrderLedger) -> Result<Fact> {
    ledger.giver().cloned().ok_or_else(no_facts)
}

/// The fact that gave one telling of an order its value.
fn giver_of_telling(ledger: &OrderLedger, id: &OrderId) -> Result<Fact> {
    let telling = ledger.tellings().into_iter().find(|telling| telling.id == id);
    telling.and_then(|telling| giver(&telling.facts).cloned()).ok_or_else(no_facts)
}

/// Whether a person parted this order from another before.
fn is_parted(loaded: &LoadedConversation, ledger: &OrderLedger) -> bool {
    let is_of_it = |fact: &OutcomeId| ledger.facts.iter().any(|own| own.id == *fact);
    let parts = loaded.aggregate.decisions.iter().filter(|decision| !decision.is_same);
    parts.into_iter().any(|decision| is_of_it(&decision.fact) || is_of_it(&decision.other))
}

fn no_facts() -> Error {
    Error::conflict("no_facts", "Nothing stands of one of the two orders: there is nothing to decide.")
}

fn missing() -> Error {
    Error::not_found("order")
}
