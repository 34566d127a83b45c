//! Labels of the Page's inbox: what one may say, and, from the moments at which it was put on a person or taken off, the
//! periods for which the person carried it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::basic::identity::ConversationId;
use crate::domain::order::outcome::OutcomeKind;

/// What a label may say: the outcomes that need no amount, since a label carries none.
pub const LABEL_KINDS: [OutcomeKind; 7] = [
    OutcomeKind::Qualified,
    OutcomeKind::Lost,
    OutcomeKind::Confirmed,
    OutcomeKind::Cancelled,
    OutcomeKind::Shipped,
    OutcomeKind::Delivered,
    OutcomeKind::Returned,
];

/// How far our clock and Meta's may be apart.
const SKEW: Duration = Duration::from_mins(1);

/// One change of a label on a person, as Meta's webhook reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// When it happened, by Meta's clock.
    pub at: Timestamp,
    /// Whether the label was put on; otherwise it was taken off.
    pub added: bool,
}

/// The service's own call to Meta that takes the label off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBack {
    /// When the call was made, by our clock.
    pub asked_at: Timestamp,
    /// Whether Meta has answered that it is done.
    pub done: bool,
}

/// How a period ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A person took the label off, at this moment; that says something.
    ByPerson(Timestamp),
    /// The service took it off; that says nothing.
    Own,
}

/// A period for which a person carried a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelPeriod {
    /// The moments at which it was put on: the first one, and each at which it was put on again.
    pub adds: Vec<Timestamp>,
    /// How the period ended; `None` while the person carries the label.
    pub end: Option<End>,
}

impl LabelPeriod {
    /// The moment at which the label was first put on.
    pub fn began_at(&self) -> Timestamp {
        self.adds.first().copied().unwrap_or(Timestamp::from_millis(0))
    }
}

/// The periods of one label on one person, in order; `changes` and `own` may come in any order. Of changes at the same
/// moment, putting on counts as the earlier. A webhook that only reports what the service itself took off ends the period
/// as [`End::Own`], once for each write-back.
pub fn periods(changes: &[Change], own: &[WriteBack]) -> Vec<LabelPeriod> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Event {
        On,
        Off,
        Own(usize),
    }
    let mut events: Vec<(Timestamp, Event)> = changes
        .iter()
        .map(|change| (change.at, if change.added { Event::On } else { Event::Off }))
        .chain(
            own.iter()
                .enumerate()
                .filter(|(_, own)| own.done)
                .map(|(index, own)| (own.asked_at, Event::Own(index))),
        )
        .collect();
    events.sort();
    // Write-backs that have already ended a period.
    let mut used = vec![false; own.len()];
    let mut periods: Vec<LabelPeriod> = Vec::new();
    for (at, event) in events {
        let open = periods.last_mut().filter(|period| period.end.is_none());
        match (event, open) {
            (Event::On, Some(open)) => open.adds.push(at),
            (Event::On, None) => periods.push(LabelPeriod { adds: vec![at], end: None }),
            (Event::Off, Some(open)) => {
                // This may be the webhook of a write-back: the label was taken off no earlier than that was called, and
                // put on no later. It counts also if the answer of the call was lost (`done` is false).
                let is_reported = |(index, own): &(usize, &WriteBack)| {
                    !used[*index] && at + SKEW >= own.asked_at && open.began_at() <= own.asked_at + SKEW
                };
                let reported = own.iter().enumerate().find(is_reported).map(|(index, _)| index);
                open.end = Some(if reported.is_some() { End::Own } else { End::ByPerson(at) });
                if let Some(index) = reported {
                    used[index] = true;
                }
            }
            (Event::Own(index), Some(open)) if !used[index] => {
                used[index] = true;
                open.end = Some(End::Own);
            }
            _ => {}
        }
    }
    periods
}

/// What a label of this name says, by the Page's settings: by its exact name, else by the name without regard to case.
pub fn meaning(labels: &BTreeMap<String, OutcomeKind>, name: &str) -> Option<OutcomeKind> {
    let name = name.trim();
    let alike = || {
        let lower = name.to_lowercase();
        labels.iter().find(|(label, _)| label.trim().to_lowercase() == lower).map(|(_, kind)| kind)
    };
    labels.get(name).or_else(alike).copied()
}

/// The `ref` of the outcome that a label gives. It is made from the label's first moment, so that the same label reported
/// again is the same outcome.
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
        // What ends the next period is a person's change again.
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
