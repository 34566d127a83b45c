//! Snoozing: the form that takes a conversation out of the queue until a time, and how that time is read.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::operator::OperatorRow;
use crate::store::page::Page;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::formatting::Formatter;
use crate::web::console::text::Texts;
use crate::web::console::visitor::Visitor;

/// The hour of the day at which "tomorrow" ends a snooze.
const TOMORROW_HOUR: i8 = 10;

/// The form: the operator who continues, and the time until which.
#[derive(Debug)]
pub struct SnoozeForm {
    pub owners: Vec<Choice>,
    pub until: Vec<Choice>,
}

impl SnoozeForm {
    /// The form for a conversation of `page`; `people` who see it can continue with it.
    pub fn new(people: &[OperatorRow], page: &Page, visitor: &Visitor, texts: &Texts) -> Self {
        let owners = people.iter().filter(|one| one.ended_at.is_none() && one.operator.sees(&page.id));
        let owner = |one: &OperatorRow| {
            let name = one.operator.name.clone();
            Choice::new(name.clone(), name, one.operator.name == visitor.operator.name)
        };
        let times = [
            ("1h", texts.snooze_hour),
            ("3h", texts.snooze_three),
            ("tomorrow", texts.snooze_tomorrow),
            ("week", texts.snooze_week),
        ];
        Self {
            owners: owners.map(owner).collect(),
            until: times.map(|(value, name)| Choice::button(value, name)).into(),
        }
    }
}

/// The time that the form gives; `None` if it can't be read.
pub fn read_until(form: &Form, formatter: &Formatter, now: Timestamp) -> Option<Timestamp> {
    match form.text("until").as_deref() {
        Some("1h") => Some(now + Duration::from_hours(1)),
        Some("3h") => Some(now + Duration::from_hours(3)),
        Some("tomorrow") => Some(formatter.tomorrow_at(TOMORROW_HOUR)),
        Some("week") => Some(now + Duration::from_hours(7 * 24)),
        _ => formatter.read(&form.text("at")?),
    }
}
