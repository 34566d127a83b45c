//! The forms of a conversation: each runs one verb, then redirects the visitor back to where they were. If a form is
//! refused, its page is shown again with the reason.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::basic::identity::{ConversationId, ConversionId, OrderId, OutcomeId, PendingTagId};
use crate::domain::operator::Permission;
use crate::domain::order::outcome::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, IdempotentRequest, Sender};
use crate::web::console::conversation::access::page_of;
use crate::web::console::conversation::page::{PageQuery, render};
use crate::web::console::conversation::pending::read_answer;
use crate::web::console::conversation::refusal::Refused;
use crate::web::console::conversation::snooze::read_until;
use crate::web::console::conversation::tag_form::read_tag;
use crate::web::console::form::Form;
use crate::web::console::formatting::Formatter;
use crate::web::console::path::{local, without_flash};
use crate::web::console::text;
use crate::web::console::visitor::Visitor;
use crate::web::server::state::App;

/// Records a tag.
pub async fn tag(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let id = ConversationId(id);
    let mut unit = app.services.store.read().await?;
    let page = page_of(&mut unit, &visitor, &id).await?;
    let products = unit.products(&page.id).await?;
    drop(unit);
    let tagged = match read_tag(&form, &page, &products) {
        Ok(tag) => {
            flow::tag(&app.services, &id, &tag, &visitor.operator.name, &IdempotentRequest::unkeyed()).await
        }
        Err(error) => Err(error),
    };
    match tagged {
        Ok(answered) => {
            let tagged = answered.done().ok_or_else(|| Error::internal("an answer of before"))?;
            let known = if tagged.known { "&known=1" } else { "" };
            let path = format!("{}?saved={}{known}", origin(&form, &id), tagged.outcome_id);
            Ok(Redirect::to(&path).into_response())
        }
        Err(error) => shown_again(&app, &visitor, &id, &form, error).await,
    }
}

/// The page as it is now, with the reason why the form was refused.
///
/// # Errors
/// A failure that no other input would mend.
async fn shown_again(
    app: &App,
    visitor: &Visitor,
    id: &ConversationId,
    form: &Form,
    error: Error,
) -> Result<Response> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict) {
        return Err(error);
    }
    let query = PageQuery { from: form.text("from"), ..PageQuery::default() };
    render(app, visitor, id, &query, Some(Refused { error: &error, form })).await
}

/// Undoes an entry.
pub async fn undo(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
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
            Ok(back(&form, &conversation, Some(&undone.outcome_id)))
        }
        Err(error) => shown_again(&app, &visitor, &conversation, &form, error).await,
    }
}

/// Accepts a flagged fact, so that it moves its order.
pub async fn accept(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
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
        Ok(_) => Ok(back(&form, &conversation, None)),
        Err(error) => shown_again(&app, &visitor, &conversation, &form, error).await,
    }
}

/// Decides that an order is the same sale as another one.
pub async fn join(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let id = OrderId(id);
    let conversation = conversation_of_order(&app, &visitor, &id).await?;
    let Some(into) = form.text("into").map(OrderId) else {
        let error = Error::field("/into", "Choose the order that it is.");
        return shown_again(&app, &visitor, &conversation, &form, error).await;
    };
    let sender = Sender::person(&visitor.operator.name, Source::Console);
    let request = IdempotentRequest::unkeyed();
    match flow::join_orders(&app.services, &id, &into, sender, &request).await {
        Ok(_) => Ok(back(&form, &conversation, None)),
        Err(error) => shown_again(&app, &visitor, &conversation, &form, error).await,
    }
}

/// Decides that an order is a sale of its own.
pub async fn part(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let id = OrderId(id);
    let conversation = conversation_of_order(&app, &visitor, &id).await?;
    let sender = Sender::person(&visitor.operator.name, Source::Console);
    match flow::part_order(&app.services, &id, sender, &IdempotentRequest::unkeyed()).await {
        Ok(_) => Ok(back(&form, &conversation, None)),
        Err(error) => shown_again(&app, &visitor, &conversation, &form, error).await,
    }
}

async fn conversation_of_order(app: &App, visitor: &Visitor, id: &OrderId) -> Result<ConversationId> {
    visitor.may(Permission::Tag)?;
    let mut unit = app.services.store.read().await?;
    let conversation = unit.conversation_of_order(id).await?.ok_or_else(|| Error::not_found("order"))?;
    page_of(&mut unit, visitor, &conversation).await?;
    Ok(conversation)
}

