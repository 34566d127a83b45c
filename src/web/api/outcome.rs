//! Tags: recording what happened in a conversation, undoing a fact, and accepting a flagged one.

use axum::extract::State;
use axum::response::Response;

use crate::crm::json;
use crate::crm::mapping::{self, TagContext};
use crate::crm::tag_body::TagBody;
use crate::domain::basic::identity::OutcomeId;
use crate::domain::operator::Role;
use crate::domain::order::outcome::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{self, Idempotent, Reply, Sender, Tagged};
use crate::store::key::PageContext;
use crate::web::server::caller::{Authenticated, AuthenticatedIn, CRM, Caller, OPERATOR};
use crate::web::server::idempotency::{self, NamedRequest};
use crate::web::server::problem;
use crate::web::server::read::{self, BY_REF, Id, IdempotencyKey, RawBody};
use crate::web::server::state::App;
use crate::web::view::TaggedView;

/// Records what happened in a conversation: 201, or 200 if the fact was already known.
#[utoipa::path(
    post, path = "/v1/conversations/{id}/outcomes", operation_id = "tag", tag = "operator",
    params(("id" = String, Path, description = "Our id of the conversation")),
    request_body = TagBody,
    responses((status = 201, body = TaggedView), (status = 200, description = "Known already", body = TaggedView)),
    extensions(("x-roles" = json!(["operator", "crm"]))),
)]
pub async fn tag(
    State(app): State<App>,
    AuthenticatedIn { caller, conversation, page_context }: AuthenticatedIn<{ OPERATOR | CRM }>,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let route = format!("conversations/{conversation}/outcomes");
    let named = NamedRequest { caller: &caller, key, route, body: &body };
    let request = named.claim(&app, tagged)?;
    let verb = Box::pin(async {
        let PageContext { page, currency, country } =
            page_context.ok_or_else(|| Error::not_found("conversation"))?;
        caller.sees(&page, "conversation")?;
        let context =
            TagContext { role: caller.role, currency, country: &country, now: app.services.clock.now() };
        let mut tag = mapping::read(&json::read::<TagBody>(&body)?, context)?;
        if tag.reference.is_none() && tag.is_repeatable() {
            tag.reference = request.claim.as_deref().map(|claim| claim.as_reference(context.now));
        }
        flow::tag(&app.services, &conversation, &tag, &caller.name, &request).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

/// Undoes an entry in the ledger, and answers what Meta already has: 201, or 200 if it was undone before.
#[utoipa::path(
    post, path = "/v1/outcomes/{id}/undo", operation_id = "undo", tag = "operator",
    params(("id" = String, Path, description = "Our id of the entry; a CRM may also give its own id of the fact, as ref:…")),
    responses((status = 201, body = TaggedView), (status = 200, description = "Known already", body = TaggedView)),
    extensions(("x-roles" = json!(["operator", "crm"]))),
)]
pub async fn undo(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | CRM }>,
    Id(id): Id,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: format!("outcomes/{id}/undo"), body: &body };
    let request = named.claim(&app, tagged)?;
    let verb = Box::pin(async {
        let id = entry_of(&app, &caller, &id, &body).await?;
        let sender = match caller.role {
            Role::Crm => Sender::outside(&caller.name),
            _ => Sender::person(&caller.name, Source::Api),
        };
        with_order(&app, &id, flow::undo(&app.services, &id, sender, &request).await).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

/// Accepts a flagged fact, so that it moves its order after all: 201, or 200 if it was accepted before.
#[utoipa::path(
    post, path = "/v1/outcomes/{id}/accept", operation_id = "accept", tag = "operator",
    params(("id" = String, Path, description = "Our id of the entry")),
    responses((status = 201, body = TaggedView), (status = 200, description = "Known already", body = TaggedView)),
    extensions(("x-roles" = json!(["operator", "crm"]))),
)]
pub async fn accept(
    State(app): State<App>,
    Authenticated(caller): Authenticated<{ OPERATOR | CRM }>,
    Id(id): Id,
    IdempotencyKey(key): IdempotencyKey,
    RawBody(body): RawBody,
) -> Result<Response> {
    let named = NamedRequest { caller: &caller, key, route: format!("outcomes/{id}/accept"), body: &body };
    let request = named.claim(&app, tagged)?;
    let verb = Box::pin(async {
        let id = entry_of(&app, &caller, &id, &body).await?;
        let sender = Sender::person(&caller.name, Source::Api);
        with_order(&app, &id, flow::accept(&app.services, &id, sender, &request).await).await
    });
    Ok(idempotency::answer(&app, &request, verb).await)
}

/// The entry of the id in the path, if the caller may see it: by our id, or a fact from outside by its sender's `ref`
/// (`ref:…`).
/// The body must be empty.
async fn entry_of(app: &App, caller: &Caller, id: &str, body: &[u8]) -> Result<OutcomeId> {
    let missing = || Error::not_found("outcome");
    let mut unit = app.services.store.read().await?;
    let id = match id.strip_prefix(BY_REF).filter(|_| caller.role != Role::Operator) {
        None => OutcomeId::from(id),
        Some(reference) => {
            let sender = (caller.role == Role::Crm).then_some(caller.name.as_str());
            let mut found = unit.facts_of_reference(reference, sender, caller.page()).await?;
            let id = found.pop().ok_or_else(missing)?;
            if !found.is_empty() {
                return Err(Error::conflict(
                    "several_facts_of_this_ref",
                    "Several Pages or sources told a fact under this ref: name the one that is meant by our id, \
                     which the answer to it gave.",
                ));
            }
            id
        }
    };
    let conversation = unit.conversation_of_outcome(&id).await?.ok_or_else(missing)?;
    let page = unit.page_of_conversation(&conversation).await?.ok_or_else(missing)?;
    caller.sees(&page, "outcome")?;
    read::empty_body(body)?;
    Ok(id)
}

/// A conflict with the order of the entry, so that its answer shows that order.
async fn with_order(
    app: &App,
    id: &OutcomeId,
    done: Result<Idempotent<Tagged>>,
) -> Result<Idempotent<Tagged>> {
    match done {
        Err(error) if error.kind == ErrorKind::Conflict && error.order.is_none() => {
            let order = app.services.store.look().await?.order_of_outcome(id).await?;
            Err(match order {
                Some(order) => error.about_order(order),
                None => error,
            })
        }
        done => done,
    }
}

/// The answer to a tag, an undo or an acceptance: 201, or 200 for an entry that was in the ledger already.
pub fn tagged(tagged: &Tagged) -> Reply {
    problem::json(if tagged.known { 200 } else { 201 }, &TaggedView::of(tagged))
}
