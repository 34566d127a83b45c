//! What a webhook brought, in our own words: who wrote, when, and which ad or link led there. What a person
//! wrote or is called never shows in `Debug`.

use std::fmt;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{PageId, PersonId};

/// Where a conversation takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Facebook Messenger.
    Messenger,
    /// Instagram messages.
    Instagram,
    /// WhatsApp.
    Whatsapp,
}

impl Channel {
    /// The word for rows and for Meta's `messaging_channel`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messenger => "messenger",
            Self::Instagram => "instagram",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// Reads what [`Channel::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Messenger, Self::Instagram, Self::Whatsapp]
            .into_iter()
            .find(|channel| channel.as_str() == text)
    }
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Author {
    /// The person.
    Customer,
    /// A human at the Page (an echo of Meta's inbox, or without an app).
    Operator,
    /// Another app on the Page's behalf.
    App,
}

impl Author {
    /// The word for rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::App => "app",
        }
    }

    /// Reads what [`Author::as_str`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Customer, Self::Operator, Self::App].into_iter().find(|author| author.as_str() == text)
    }
}

/// One thing that happened in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundEvent {
    /// The account of the channel to which it happened: on Messenger the Page.
    pub page_id: PageId,
    /// Where.
    pub channel: Channel,
    /// The person.
    pub person_id: PersonId,
    /// When it happened, by Meta's clock.
    pub at: Timestamp,
    /// What it was.
    pub what: InboundKind,
    /// The ad or link that came with it, in any of its three places.
    pub referral: Option<Referral>,
}

/// What happened.
#[derive(Clone, PartialEq, Eq)]
pub enum InboundKind {
    /// A message, or a button that was tapped (a postback, whose text is the button's title).
    Message {
        /// Meta's id of the message; a postback of an old version has none.
        mid: Option<String>,
        /// Who wrote it.
        author: Author,
        /// Its text, if it has one.
        text: Option<String>,
        /// The kinds of its attachments, such as `image`.
        attachments: Vec<String>,
    },
    /// A message now reads otherwise.
    Edited {
        /// The message.
        mid: String,
        /// Who wrote it.
        author: Author,
        /// Its text from now on, if it has one.
        text: Option<String>,
        /// Counts the edits of the message from 1; of two, the higher one stands.
        number: i64,
    },
    /// A message was taken back.
    Deleted {
        /// The message.
        mid: String,
    },
    /// The customer sent a cart.
    Cart {
        /// Meta's id of the message that it came in (`WhatsApp`; Messenger gives none).
        mid: Option<String>,
        /// What is in it.
        lines: Vec<CartLine>,
        /// The customer's own words with it.
        note: Option<String>,
    },
    /// The customer filled in a lead form: the answers are the customer's own words.
    Contact {
        /// The answers, in the form's order.
        fields: Vec<FormAnswer>,
    },
    /// An ad or a link led back into a thread that already existed.
    Referral,
}

impl fmt::Debug for InboundKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { mid, author, text: _, attachments } => f
                .debug_struct("Message")
                .field("mid", mid)
                .field("author", author)
                .field("attachments", attachments)
                .finish_non_exhaustive(),
            Self::Edited { mid, author, text: _, number } => f
                .debug_struct("Edited")
                .field("mid", mid)
                .field("author", author)
                .field("number", number)
                .finish_non_exhaustive(),
            Self::Deleted { mid } => f.debug_struct("Deleted").field("mid", mid).finish(),
            Self::Cart { mid, lines, note: _ } => {
                f.debug_struct("Cart").field("mid", mid).field("lines", lines).finish_non_exhaustive()
            }
            Self::Contact { fields } => write!(f, "Contact({} fields)", fields.len()),
            Self::Referral => f.write_str("Referral"),
        }
    }
}

/// One product in a cart, as the catalogue has it; nothing in it is the customer's own text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CartLine {
    /// The shop's own id of the product (`retailer_id`).
    pub sku: Option<String>,
    /// Meta's id of the product.
    pub product_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The price of one, in the digits that Meta wrote.
    pub unit_price: Option<String>,
    /// The currency of the price.
    pub currency: Option<String>,
    /// How many, if Meta wrote a whole number.
    pub quantity: Option<i64>,
}

