//! The conversation of a person with a Page: what webhooks brought of it, the chats into which it falls, the customer
//! and their phone number, and the aggregate on which every decision is made.

pub mod aggregate;
pub mod chat;
pub mod chat_tag;
pub mod customer;
pub mod inbound;
pub mod phone;
pub mod phone_key;
pub mod recipient;
