//! One conversation: its messages, its orders with what Meta was told, and the tags that can be put on it. `page` puts the
//! parts together, each of which is a file; `actions` are the forms.

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