impl fmt::Debug for CartLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CartLine")
            .field("sku", &self.sku)
            .field("product_id", &self.product_id)
            .field("unit_price", &self.unit_price)
            .field("currency", &self.currency)
            .field("quantity", &self.quantity)
            .finish_non_exhaustive()
    }
}

/// An answer in a lead form.
#[derive(Clone, PartialEq, Eq)]
pub struct FormAnswer {
    /// The field's key, such as `email`, or the question in words.
    pub key: String,
    /// What the customer answered.
    pub value: String,
}

impl fmt::Debug for FormAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(…)")
    }
}

/// A label was put on a person, or taken off.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelChange {
    /// The Page.
    pub page_id: PageId,
    /// The person.
    pub person_id: PersonId,
    /// When; Meta gives the time of the whole entry.
    pub at: Timestamp,
    /// Put on (else taken off).
    pub added: bool,
    /// Meta's id of the label.
    pub label_id: String,
    /// The label's name; Meta leaves it out at times.
    pub name: Option<String>,
}

impl fmt::Debug for LabelChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelChange")
            .field("page_id", &self.page_id)
            .field("at", &self.at)
            .field("added", &self.added)
            .field("label_id", &self.label_id)
            .finish_non_exhaustive()
    }
}

/// Where a chat came from. Meta documents it in three places: in the first message, in a postback, and as
/// an event of its own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Referral {
    /// The ad.
    pub ad_id: Option<String>,
    /// The `ref` of an m.me link or an ad.
    pub r#ref: Option<String>,
    /// Meta's word for the source, such as `ADS` or `SHORTLINK`; an open set.
    pub source: Option<String>,
    /// Meta's word for the type, such as `OPEN_THREAD`.
    pub kind: Option<String>,
    /// The ad's title.
    pub ad_title: Option<String>,
    /// Meta's id of the click (`WhatsApp` alone has one).
    pub click_id: Option<String>,
}

impl fmt::Debug for Referral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Referral")
            .field("ad_id", &self.ad_id)
            .field("source", &self.source)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl Referral {
    /// An ad begins a new chat; a plain link does not.
    pub fn is_from_ad(&self) -> bool {
        self.ad_id.is_some()
    }
}

/// A webhook body, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookContent {
    /// What is projected into conversations.
    pub events: Vec<InboundEvent>,
    /// Labels put on and taken off.
    pub labels: Vec<LabelChange>,
    /// What is kept in its raw body and counted: the Page (or `""`) and the kind of the event, a word of
    /// Meta's format and never of its content.
    pub kept: Vec<(PageId, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_personal() {
        let secret = || Some("secret".to_owned());
        let answer = || FormAnswer { key: "secret".to_owned(), value: "secret".to_owned() };
        let event = |what| InboundEvent {
            page_id: PageId::from("1"),
            channel: Channel::Messenger,
            person_id: PersonId("secret".to_owned()),
            at: Timestamp::from_millis(0),
            what,
            referral: Some(Referral {
                r#ref: secret(),
                ad_title: secret(),
                click_id: secret(),
                ..Referral::default()
            }),
        };
        let mid = || "m".to_owned();
        let author = Author::Customer;
        let line = CartLine { name: secret(), ..CartLine::default() };
        let delivery = WebhookContent {
            events: [
                InboundKind::Message { mid: Some(mid()), author, text: secret(), attachments: Vec::new() },
                InboundKind::Edited { mid: mid(), author, text: secret(), number: 1 },
                InboundKind::Deleted { mid: mid() },
                InboundKind::Cart { mid: None, lines: vec![line], note: secret() },
                InboundKind::Contact { fields: vec![answer()] },
                InboundKind::Referral,
            ]
            .into_iter()
            .map(event)
            .collect(),
            labels: vec![LabelChange {
                page_id: PageId::from("1"),
                person_id: PersonId("secret".to_owned()),
                at: Timestamp::from_millis(0),
                added: true,
                label_id: "5".to_owned(),
                name: secret(),
            }],
            kept: Vec::new(),
        };
        for shown in [format!("{delivery:?}"), format!("{delivery:#?}"), format!("{:?}", answer())] {
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
