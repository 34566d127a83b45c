//! API keys: made once, shown once, and kept only as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::domain::basic::identity::{KeyId, PageId};
use crate::error::{Error, Result};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;

/// The roles a key may have.
pub const ROLES: [&str; 4] = ["admin", "operator", "crm", "analyst"];

/// The hash by which a key is stored: SHA-256 in hex. A key has 256 random bits, so that no slower hash is needed.
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

/// Makes a key and gives its secret, which is stored nowhere.
pub async fn create(services: &Services, role: &str, name: &str, page: Option<&PageId>) -> Result<String> {
    if !ROLES.contains(&role) {
        return Err(Error::field("/role", format!("It must be one of {}.", ROLES.join(", "))));
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Error::internal("no random bytes").caused_by(error))?;
    let secret = format!("sb_{}", URL_SAFE_NO_PAD.encode(random));
    let (now, hash) = (services.clock.now(), &hash(&secret));
    run::run(services, "create_key", |unit, _| {
        Box::pin(async move { unit.add_key(&services.ids.next(now), name, role, page, hash, now).await })
    })
    .await?;
    Ok(secret)
}

/// Gives a sender another name: its keys, revoked ones included, and what it told under them, so that its `ref`s and its
/// order numbers stay its own.
///
/// # Errors
/// `not_found`; 409 `name_taken` if another sender has that name.
pub async fn rename(services: &Services, name: &str, new_name: &str) -> Result<()> {
    run::run(services, "rename_sender", |unit, _| {
        Box::pin(async move {
            if !unit.has_key_named(name).await? {
                return Err(Error::not_found("key of this name: see `salesbridge key list`"));
            }
            if unit.has_key_named(new_name).await? {
                let message =
                    format!("Another sender is named {new_name}: choose a name that no key ever had.");
                return Err(Error::conflict("name_taken", message));
            }
            unit.rename_sender(name, new_name).await
        })
    })
    .await
}

/// Ends a key at once, on every replica.
pub async fn revoke(services: &Services, id: &KeyId) -> Result<()> {
    run::run(services, "revoke_key", |unit, _| {
        Box::pin(async move {
            if !unit.revoke_key(id, services.clock.now()).await? {
                return Err(Error::not_found("key: see `salesbridge key list`"));
            }
            Ok(())
        })
    })
    .await
}
