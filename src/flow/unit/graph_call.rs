//! A call to Graph that a background job is to make.

use secrecy::SecretString;

use crate::domain::basic::identity::PageId;

/// A call to Graph that is due.
#[derive(Clone, Debug)]
pub struct GraphCall<T> {
    /// The Page on whose behalf it is made.
    pub page: PageId,
    /// The Page's token.
    pub token: SecretString,
    /// Whom or what the call asks for.
    pub subject: T,
}
