//! Failures as `application/problem+json` (RFC 9457): the one place where a kind becomes a status.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::{Error, Kind};

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self.kind {
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Gone => StatusCode::GONE,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable | Kind::Contended => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let ours = status.is_server_error() && self.kind != Kind::Unavailable;
        if status.is_server_error() {
            tracing::error!(code = self.code, "A request failed: {self}");
        }
        let errors: Vec<Value> = self
            .fields
            .iter()
            .map(|field| json!({"pointer": field.pointer, "detail": field.detail}))
            .collect();
        let mut body = json!({
            "type": format!("urn:salesbridge:{}", self.code),
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": self.code,
            "detail": if ours { "Internal error" } else { &self.message },
        });
        if let Value::Object(members) = &mut body {
            if !errors.is_empty() {
                members.insert("errors".to_owned(), errors.into());
            }
            members.extend(self.extra);
        }
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }
}
