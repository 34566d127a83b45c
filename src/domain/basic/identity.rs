//! Ids that cannot be mixed up. Ours are UUIDs made by [`crate::id::Ids`]; Meta's are decimal strings.

use std::fmt;

macro_rules! identity {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

identity! {
    /// A Page at Meta.
    PageId;
    /// An account of a channel: a Page, an Instagram account, a `WhatsApp` business account.
    AccountId;
    /// A lane: a dataset with a token.
    LaneId;
    /// A dataset at Meta, the place that conversions are sent to.
    DatasetId;
    /// One person's thread with one Page, for life.
    ConversationId;
    /// A sale; not the shop's order number.
    OrderId;
    /// An entry of the ledger.
    OutcomeId;
    /// One event for Meta.
    ConversionId;
    /// One request to Meta.
    AttemptId;
    /// An API key.
    KeyId;
    /// A person who uses the console.
    OperatorId;
    /// Something that was said in Meta's inbox and waits for a person.
    PendingTagId;
}

/// A person as one account of a channel knows them: Messenger's PSID, Instagram's IGSID, `WhatsApp`'s `wa_id`, which is
/// a phone number. Personal data: it never shows in `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(pub String);

impl PersonId {
    /// The id as text, for rows, the payload and calls to Meta alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonId(…)")
    }
}
