//! Times and money as people read them: in the time zone of the Page, with ₾ behind the amount.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::{Currency, Money};
use crate::store::page::PageHead;
use crate::web::console::text::Texts;

/// A space at which no line is broken.
const NO_BREAK: char = '\u{a0}';

/// Writes times as text, in one time zone and language.
#[derive(Clone, Debug)]
pub struct Formatter {
    zone: TimeZone,
    texts: &'static Texts,
    now: Timestamp,
}

impl Formatter {
    /// A formatter for `zone` (IANA; UTC if there is none of this name), as seen from `now`.
    pub fn new(zone: &str, texts: &'static Texts, now: Timestamp) -> Self {
        Self { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC), texts, now }
    }

    fn local(&self, at: Timestamp) -> DateTime {
        let moment = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        self.zone.to_datetime(moment)
    }

    /// `14:35` today, else `25 Nov, 14:35`, in another year `25 Nov 2025, 14:35`.
    pub fn time(&self, at: Timestamp) -> String {
        let (then, now) = (self.local(at), self.local(self.now));
        let clock = format!("{:02}:{:02}", then.hour(), then.minute());
        if then.date() == now.date() {
            return clock;
        }
        let month = self.texts.months.split(' ').nth(usize::try_from(then.month() - 1).unwrap_or(0));
        let date = format!("{}{NO_BREAK}{}", then.day(), month.unwrap_or_default());
        if then.year() == now.year() {
            return format!("{date}, {clock}");
        }
        format!("{date} {}, {clock}", then.year())
    }

    /// `5 min`, `2 h 5 min`, `3 d 4 h` since `at`.
    pub fn waited(&self, at: Timestamp) -> String {
        let minutes = self.now.since(at).as_secs() / 60;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        let Texts { d, h, min, .. } = self.texts;
        match (days, hours) {
            (0, 0) => format!("{minutes}{NO_BREAK}{min}"),
            (0, hours) => format!("{hours}{NO_BREAK}{h} {minutes}{NO_BREAK}{min}"),
            (days, hours) => format!("{days}{NO_BREAK}{d} {hours}{NO_BREAK}{h}"),
        }
    }

    /// The moment of a `datetime-local` field, in this time zone.
    pub fn read(&self, text: &str) -> Option<Timestamp> {
        let local: DateTime = text.trim().parse().ok()?;
        let moment = self.zone.to_ambiguous_timestamp(local).compatible().ok()?;
        Some(Timestamp::from_millis(moment.as_millisecond()))
    }

    /// What a `datetime-local` field is filled with.
    pub fn field(&self, at: Timestamp) -> String {
        let local = self.local(at);
        format!("{}T{:02}:{:02}", local.date(), local.hour(), local.minute())
    }

    /// The next day at `hour`.
    pub fn tomorrow_at(&self, hour: i8) -> Timestamp {
        let today = self.local(self.now).date();
        let next = today.tomorrow().unwrap_or(today).at(hour, 0, 0, 0);
        let moment = self.zone.to_ambiguous_timestamp(next).compatible();
        moment.map_or(self.now + Duration::from_hours(24), |moment| {
            Timestamp::from_millis(moment.as_millisecond())
        })
    }

    /// The midnight with which the day of `now` began.
    pub fn midnight(&self) -> Timestamp {
        let midnight = self.local(self.now).date().at(0, 0, 0, 0);
        let moment = self.zone.to_ambiguous_timestamp(midnight).compatible();
        moment.map_or(self.now, |moment| Timestamp::from_millis(moment.as_millisecond()))
    }
}

/// A formatter in the time zone of `page`; without it, of the first of `pages`.
pub fn formatter_of(
    pages: &[PageHead],
    page: Option<&PageId>,
    texts: &'static Texts,
    now: Timestamp,
) -> Formatter {
    let found = page.and_then(|id| pages.iter().find(|page| page.id == *id)).or(pages.first());
    Formatter::new(found.map_or("UTC", |page| &page.timezone), texts, now)
}

/// `₾`; another currency by its code.
pub fn currency_mark(currency: Currency) -> &'static str {
    if currency.code() == "GEL" { "₾" } else { currency.code() }
}

/// `120.50 ₾`; another currency by its code.
pub fn money(minor: i64, currency: Currency) -> String {
    format!("{}{NO_BREAK}{}", Money::new(minor, currency), currency_mark(currency))
}

/// `120.50`, as a field of a form is filled.
pub fn plain_amount(minor: i64, currency: Currency) -> String {
    Money::new(minor, currency).to_string()
}

/// A text of at most `most` characters; what is left out is marked by `…`.
pub fn shortened(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).collect();
    if text.chars().count() > most {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operator::Language;
    use crate::web::console::text;

    #[test]
    fn times_are_told_in_the_pages_own_zone() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let now = at("2026-11-25T20:30:00Z");
        let english = Formatter::new("Asia/Tbilisi", text::of(Language::English), now);
        let georgian = Formatter::new("Asia/Tbilisi", text::of(Language::Georgian), now);
        assert_eq!(english.time(at("2026-11-25T20:10:00Z")), "00:10");
        assert_eq!(english.time(at("2026-11-25T10:35:00Z")), "25\u{a0}Nov, 14:35");
        assert_eq!(georgian.time(at("2025-11-25T10:35:00Z")), "25\u{a0}ნოე 2025, 14:35");
        assert_eq!(english.waited(at("2026-11-25T18:25:00Z")), "2\u{a0}h 5\u{a0}min");
        assert_eq!(georgian.waited(at("2026-11-22T16:30:00Z")), "3\u{a0}დღე 4\u{a0}სთ");
        assert_eq!(english.read("2026-11-27T10:00"), Some(at("2026-11-27T06:00:00Z")));
        assert_eq!(english.field(at("2026-11-27T06:00:00Z")), "2026-11-27T10:00");
        assert_eq!(english.tomorrow_at(10), at("2026-11-27T06:00:00Z"));
        assert_eq!(english.midnight(), at("2026-11-25T20:00:00Z"));
    }

    #[test]
    fn money_has_its_mark_behind_it() {
        let gel = Currency::parse("GEL").unwrap();
        assert_eq!(money(12_050, gel), "120.50\u{a0}₾");
    }
}
