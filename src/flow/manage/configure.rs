//! Pages as the configuration file has them, applied at start: a value whose text in the file changed since it was last
//! applied is written; all else keeps what was set at run time.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::domain::basic::identity::{LaneId, PageId};
use crate::error::Result;
use crate::flow::manage::page::mend_lane;
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::Unit;
use crate::store::page::Page;

/// The settings of a Page that a file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the field of that name, of a Page, its policy or its reasons")]
pub enum Key {
    Name,
    Mode,
    DatasetId,
    AccessToken,
    Currency,
    Country,
    Timezone,
    TestEventCode,
    InstagramId,
    WhatsappId,
    SilentAfter,
    WorkingHours,
    PurchaseOn,
    Hold,
    LeadOn,
    Lifecycle,
    OnUnknown,
    Labels,
    TakeOffLabels,
    Sentences,
    Lost,
    Cancelled,
    Returned,
    NotASale,
}

impl Key {
    /// Every setting, in the order in which they are applied and logged.
    pub const ALL: [Self; 24] = [
        Self::Name,
        Self::Mode,
        Self::DatasetId,
        Self::AccessToken,
        Self::Currency,
        Self::Country,
        Self::Timezone,
        Self::TestEventCode,
        Self::InstagramId,
        Self::WhatsappId,
        Self::SilentAfter,
        Self::WorkingHours,
        Self::PurchaseOn,
        Self::Hold,
        Self::LeadOn,
        Self::Lifecycle,
        Self::OnUnknown,
        Self::Labels,
        Self::TakeOffLabels,
        Self::Sentences,
        Self::Lost,
        Self::Cancelled,
        Self::Returned,
        Self::NotASale,
    ];

    /// The key as the file has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Mode => "mode",
            Self::DatasetId => "dataset_id",
            Self::AccessToken => "access_token",
            Self::Currency => "currency",
            Self::Country => "country",
            Self::Timezone => "timezone",
            Self::TestEventCode => "test_event_code",
            Self::InstagramId => "instagram_id",
            Self::WhatsappId => "whatsapp_id",
            Self::SilentAfter => "silent_after",
            Self::WorkingHours => "working_hours",
            Self::PurchaseOn => "signals.purchase_on",
            Self::Hold => "signals.hold",
            Self::LeadOn => "signals.lead_on",
            Self::Lifecycle => "signals.lifecycle",
            Self::OnUnknown => "signals.on_unknown",
            Self::Labels => "labels",
            Self::TakeOffLabels => "take_off_labels",
            Self::Sentences => "sentences",
            Self::Lost => "reasons.lost",
            Self::Cancelled => "reasons.cancelled",
            Self::Returned => "reasons.returned",
            Self::NotASale => "reasons.not_a_sale",
        }
    }

    /// Sets the value of this key to that of `from`.
    fn carry(self, from: &Page, to: &mut Page) {
        match self {
            Self::Name => to.name.clone_from(&from.name),
            Self::Mode => to.mode = from.mode,
            Self::DatasetId => to.lane.dataset_id = from.lane.dataset_id.clone(),
            Self::AccessToken => to.lane.token = from.lane.token.clone(),
            Self::Currency => to.currency = from.currency,
            Self::Country => to.country.clone_from(&from.country),
            Self::Timezone => to.timezone.clone_from(&from.timezone),
            Self::TestEventCode => to.test_event_code.clone_from(&from.test_event_code),
            Self::InstagramId => to.instagram_id.clone_from(&from.instagram_id),
            Self::WhatsappId => to.whatsapp_id.clone_from(&from.whatsapp_id),
            Self::SilentAfter => to.silent_after = from.silent_after,
            Self::WorkingHours => to.working_hours.clone_from(&from.working_hours),
            Self::PurchaseOn => to.policy.purchase_on = from.policy.purchase_on,
            Self::Hold => to.policy.hold = from.policy.hold,
            Self::LeadOn => to.policy.lead_on = from.policy.lead_on,
            Self::Lifecycle => to.policy.lifecycle = from.policy.lifecycle,
            Self::OnUnknown => to.policy.on_unknown = from.policy.on_unknown,
            Self::Labels => to.labels.clone_from(&from.labels),
            Self::TakeOffLabels => to.take_off_labels = from.take_off_labels,
            Self::Sentences => to.sentences.clone_from(&from.sentences),
            Self::Lost => to.reasons.lost.clone_from(&from.reasons.lost),
            Self::Cancelled => to.reasons.cancelled.clone_from(&from.reasons.cancelled),
            Self::Returned => to.reasons.returned.clone_from(&from.reasons.returned),
            Self::NotASale => to.reasons.not_a_sale.clone_from(&from.reasons.not_a_sale),
        }
    }
}

/// A Page as the file has it: every setting, with its default where the file has none, and which ones the file has.
#[derive(Clone, Debug)]
pub struct PageText {
    page: Page,
    /// A digest of each setting's text, so that a token is never stored beside the other values.
    digests: BTreeMap<Key, String>,
}

impl PageText {
    /// A Page with defaults alone.
    pub const fn new(page: Page) -> Self {
        Self { page, digests: BTreeMap::new() }
    }

    /// The Page, with defaults where the file has nothing.
    pub const fn page(&self) -> &Page {
        &self.page
    }

    /// The Page with its token, which the file must have.
    #[must_use]
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.note(Key::AccessToken, token.expose_secret());
        self.page.lane.token = token;
        self
    }

    /// Notes that the file has the setting `key`, and a digest of its text.
    pub fn note(&mut self, key: Key, text: &str) {
        self.digests.insert(key, hex::encode(Sha256::digest(text)));
    }
}

/// A setting that was applied, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The Page that it was applied to.
    pub page: PageId,
    /// The setting whose text in the file had changed.
    pub key: Key,
}

/// Applies what changed in the file, all of it or nothing; a new Page is added whole. A key that the file had
/// and has no more goes back to its default. A new token or dataset clears the fault of the old one.
pub async fn configure(services: &Services, texts: &[PageText]) -> Result<Vec<Applied>> {
    let applied = run::run(services, "configure", |unit, _| Box::pin(apply(unit, services, texts))).await?;
    for Applied { page, key } in &applied {
        let key = key.as_str();
        tracing::info!(page.id = %page, key, "Page {page}: {key} is applied from the configuration");
    }
    Ok(applied)
}

async fn apply(unit: &mut Unit, services: &Services, texts: &[PageText]) -> Result<Vec<Applied>> {
    let now = services.clock.now();
    let mut applied = Vec::new();
    for text in texts {
        let id = &text.page.id;
        unit.hold_page(id).await?;
        let known = unit.page(id).await?;
        let is_new = known.is_none();
        let mut page = known.unwrap_or_else(|| text.page.clone());
        let before = unit.configured_values(id).await?;
        for key in Key::ALL {
            let (digest, digest_before) = (text.digests.get(&key), before.get(key.as_str()));
            if digest == digest_before && !(is_new && digest.is_some()) {
                continue;
            }
            key.carry(&text.page, &mut page);
            unit.set_configured_value(id, key.as_str(), digest.map(String::as_str), now).await?;
            applied.push(Applied { page: id.clone(), key });
        }
        let touched = |key| applied.contains(&Applied { page: id.clone(), key });
        if is_new || applied.iter().any(|one| one.page == *id) {
            unit.put_page(&page, &LaneId(services.ids.next(now)), now).await?;
        }
        if touched(Key::AccessToken) || touched(Key::DatasetId) {
            mend_lane(unit, id, now).await?;
        }
    }
    Ok(applied)
}
