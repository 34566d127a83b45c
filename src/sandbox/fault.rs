//! What goes wrong on request, for whom, and how often.

use std::collections::VecDeque;

/// Something that goes wrong with a request that carries events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A Graph error that says of itself that it lasts; nothing is taken.
    Graph {
        /// HTTP status.
        status: u16,
        /// Graph's code.
        code: i64,
        /// Graph's subcode.
        subcode: Option<i64>,
    },
    /// A Graph error that says of itself that it passes (`is_transient`); nothing is taken.
    Transient {
        /// HTTP status.
        status: u16,
        /// Graph's code.
        code: i64,
        /// Graph's subcode.
        subcode: Option<i64>,
    },
    /// A quota is used up; nothing is taken.
    Throttled {
        /// Graph's code, such as 4, 17, 613 or 80004.
        code: i64,
        /// How Meta says when to come back.
        told: Announced,
    },
    /// A page of HTML, from something in front of Graph; nothing is taken.
    Html503,
    /// This status with an empty body; nothing is taken.
    Bare {
        /// HTTP status.
        status: u16,
    },
    /// `events_received: 0`; nothing is taken.
    Zero,
    /// Only the first `count` events are taken, and the answer says `events_received: count`.
    Count {
        /// The count that is told.
        count: usize,
    },
    /// The events are taken, and the answer warns that the app's quota is nearly used up.
    NearlyUsedUp {
        /// Percent in `x-app-usage`.
        percent: u8,
    },
    /// Meta takes the events, and the answer is lost.
    TakeAndLoseAnswer,
    /// The connection is closed before the body is read; nothing is taken.
    CloseBeforeBody,
    /// The events are taken, and the connection is closed in the middle of the answer.
    CloseInAnswer,
    /// The events are taken, and the answer never ends.
    EndlessAnswer,
    /// The events are taken, and the right answer is padded to 2 MiB.
    LongAnswer,
    /// The events are taken, and the answer waits until [`release`](super::Sandbox::release).
    Hold,
}

/// How a throttled answer says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Not at all.
    Nothing,
    /// In `x-business-use-case-usage`, beside a full `x-app-usage`.
    Usage {
        /// `estimated_time_to_regain_access`.
        minutes: u64,
    },
    /// In `retry-after`.
    RetryAfter {
        /// Seconds to wait.
        seconds: u64,
    },
}

/// A fault with its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// What goes wrong.
    pub fault: Fault,
    /// For one dataset alone; `None`: for all.
    pub dataset: Option<String>,
    /// With so many requests; `None`: until it is lifted.
    pub times: Option<u32>,
}

/// The faults that wait for requests. Those with a number come first, in order.
#[derive(Debug, Default)]
pub(super) struct Plays(VecDeque<Play>);

impl Plays {
    /// Adds a fault; one that lasts takes the place of an earlier one of the same scope.
    pub(super) fn add(&mut self, play: Play) {
        if play.times == Some(0) {
            return;
        }
        if play.times.is_none() {
            self.0.retain(|waiting| waiting.times.is_some() || waiting.dataset != play.dataset);
        }
        self.0.push_back(play);
    }

    /// Ends every fault of `dataset`; `None`: every fault.
    pub(super) fn lift(&mut self, dataset: Option<&str>) {
        self.0.retain(|play| dataset.is_some() && play.dataset.as_deref() != dataset);
    }

    fn find(&self, dataset: &str) -> Option<usize> {
        let concerns = |play: &Play| play.dataset.as_deref().is_none_or(|only| only == dataset);
        let counted = self.0.iter().position(|play| play.times.is_some() && concerns(play));
        counted.or_else(|| self.0.iter().position(concerns))
    }

    /// The fault that the next request to `dataset` meets.
    pub(super) fn peek(&self, dataset: &str) -> Option<Fault> {
        self.find(dataset).and_then(|place| self.0.get(place)).map(|play| play.fault)
    }

    /// The same, used up by one.
    pub(super) fn next(&mut self, dataset: &str) -> Option<Fault> {
        let place = self.find(dataset)?;
        let play = self.0.get_mut(place)?;
        let fault = play.fault;
        play.times = play.times.map(|times| times - 1);
        if play.times == Some(0) {
            self.0.remove(place);
        }
        Some(fault)
    }

    /// What waits, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Play> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(fault: Fault, dataset: Option<&str>, times: Option<u32>) -> Play {
        Play { fault, dataset: dataset.map(str::to_owned), times }
    }

    #[test]
    fn faults_keep_to_their_scope_and_number() {
        let mut plays = Plays::default();
        plays.add(play(Fault::Html503, None, None));
        plays.add(play(Fault::Zero, Some("d"), Some(2)));
        plays.add(play(Fault::Bare { status: 500 }, None, Some(0)));
        assert_eq!(plays.next("other"), Some(Fault::Html503));
        assert_eq!(plays.next("d"), Some(Fault::Zero));
        assert_eq!(plays.peek("d"), Some(Fault::Zero));
        assert_eq!(plays.next("d"), Some(Fault::Zero));
        assert_eq!(plays.next("d"), Some(Fault::Html503));
        plays.add(play(Fault::Hold, None, None));
        assert_eq!(plays.next("d"), Some(Fault::Hold));
        plays.add(play(Fault::Zero, Some("d"), None));
        plays.lift(Some("d"));
        assert_eq!(plays.waiting().count(), 1);
        plays.lift(None);
        assert_eq!(plays.next("d"), None);
    }
}
