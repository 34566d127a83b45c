//! What a person says or decides in a conversation: each form one verb, then back to where they were.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::clock::Timestamp;
use crate::domain::basic::identity::{ConversationId, ConversionId, OutcomeId};
use crate::domain::operator::Permission;
use crate::domain::order::outcome::{Details, Item, OutcomeKind, Source, Terms};
use crate::domain::order::tag::Tag;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, IdempotentRequest, Sender};
use crate::store::page::Page;
use crate::store::product::Product;
use crate::web::console::conversation::{self, Refused, page_of, render};
use crate::web::console::form::Form;
use crate::web::console::formatting::{Formatter, read_money};
use crate::web::console::guard::{Visitor, local};
use crate::web::console::presenter::without_flash;
use crate::web::console::text;
use crate::web::server::state::App;

/// Letters of an order number, at most.
const NUMBER_MAX: usize = 64;

/// Puts a tag on a conversation.
pub async fn tag(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let id = ConversationId(id);
    let mut unit = app.services.store.read().await?;
    let page = page_of(&mut unit, &visitor, &id).await?;
    let products = unit.products(&page.id).await?;
    drop(unit);
    let said = match read_tag(&fields, &page, &products) {
        Ok(tag) => {
            flow::tag(&app.services, &id, &tag, &visitor.operator.name, &IdempotentRequest::unkeyed()).await
        }
        Err(error) => Err(error),
    };
    match said {
        Ok(answered) => {
            let tagged = answered.done().ok_or_else(|| Error::internal("an answer of before"))?;
            let known = if tagged.known { "&known=1" } else { "" };
            let outcome = &tagged.outcome_id;
            let back = match fields.text("from").as_deref() {
                Some("queue") => format!("/console/queue?saved={outcome}{known}"),
                _ => format!("/console/conversations/{id}?saved={outcome}{known}"),
            };
            Ok(Redirect::to(&back).into_response())
        }
        Err(error) => not_taken(&app, &visitor, &id, &fields, error).await,
    }
}

/// The conversation as it now stands, with why the form was not taken.
pub async fn not_taken(
    app: &App,
    visitor: &Visitor,
    id: &ConversationId,
    fields: &Form,
    error: Error,
) -> Result<Response> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict) {
        return Err(error);
    }
    let asked = conversation::PageQuery { from: fields.text("from"), ..conversation::PageQuery::default() };
    render(app, visitor, id, &asked, Some(Refused { error: &error, fields })).await
}

fn read_tag(fields: &Form, page: &Page, products: &[Product]) -> Result<Tag> {
    let kind = fields.text("kind").as_deref().and_then(OutcomeKind::parse);
    let kind = kind.ok_or_else(|| Error::field("/outcome", "Choose what happened."))?;
    let amount = |name: &str| match fields.text(name) {
        None => Ok(None),
        Some(text) => read_money(&text, page.currency)
            .map(Some)
            .map_err(|why| Error::field(format!("/{name}"), format!("It {why}."))),
    };
    let item = fields.text("sku").map(|sku| {
        let found = products.iter().find(|product| product.sku == sku);
        found.ok_or_else(|| Error::field("/items", "This product is no longer in the price list."))
    });
    let item = item.transpose()?.map(|product| Item {
        sku: Some(product.sku.clone()),
        name: Some(product.name.clone()),
        quantity: 1,
        unit_price: product.price,
        unit_cost: product.cost,
    });
    // A tap on a product says what it costs; the amount beside was only proposed.
    let value = if item.is_some() { None } else { amount("value")? };
    let wants_value = matches!(
        kind,
        OutcomeKind::Confirmed
            | OutcomeKind::CrossSold
            | OutcomeKind::Amended
            | OutcomeKind::Paid
            | OutcomeKind::Refunded
    );
    if wants_value && value.is_none() && item.is_none() {
        return Err(Error::field("/value", "Say how much it is."));
    }
    let typed_number = fields.text("number");
    let names_new = typed_number.is_some();
    let order_number = fields.text("order_id").or(typed_number);
    if order_number.as_ref().is_some_and(|number| number.chars().count() > NUMBER_MAX) {
        return Err(Error::field("/order_id", "It must have 1 to 64 characters."));
    }
    let if_version = fields.text("if_version").map(|text| text.parse::<i64>());
    let if_version =
        if_version.transpose().map_err(|_| Error::field("/if_version", "It must be a number."))?;
    Ok(Tag {
        kind,
        source: Source::Console,
        order_number: order_number.filter(|_| !kind.is_of_conversation()),
        new_order: fields.text("new_order").is_some(),
        terms: Terms {
            currency: page.currency,
            value,
            total: None,
            delivery_fee: amount("delivery_fee")?,
            discount: None,
            fee: amount("fee")?,
            items: item.into_iter().collect(),
        },
        details: Details {
            payment: None,
            courier: fields.text("courier"),
            waybill: fields.text("waybill"),
            clamped: false,
        },
        reason: fields.text("reason"),
        note: fields.text("note"),
        customer: None,
        occurred_at: None,
        reference: fields.text("ref").filter(|name| name.len() <= 255),
        // Under a number of its own it is another order than the one that was looked at.
        if_version: if_version.filter(|_| !names_new),
    })
}

