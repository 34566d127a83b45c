//! Chats: the stretches into which a conversation falls. Cut anew from the moments of its messages and ad
//! referrals, so the result is the same in whatever order they arrived.

use std::time::Duration;

use crate::clock::Timestamp;

/// After so long without a word a new message begins a new chat.
pub const QUIET: Duration = Duration::from_hours(7 * 24);

/// Meta tells one tap on an ad in up to two events; those within this time are one.
const SAME_TAP: Duration = Duration::from_mins(1);

/// A moment that matters for the cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// A message of the customer (else of the Page, or no message at all).
    pub by_customer: bool,
    /// The ad that led here at this moment.
    pub ad_id: Option<String>,
    /// The customer gave a phone number at this moment.
    pub gave_phone: bool,
}

/// What a chat came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Nothing was said of it yet.
    Open,
    /// Real need, right product, wants to buy.
    Qualified,
    /// Ended without an order.
    Lost,
    /// It has an order.
    Sold,
}

impl Stage {
    /// The word in the API and in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Qualified => "qualified",
            Self::Lost => "lost",
            Self::Sold => "sold",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Qualified, Self::Lost, Self::Sold].into_iter().find(|stage| stage.as_str() == text)
    }
}

/// A stretch of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// Counts the chats of a conversation from 0.
    pub number: i64,
    /// Its first moment.
    pub began_at: Timestamp,
    /// Its last moment.
    pub last_at: Timestamp,
    /// The customer's first word in it.
    pub first_word_at: Option<Timestamp>,
    /// The customer's last word in it.
    pub last_word_at: Option<Timestamp>,
    /// When the customer first gave a phone number in it.
    pub contact_at: Option<Timestamp>,
    /// The ad that began it.
    pub ad_id: Option<String>,
}

/// Cuts a conversation into chats.
pub fn cut(points: Vec<Point>) -> Vec<Chat> {
    let mut chats = Vec::new();
    extend(&mut chats, points);
    chats
}

/// Whether all of `points` lie after what was cut before, so that [`extend`] gives what a new cut would.
pub fn is_after(chats: &[Chat], points: &[Point]) -> bool {
    chats.last().is_none_or(|chat| points.iter().all(|point| point.at > chat.last_at))
}

/// Goes on with a cut.
pub fn extend(chats: &mut Vec<Chat>, mut points: Vec<Point>) {
    // An ad comes before what is said at the same moment: a message that it came with is of the new chat.
    let place = |point: &Point| (point.at, point.ad_id.is_none(), point.ad_id.clone(), point.by_customer);
    points.sort_by_cached_key(place);
    for point in &points {
        match chats.last_mut() {
            Some(chat) if !begins_anew(chat, point) => chat.grow(point),
            _ => chats.push(Chat::begun_by(point, i64::try_from(chats.len()).unwrap_or(i64::MAX))),
        }
    }
}

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
