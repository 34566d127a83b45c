//! The head of the page: the person, the channel, and the ads that led here.

use crate::store::page::Page;
use crate::store::read::queue::ConversationSummary;
use crate::store::referral::ReferralRow;
use crate::web::console::customer::{self, inbox_link, initials};
use crate::web::console::text::{self, Texts, fill};

/// The head of a conversation's page.
#[derive(Debug)]
pub struct Head {
    pub id: String,
    pub name: String,
    pub initials: String,
    pub has_face: bool,
    pub channel: &'static str,
    pub page: String,
    pub state: &'static str,
    pub ads: Vec<String>,
    pub inbox: Option<String>,
}

impl Head {
    /// The head of a conversation on `page`, with its `referrals` in their order.
    pub fn new(summary: &ConversationSummary, page: &Page, referrals: &[ReferralRow], texts: &Texts) -> Self {
        let name = customer::name(summary.name.as_deref(), summary.person_id.as_deref(), texts);
        Self {
            id: summary.id.0.clone(),
            initials: initials(&name),
            name,
            has_face: summary.has_picture,
            channel: text::channel(summary.channel),
            page: page.name.clone(),
            state: match summary.state.as_str() {
                "waiting" => texts.waiting,
                "snoozed" => texts.snoozed,
                _ => texts.done,
            },
            ads: ad_lines(referrals, texts),
            inbox: inbox_link(&page.id, summary.channel, summary.person_id.as_deref()),
        }
    }
}

/// The first and the last ad that led here; one line if they are the same.
fn ad_lines(referrals: &[ReferralRow], texts: &Texts) -> Vec<String> {
    let ads: Vec<(&String, &String)> = referrals
        .iter()
        .filter_map(|referral| {
            let id = referral.referral.ad_id.as_ref()?;
            Some((id, referral.referral.ad_title.as_ref().unwrap_or(id)))
        })
        .collect();
    match ads.as_slice() {
        [] => Vec::new(),
        [(_, only)] => vec![fill(texts.ad_last, &[only])],
        [(first, _), .., (last, title)] if first == last => vec![fill(texts.ad_last, &[title])],
        [(_, first), .., (_, last)] => {
            vec![fill(texts.ad_first, &[first]), fill(texts.ad_last, &[last])]
        }
    }
}
