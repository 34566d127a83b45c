//! Operators, the people who use the console: invited by a one-time link, authenticated by a password, remembered by a
//! session. Whatever changes what a person may do ends their sessions. Passwords are stored by Argon2id, every other
//! secret, which is random, by SHA-256.

use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::domain::basic::identity::{OperatorId, PageId};
use crate::domain::operator::{
    CODE_LASTS, LINK_LASTS, LOGIN_TRIES_MAX, LOGIN_TRIES_WINDOW, Language, Operator, Role, SESSION_LASTS,
    is_password, name_key, shown_name,
};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;

/// The least time between two codes for the first admin.
const CODE_EVERY: std::time::Duration = std::time::Duration::from_mins(10);

/// How many accounts share the count of failed logins at unknown names, so that guessing names fills no table.
const NOBODY_ACCOUNTS: u8 = 64;

/// The permits to hash a password, of which each takes 19 MiB.
static HASHING: Semaphore = Semaphore::const_new(2);

/// A hash that no password has: a login under an unknown name takes as long as one under a known name, so that the time
/// reveals nothing.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    Argon2::default().hash_password(b"nobody").map_or_else(|_| String::new(), |hash| hash.to_string())
});

/// A session that has begun.
#[derive(Clone, Debug)]
pub struct Login {
    /// The secret that the browser keeps in a cookie; only its hash is stored.
    pub secret: String,
    /// The person who logged in.
    pub operator: Operator,
}

/// The hash by which a random secret is stored.
pub fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

fn secret() -> Result<String> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| Error::internal("no random bytes").caused_by(error))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// A person who is to get access.
#[derive(Clone, Debug)]
pub struct NewOperator {
    /// The name, which is unique whatever its case.
    pub name: String,
    /// The role, which says what they may do.
    pub role: Role,
    /// The only Page that they see; `None` for all Pages.
    pub page: Option<PageId>,
    /// The language of the console for them.
    pub language: Language,
}

/// Adds a person with their password.
///
/// # Errors
/// The name is taken or no name, or the password too short.
pub async fn add(services: &Services, newcomer: &NewOperator, password: &str) -> Result<OperatorId> {
    let hashed = &hashed(password).await?;
    run::run(services, "add_operator", |unit, _| Box::pin(add_within(unit, services, newcomer, Some(hashed))))
        .await
}

/// Adds a person without a password; gives the secret of the one-time link by which they set it.
///
/// # Errors
/// The name is taken or no name.
pub async fn invite(services: &Services, newcomer: &NewOperator) -> Result<String> {
    run::run(services, "invite", |unit, _| {
        Box::pin(async move {
            let id = add_within(unit, services, newcomer, None).await?;
            link(unit, services, &id).await
        })
    })
    .await
}

/// Gives the secret of a one-time link by which a person sets a new password; older links end.
///
/// # Errors
/// `not_found`.
pub async fn reset(services: &Services, name: &str) -> Result<String> {
    run::run(services, "reset_password", |unit, _| {
        Box::pin(async move {
            let found = unit.operator_named(&name_key(name)).await?;
            let (operator, _) = found.ok_or_else(|| Error::not_found("person"))?;
            link(unit, services, &operator.id).await
        })
    })
    .await
}

async fn add_within(
    unit: &mut Unit,
    services: &Services,
    newcomer: &NewOperator,
    password: Option<&String>,
) -> Result<OperatorId> {
    let now = services.clock.now();
    let name = shown_name(&newcomer.name)
        .ok_or_else(|| Error::field("/name", "It must have 1 to 40 letters."))?
        .to_owned();
    if let Some(page) = &newcomer.page
        && unit.page(page).await?.is_none()
    {
        return Err(Error::field("/page", "No such Page is connected."));
    }
    let id = OperatorId(services.ids.next(now));
    let key = name_key(&name);
    let operator = Operator {
        id: id.clone(),
        name,
        role: newcomer.role,
        page: newcomer.page.clone(),
        language: newcomer.language,
    };
    if !unit.add_operator(&operator, &key, password.cloned(), now).await? {
        return Err(Error::conflict("name_taken", "Somebody has this name already."));
    }
    Ok(id)
}

