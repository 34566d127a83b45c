//! Referrals: the ads and links that led into conversations.

use crate::clock::Timestamp;
use crate::domain::basic::identity::ConversationId;
use crate::domain::conversation::inbound::Referral;
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::{Row, values};
use crate::store::message::MessagePosition;

/// An ad or link that led into a conversation.
#[derive(Clone, Debug)]
pub struct ReferralRow {
    /// When the person came by it, by Meta's clock.
    pub referred_at: Timestamp,
    /// The ad or link, as Meta's webhook describes it.
    pub referral: Referral,
}

/// The columns that [`ReferralRow::read`] wants.
macro_rules! referral_columns {
    () => {
        "referred_at, ad_id, ref, source, kind, ad_title, click_id"
    };
}
pub(in crate::store) use referral_columns;

impl ReferralRow {
    /// Reads a row with [`referral_columns!`].
    pub(in crate::store) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            referred_at: row.time("referred_at")?,
            referral: Referral {
                ad_id: row.get("ad_id")?,
                r#ref: row.get("ref")?,
                source: row.get("source")?,
                kind: row.get("kind")?,
                ad_title: row.get("ad_title")?,
                click_id: row.get("click_id")?,
            },
        })
    }
}

impl Unit {
    /// Adds a referral, which appears with `version`, unless the same one is there; true if it was added.
    pub async fn add_referral(
        &mut self,
        place: MessagePosition<'_>,
        referral: &Referral,
        version: i64,
    ) -> Result<bool> {
        let added = self
            .execute(
                "insert into referral (conversation_id, referred_at, id, page_id, ad_id, ref, source, kind, ad_title,
                                       version, click_id)
                 select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
                  where not exists (select 1 from referral
                                     where conversation_id = $1 and referred_at = $2
                                       and coalesce(ad_id, '') = coalesce($5, '')
                                       and coalesce(ref, '') = coalesce($6, ''))",
                values![
                    place.conversation.as_str(),
                    place.at,
                    place.id,
                    place.page.as_str(),
                    referral.ad_id.clone(),
                    referral.r#ref.clone(),
                    referral.source.clone(),
                    referral.kind.clone(),
                    referral.ad_title.clone(),
                    version,
                    referral.click_id.clone(),
                ],
            )
            .await?;
        Ok(added == 1)
    }

    /// The referrals of a conversation, in their order.
    pub async fn referrals(&mut self, id: &ConversationId) -> Result<Vec<ReferralRow>> {
        let text = concat!(
            "select ",
            referral_columns!(),
            " from referral where conversation_id = $1 order by referred_at, id"
        );
        self.rows(text, values![id.as_str()]).await?.iter().map(ReferralRow::read).collect()
    }
}
