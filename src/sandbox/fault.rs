//! Faults on request: what goes wrong, for which dataset, and how often.

use std::collections::VecDeque;

/// What goes wrong with a request that carries events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error object of Graph without `is_transient`; no event is taken.
    Graph {
        /// HTTP status of the answer.
        status: u16,
        /// The `error.code` of the answer.
        code: i64,
        /// The `error.error_subcode` of the answer.
        subcode: Option<i64>,
    },
    /// An error object of Graph with `is_transient`, which says that trying again may help; no event is taken.
    Transient {
        /// HTTP status of the answer.
        status: u16,
        /// The `error.code` of the answer.
        code: i64,
        /// The `error.error_subcode` of the answer.
        subcode: Option<i64>,
    },
    /// An error object without a code, as a server before Graph may write it; no event is taken.
    Codeless {
        /// HTTP status of the answer.
        status: u16,
        /// The `error.message` of the answer; empty: none.
        message: &'static str,
    },
    /// A quota is used up; no event is taken.
    Throttled {
        /// Graph's code of the quota, such as 4, 17, 613 or 80004.
        code: i64,
        /// The header that says when to come back.
        retry: RetryHint,
    },
    /// HTTP 503 with a page of HTML, as from a proxy in front of Graph; no event is taken.
    Html503,
    /// An answer with an empty body; no event is taken.
    Bare {
        /// HTTP status of the answer.
        status: u16,
    },
    /// A success with `events_received: 0`; no event is taken.
    Zero,
    /// A success with `events_received: count`; only the first `count` events are taken.
    Count {
        /// The number of events that are taken and reported.
        count: usize,
    },
    /// A success whose `x-app-usage` says that the app's quota is nearly used up.
    NearlyUsedUp {
        /// The share of the quota that is used, in percent.
        percent: u8,
    },
    /// The events are taken, and the connection is closed without an answer.
    TakeAndLoseAnswer,
    /// The connection is closed before the body is read; no event is taken.
    CloseBeforeBody,
    /// The events are taken, and the connection is closed in the middle of the answer.
    CloseInAnswer,
    /// The events are taken, and the answer never ends.
    EndlessAnswer,
    /// The events are taken, and the right answer is padded with spaces to 2 MiB.
    LongAnswer,
    /// The events are taken, and the answer waits for [`Sandbox::release`](crate::sandbox::Sandbox::release).
    Hold,
}

/// How a throttled answer says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryHint {
    /// It has no header about that.
    Nothing,
    /// By `x-business-use-case-usage`, beside an `x-app-usage` of 100 percent.
    Usage {
        /// The value of `estimated_time_to_regain_access`, in minutes.
        minutes: u64,
    },
    /// By the header `retry-after`.
    RetryAfter {
        /// The value of the header, in seconds.
        seconds: u64,
    },
}

/// A fault with its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedFault {
    /// What goes wrong.
    pub fault: Fault,
    /// The only dataset that meets it; `None`: every dataset.
    pub dataset: Option<String>,
    /// The number of requests that meet it; `None`: all until it is lifted.
    pub times: Option<u32>,
}

/// The faults that wait for requests. Those with a number of times are met first, in order.
#[derive(Debug, Default)]
pub(super) struct FaultQueue(VecDeque<InjectedFault>);

impl FaultQueue {
    /// Adds a fault; one without a number of times replaces an earlier one of the same scope.
    pub(super) fn add(&mut self, injected: InjectedFault) {
        if injected.times == Some(0) {
            return;
        }
        if injected.times.is_none() {
            self.0.retain(|waiting| waiting.times.is_some() || waiting.dataset != injected.dataset);
        }
        self.0.push_back(injected);
    }

    /// Removes every fault of `dataset`; `None`: every fault.
    pub(super) fn lift(&mut self, dataset: Option<&str>) {
        self.0.retain(|waiting| dataset.is_some() && waiting.dataset.as_deref() != dataset);
    }

    fn find(&self, dataset: &str) -> Option<usize> {
        let concerns = |one: &InjectedFault| one.dataset.as_deref().is_none_or(|only| only == dataset);
        let counted = self.0.iter().position(|waiting| waiting.times.is_some() && concerns(waiting));
        counted.or_else(|| self.0.iter().position(concerns))
    }

    /// The fault that the next request to `dataset` meets.
    pub(super) fn peek(&self, dataset: &str) -> Option<Fault> {
        self.find(dataset).and_then(|place| self.0.get(place)).map(|waiting| waiting.fault)
    }

    /// The fault that a request to `dataset` meets, counted as met once.
    pub(super) fn next(&mut self, dataset: &str) -> Option<Fault> {
        let place = self.find(dataset)?;
        let waiting = self.0.get_mut(place)?;
        let fault = waiting.fault;
        waiting.times = waiting.times.map(|times| times - 1);
        if waiting.times == Some(0) {
            self.0.remove(place);
        }
        Some(fault)
    }

    /// The faults that requests have yet to meet, in order.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &InjectedFault> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn injected(fault: Fault, dataset: Option<&str>, times: Option<u32>) -> InjectedFault {
        InjectedFault { fault, dataset: dataset.map(str::to_owned), times }
    }

    #[test]
    fn faults_keep_to_their_scope_and_number() {
        let mut queue = FaultQueue::default();
        queue.add(injected(Fault::Html503, None, None));
        queue.add(injected(Fault::Zero, Some("d"), Some(2)));
        queue.add(injected(Fault::Bare { status: 500 }, None, Some(0)));
        assert_eq!(queue.next("other"), Some(Fault::Html503));
        assert_eq!(queue.next("d"), Some(Fault::Zero));
        assert_eq!(queue.peek("d"), Some(Fault::Zero));
        assert_eq!(queue.next("d"), Some(Fault::Zero));
        assert_eq!(queue.next("d"), Some(Fault::Html503));
        queue.add(injected(Fault::Hold, None, None));
        assert_eq!(queue.next("d"), Some(Fault::Hold));
        queue.add(injected(Fault::Zero, Some("d"), None));
        queue.lift(Some("d"));
        assert_eq!(queue.waiting().count(), 1);
        queue.lift(None);
        assert_eq!(queue.next("d"), None);
    }
}
