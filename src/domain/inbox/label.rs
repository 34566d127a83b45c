//! Labels of Meta's inbox as operators put them on people. Meta tells when one was put on or taken off, in any order
//! and repeatedly; from that follow the periods in which the person bore the label. A period says what the Page's map
//! of labels says; what becomes of that is decided in `flow::inbox::label`.

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

/// Tolerated difference between our clock and Meta's.
const SKEW: Duration = Duration::from_mins(1);

/// One label was put on one person, or taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelMoment {
    /// The time of the webhook's entry, by Meta's clock.
    pub at: Timestamp,
    /// Whether it was put on; otherwise it was taken off.
    pub added: bool,
}

/// A request of the service itself to take the label off, once its fact is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBack {
    /// When Meta was asked, by our clock.
    pub asked_at: Timestamp,
    /// Meta confirmed it. Otherwise the answer was lost: it was perhaps done.
    pub done: bool,
}

/// Who ended a period. Only a person's taking off says anything about the sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Somebody took the label off at this time, by Meta's clock.
    ByPerson(Timestamp),
    /// The service took it off.
    ByService,
}

/// A period in which a person bore a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelPeriod {
    /// When it was put on, and every repetition of that, oldest first; never empty.
    pub adds: Vec<Timestamp>,
    /// Who ended it; `None` while the person bears the label.
    pub end: Option<End>,
}

impl LabelPeriod {
    /// When the label was put on first.
    pub fn began_at(&self) -> Timestamp {
        self.adds.first().copied().unwrap_or(Timestamp::from_millis(0))
    }
}

/// The periods of one label on one person, oldest first, whatever the order of `changes`. At the same time putting on
/// counts before taking off. Meta tells of the service's own taking off too: such a change and the write-back behind
/// it end one period together, as `ByService`.
pub fn periods(changes: &[LabelMoment], write_backs: &[WriteBack]) -> Vec<LabelPeriod> {
    /// What happened at a time; the order of the variants decides between two of the same time.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Step {
        On,
        Off,
        /// The confirmed write-back of this index.
        WrittenBack(usize),
    }
    let written_back = write_backs.iter().enumerate().filter(|(_, write)| write.done);
    let mut steps: Vec<(Timestamp, Step)> = changes
        .iter()
        .map(|change| (change.at, if change.added { Step::On } else { Step::Off }))
        .chain(written_back.map(|(index, write)| (write.asked_at, Step::WrittenBack(index))))
        .collect();
    steps.sort();
    let mut used = vec![false; write_backs.len()];
    let mut periods: Vec<LabelPeriod> = Vec::new();
    for (at, step) in steps {
        let open = periods.last_mut().filter(|period| period.end.is_none());
        match (step, open) {
            (Step::On, Some(open)) => open.adds.push(at),
            (Step::On, None) => periods.push(LabelPeriod { adds: vec![at], end: None }),
            (Step::Off, Some(open)) => {
                // It tells of a write-back that was asked for in this period and not after this change.
                let tells_of = |(index, write): &(usize, &WriteBack)| {
                    !used[*index] && at + SKEW >= write.asked_at && open.began_at() <= write.asked_at + SKEW
                };
                let own = write_backs.iter().enumerate().find(tells_of).map(|(index, _)| index);
                open.end = Some(if own.is_some() { End::ByService } else { End::ByPerson(at) });
                if let Some(index) = own {
                    used[index] = true;
                }
            }
            (Step::WrittenBack(index), Some(open)) if !used[index] => {
                used[index] = true;
                open.end = Some(End::ByService);
            }
            _ => {}
        }
    }
    periods
}

/// What a label of this name says by the Page's map: a name that is written exactly so comes first, else case does not
/// matter. `None` for a label that is not in the map.
pub fn meaning(labels: &BTreeMap<String, OutcomeKind>, name: &str) -> Option<OutcomeKind> {
    let name = name.trim();
    let ignoring_case = || {
        let lower = name.to_lowercase();
        labels.iter().find(|(label, _)| label.trim().to_lowercase() == lower).map(|(_, kind)| kind)
    };
    labels.get(name).or_else(ignoring_case).copied()
}

/// The `ref` of a label's fact, made from where and when the label was put on: the same however often Meta tells it.
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

    fn on(seconds: i64) -> LabelMoment {
        LabelMoment { at: at(seconds), added: true }
    }

    fn off(seconds: i64) -> LabelMoment {
        LabelMoment { at: at(seconds), added: false }
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
            assert_eq!(periods(&changes, &[own])[0].end, Some(End::ByService));
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
            let changes: Vec<LabelMoment> = told.iter().map(|(seconds, added)| LabelMoment { at: at(*seconds), added: *added }).collect();
            let own: Vec<WriteBack> = own.iter().map(|(seconds, done)| WriteBack { asked_at: at(*seconds), done: *done }).collect();
            let mut turned = changes.clone();
            turned.reverse();
            let found = periods(&changes, &own);
            prop_assert_eq!(&periods(&turned, &own), &found);
            prop_assert!(found.iter().rev().skip(1).all(|period| period.end.is_some()));
        }
    }
}
