//! What a person decides about conversions: let a held one go, try a rejected one again, settle an unknown
//! attempt.

use crate::domain::basic::identity::{AttemptId, ConversionId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::signal::conversion::{Conversion, Reason, State};
use crate::error::{Error, Result};
use crate::flow::convert::apply::{LoadedConversation, load, update_conversions};
use crate::flow::deliver::settle::update_conversions_of;
use crate::flow::services::Services;
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::retried;
use crate::store::Unit;
use crate::store::aggregate::Scope;

/// What a person knows of an unknown attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Meta took it.
    Sent,
    /// Meta did not take it, or may take it twice: it goes again.
    Resend,
}

impl Resolution {
    /// The word in the API and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Resend => "resend",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sent, Self::Resend].into_iter().find(|as_what| as_what.as_str() == text)
    }
}

/// A conversion that a person moved.
#[derive(Clone, Debug)]
pub struct MovedConversion {
    /// As it now stands.
    pub conversion: Conversion,
    /// The first name of its order.
    pub order_number: Option<String>,
    /// The currency of its value.
    pub currency: Currency,
}

/// What a person settled.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The attempt.
    pub attempt: AttemptId,
    /// As what.
    pub as_what: Resolution,
    /// How many conversions it had left unknown.
    pub conversions: u64,
}

/// Lets a held conversion go at once.
///
/// # Errors
/// `not_found`; 409 if it is not held by its hold alone.
pub async fn send_now(
    services: &Services,
    id: &ConversionId,
    request: &IdempotentRequest<MovedConversion>,
) -> Result<Idempotent<MovedConversion>> {
    turn(services, id, State::LoadedConversation, request, |row| {
        let message = match row.reason {
            Reason::Hold => return None,
            Reason::ValueMissing => "It waits for a value: say what the order is worth (\"amended\").",
            Reason::PersonMissing => "It waits for a person: no conversation is known for this order.",
            Reason::WaitsForPurchase => "It waits until the Purchase before it has left: send that one.",
            _ => "Only a held conversion can be let go.",
        };
        Some(message)
    })
    .await
}

/// Tries a rejected conversion again, under the same `event_id` with a payload that is built anew.
///
/// # Errors
/// `not_found`; 409 if it was not rejected.
pub async fn retry(
    services: &Services,
    id: &ConversionId,
    request: &IdempotentRequest<MovedConversion>,
) -> Result<Idempotent<MovedConversion>> {
    turn(services, id, State::Rejected, request, |_| None).await
}

async fn turn(
    services: &Services,
    id: &ConversionId,
    from: State,
    request: &IdempotentRequest<MovedConversion>,
    hindrance: fn(&Conversion) -> Option<&'static str>,
) -> Result<Idempotent<MovedConversion>> {
    retried(move || async move {
        let now = services.clock.now();
        let mut unit = services.store.begin("move_conversion").await?;
        if let Some(before) = request.before(&mut unit, now).await? {
            return Ok(Idempotent::Replayed(before));
        }
        let mut loaded = held_by(&mut unit, services, id).await?;
        let row = find(&loaded.aggregate, id)?.clone();
        let hindrance = match row.state {
            state if state == from => hindrance(&row),
            _ => Some("It is not in the state that this asks for."),
        };
        if let Some(message) = hindrance {
            let message = format!("{message} It is {} ({}).", row.state.as_str(), row.reason.as_str());
            let error = Error::conflict("wrong_state", message);
            return Err(match &row.order_id {
                Some(order) => error.about_order(order),
                None => error,
            });
        }
        unit.set_ready(id, from, now).await?;
        let LoadedConversation { page, rules, .. } = &loaded;
        let mut aggregate = unit.load_conversation(&loaded.aggregate.thread.id).await?.ok_or_else(missing)?;
        update_conversions(&mut unit, services, &mut aggregate, page, rules, now).await?;
        loaded.aggregate = aggregate;
        let turned = turned(&loaded, id)?;
        request.keep(&mut unit, &turned, now).await?;
        unit.commit().await?;
        Ok(Idempotent::Done(turned))
    })
    .await
}

/// A person settles all that an unknown attempt carried: gives how many conversions that are.
///
/// # Errors
/// `not_found`; 409 if the attempt is not unknown.
pub async fn resolve(
    services: &Services,
    id: &AttemptId,
    as_what: Resolution,
    request: &IdempotentRequest<Resolved>,
) -> Result<Idempotent<Resolved>> {
    retried(move || async move {
        let now = services.clock.now();
        let mut unit = services.store.begin("resolve").await?;
        if let Some(before) = request.before(&mut unit, now).await? {
            return Ok(Idempotent::Replayed(before));
        }
        let page = unit.page_of_attempt(id).await?.ok_or_else(|| Error::not_found("attempt"))?;
        unit.lock_conversations(Scope::Attempt(id)).await?;
        if !unit.resolve_attempt(id, as_what.as_str(), now).await? {
            let message = "Only an attempt whose verdict is unknown can be resolved, and only once.";
            return Err(Error::conflict("not_unknown", message));
        }
        let (state, reason) = match as_what {
            Resolution::Sent => (State::Sent, Reason::Taken),
            Resolution::Resend => (State::Ready, Reason::TryAgain),
        };
        let conversions = unit.settle_unknown(id, state, reason, now).await?;
        update_conversions_of(&mut unit, services, (id, &page), now).await?;
        let resolved = Resolved { attempt: id.clone(), as_what, conversions };
        request.keep(&mut unit, &resolved, now).await?;
        unit.commit().await?;
        Ok(Idempotent::Done(resolved))
    })
    .await
}

async fn held_by(unit: &mut Unit, services: &Services, id: &ConversionId) -> Result<LoadedConversation> {
    let conversation = unit.conversation_of_conversion(id).await?.ok_or_else(missing)?;
    load(unit, &conversation, services.clock.now()).await
}

fn turned(loaded: &LoadedConversation, id: &ConversionId) -> Result<MovedConversion> {
    let conversion = find(&loaded.aggregate, id)?.clone();
    let order =
        loaded.aggregate.orders.iter().find(|ledger| Some(&ledger.id) == conversion.order_id.as_ref());
    Ok(MovedConversion {
        conversion,
        order_number: order.and_then(|ledger| ledger.numbers.first().cloned()),
        currency: order.map_or(loaded.page.currency, |ledger| ledger.order.currency),
    })
}

fn find<'a>(aggregate: &'a ConversationAggregate, id: &ConversionId) -> Result<&'a Conversion> {
    aggregate.conversions.iter().find(|row| row.id == *id).ok_or_else(missing)
}

fn missing() -> Error {
    Error::not_found("conversion")
}
