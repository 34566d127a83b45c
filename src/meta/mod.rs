//! Meta's formats and the calls of its Graph API; nothing outside of this room knows them.
//!
//! Meta's own terms are kept where they stand for Meta's things: an *error object* is the `error` of an answer, with its
//! code and subcode; a *PSID* is a person's id at one Page; *standby* are the events of a thread that another app owns.

pub mod call;
pub mod events;
pub mod labels;
pub mod profile;
pub mod signature;
pub mod webhook;
