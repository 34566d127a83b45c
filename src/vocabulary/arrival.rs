//! What a webhook brought, in our own words: who wrote, when, and which ad or link led there.

use crate::clock::Timestamp;

use super::identity::{PageId, Psid};

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
pub struct Arrival {
    /// The Page.
    pub page_id: PageId,
    /// Where.
    pub channel: Channel,
    /// The person.
    pub psid: Psid,
    /// When it happened, by Meta's clock.
    pub at: Timestamp,
    /// What it was.
    pub what: What,
    /// The ad or link that came with it, in any of its three places.
    pub referral: Option<Referral>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
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
    /// An ad or a link led back into a thread that already existed.
    Referral,
}

/// Where a chat came from. Meta documents it in three places: in the first message, in a postback, and as
/// an event of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
}

impl Referral {
    /// An ad begins a new chat; a plain link does not.
    pub fn is_from_ad(&self) -> bool {
        self.ad_id.is_some()
    }
}

/// A webhook body, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// What is projected into conversations.
    pub arrivals: Vec<Arrival>,
    /// What is kept in its raw body and counted: the Page (or `""`) and the kind of the event, a word of
    /// Meta's format and never of its content.
    pub kept: Vec<(PageId, String)>,
}
