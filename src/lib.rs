//! **salesbridge** listens to a Page's Messenger conversations, lets people say what was really sold, and
//! reports it to Meta's Conversions API, once and on time.

pub mod clock;
pub mod config;
pub mod egress;
pub mod error;
pub mod flow;
pub mod id;
pub mod meta;
pub mod sandbox;
pub mod store;
pub mod vocabulary;
pub mod web;
pub mod work;
