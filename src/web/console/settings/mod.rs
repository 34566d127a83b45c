//! The settings of a Page. `page` puts the sections together, each of which is a file; `actions` are the forms.

pub mod actions;
mod labels_and_sentences;
pub mod list;
mod mode;
pub mod page;
mod policy;
mod prices;
mod reasons;
mod test_code;
mod totals;
