//! Whom an event is about.

use crate::domain::basic::identity::{AccountId, PageId, PersonId};
use crate::domain::conversation::inbound::Channel;

/// Whom an event is about. A visitor of the shop's own site becomes a further variant with the site's collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A person who wrote to an account of the shop on a channel of Meta's.
    Messaging {
        /// The channel on which they wrote: the `messaging_channel` of Meta's events.
        channel: Channel,
        /// The account on it to which they wrote; on Messenger the Page itself.
        account_id: AccountId,
        /// The person, as that account knows them.
        person_id: PersonId,
    },
}

impl Recipient {
    /// Somebody who wrote to a Page on Messenger.
    pub fn on_messenger(page: &PageId, person_id: PersonId) -> Self {
        let account_id = AccountId(page.0.clone());
        Self::Messaging { channel: Channel::Messenger, account_id, person_id }
    }

    /// The channel on which the shop and this recipient talk.
    pub const fn channel(&self) -> Channel {
        let Self::Messaging { channel, .. } = self;
        *channel
    }

    /// The person on that channel.
    pub const fn person_id(&self) -> &PersonId {
        let Self::Messaging { person_id, .. } = self;
        person_id
    }
}
