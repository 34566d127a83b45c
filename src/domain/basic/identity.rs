//! Ids as types, so that one can't be passed for another. Our own are UUIDs made by [`crate::id::Ids`]; Meta's are decimal
//! strings.

use std::fmt;

macro_rules! identity {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub String);

        impl $name {
            /// The id as it stands in rows and answers.
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
    /// A Page, by Meta's id.
    PageId;
    /// An account of a channel: a Page, an Instagram account, a `WhatsApp` business account.
    AccountId;
    /// A lane: a dataset with a token.
    LaneId;
    /// A dataset, by Meta\'s id: what conversions are sent to.
    DatasetId;
    /// The thread of one person with one Page, for life.
    ConversationId;
    /// An order, by our id; the shop's number is another.
    OrderId;
    /// An outcome: one fact in the ledger.
    OutcomeId;
    /// A conversion: one event for Meta.
    ConversionId;
    /// An attempt: one request to Meta.
    AttemptId;
    /// An API key; the id is no secret.
    KeyId;
    /// An operator: a person who uses the console.
    OperatorId;
    /// A pending tag: what was said in Meta's inbox and waits for a person's decision.
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
