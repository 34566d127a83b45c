//! Chats: the stretches into which a conversation falls. A chat is begun by the first message, by an ad referral, or
//! by a message after 7 quiet days. Chats are cut from the times of messages and ad referrals, so that they are the
//! same in whatever order those arrived; a late one may cut them anew. What a chat came to (its stage) is decided in
//! [`crate::domain::conversation::aggregate`].

use std::time::Duration;

use crate::clock::Timestamp;

/// After so long without a message, from customer or Page, the next one begins a new chat.
pub const QUIET: Duration = Duration::from_hours(7 * 24);

/// Meta tells of one tap on an ad in up to two events, the referral and the message that came with it. Two events of
/// the same ad within this time are one tap.
const SAME_TAP: Duration = Duration::from_mins(1);

/// A moment of the conversation that chats are cut from: a message, a referral, or both at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// The time by Meta's clock.
    pub at: Timestamp,
    /// The customer wrote; otherwise the Page did, or it is a referral without a message.
    pub by_customer: bool,
    /// The ad that led here, if one did: it begins a chat. A plain m.me link does not, and has none.
    pub ad_id: Option<String>,
    /// The customer's message holds a phone number: a lead under the policy `contact`.
    pub gave_phone: bool,
}

/// What a chat came to, as it follows from its facts and orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It has no effective tag yet: it waits for an operator.
    Open,
    /// Real need, right product, wants to buy.
    Qualified,
    /// Ended without an order.
    Lost,
    /// An order was confirmed in it, whatever became of the order.
    Sold,
}

impl Stage {
    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Qualified => "qualified",
            Self::Lost => "lost",
            Self::Sold => "sold",
        }
    }

    /// The stage of its word; none for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Qualified, Self::Lost, Self::Sold].into_iter().find(|stage| stage.as_str() == text)
    }
}

/// A stretch of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Counts the chats of a conversation from 0, by time. A chat's lead has it in its `event_id`.
    pub number: i64,
    /// The time of its first message or referral.
    pub began_at: Timestamp,
    /// The time of its last message or referral, from customer or Page.
    pub last_at: Timestamp,
    /// The time of the customer's first message; `None` while only the Page wrote or an ad was tapped.
    pub first_word_at: Option<Timestamp>,
    /// The time of the customer's last message: silence is counted from it.
    pub last_word_at: Option<Timestamp>,
    /// When the customer first gave a phone number; `None` if they gave none.
    pub contact_at: Option<Timestamp>,
    /// The ad that began it; `None` if a message without an ad did.
    pub ad_id: Option<String>,
}

/// Cuts a conversation into chats, whatever the order of `points`.
pub fn cut(points: Vec<Point>) -> Vec<Chat> {
    let mut chats = Vec::new();
    extend(&mut chats, points);
    chats
}

/// Whether all of `points` are later than `chats`, so that [`extend`] gives what a cut of everything would.
pub fn is_after(chats: &[Chat], points: &[Point]) -> bool {
    chats.last().is_none_or(|chat| points.iter().all(|point| point.at > chat.last_at))
}

/// Continues a cut with later points, without reading the earlier ones again.
pub fn extend(chats: &mut Vec<Chat>, mut points: Vec<Point>) {
    // Of one moment the ad comes first, for the message that came with it belongs to the new chat. The rest of the
    // key only makes the order independent of arrival.
    let sort_key = |point: &Point| (point.at, point.ad_id.is_none(), point.ad_id.clone(), point.by_customer);
    points.sort_by_cached_key(sort_key);
    for point in &points {
        match chats.last_mut() {
            Some(chat) if !begins_anew(chat, point) => chat.grow(point),
            _ => chats.push(Chat::begun_by(point, i64::try_from(chats.len()).unwrap_or(i64::MAX))),
        }
    }
}

/// Whether a point begins the next chat: an ad that is not the tap which began this one, or 7 quiet days.
fn begins_anew(chat: &Chat, point: &Point) -> bool {
    let by_ad = point.ad_id.is_some()
        && (point.ad_id != chat.ad_id || point.at.since(chat.began_at) > SAME_TAP)
        && point.at > chat.began_at;
    by_ad || point.at.since(chat.last_at) >= QUIET
}

impl Chat {
    fn begun_by(point: &Point, number: i64) -> Self {
        let word = point.by_customer.then_some(point.at);
        Self {
            number,
            began_at: point.at,
            last_at: point.at,
            first_word_at: word,
            last_word_at: word,
            contact_at: point.gave_phone.then_some(point.at),
            ad_id: point.ad_id.clone(),
        }
    }

    fn grow(&mut self, point: &Point) {
        self.last_at = self.last_at.max(point.at);
        if point.by_customer {
            self.first_word_at.get_or_insert(point.at);
            self.last_word_at = Some(point.at);
        }
        if point.gave_phone {
            self.contact_at.get_or_insert(point.at);
        }
        if self.ad_id.is_none() && point.at == self.began_at {
            self.ad_id.clone_from(&point.ad_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(hours: u64) -> Point {
        let at = Timestamp::from_millis(0) + Duration::from_hours(hours);
        Point { at, by_customer: true, ad_id: None, gave_phone: false }
    }

    fn ad(hours: u64, ad_id: &str) -> Point {
        Point { ad_id: Some(ad_id.to_owned()), by_customer: false, ..word(hours) }
    }

    #[test]
    fn seven_quiet_days_or_an_ad_begin_a_new_chat() {
        let chats = cut(vec![
            word(0),
            word(100),
            word(100 + 24 * 7),
            ad(300, "ad-1"),
            word(301),
            word(302),
            ad(310, "ad-1"),
        ]);
        let cuts: Vec<_> =
            chats.iter().map(|chat| (chat.began_at.millis() / 3_600_000, chat.ad_id.as_deref())).collect();
        assert_eq!(cuts, [(0, None), (268, None), (300, Some("ad-1")), (310, Some("ad-1"))]);
    }

    #[test]
    fn the_cut_does_not_depend_on_arrival() {
        let mut points = vec![word(0), ad(0, "ad-1"), word(3), ad(200, "ad-2"), word(199), word(500)];
        let once = cut(points.clone());
        points.reverse();
        assert_eq!(cut(points), once);
        assert_eq!(once.len(), 4);
    }

    #[test]
    fn one_tap_told_twice_is_one_chat() {
        let tap = ad(5, "ad-1");
        let told_again = Point { at: tap.at + Duration::from_millis(300), by_customer: true, ..tap.clone() };
        assert_eq!(cut(vec![tap, told_again]).len(), 1);
    }
}
