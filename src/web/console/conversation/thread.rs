//! The messages of the conversation.

use crate::domain::conversation::inbound::Author;
use crate::store::message::Message;
use crate::web::console::formatting::Formatter;
use crate::web::console::text::Texts;

/// A message as a line of the thread.
#[derive(Debug)]
pub struct MessageLine {
    /// The CSS class of its side.
    pub side: &'static str,
    pub by: &'static str,
    /// In RFC 3339, for the `datetime` of its `time` element.
    pub sent_at: String,
    /// The same time as text, in the Page's time zone.
    pub time: String,
    pub text: String,
}

impl MessageLine {
    /// The line of a message, with a placeholder for a text that is not kept.
    pub fn new(message: &Message, formatter: &Formatter, texts: &Texts) -> Self {
        let (side, by) = match message.author {
            Author::Customer => ("theirs", texts.by_customer),
            Author::Operator => ("ours", texts.by_page),
            Author::App => ("ours", texts.by_app),
        };
        let instead = if message.attachments.is_some() { texts.attachment } else { texts.no_text };
        let text = message.text.clone().filter(|text| !text.is_empty());
        Self {
            side,
            by,
            sent_at: message.sent_at.to_string(),
            time: formatter.time(message.sent_at),
            text: text.unwrap_or_else(|| instead.to_owned()),
        }
    }
}
