//! The authenticated caller of the API: a key and its role, read for each request, so that a revoke holds at once.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::domain::basic::identity::{ConversationId, KeyId, PageId};
use crate::domain::operator::Role;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::manage::keys;
use crate::store::Unit;
use crate::store::key::{Key, PageContext};
use crate::web::server::read::Id;
use crate::web::server::state::App;

/// The bit of the role that tags: `operator`.
pub const OPERATOR: u8 = 1;
/// The bit of the role of the shop's other systems: `crm`.
pub const CRM: u8 = 2;
/// The bit of the role that only reads: `analyst`.
pub const ANALYST: u8 = 4;
/// No bit: nobody but an admin, who may do everything.
pub const ADMIN: u8 = 0;

/// Whether a role is one of the bits in `roles`; an admin may do everything.
const fn is_among(role: Role, roles: u8) -> bool {
    match role {
        Role::Admin => true,
        Role::Operator => roles & OPERATOR != 0,
        Role::Crm => roles & CRM != 0,
        Role::Analyst => roles & ANALYST != 0,
    }
}

/// The holder of a valid key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key's id.
    pub key_id: KeyId,
    /// The name of the key: the actor of what it tags.
    pub name: String,
    /// The role of the key.
    pub role: Role,
    /// The only Page that the key is for; `None` for all Pages.
    page: Option<PageId>,
}

impl Caller {
    /// The caller, if the key is in force and its role is one of these.
    fn among(roles: u8, found: Option<Key>) -> Result<Self> {
        let found = found.ok_or_else(no_valid_key)?;
        let role = Role::parse(&found.role).ok_or_else(no_valid_key)?;
        if !is_among(role, roles) {
            let message = format!("A key of the role \"{}\" may not do that.", found.role);
            return Err(Error::new(ErrorKind::Forbidden, "wrong_role", message));
        }
        Ok(Self { key_id: found.id, name: found.name, role, page: found.page })
    }

    /// Checks that the caller may see what belongs to this Page; `what` names the thing.
    ///
    /// # Errors
    /// 404: another Page's things are as if they were not there.
    pub fn sees(&self, page: &PageId, what: &str) -> Result<()> {
        match &self.page {
            Some(own) if own != page => Err(Error::not_found(what)),
            _ => Ok(()),
        }
    }

    /// The only Page that the key is for.
    pub const fn page(&self) -> Option<&PageId> {
        self.page.as_ref()
    }

    /// Checks the key once more, for a request that waited for long.
    ///
    /// # Errors
    /// 401: the key was revoked meanwhile.
    pub async fn still_holds(&self, unit: &mut Unit) -> Result<()> {
        let message = "This key was revoked: send a valid one.";
        let revoked = || Error::new(ErrorKind::Unauthorized, "no_valid_key", message);
        unit.key_holds(&self.key_id).await?.then_some(()).ok_or_else(revoked)
    }

    /// The Pages that a list covers: the requested one, the key's own, or all.
    ///
    /// # Errors
    /// 404 for a Page that is not connected, or not theirs.
    pub async fn pages(&self, unit: &mut Unit, requested: Option<PageId>) -> Result<Vec<PageId>> {
        match requested.or_else(|| self.page.clone()) {
            None => unit.page_ids().await,
            Some(page) => {
                self.sees(&page, "Page")?;
                unit.page(&page).await?.ok_or_else(|| Error::not_found("Page"))?;
                Ok(vec![page])
            }
        }
    }
}

/// A caller with one of these roles, or an admin.
pub struct Authenticated<const ROLES: u8>(pub Caller);

impl<const ROLES: u8> FromRequestParts<App> for Authenticated<ROLES> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let hash = hash_shown(parts)?;
        let found = app.services.store.look().await?.key_by_hash(&hash).await?;
        Caller::among(ROLES, found).map(Self)
    }
}

/// A caller with one of these roles, or an admin, and the conversation in the path, read in one query. A conversation
/// that does not exist is refused later, after the rest of the request was read.
pub struct AuthenticatedIn<const ROLES: u8> {
    /// The holder of the key.
    pub caller: Caller,
    /// The id in the path.
    pub conversation: ConversationId,
    /// The Page of the conversation, as far as a tag needs it; `None` if there is no such conversation.
    pub page_context: Option<PageContext>,
}

impl<const ROLES: u8> FromRequestParts<App> for AuthenticatedIn<ROLES> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let hash = hash_shown(parts)?;
        let id = Id::from_request_parts(parts, app).await;
        let conversation = ConversationId(id.as_ref().map(|id| id.0.clone()).unwrap_or_default());
        let found = app.services.store.look().await?.key_with_page_context(&hash, &conversation).await?;
        let (key, page_context) = found.unzip();
        let caller = Caller::among(ROLES, key)?;
        id?;
        Ok(Self { caller, conversation, page_context: page_context.flatten() })
    }
}

/// The hash of the key in the `authorization` header.
fn hash_shown(parts: &Parts) -> Result<String> {
    let shown = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, secret) = shown.and_then(|value| value.split_once(' ')).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(no_valid_key());
    }
    Ok(keys::hash(secret.trim()))
}

fn no_valid_key() -> Error {
    Error::new(ErrorKind::Unauthorized, "no_valid_key", "Send a valid key: Authorization: Bearer …")
}
