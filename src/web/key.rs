//! Who asks: API keys, read in the request's own unit, so that a revoke holds at once.

use axum::http::{HeaderMap, header};

use crate::error::{Error, Kind, Result};
use crate::flow::key;
use crate::vocabulary::identity::PageId;

use super::App;

/// The name of an operator or admin who may act on `page`.
///
/// # Errors
/// 401 without a valid key, 403 with another role, 404 for another Page's things.
pub async fn operator(app: &App, headers: &HeaderMap, page: Option<&PageId>) -> Result<String> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let mut unit = app.house.store.read().await?;
    let Some(found) = unit.key_by_hash(&key::hash(secret)).await? else {
        return Err(Error::new(
            Kind::Unauthorized,
            "no_valid_key",
            "Send a valid key: Authorization: Bearer …",
        ));
    };
    if !matches!(found.role.as_str(), "admin" | "operator") {
        return Err(Error::new(
            Kind::Forbidden,
            "wrong_role",
            "This key may not do that; use an operator's key.",
        ));
    }
    if found.page.as_ref().zip(page).is_some_and(|(own, asked)| own != asked) {
        return Err(Error::not_found("conversation"));
    }
    Ok(found.name)
}