/// Takes an entry back.
pub async fn undo(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let id = OutcomeId(id);
    let conversation = conversation_of(&app, &visitor, &id).await?;
    match flow::undo(
        &app.services,
        &id,
        Sender::person(&visitor.operator.name, Source::Console),
        &IdempotentRequest::unkeyed(),
    )
    .await
    {
        Ok(answered) => {
            let undone = answered.done().ok_or_else(|| Error::internal("an answer of before"))?;
            Ok(back(&fields, &conversation, Some(&undone.outcome_id)))
        }
        Err(error) => not_taken(&app, &visitor, &conversation, &fields, error).await,
    }
}

/// Lets a flagged fact move its order.
pub async fn accept(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let id = OutcomeId(id);
    let conversation = conversation_of(&app, &visitor, &id).await?;
    match flow::accept(
        &app.services,
        &id,
        Sender::person(&visitor.operator.name, Source::Console),
        &IdempotentRequest::unkeyed(),
    )
    .await
    {
        Ok(_) => Ok(back(&fields, &conversation, None)),
        Err(error) => not_taken(&app, &visitor, &conversation, &fields, error).await,
    }
}

async fn conversation_of(app: &App, visitor: &Visitor, id: &OutcomeId) -> Result<ConversationId> {
    visitor.may(Permission::Tag)?;
    let mut unit = app.services.store.read().await?;
    let conversation = unit.conversation_of_outcome(id).await?.ok_or_else(|| Error::not_found("outcome"))?;
    page_of(&mut unit, visitor, &conversation).await?;
    Ok(conversation)
}

/// Lets a held conversion go now.
pub async fn send_now(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    visitor.may(Permission::SendNow)?;
    let id = ConversionId(id);
    let mut unit = app.services.store.read().await?;
    let missing = || Error::not_found("conversion");
    let conversation = unit.conversation_of_conversion(&id).await?.ok_or_else(missing)?;
    page_of(&mut unit, &visitor, &conversation).await?;
    drop(unit);
    match flow::send_now(&app.services, &id, &IdempotentRequest::unkeyed()).await {
        Ok(_) => Ok(back(&fields, &conversation, None)),
        Err(error) => not_taken(&app, &visitor, &conversation, &fields, error).await,
    }
}

/// Takes a conversation out of the queue until a date.
pub async fn snooze(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    fields: Form,
) -> Result<Response> {
    let id = ConversationId(id);
    let now = app.services.clock.now();
    let mut unit = app.services.store.read().await?;
    let page = page_of(&mut unit, &visitor, &id).await?;
    let people = unit.operators().await?;
    drop(unit);
    let teller = Formatter::new(&page.timezone, text::of(visitor.operator.language), now);
    let owner = fields.text("owner").unwrap_or_else(|| visitor.operator.name.clone());
    let is_known = people.iter().any(|one| one.operator.name == owner && one.operator.sees(&page.id));
    let snoozed = match until(&fields, &teller, now) {
        Some(until) if is_known => flow::snooze(&app.services, &id, until, &owner).await.map(|()| until),
        Some(_) => Err(Error::field("/owner", "Nobody of this name sees this Page.")),
        None => Err(Error::field("/until", "Say until when.")),
    };
    match snoozed {
        Ok(until) => Ok(Redirect::to(&format!("/console/queue?snoozed={until}")).into_response()),
        Err(error) => not_taken(&app, &visitor, &id, &fields, error).await,
    }
}

fn until(fields: &Form, teller: &Formatter, now: Timestamp) -> Option<Timestamp> {
    match fields.text("until").as_deref() {
        Some("1h") => Some(now + Duration::from_hours(1)),
        Some("3h") => Some(now + Duration::from_hours(3)),
        Some("tomorrow") => Some(teller.tomorrow_at(10)),
        Some("week") => Some(now + Duration::from_hours(7 * 24)),
        _ => teller.read(&fields.text("at")?),
    }
}

/// Back to where the form stood, with what was done.
fn back(fields: &Form, conversation: &ConversationId, saved: Option<&OutcomeId>) -> Response {
    let asked = fields.text("back");
    let own = format!("/console/conversations/{conversation}");
    let mut path = without_flash(asked.as_deref().and_then(local).unwrap_or(&own));
    if let Some(saved) = saved {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str("saved=");
        path.push_str(saved.as_str());
    }
    Redirect::to(&path).into_response()
}
