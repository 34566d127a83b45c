//! Labels of the Page's inbox: from the moments at which one was put on a person or taken off, in any order,
//! to the spells for which it stood.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::ConversationId;
use crate::domain::order::outcome::OutcomeKind;

/// Our clock and Meta's may differ by so much.
const SKEW: Duration = Duration::from_mins(1);

/// The kinds that a label can stand for: those that need no amount.
pub const LABELLED: [OutcomeKind; 7] = [
    OutcomeKind::Qualified,
    OutcomeKind::Lost,
    OutcomeKind::Confirmed,
    OutcomeKind::Cancelled,
    OutcomeKind::Shipped,
    OutcomeKind::Delivered,
    OutcomeKind::Returned,
];

/// A label was put on a person, or taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// When, by Meta's clock.
    pub at: Timestamp,
    /// Put on (else taken off).
    pub added: bool,
}

/// The service took the label off itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBack {
    /// When it asked Meta, by our clock.
    pub asked_at: Timestamp,
    /// Meta said that it is done.
    pub done: bool,
}

/// How a spell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Somebody took the label off.
    ByPerson(Timestamp),
    /// The service did.
    Own,
}

/// For so long a label stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelPeriod {
    /// When it was put on: the first moment, and every repetition.
    pub adds: Vec<Timestamp>,
    /// How it ended, if it did.
    pub end: Option<End>,
}

impl LabelPeriod {
    /// Its first moment.
    pub fn began_at(&self) -> Timestamp {
        self.adds.first().copied().unwrap_or(Timestamp::from_millis(0))
    }
}

/// The spells of one label on one person. Of one moment, putting on comes before taking off. What the service
/// took off itself ends a spell without a word, and so does the webhook by which Meta tells of that.
pub fn periods(changes: &[Change], own: &[WriteBack]) -> Vec<LabelPeriod> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Moment {
        On,
        Off,
        Own(usize),
    }
    let mut moments: Vec<(Timestamp, Moment)> = changes
        .iter()
        .map(|change| (change.at, if change.added { Moment::On } else { Moment::Off }))
        .chain(
            own.iter().enumerate().filter(|(_, own)| own.done).map(|(i, own)| (own.asked_at, Moment::Own(i))),
        )
        .collect();
    moments.sort();
    let mut used = vec![false; own.len()];
    let mut periods: Vec<LabelPeriod> = Vec::new();
    for (at, moment) in moments {
        let open = periods.last_mut().filter(|period| period.end.is_none());
        match (moment, open) {
            (Moment::On, Some(open)) => open.adds.push(at),
            (Moment::On, None) => periods.push(LabelPeriod { adds: vec![at], end: None }),
            (Moment::Off, Some(open)) => {
                let is_told = |(index, own): &(usize, &WriteBack)| {
                    !used[*index] && at + SKEW >= own.asked_at && open.began_at() <= own.asked_at + SKEW
                };
                let told = own.iter().enumerate().find(is_told).map(|(index, _)| index);
                open.end = Some(if told.is_some() { End::Own } else { End::ByPerson(at) });
                if let Some(index) = told {
                    used[index] = true;
                }
            }
            (Moment::Own(index), Some(open)) if !used[index] => {
                used[index] = true;
                open.end = Some(End::Own);
            }
            _ => {}
        }
    }
    periods
}

/// What a label of this name says, by the Page's map: as it is written there, else without regard to case.
pub fn meaning(labels: &BTreeMap<String, OutcomeKind>, name: &str) -> Option<OutcomeKind> {
    let name = name.trim();
    let alike = || {
        let lower = name.to_lowercase();
        labels.iter().find(|(label, _)| label.trim().to_lowercase() == lower).map(|(_, kind)| kind)
    };
    labels.get(name).or_else(alike).copied()
}

/// The name (`ref`) of what a label says: the same however often Meta tells it.
pub fn reference(conversation: &ConversationId, label_id: &str, at: Timestamp) -> String {
    format!("label:{label_id}:{conversation}:{}", at.millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn on(seconds: i64) -> Change {
        Change { at: at(seconds), added: true }
    }

    fn off(seconds: i64) -> Change {
        Change { at: at(seconds), added: false }
    }

    #[test]
    fn repeats_and_what_was_off_already_are_nothing() {
        let found = periods(&[off(1), on(5), on(6), off(9), off(10), on(20)], &[]);
        let expected = [
            LabelPeriod { adds: vec![at(5), at(6)], end: Some(End::ByPerson(at(9))) },
            LabelPeriod { adds: vec![at(20)], end: None },
        ];
        assert_eq!(found, expected);
        assert_eq!(periods(&[off(5), on(5)], &[])[0].end, Some(End::ByPerson(at(5))));
    }

    #[test]
    fn what_the_service_took_off_is_not_a_persons_word() {
        let own = |seconds, done| WriteBack { asked_at: at(seconds), done };
        // Meta's clock is behind ours, or the answer was lost, or the webhook has not come yet.
        for (changes, own) in [
            (vec![on(100), off(103)], own(105, true)),
            (vec![on(100), off(110)], own(105, false)),
            (vec![on(100)], own(105, true)),
        ] {
            assert_eq!(periods(&changes, &[own])[0].end, Some(End::Own));
        }
        // The next spell is a person's again.
        let found = periods(&[on(100), off(106), on(1000), off(1010)], &[own(105, true)]);
        assert_eq!(found[1].end, Some(End::ByPerson(at(1010))));
        // What a person took off long before the service asked is theirs.
        assert_eq!(periods(&[on(100), off(200)], &[own(900, true)])[0].end, Some(End::ByPerson(at(200))));
    }

    #[test]
    fn a_name_is_found_without_regard_to_case() {
        let labels = BTreeMap::from([
            ("Order".to_owned(), OutcomeKind::Confirmed),
            ("order".to_owned(), OutcomeKind::Lost),
            ("შეკვეთა".to_owned(), OutcomeKind::Confirmed),
        ]);
        assert_eq!(meaning(&labels, " Order "), Some(OutcomeKind::Confirmed));
        assert_eq!(meaning(&labels, "order"), Some(OutcomeKind::Lost));
        assert_eq!(meaning(&labels, "ᲨᲔᲙᲕᲔᲗᲐ"), Some(OutcomeKind::Confirmed));
        assert_eq!(meaning(&labels, "Orders"), None);
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            told in prop::collection::vec((0i64..300, any::<bool>()), 0..12), own in prop::collection::vec((0i64..300, any::<bool>()), 0..3)) {
            let changes: Vec<Change> = told.iter().map(|(seconds, added)| Change { at: at(*seconds), added: *added }).collect();
            let own: Vec<WriteBack> = own.iter().map(|(seconds, done)| WriteBack { asked_at: at(*seconds), done: *done }).collect();
            let mut turned = changes.clone();
            turned.reverse();
            let found = periods(&changes, &own);
            prop_assert_eq!(&periods(&turned, &own), &found);
            prop_assert!(found.iter().rev().skip(1).all(|period| period.end.is_some()));
        }
    }
}
