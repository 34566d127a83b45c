//! Signal context: what besides the ledger decides which conversions are made and which may leave.

use std::collections::HashSet;

use crate::clock::Timestamp;
use crate::domain::conversation::aggregate::ConversationAggregate;
use crate::domain::conversation::inbound::Channel;
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{Mode, Policy};

/// What of a Page and its dataset decides which conversions are made and which may leave.
#[derive(Clone, Debug)]
pub struct SignalRules {
    /// In `shadow` conversions are made suppressed. `paused` changes nothing here: it only stops sending.
    pub mode: Mode,
    /// Every version of the Page's policy, oldest first: the last is in force.
    pub policies: Vec<Policy>,
    /// Event names that the dataset refused (2804066); `Purchase` is never among them.
    pub refused: HashSet<EventName>,
    /// The Page's reasons of `lost` by which a chat never was a sale, such as spam: they stop a lead.
    pub not_a_sale: Vec<String>,
}

impl SignalRules {
    /// The policy of this version; the one in force if the version is not known.
    pub fn policy(&self, version: i64) -> Policy {
        let found = self.policies.iter().find(|policy| policy.version == version);
        found.or(self.policies.last()).copied().unwrap_or_default()
    }

    /// The policy for what is confirmed from now on; the default of a Page that has none yet.
    pub fn in_force(&self) -> Policy {
        self.policies.last().copied().unwrap_or_default()
    }
}

/// What besides the ledger decides about one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignalContext<'a> {
    /// The policy that made the row, or is to make it.
    pub(super) policy: &'a Policy,
    /// In `shadow` nothing is sent.
    pub(super) mode: Mode,
    /// Event names that the dataset refused.
    pub(super) refused: &'a HashSet<EventName>,
    /// Without a person an event has nobody to be about.
    pub(super) person_known: bool,
    /// Only Messenger's events are sent so far.
    pub(super) channel_is_sent: bool,
    /// The time of the derivation.
    pub(super) now: Timestamp,
}

impl<'a> SignalContext<'a> {
    /// The context of one row of `aggregate` under `policy`.
    pub(super) fn of(
        aggregate: &ConversationAggregate,
        rules: &'a SignalRules,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Self {
        let recipient = aggregate.thread.recipient.as_ref();
        Self {
            policy,
            mode: rules.mode,
            refused: &rules.refused,
            person_known: recipient.is_some(),
            channel_is_sent: recipient.is_none_or(|known| known.channel() == Channel::Messenger),
            now,
        }
    }
}
