//! What a person decides about conversions: release a held one, retry a rejected one, resolve an unknown attempt.

use std::collections::HashSet;

use crate::domain::basic::identity::{AttemptId, ConversionId};
use crate::domain::basic::money::Currency;
use crate::domain::signal::conversion::{Conversion, Reason, State};
use crate::error::{Error, Result};
use crate::flow::convert::conversions::update_conversions;
use crate::flow::convert::loaded::{LoadedConversation, load};
use crate::flow::deliver::settle::update_conversions_of;
use crate::flow::unit::idempotency::{Idempotent, IdempotentRequest};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::aggregate::Scope;
use crate::store::attempt::SettledConversion;

/// How a person resolves an unknown attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Meta took it.
    Sent,
    /// Meta did not take it, or the person accepts that Meta may get it twice: it is sent again.
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

/// The answer to a release or a retry: the conversion that it changed.
#[derive(Clone, Debug)]
pub struct ReleasedConversion {
    /// The conversion after the change.
    pub conversion: Conversion,
    /// The first number of its order.
    pub order_number: Option<String>,
    /// The currency of its order.
    pub currency: Currency,
}

/// The answer to a resolution: the attempt that a person resolved.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The id of the attempt.
    pub attempt: AttemptId,
    /// How the person resolved it.
    pub as_what: Resolution,
    /// How many conversions were `unknown`.
    pub conversions: usize,
    /// What became of those that were to be sent again; all are 0 for [`Resolution::Sent`].
    pub again: SentAgain,
}

/// What became of unknown conversions that were to be sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentAgain {
    /// Ready, and sent as soon as their Page sends.
    pub ready: usize,
    /// Older than Meta takes: they ended as `expired`.
    pub too_old: usize,
    /// Their orders were called off since, or their event name was refused; they stay `unknown`, because Meta may have
    /// them.
    pub called_off: usize,
}

/// Releases a held conversion before its hold is over.
///
/// # Errors
/// `not_found`; 409 if it is not held, or held for another reason than its hold.
pub async fn send_now(
    services: &Services,
    id: &ConversionId,
    request: &IdempotentRequest<ReleasedConversion>,
) -> Result<Idempotent<ReleasedConversion>> {
    release(services, id, State::Held, request, |row| {
        if row.state.may_be_sent_now(row.reason) {
            return None;
        }
        let message = match row.reason {
            Reason::ValueMissing => "It waits for a value: say what the order is worth (\"amended\").",
            Reason::PersonMissing => "It waits for a person: no conversation is known for this order.",
            Reason::WaitsForPurchase => "It waits until the Purchase before it has left: send that one.",
            Reason::PerhapsSameSale | Reason::PerhapsTold => {
                "It is perhaps a sale that is told already: say whether the two orders are one sale."
            }
            Reason::Contradiction => {
                "A flagged cancel or return waits for your word: accept it, or take it back."
            }
            _ => "Only a held conversion can be let go.",
        };
        Some(message)
    })
    .await
}

/// Makes a rejected conversion ready again, under the same `event_id` with a payload that is built anew.
///
/// # Errors
/// `not_found`; 409 if it was not rejected.
pub async fn retry(
    services: &Services,
    id: &ConversionId,
    request: &IdempotentRequest<ReleasedConversion>,
) -> Result<Idempotent<ReleasedConversion>> {
    release(services, id, State::Rejected, request, |_| None).await
}

async fn release(
    services: &Services,
    id: &ConversionId,
    from: State,
    request: &IdempotentRequest<ReleasedConversion>,
    hindrance: fn(&Conversion) -> Option<&'static str>,
) -> Result<Idempotent<ReleasedConversion>> {
    run::answer(services, "release_conversion", request, |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            let conversation = unit.conversation_of_conversion(id).await?.ok_or_else(missing)?;
            let mut loaded = load(unit, &conversation, now).await?;
            let row =
                loaded.aggregate.conversions.iter_mut().find(|row| row.id == *id).ok_or_else(missing)?;
            let hindrance = match row.state {
                state if state == from => hindrance(row),
                _ => Some("It is not in the state that this asks for."),
            };
            if let Some(message) = hindrance {
                return Err(wrong_state(row, message));
            }
            row.release(now);
            unit.set_ready(id, from, now).await?;
            let LoadedConversation { page, rules, aggregate, .. } = &mut loaded;
            update_conversions(unit, services, aggregate, page, rules, now).await?;
            released(&loaded, id)
        })
    })
    .await
}

fn wrong_state(row: &Conversion, message: &str) -> Error {
    let message = format!("{message} It is {} ({}).", row.state.as_str(), row.reason.as_str());
    let error = Error::conflict("wrong_state", message);
    match &row.order_id {
        Some(order) => error.about_order(order),
        None => error,
    }
}

/// Settles all unknown conversions of an attempt as a person decides, and says what became of each.
///
/// # Errors
/// `not_found`; 409 if the attempt is not unknown.
pub async fn resolve(
    services: &Services,
    id: &AttemptId,
    as_what: Resolution,
    request: &IdempotentRequest<Resolved>,
) -> Result<Idempotent<Resolved>> {
    run::answer(services, "resolve", request, |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            let page = unit.page_of_attempt(id).await?.ok_or_else(|| Error::not_found("attempt"))?;
            unit.lock_conversations(Scope::Attempt(id)).await?;
            if !unit.resolve_attempt(id, as_what.as_str(), now).await? {
                let message = "Only an attempt whose verdict is unknown can be resolved, and only once.";
                return Err(Error::conflict("not_unknown", message));
            }
            let mut unknown = unit.conversions_of_attempt(id).await?;
            unknown.retain(|row| row.state == State::Unknown);
            let (state, reason) = match as_what {
                Resolution::Sent => (State::Sent, Reason::Taken),
                Resolution::Resend => (State::Ready, Reason::TryAgain),
            };
            unit.settle_unknown(id, state, reason, now).await?;
            update_conversions_of(unit, services, id, &page).await?;
            let again = match as_what {
                Resolution::Sent => SentAgain::default(),
                Resolution::Resend => sent_again(&unknown, &unit.conversions_of_attempt(id).await?),
            };
            Ok(Resolved { attempt: id.clone(), as_what, conversions: unknown.len(), again })
        })
    })
    .await
}

/// What became of the conversions that were `unknown`, by how all of their attempt stand now.
fn sent_again(unknown: &[SettledConversion], now: &[SettledConversion]) -> SentAgain {
    let unknown: HashSet<&ConversionId> = unknown.iter().map(|row| &row.id).collect();
    let mut again = SentAgain::default();
    for row in now.iter().filter(|row| unknown.contains(&row.id)) {
        match row.state {
            State::Ready => again.ready += 1,
            State::Expired => again.too_old += 1,
            _ => again.called_off += 1,
        }
    }
    again
}

/// The answer: the conversion after the change, with the number and currency of its order.
fn released(loaded: &LoadedConversation, id: &ConversionId) -> Result<ReleasedConversion> {
    let conversion = loaded.aggregate.conversions.iter().find(|row| row.id == *id).cloned();
    let conversion = conversion.ok_or_else(missing)?;
    let mut orders = loaded.aggregate.orders.iter();
    let order = orders.find(|ledger| Some(&ledger.id) == conversion.order_id.as_ref());
    Ok(ReleasedConversion {
        conversion,
        order_number: order.and_then(|ledger| ledger.numbers.first().cloned()),
        currency: order.map_or(loaded.page.currency, |ledger| ledger.order.currency),
    })
}

fn missing() -> Error {
    Error::not_found("conversion")
}
