//! The fields of a form, as people fill them in.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};

/// The most characters of one field.
const FIELD_MAX: usize = 20_000;

/// The fields of a form; where two have one name, the last counts.
#[derive(Debug)]
pub struct Form(BTreeMap<String, String>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let form = axum::Form::<BTreeMap<String, String>>::from_request(request, state).await;
        form.map(|axum::Form(fields)| Self(fields)).map_err(IntoResponse::into_response)
    }
}

impl Form {
    /// The text of a field; `None` where it is empty or only space.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?;
        let plain: String = text.chars().filter(|letter| *letter != '\0').take(FIELD_MAX).collect();
        let plain = plain.trim();
        (!plain.is_empty()).then(|| plain.to_owned())
    }

    /// A password, exactly as it was typed.
    pub fn secret(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}
