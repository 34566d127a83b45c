//! A person's thread with a Page: what a webhook brought of it, its chats, who the person is, and the aggregate that
//! every decision is made on.

pub mod aggregate;
pub mod chat;
pub mod chat_tag;
pub mod customer;
pub mod inbound;
pub mod phone;
pub mod phone_key;
pub mod recipient;
