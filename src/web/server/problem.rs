//! Answers on the wire: failures as `application/problem+json` (RFC 9457), everything else as JSON. The one place where the
//! kind of an error becomes a status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::basic::identity::OrderId;
use crate::domain::order::legality::legal_moves;
use crate::error::{Error, ErrorKind, FieldFault, Result};
use crate::flow::Reply;
use crate::store::aggregate::Scope;
use crate::web::server::request_id;
use crate::web::server::state::App;
use crate::web::view::OrderView;

/// The `retry-after` of an answer that may succeed soon, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What went wrong, and what to do.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written member by member")]
pub struct Problem {
    /// A stable URI of the code.
    #[schema(example = "urn:salesbridge:invalid_field")]
    r#type: String,
    /// The reason phrase of the HTTP status.
    title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// A stable word for scripts.
    #[schema(example = "invalid_field")]
    code: String,
    /// A sentence that says what is wrong and what to do.
    detail: String,
    /// The request's id, as in `x-request-id`.
    instance: Option<String>,
    /// The fields at fault.
    errors: Option<Vec<Fault>>,
    /// Of a 409: the outcomes that could be recorded instead.
    legal: Option<Vec<String>>,
    /// Of a 409: the order as it is now.
    order: Option<OrderView>,
}

/// One field that can't be taken.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what is written member by member")]
pub struct Fault {
    /// A JSON pointer into the body, or a slash and the name of a parameter.
    #[schema(example = "/items/0/quantity")]
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

const fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Malformed => StatusCode::BAD_REQUEST,
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        ErrorKind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable | ErrorKind::Contended => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A failure as status and body, with the conflicting order as it is now.
pub async fn reply(app: &App, mut error: Error) -> Reply {
    if let Some(id) = error.order.take() {
        match standing_order(app, &OrderId(id)).await {
            Ok(Some((legal, order))) => {
                error.extra.entry("legal").or_insert(legal);
                error.extra.insert("order".to_owned(), order);
            }
            Ok(None) => {}
            Err(error) => tracing::error!("The order of a conflict can't be read: {error}"),
        }
    }
    plain(&error)
}

/// The legal moves of an order, and the order as it is now, as JSON.
async fn standing_order(app: &App, id: &OrderId) -> Result<Option<(Value, Value)>> {
    let mut unit = app.services.store.read().await?;
    let Some(conversation) = unit.conversation_of_order(id).await? else { return Ok(None) };
    let aggregate = unit.aggregates(Scope::Conversation(&conversation)).await?.pop();
    let orders = aggregate.map(|aggregate| aggregate.orders).unwrap_or_default();
    let Some(ledger) = orders.iter().find(|ledger| ledger.has_id(id)) else { return Ok(None) };
    let legal: Vec<&str> = legal_moves(Some(&ledger.order)).iter().map(|kind| kind.as_str()).collect();
    let order = serde_json::to_value(OrderView::of(ledger))
        .map_err(|error| Error::internal("an order can't be written").caused_by(error))?;
    Ok(Some((legal.into(), order)))
}

/// A failure as status and body.
pub fn plain(error: &Error) -> Reply {
    let status = status_of(error.kind);
    let ours = matches!(error.kind, ErrorKind::Internal | ErrorKind::Contended);
    if status.is_server_error() {
        tracing::error!(code = error.code, "A request failed: {error}");
    }
    let mut body = serde_json::json!({
        "type": format!("urn:salesbridge:{}", error.code),
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": error.code,
        "detail": match error.kind {
            ErrorKind::Internal => "This is a fault of ours; the log has the request's id.",
            _ if ours => "Others stood in the way too long: send it again.",
            _ => &error.message,
        },
        "instance": request_id::id(),
    });
    if let Value::Object(members) = &mut body {
        if !error.fields.is_empty() {
            let fault =
                |field: &FieldFault| serde_json::json!({"pointer": field.pointer, "detail": field.detail});
            let errors: Vec<Value> = error.fields.iter().map(fault).collect();
            members.insert("errors".to_owned(), errors.into());
        }
        members.extend((*error.extra).clone());
    }
    Reply { status: status.as_u16(), body: body.to_string() }
}

/// A value as the body of an answer.
pub fn json(status: u16, body: &impl serde::Serialize) -> Reply {
    match serde_json::to_string(body) {
        Ok(body) => Reply { status, body },
        Err(error) => plain(&Error::internal("an answer can't be written").caused_by(error)),
    }
}

/// An answer on the wire: a problem if its status says that something failed.
pub fn response(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_client_error() || status.is_server_error() {
        "application/problem+json"
    } else {
        "application/json"
    };
    let mut response = (status, [(header::CONTENT_TYPE, kind)], reply.body).into_response();
    match status {
        StatusCode::UNAUTHORIZED => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        _ => {}
    }
    response
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        response(plain(&self))
    }
}