async fn conversation_of(app: &App, visitor: &Visitor, id: &OutcomeId) -> Result<ConversationId> {
    visitor.may(Permission::Tag)?;
    let mut unit = app.services.store.read().await?;
    let conversation = unit.conversation_of_outcome(id).await?.ok_or_else(|| Error::not_found("outcome"))?;
    page_of(&mut unit, visitor, &conversation).await?;
    Ok(conversation)
}

/// Releases a held conversion before its hold is over.
pub async fn send_now(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    visitor.may(Permission::SendNow)?;
    let id = ConversionId(id);
    let mut unit = app.services.store.read().await?;
    let missing = || Error::not_found("conversion");
    let conversation = unit.conversation_of_conversion(&id).await?.ok_or_else(missing)?;
    page_of(&mut unit, &visitor, &conversation).await?;
    drop(unit);
    match flow::send_now(&app.services, &id, &IdempotentRequest::unkeyed()).await {
        Ok(_) => Ok(back(&form, &conversation, None)),
        Err(error) => shown_again(&app, &visitor, &conversation, &form, error).await,
    }
}

/// Takes a conversation out of the queue until a date.
pub async fn snooze(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    let id = ConversationId(id);
    let now = app.services.clock.now();
    let mut unit = app.services.store.read().await?;
    let page = page_of(&mut unit, &visitor, &id).await?;
    let people = unit.operators().await?;
    drop(unit);
    let formatter = Formatter::new(&page.timezone, text::of(visitor.operator.language), now);
    let owner = form.text("owner").unwrap_or_else(|| visitor.operator.name.clone());
    let is_known = people.iter().any(|one| one.operator.name == owner && one.operator.sees(&page.id));
    let snoozed = match read_until(&form, &formatter, now) {
        Some(until) if is_known => flow::snooze(&app.services, &id, until, &owner).await.map(|()| until),
        Some(_) => Err(Error::field("/owner", "Nobody of this name sees this Page.")),
        None => Err(Error::field("/until", "Say until when.")),
    };
    match snoozed {
        Ok(until) => Ok(Redirect::to(&format!("/console/queue?snoozed={until}")).into_response()),
        Err(error) => shown_again(&app, &visitor, &id, &form, error).await,
    }
}

/// Settles a pending tag: by what it really was, or as nothing.
pub async fn decide(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response> {
    visitor.may(Permission::Tag)?;
    let id = PendingTagId(id);
    let mut unit = app.services.store.read().await?;
    let found = unit.pending_tag(&id).await?;
    let (pending, _) = found.ok_or_else(|| Error::not_found("thing that waits"))?;
    let conversation = &pending.conversation_id;
    let page = page_of(&mut unit, &visitor, conversation).await?;
    drop(unit);
    let decided = match read_answer(&form, &pending, &page) {
        Ok(tag) => flow::decide(&app.services, &id, tag.as_ref(), &visitor.operator.name).await,
        Err(error) => Err(error),
    };
    match decided {
        Ok(tagged) => {
            let path = origin(&form, conversation);
            let path = match tagged {
                Some(tagged) => format!("{path}?saved={}", tagged.outcome_id),
                None => path,
            };
            Ok(Redirect::to(&path).into_response())
        }
        Err(error) => shown_again(&app, &visitor, conversation, &form, error).await,
    }
}

/// The page that the visitor came from: the queue, or the conversation itself.
fn origin(form: &Form, conversation: &ConversationId) -> String {
    match form.text("from").as_deref() {
        Some("queue") => "/console/queue".to_owned(),
        _ => format!("/console/conversations/{conversation}"),
    }
}

/// A redirect to where the form was, which names the entry that was saved.
fn back(form: &Form, conversation: &ConversationId, saved: Option<&OutcomeId>) -> Response {
    let path = form.text("back");
    let own = format!("/console/conversations/{conversation}");
    let mut path = without_flash(path.as_deref().and_then(local).unwrap_or(&own));
    if let Some(saved) = saved {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str("saved=");
        path.push_str(saved.as_str());
    }
    Redirect::to(&path).into_response()
}
