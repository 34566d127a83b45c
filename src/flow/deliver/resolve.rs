//! What a person decides about conversions: let a held one go, try a rejected one again, settle an unknown
//! attempt.

use crate::domain::basic::identity::{AttemptId, ConversionId};
use crate::domain::basic::money::Currency;
use crate::domain::conversation::aggregate::Dossier;
use crate::domain::signal::conversion::{Conversion, Reason, State};
use crate::error::{Error, Result};
use crate::flow::convert::apply::{Held, hold, judge};
use crate::flow::deliver::settle::judge_attempt;
use crate::flow::services::House;
use crate::flow::unit::idempotency::{Answered, Asked};
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
pub struct Turned {
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
pub async fn send_now(house: &House, id: &ConversionId, asked: &Asked<Turned>) -> Result<Answered<Turned>> {
    turn(house, id, State::Held, asked, |row| {
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
pub async fn retry(house: &House, id: &ConversionId, asked: &Asked<Turned>) -> Result<Answered<Turned>> {
    turn(house, id, State::Rejected, asked, |_| None).await
}

async fn turn(
    house: &House,
    id: &ConversionId,
    from: State,
    asked: &Asked<Turned>,
    hindrance: fn(&Conversion) -> Option<&'static str>,
) -> Result<Answered<Turned>> {
    retried(move || async move {
        let now = house.clock.now();
        let mut unit = house.store.begin("move_conversion").await?;
        if let Some(before) = asked.before(&mut unit, now).await? {
            return Ok(Answered::Before(before));
        }
        let mut held = held_by(&mut unit, house, id).await?;
        let row = find(&held.dossier, id)?.clone();
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
        let Held { page, rules, .. } = &held;
        let mut dossier = unit.hold(&held.dossier.thread.id).await?.ok_or_else(missing)?;
        judge(&mut unit, house, &mut dossier, page, rules, now).await?;
        held.dossier = dossier;
        let turned = turned(&held, id)?;
        asked.keep(&mut unit, &turned, now).await?;
        unit.commit().await?;
        Ok(Answered::Now(turned))
    })
    .await
}

/// A person settles all that an unknown attempt carried: gives how many conversions that are.
///
/// # Errors
/// `not_found`; 409 if the attempt is not unknown.
pub async fn resolve(
    house: &House,
    id: &AttemptId,
    as_what: Resolution,
    asked: &Asked<Resolved>,
) -> Result<Answered<Resolved>> {
    retried(move || async move {
        let now = house.clock.now();
        let mut unit = house.store.begin("resolve").await?;
        if let Some(before) = asked.before(&mut unit, now).await? {
            return Ok(Answered::Before(before));
        }
        let page = unit.page_of_attempt(id).await?.ok_or_else(|| Error::not_found("attempt"))?;
        unit.lock_all(Scope::Attempt(id)).await?;
        if !unit.resolve_attempt(id, as_what.as_str(), now).await? {
            let message = "Only an attempt whose verdict is unknown can be resolved, and only once.";
            return Err(Error::conflict("not_unknown", message));
        }
        let (state, reason) = match as_what {
            Resolution::Sent => (State::Sent, Reason::Taken),
            Resolution::Resend => (State::Ready, Reason::TryAgain),
        };
        let conversions = unit.settle_unknown(id, (state, reason), now).await?;
        judge_attempt(&mut unit, house, (id, &page), now).await?;
        let resolved = Resolved { attempt: id.clone(), as_what, conversions };
        asked.keep(&mut unit, &resolved, now).await?;
        unit.commit().await?;
        Ok(Answered::Now(resolved))
    })
    .await
}

async fn held_by(unit: &mut Unit, house: &House, id: &ConversionId) -> Result<Held> {
    let conversation = unit.conversation_of_conversion(id).await?.ok_or_else(missing)?;
    hold(unit, &conversation, house.clock.now()).await
}

fn turned(held: &Held, id: &ConversionId) -> Result<Turned> {
    let conversion = find(&held.dossier, id)?.clone();
    let order =
        held.dossier.orders.iter().find(|standing| Some(&standing.id) == conversion.order_id.as_ref());
    Ok(Turned {
        conversion,
        order_number: order.and_then(|standing| standing.numbers.first().cloned()),
        currency: order.map_or(held.page.currency, |standing| standing.order.currency),
    })
}

fn find<'a>(dossier: &'a Dossier, id: &ConversionId) -> Result<&'a Conversion> {
    dossier.conversions.iter().find(|row| row.id == *id).ok_or_else(missing)
}

fn missing() -> Error {
    Error::not_found("conversion")
}