async fn link(unit: &mut Unit, services: &Services, id: &OperatorId) -> Result<String> {
    let (now, secret) = (services.clock.now(), secret()?);
    unit.end_invitations(id).await?;
    unit.add_invitation(&hash(&secret), Some(id), now, now + LINK_LASTS).await?;
    Ok(secret)
}

/// Sets the password of the person whom a one-time link was made for, ends their sessions, and begins a new one.
///
/// # Errors
/// The link was used or is too old; the password is too short.
pub async fn set_password(services: &Services, link: &str, password: &str) -> Result<Login> {
    let used = || {
        Error::new(ErrorKind::NotFound, "link_used", "This link was used or is too old: ask for a new one.")
    };
    let mut unit = services.store.read().await?;
    unit.invited(&hash(link), services.clock.now()).await?.ok_or_else(used)?;
    drop(unit);
    let hashed = &hashed(password).await?;
    let now = services.clock.now();
    run::run(services, "set_password", |unit, _| {
        Box::pin(async move {
            let operator = unit.invited(&hash(link), now).await?.ok_or_else(used)?;
            if !unit.use_invitation(&hash(link), now).await? {
                return Err(used());
            }
            unit.set_password(&operator.id, hashed).await?;
            unit.end_sessions(&operator.id).await?;
            session(unit, services, operator).await
        })
    })
    .await
}

/// Begins a session for a person by name and password.
///
/// # Errors
/// The name or the password is wrong, which of them is not revealed; or there were too many tries.
pub async fn log_in(services: &Services, name: &str, password: &str) -> Result<Login> {
    let key = name_key(name);
    let found = services.store.look().await?.operator_named(&key).await?;
    let account = match &found {
        Some((operator, _)) => operator.id.0.clone(),
        None => format!("nobody-{}", Sha256::digest(&key)[0] % NOBODY_ACCOUNTS),
    };
    take_try(services, &account).await?;
    let stored = found.as_ref().and_then(|(_, password)| password.clone());
    let is_right = verified(password, stored.as_deref().unwrap_or(&NOBODY)).await?;
    let wrong = || Error::new(ErrorKind::Unauthorized, "wrong_login", "The name or the password is wrong.");
    let (Operator { id, .. }, _) = &found.filter(|_| is_right && stored.is_some()).ok_or_else(wrong)?;
    run::run(services, "log_in", |unit, _| {
        Box::pin(async move {
            // The person may have left, or changed, while the password was hashed.
            let operator = unit.operator(id).await?.ok_or_else(wrong)?;
            session(unit, services, operator).await
        })
    })
    .await
}

async fn take_try(services: &Services, account: &str) -> Result<()> {
    let taken = run::run(services, "take_try", |unit, _| {
        Box::pin(async move {
            let now = services.clock.now();
            let since = now - LOGIN_TRIES_WINDOW;
            let mut taken = unit.take_try(account, now, since).await?;
            if !taken && !unit.has_tries(account).await? {
                unit.open_tries(account, LOGIN_TRIES_MAX).await?;
                taken = unit.take_try(account, now, since).await?;
            }
            Ok(taken)
        })
    })
    .await?;
    taken.then_some(()).ok_or_else(|| {
        Error::new(
            ErrorKind::TooMany,
            "too_many_tries",
            "Too many tries: wait 15 minutes, or ask for a new link.",
        )
    })
}

async fn session(unit: &mut Unit, services: &Services, operator: Operator) -> Result<Login> {
    let (now, secret) = (services.clock.now(), secret()?);
    unit.add_session(&hash(&secret), &operator.id, now, now + SESSION_LASTS).await?;
    Ok(Login { secret, operator })
}

/// Ends a session.
pub async fn log_out(services: &Services, secret: &str) -> Result<()> {
    let hash = &hash(secret);
    run::run(services, "log_out", |unit, _| Box::pin(unit.end_session(hash))).await
}

