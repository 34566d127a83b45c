//! Operators: the people who use the console. Their role decides what they may do, and a person can be limited to
//! one Page. Here are also the bounds of names and passwords and the lifetimes of sessions, links and codes; hashing
//! and storing them is `flow::manage::operators`.

use std::time::Duration;

use crate::domain::basic::identity::{OperatorId, PageId};

/// Rate limit of logins: so many tries at one account's password are checked within [`LOGIN_TRIES_WINDOW`].
pub const LOGIN_TRIES_MAX: i64 = 10;

/// The window of [`LOGIN_TRIES_MAX`]. When it is over the count begins anew: nobody is locked out for ever.
pub const LOGIN_TRIES_WINDOW: Duration = Duration::from_mins(15);

/// Lifetime of a session, counted from the login; use does not prolong it.
pub const SESSION_LASTS: Duration = Duration::from_hours(14 * 24);

/// Lifetime of the one-time link by which a person sets their password.
pub const LINK_LASTS: Duration = Duration::from_hours(72);

/// Lifetime of the code by which the first admin is made on a new installation.
pub const CODE_LASTS: Duration = Duration::from_hours(1);

/// The shortest password, in characters.
pub const PASSWORD_MIN: usize = 10;

/// The longest password, in bytes: it bounds the work of hashing one.
pub const PASSWORD_MAX: usize = 512;

/// The longest name, in characters.
pub const NAME_MAX: usize = 40;

/// What a person may do. API keys have the same roles under the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Admin,
    /// Sells in the chats.
    Operator,
    /// Looks after the CRM: may tag, but decides nothing about conversions.
    Crm,
    /// Reads figures, conversions and settings, and changes nothing.
    Analyst,
}

/// A thing that a person may or may not do in the console; [`Role::may`] is the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read conversations, tag, undo, snooze.
    Tag,
    /// Send a held conversion before its hold is over.
    SendNow,
    /// Read conversions, attempts and their verdicts.
    ReadSignals,
    /// Retry a rejected conversion, resolve an unknown attempt.
    Resolve,
    /// Read the settings of a Page.
    ReadPages,
    /// Change the settings of a Page: mode, policy, token, labels.
    SetPages,
    /// Invite people, change their roles.
    Invite,
    /// Read the day summary.
    ReadToday,
}

impl Role {
    /// Every role; `parse` and the tests go through it.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Crm, Self::Analyst];

    /// The word in commands, API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Crm => "crm",
            Self::Analyst => "analyst",
        }
    }

    /// The role of this word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether a person of this role may do `permission`.
    pub const fn may(self, permission: Permission) -> bool {
        match self {
            Self::Admin => true,
            Self::Operator => {
                matches!(
                    permission,
                    Permission::Tag | Permission::SendNow | Permission::ReadSignals | Permission::ReadToday
                )
            }
            Self::Crm => matches!(permission, Permission::Tag | Permission::ReadToday),
            Self::Analyst => {
                matches!(permission, Permission::ReadSignals | Permission::ReadPages | Permission::ReadToday)
            }
        }
    }
}

/// A language of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `ka`; the default of a new operator.
    Georgian,
    /// `en`, for those who do not read Georgian.
    English,
}

impl Language {
    /// Every language, from which [`Language::parse`] finds the one of a tag.
    pub const ALL: [Self; 2] = [Self::Georgian, Self::English];

    /// Its BCP 47 tag, as in the `lang` of a page, and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Georgian => "ka",
            Self::English => "en",
        }
    }

    /// The language of this BCP 47 tag; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == text)
    }
}

/// A person who uses the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// By which rows refer to the person; the ledger names them by `name`.
    pub id: OperatorId,
    /// Unique without regard to case, for it is written into the ledger as the actor of each tag.
    pub name: String,
    /// An admin sets it; a change ends the person's sessions.
    pub role: Role,
    /// The only Page that the person sees; `None` for all Pages.
    pub page: Option<PageId>,
    /// The language of the console, which the person chooses.
    pub language: Language,
}

impl Operator {
    /// Whether conversations, conversions and settings of `page` are shown to this person.
    pub fn sees(&self, page: &PageId) -> bool {
        self.page.as_ref().is_none_or(|own| own == page)
    }
}

/// A name as it is shown and stored, without space around it. None if it is empty, longer than [`NAME_MAX`], or
/// holds a control character.
pub fn shown_name(text: &str) -> Option<&str> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control);
    fits.then_some(name)
}

/// The key under which a name is unique, so that "Nino" and "nino " are one person.
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether a text is long enough to be set as a password, and short enough to be hashed.
pub fn is_password(text: &str) -> bool {
    text.chars().count() >= PASSWORD_MIN && text.len() <= PASSWORD_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_have_bounds() {
        assert_eq!(shown_name("  ნინო "), Some("ნინო"));
        assert_eq!((shown_name(" "), shown_name("a\nb")), (None, None));
        assert!(shown_name(&"x".repeat(41)).is_none());
        assert_eq!(name_key(" Nino"), name_key("nino "));
        assert!(is_password("ათი ასო აქ") && !is_password("too short"));
    }

    #[test]
    fn only_an_admin_sets_pages_and_invites() {
        for permission in [Permission::SetPages, Permission::Invite, Permission::Resolve] {
            let may: Vec<Role> = Role::ALL.into_iter().filter(|role| role.may(permission)).collect();
            assert_eq!(may, [Role::Admin]);
        }
    }
}
