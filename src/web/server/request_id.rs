//! Each request has an id: in its answer's header, in its log lines, in the `instance` of a problem. The log names a
//! request by its route, never by its URI, because queries carry people's ids.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::web::server::state::App;

/// The header with the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that is being answered.
pub fn id() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Gives a request its id.
pub async fn named(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = app.services.ids.next(app.services.clock.now());
    let header = HeaderValue::from_str(&id);
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let span = tracing::info_span!("request", id, method = %request.method(), route);
    let mut response = CURRENT.scope(id, next.run(request)).instrument(span.clone()).await;
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "Answered"));
    if let Ok(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    response
}