/// Sets a person's role and Page, and ends their sessions.
///
/// # Errors
/// `not_found`; 409 if nobody would be left to invite people.
pub async fn set_role(services: &Services, id: &OperatorId, role: Role, page: Option<&PageId>) -> Result<()> {
    run::run(services, "set_role", |unit, _| {
        Box::pin(async move {
            let before = unit.count_admins().await?;
            if !unit.set_role(id, role, page).await? {
                return Err(Error::not_found("person"));
            }
            stays_governed(unit, before).await?;
            unit.end_sessions(id).await?;
            Ok(())
        })
    })
    .await
}

/// Ends a person's access. Entries that they made keep their name as the actor.
///
/// # Errors
/// `not_found`; 409 if nobody would be left to invite people.
pub async fn end(services: &Services, id: &OperatorId) -> Result<()> {
    run::run(services, "end_operator", |unit, _| {
        Box::pin(async move {
            let before = unit.count_admins().await?;
            if !unit.end_operator(id, services.clock.now()).await? {
                return Err(Error::not_found("person"));
            }
            stays_governed(unit, before).await?;
            unit.end_sessions(id).await?;
            unit.end_invitations(id).await?;
            Ok(())
        })
    })
    .await
}

async fn stays_governed(unit: &mut Unit, before: usize) -> Result<()> {
    if before > 0 && unit.count_admins().await? == 0 {
        return Err(Error::conflict("last_admin", "Somebody must be left who can invite people."));
    }
    Ok(())
}

/// Sets the language of the console for a person.
pub async fn set_language(services: &Services, id: &OperatorId, language: Language) -> Result<()> {
    run::run(services, "set_language", |unit, _| Box::pin(unit.set_language(id, language))).await
}

/// Makes a one-time code for the first admin, while nobody has access yet; at most one in 10 minutes.
pub async fn first_code(services: &Services) -> Result<Option<String>> {
    let now = services.clock.now();
    run::run(services, "first_code", |unit, _| {
        Box::pin(async move {
            if unit.has_operators().await?
                || unit.last_code_at().await?.is_some_and(|at| at > now - CODE_EVERY)
            {
                return Ok(None);
            }
            let code = secret()?;
            unit.add_invitation(&hash(&code), None, now, now + CODE_LASTS).await?;
            Ok(Some(code))
        })
    })
    .await
}

/// Makes the first admin, by the code from the log.
///
/// # Errors
/// Somebody has access already, or the code is wrong or too old.
pub async fn first_admin(
    services: &Services,
    code: &str,
    newcomer: &NewOperator,
    password: &str,
) -> Result<Login> {
    let wrong = || {
        Error::new(ErrorKind::Unauthorized, "wrong_code", "The code is wrong, used or too old: see the log.")
    };
    let hashed = &hashed(password).await?;
    let now = services.clock.now();
    run::run(services, "first_admin", |unit, _| {
        Box::pin(async move {
            if unit.has_operators().await? || !unit.use_invitation(&hash(code.trim()), now).await? {
                return Err(wrong());
            }
            unit.end_codes().await?;
            let newcomer = NewOperator { role: Role::Admin, page: None, ..newcomer.clone() };
            let id = add_within(unit, services, &newcomer, Some(hashed)).await?;
            let operator = unit.operator(&id).await?.ok_or_else(wrong)?;
            session(unit, services, operator).await
        })
    })
    .await
}

/// Drops sessions and links that ended, and records of old tries.
pub async fn drop_old_logins(services: &Services) -> Result<()> {
    let now = services.clock.now();
    run::run(services, "drop_logins", |unit, _| {
        Box::pin(unit.drop_old_logins(now, now - LOGIN_TRIES_WINDOW * 2))
    })
    .await
}

async fn hashed(password: &str) -> Result<String> {
    if !is_password(password) {
        return Err(Error::field("/password", "It must have at least 10 letters."));
    }
    let password = password.to_owned();
    heavy(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string()).map_err(|_| Error::internal("a password can't be hashed"))
    })
    .await?
}

async fn verified(password: &str, stored: &str) -> Result<bool> {
    let (password, stored) = (password.to_owned(), stored.to_owned());
    heavy(move || {
        PasswordHash::new(&stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

/// Runs work that takes a thread for long, such as hashing, on a thread of its own.
async fn heavy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _turn = HASHING.acquire().await.map_err(|error| Error::internal("hashing").caused_by(error))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("hashing ended").caused_by(error))
}
