//! The page of one conversation: its messages, its orders with their conversions, and the tags that it can be given.
//! `page` puts the parts together, each of which is a file; `actions` are the forms.

mod access;
pub mod actions;
mod head;
pub mod page;
mod pending;
pub mod picture;
mod refusal;
mod snooze;
mod tag_form;
mod thread;
