//! How a customer is shown: name, initials, and the link to their thread in Meta's inbox.

use crate::domain::basic::identity::PageId;
use crate::domain::conversation::inbound::Channel;
use crate::web::console::text::{Texts, fill};

/// The name of a customer; until it is known, the last digits of their id.
pub fn name(name: Option<&str>, psid: Option<&str>, texts: &Texts) -> String {
    match (name, psid) {
        (Some(name), _) => name.to_owned(),
        (None, Some(psid)) => {
            let digits: Vec<char> = psid.chars().collect();
            let last: String = digits[digits.len().saturating_sub(4)..].iter().collect();
            fill(texts.customer, &[&format!("·{last}")])
        }
        (None, None) => fill(texts.customer, &["?"]),
    }
}

/// The first letters of a name.
pub fn initials(name: &str) -> String {
    let words = name.split_whitespace();
    let firsts = words.filter_map(|word| word.trim_start_matches('·').chars().next());
    firsts.take(2).flat_map(char::to_uppercase).collect()
}

/// The address of a conversation in Meta's inbox; none for channels that have none there.
pub fn inbox_link(page: &PageId, channel: Channel, psid: Option<&str>) -> Option<String> {
    let (folder, psid) = match channel {
        Channel::Messenger => ("messenger", psid?),
        Channel::Instagram => ("instagram_direct", psid?),
        Channel::Whatsapp => return None,
    };
    Some(format!(
        "https://business.facebook.com/latest/inbox/{folder}?asset_id={page}&selected_item_id={psid}"
    ))
}
