//! Inbound events: what a webhook of Meta's brought, in our own words: who wrote, when, and which ad or link led
//! there. `meta::webhook` reads Meta's formats into these types; the projection makes conversations of them. What a
//! person wrote or is called never shows in `Debug`.

use std::fmt;

use crate::clock::Timestamp;
use crate::domain::basic::identity::{PageId, PersonId};

/// The messaging channel of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Messenger of a Facebook Page; the person is a PSID.
    Messenger,
    /// Direct messages of an Instagram account; the person is an IGSID.
    Instagram,
    /// WhatsApp messages of a business account; the person is a `wa_id`.
    Whatsapp,
}

impl Channel {
    /// Its word in API and rows, and in an event's `messaging_channel` (Meta's documentation of the Conversions API
    /// for Business Messaging).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messenger => "messenger",
            Self::Instagram => "instagram",
            Self::Whatsapp => "whatsapp",
        }
    }

    /// The channel of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Messenger, Self::Instagram, Self::Whatsapp]
            .into_iter()
            .find(|channel| channel.as_str() == text)
    }
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Author {
    /// The person who talks with the Page.
    Customer,
    /// A human at the Page: an echo that names Meta's inbox, or no app at all, as its sender.
    Operator,
    /// Another app that writes on the Page's behalf, such as a bot.
    App,
}

impl Author {
    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Operator => "operator",
            Self::App => "app",
        }
    }

    /// The author of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Customer, Self::Operator, Self::App].into_iter().find(|author| author.as_str() == text)
    }
}

/// One event in a conversation. Page, channel and person name the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundEvent {
    /// The Page that the event was sent to; it may be one that is not connected.
    pub page_id: PageId,
    /// The channel whose webhook brought it.
    pub channel: Channel,
    /// The customer, also where the Page wrote.
    pub person_id: PersonId,
    /// When it happened, by Meta's clock.
    pub at: Timestamp,
    /// The kind of the event, with what only that kind has.
    pub kind: InboundKind,
    /// The ad or link that came with it, wherever in the event Meta put it.
    pub referral: Option<Referral>,
}

/// The kind of an inbound event.
#[derive(Clone, PartialEq, Eq)]
pub enum InboundKind {
    /// A message, or a button that was tapped (a postback, whose text is the button's title).
    Message {
        /// Meta's id of the message, by which one that is delivered twice is known. A postback of an old version of
        /// the platform has none.
        mid: Option<String>,
        /// Decided from the echo mark and the app that sent it.
        author: Author,
        /// The text; `None` for a message of attachments alone. Kept no longer than `keep_text`.
        text: Option<String>,
        /// The types of its attachments in Meta's words, such as `image`; their content is never fetched.
        attachments: Vec<String>,
    },
    /// The text of a message was changed.
    Edited {
        /// Meta's id of the message that was edited.
        mid: String,
        /// Who wrote the message, and so its edit.
        author: Author,
        /// The text from now on; `None` if nothing is left of it.
        text: Option<String>,
        /// Counts the edits of the message from 1. Events may arrive in any order: the highest number counts.
        number: i64,
    },
    /// The sender deleted a message for everybody.
    Deleted {
        /// Meta's id of the message that was deleted.
        mid: String,
    },
    /// The customer sent a cart from the Page's catalogue. It makes no order by itself.
    Cart {
        /// Meta's id of the message that it came in (`WhatsApp`; Messenger gives none).
        mid: Option<String>,
        /// The products, in the cart's order.
        lines: Vec<CartLine>,
        /// The customer's own words with it; `None` if they wrote none.
        note: Option<String>,
    },
    /// The customer filled in a lead form. The answers are their own words, so a phone number in them counts.
    Contact {
        /// The answers, in the form's order.
        fields: Vec<FormAnswer>,
    },
    /// An ad or a link was tapped that leads into a thread which exists already, and nothing was written.
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

/// One product in a cart, as the catalogue describes it; nothing in it is the customer's own text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CartLine {
    /// The shop's own id of the product (`retailer_id`).
    pub sku: Option<String>,
    /// Meta's id of the product.
    pub product_id: Option<String>,
    /// The product's name in the catalogue.
    pub name: Option<String>,
    /// The price of one piece, as Meta writes it: a decimal number as text, never rounded by us.
    pub unit_price: Option<String>,
    /// The currency of the price, as Meta writes it.
    pub currency: Option<String>,
    /// Pieces; `None` if Meta wrote no whole number.
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

/// One field of a lead form with its answer.
#[derive(Clone, PartialEq, Eq)]
pub struct FormAnswer {
    /// The field's key, such as `email`, or the question in words.
    pub key: String,
    /// The answer as the customer typed it. Personal data.
    pub value: String,
}

impl fmt::Debug for FormAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(…)")
    }
}

/// A label of Meta's inbox was put on a person or taken off. Meta gives such a change no id of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelChange {
    /// The Page in whose inbox it happened.
    pub page_id: PageId,
    /// The person who bears the label.
    pub person_id: PersonId,
    /// The time of the webhook's entry, which may hold several changes: Meta gives no closer one.
    pub at: Timestamp,
    /// Whether it was put on; otherwise it was taken off.
    pub added: bool,
    /// Meta's id of the label, which stays when the label is renamed.
    pub label_id: String,
    /// The label's name. Meta leaves it out at times; it is then asked for at Graph.
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

/// Where a chat came from: an ad or a link. It comes in the first message, in a postback, or as an event of its own
/// (Meta's documentation of the webhook events `messages`, `messaging_postbacks` and `messaging_referrals`).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Referral {
    /// Meta's id of the ad; `None` for a plain link.
    pub ad_id: Option<String>,
    /// The `ref` that the shop put into an m.me link or an ad.
    pub r#ref: Option<String>,
    /// Meta's word for the source, such as `ADS` or `SHORTLINK`; the set is open.
    pub source: Option<String>,
    /// Meta's word for the type, such as `OPEN_THREAD`; the set is open.
    pub kind: Option<String>,
    /// The title of the ad as it was shown to the person.
    pub ad_title: Option<String>,
    /// Meta's id of the click (`ctwa_clid`; `WhatsApp` alone has one).
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
    /// Whether an ad led here. An ad begins a new chat; a plain link does not.
    pub fn is_from_ad(&self) -> bool {
        self.ad_id.is_some()
    }
}

/// The content of one webhook body, in the order in which it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookContent {
    /// Events that are projected into conversations.
    pub events: Vec<InboundEvent>,
    /// Labels that were put on and taken off.
    pub labels: Vec<LabelChange>,
    /// Events that are not understood: they stay in the raw body and are counted by Page (`""` if it could not be
    /// read) and kind. A kind is a word of Meta's format, never of an event's content.
    pub kept: Vec<(PageId, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_personal() {
        let secret = || Some("secret".to_owned());
        let answer = || FormAnswer { key: "secret".to_owned(), value: "secret".to_owned() };
        let event = |kind| InboundEvent {
            page_id: PageId::from("1"),
            channel: Channel::Messenger,
            person_id: PersonId("secret".to_owned()),
            at: Timestamp::from_millis(0),
            kind,
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
