//! People who use the console: what each may do, in which language, and how long what they were given lasts.

use std::time::Duration;

use crate::domain::basic::identity::{OperatorId, PageId};

/// How many tries at one account's password are taken within [`TRIES_WITHIN`].
pub const TRIES_MAX: i64 = 10;

/// The time that [`TRIES_MAX`] is counted over. After it everything is as before: nobody is locked out for ever.
pub const TRIES_WITHIN: Duration = Duration::from_mins(15);

/// A session ends so long after its login.
pub const SESSION_LASTS: Duration = Duration::from_hours(14 * 24);

/// A one-time link is good for so long.
pub const LINK_LASTS: Duration = Duration::from_hours(72);

/// The code for the first admin is good for so long.
pub const CODE_LASTS: Duration = Duration::from_hours(1);

/// Letters of a password, at least.
pub const PASSWORD_MIN: usize = 10;

/// Bytes of a password, at most.
pub const PASSWORD_MAX: usize = 512;

/// Letters of a name, at most.
pub const NAME_MAX: usize = 40;

/// What a person is for. The words are those of API keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Admin,
    /// Sells in the chats.
    Operator,
    /// Looks after the CRM: may tag, but not steer what Meta is told.
    Crm,
    /// Reads what was told and how it went.
    Analyst,
}

/// What can be done in the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read conversations, tag, undo, snooze.
    Tag,
    /// Let a held conversion go.
    SendNow,
    /// Read what Meta was told.
    ReadSignals,
    /// Try again what was refused, settle what is unknown.
    Steer,
    /// Read the settings of a Page.
    ReadPages,
    /// Change them.
    SetPages,
    /// Invite people, change their roles.
    Invite,
    /// Read the day's sums.
    ReadToday,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Crm, Self::Analyst];

    /// The word in commands and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Crm => "crm",
            Self::Analyst => "analyst",
        }
    }

    /// Reads the word.
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
    /// ქართული.
    Georgian,
    /// English.
    English,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Georgian, Self::English];

    /// Its BCP 47 tag, in pages and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Georgian => "ka",
            Self::English => "en",
        }
    }

    /// Reads the tag.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == text)
    }
}

/// A person who uses the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Who, in rows.
    pub id: OperatorId,
    /// Who, in the ledger.
    pub name: String,
    /// What for.
    pub role: Role,
    /// For this Page alone.
    pub page: Option<PageId>,
    /// In which language.
    pub language: Language,
}

impl Operator {
    /// Whether the things of a Page are shown to them.
    pub fn sees(&self, page: &PageId) -> bool {
        self.page.as_ref().is_none_or(|own| own == page)
    }
}

/// A name as it is shown: without space around it.
pub fn shown_name(text: &str) -> Option<&str> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_MAX && !name.chars().any(char::is_control);
    fits.then_some(name)
}

/// What two spellings of one name have in common.
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether a password may be set.
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
        for permission in [Permission::SetPages, Permission::Invite, Permission::Steer] {
            let may: Vec<Role> = Role::ALL.into_iter().filter(|role| role.may(permission)).collect();
            assert_eq!(may, [Role::Admin]);
        }
    }
}
