//! Who asks: API keys and their roles, read for each request, so that a revoke holds at once.

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::error::{Error, Kind, Result};
use crate::flow::key;
use crate::store::Unit;
use crate::vocabulary::identity::{KeyId, PageId};

use super::App;

/// Those who tag.
pub const OPERATOR: u8 = 1;
/// Other systems of the shop.
pub const CRM: u8 = 2;
/// Those who read.
pub const ANALYST: u8 = 4;
/// Nobody but an admin, who may do everything.
pub const ADMIN: u8 = 0;

/// A key's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Admin,
    /// Tags and looks.
    Operator,
    /// Tells what the shop's other systems know.
    Crm,
    /// Reads, without what identifies people.
    Analyst,
}

impl Role {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "admin" => Self::Admin,
            "operator" => Self::Operator,
            "crm" => Self::Crm,
            "analyst" => Self::Analyst,
            _ => return None,
        })
    }

    const fn is_among(self, roles: u8) -> bool {
        match self {
            Self::Admin => true,
            Self::Operator => roles & OPERATOR != 0,
            Self::Crm => roles & CRM != 0,
            Self::Analyst => roles & ANALYST != 0,
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key's id.
    pub key_id: KeyId,
    /// Whose it is: the actor of what they say.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// For which Page alone.
    page: Option<PageId>,
}

impl Caller {
    /// Whether the things of this Page are theirs to see.
    ///
    /// # Errors
    /// 404: another Page's things are as if they were not there.
    pub fn sees(&self, page: &PageId, what: &str) -> Result<()> {
        match &self.page {
            Some(own) if own != page => Err(Error::not_found(what)),
            _ => Ok(()),
        }
    }

    /// The Page for which alone the key is.
    pub const fn page(&self) -> Option<&PageId> {
        self.page.as_ref()
    }

    /// Asks once more, for who waits long.
    ///
    /// # Errors
    /// 401: the key was revoked meanwhile.
    pub async fn still_holds(&self, unit: &mut Unit) -> Result<()> {
        let message = "This key was revoked: send a valid one.";
        let revoked = || Error::new(Kind::Unauthorized, "no_valid_key", message);
        unit.key_holds(&self.key_id).await?.then_some(()).ok_or_else(revoked)
    }

    /// The Pages of a list: the one that is asked for, the key's own, or all.
    ///
    /// # Errors
    /// 404 for a Page that is not connected, or not theirs.
    pub async fn pages(&self, unit: &mut Unit, asked: Option<PageId>) -> Result<Vec<PageId>> {
        match asked.or_else(|| self.page.clone()) {
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
pub struct By<const ROLES: u8>(pub Caller);

impl<const ROLES: u8> FromRequestParts<App> for By<ROLES> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let shown = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, secret) = shown.and_then(|value| value.split_once(' ')).unwrap_or_default();
        let invalid =
            || Error::new(Kind::Unauthorized, "no_valid_key", "Send a valid key: Authorization: Bearer …");
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(invalid());
        }
        let found = app.house.store.look().await?.key_by_hash(&key::hash(secret.trim())).await?;
        let found = found.ok_or_else(invalid)?;
        let role = Role::parse(&found.role).ok_or_else(invalid)?;
        if !role.is_among(ROLES) {
            let message = format!("A key of the role \"{}\" may not do that.", found.role);
            return Err(Error::new(Kind::Forbidden, "wrong_role", message));
        }
        Ok(Self(Caller { key_id: found.id, name: found.name, role, page: found.page }))
    }
}
