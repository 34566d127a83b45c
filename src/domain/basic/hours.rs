//! Working hours as people write them: `Mon-Fri 10:00-20:00, Sat 11:00-16:00`.

use std::fmt;
use std::ops::Range;

/// The days as they are written, from Monday on.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Minutes of a whole day, also the minute of `24:00`.
const DAY: u16 = 24 * 60;

/// The hours of a week in which somebody at the Page answers, in the Page's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingHours {
    text: String,
    /// For each day from Monday on, stretches from one minute of the day to before another.
    days: [Vec<Range<u16>>; 7],
}

impl WorkingHours {
    /// Parses stretches such as `Mon-Sat 10:00-20:00` between commas. `24:00` is the end of a day; no stretch goes on
    /// beyond midnight.
    ///
    /// # Errors
    /// What is wrong with the text, as the end of a sentence that begins with the setting's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut days: [Vec<Range<u16>>; 7] = Default::default();
        for stretch in text.split(',') {
            let wrong =
                || format!("must be such as \"Mon-Sat 10:00-20:00\", and \"{}\" is not", stretch.trim());
            let (when, hours) = stretch.trim().split_once(' ').ok_or_else(wrong)?;
            let (first, last) = when.split_once('-').unwrap_or((when, when));
            let day = |name: &str| DAYS.iter().position(|day| *day == name).ok_or_else(wrong);
            let (first, last) = (day(first)?, day(last)?);
            let (from, to) = hours.trim().split_once('-').ok_or_else(wrong)?;
            let (from, to) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
            if from >= to {
                return Err(format!(
                    "must end each stretch after it begins, and \"{}\" does not",
                    stretch.trim()
                ));
            }
            let length = (last + DAYS.len() - first) % DAYS.len();
            for step in 0..=length {
                days[(first + step) % DAYS.len()].push(from..to);
            }
        }
        Ok(Self { text: text.to_owned(), days })
    }

    /// The text as it was written, for settings and the console.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether somebody answers at a minute of the day; `day` is 0 for Monday.
    pub fn contains(&self, day: usize, minute: u16) -> bool {
        self.days.get(day).is_some_and(|day| day.iter().any(|stretch| stretch.contains(&minute)))
    }
}

impl fmt::Display for WorkingHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The minute of the day that `HH:MM` is.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_read_day_by_day() {
        let hours = WorkingHours::parse("Mon-Fri 10:00-20:00, Sat 11:00-16:00").unwrap();
        assert!(hours.contains(0, 600) && hours.contains(4, 1199) && hours.contains(5, 660));
        assert!(!hours.contains(0, 599) && !hours.contains(4, 1200) && !hours.contains(6, 700));
        let over_the_weekend = WorkingHours::parse("Sat-Mon 00:00-24:00").unwrap();
        assert!(over_the_weekend.contains(6, 1439) && over_the_weekend.contains(0, 0));
        assert!(!over_the_weekend.contains(1, 0));
    }

    #[test]
    fn what_is_no_week_is_refused() {
        for wrong in [
            "",
            "Mon",
            "10:00-20:00",
            "Mon 10-20",
            "Mon 20:00-10:00",
            "Mon 10:60-11:00",
            "Mo 10:00-20:00",
            "Mon 10:00-24:01",
        ] {
            assert!(WorkingHours::parse(wrong).is_err(), "{wrong}");
        }
    }
}
