//! An attempt is one request to Meta; its verdict says what the answer means for the events in it. A refusal is a
//! verdict on a row, not an error. Which answer is which verdict is read in `meta::events::verdict`, what follows for
//! the conversions in `flow::deliver::settle`.

use std::time::Duration;

/// What a request to Meta came to. Meta takes or refuses a request whole (Meta's documentation of the Conversions
/// API, "Batch Requests"), so one verdict holds for all of its events. Codes in parentheses are Graph's error codes and subcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx and `events_received` equals the number sent: all were taken.
    Sent,
    /// An event breaks a rule (100): a batch is bisected to find it, a single event is rejected.
    Refused,
    /// Meta takes no messaging event about the region of the Page or the person: a batch is bisected to find it, a single
    /// event is rejected with a reason of its own.
    RegionRefused,
    /// The request holds more than Graph can take at once (1 with words that say so): certainly not taken, and halved
    /// at once.
    TooMuch,
    /// An event is older than Meta takes (2804003): a batch is bisected to find it, a single event expires.
    TooOld,
    /// The dataset does not take an event name (2804066): a batch of several names is bisected. A single name is
    /// remembered for the dataset and its events are suppressed; `Purchase` counts as a broken link instead.
    NameRefused,
    /// A fault of the link between Page, token and dataset, for which no event is to blame: the conversions stay
    /// ready, and sending pauses until a person mends the link.
    LinkBroken,
    /// A quota is used up: the dataset rests for as long as Meta says, or for a pause that doubles if it says nothing.
    Throttled(Option<Duration>),
    /// Certainly not taken, for a fault that may pass: tried again after a back-off. A batch that Graph refuses so again
    /// and again is bisected ([`PassingFaults`]).
    NotTaken,
    /// 2xx with `events_received: 0`: tried again; the [`ZEROS_MAX`]th such answer counts as `Unknown`.
    Zero,
    /// Perhaps taken, such as a connection that broke after the first byte: not sent again by itself.
    Unknown,
}

impl Verdict {
    const ALL: [Self; 11] = [
        Self::Sent,
        Self::Refused,
        Self::RegionRefused,
        Self::TooMuch,
        Self::TooOld,
        Self::NameRefused,
        Self::LinkBroken,
        Self::Throttled(None),
        Self::NotTaken,
        Self::Zero,
        Self::Unknown,
    ];

    /// Its word in API and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::RegionRefused => "region_refused",
            Self::TooMuch => "too_much",
            Self::TooOld => "too_old",
            Self::NameRefused => "name_refused",
            Self::LinkBroken => "link_broken",
            Self::Throttled(_) => "throttled",
            Self::NotTaken => "not_taken",
            Self::Zero => "zero",
            Self::Unknown => "unknown",
        }
    }

    /// The verdict of its word, without the pause of a throttle; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }

    /// Whether one event of the request is to blame, so that bisecting the batch saves the others.
    pub const fn is_of_one_event(self) -> bool {
        matches!(self, Self::Refused | Self::RegionRefused | Self::TooOld | Self::NameRefused)
    }
}

/// How an attempt is listed and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// It has no verdict yet: its answer is awaited, or was lost a moment ago.
    Open,
    /// It has this verdict.
    Closed(Verdict),
    /// It was unknown until a person decided what became of its events.
    Resolved,
}

impl AttemptState {
    /// All states, in the order in which an attempt goes through them.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Open].into_iter().chain(Verdict::ALL.map(Self::Closed)).chain([Self::Resolved])
    }

    /// Its word in API, metrics and queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed(verdict) => verdict.as_str(),
            Self::Resolved => "resolved",
        }
    }

    /// The state of its word; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::all().find(|state| state.as_str() == text)
    }
}

/// A batch that met a passing fault of Graph so many times is bisected, so that one event holds up no neighbour.
const MET_BEFORE_BISECTION: i64 = 3;

/// A bisection for a passing fault ends after so many requests in a row of which Meta took nothing: from a thousand events
/// down to one and its neighbours, whose fault may be found so. In an outage of Meta's nothing is taken, whatever the
/// size, and a bisection down to every single event would be a flood.
const BARREN_MAX: usize = 12;

/// The passing faults (a Graph error object with a retryable code) that the events of a batch met, this one included. What
/// a bisection meets on its way is not counted anew.
#[derive(Clone, Copy, Debug)]
pub struct PassingFaults {
    /// How many met the event that met the most.
    pub met: i64,
    /// Whether Meta took other events of the Page since the last such fault, so that it is rather one event's than an
    /// outage.
    pub others_taken: bool,
    /// How many requests just before this one, for the same claim, Meta took nothing of; 0 for the first one.
    pub barren: usize,
}

impl PassingFaults {
    /// Whether a batch that may go through later is bisected now: when it met the fault three times. In an outage that
    /// is so at every third time again, and the bisection soon ends.
    pub const fn bisect(self) -> bool {
        let is_time = self.barren > 0 || self.met % MET_BEFORE_BISECTION == 0;
        self.met >= MET_BEFORE_BISECTION && (self.others_taken || (is_time && self.barren <= BARREN_MAX))
    }

    /// Whether a batch that is too large for Graph is halved: at once, unless no size is small enough.
    pub const fn halve(self) -> bool {
        self.others_taken || self.barren <= BARREN_MAX
    }
}

/// The share of `unknown` among the events of a day above which people are alarmed.
pub const UNKNOWN_SHARE_MAX: f64 = 0.01;

/// After so many answers with `events_received: 0` and no error it can't be known what Meta means by them, so the
/// conversions end as `unknown`.
pub const ZEROS_MAX: i64 = 3;

/// The answer to an attempt: its verdict, and what a person needs to understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphAnswer {
    /// Decided from all that follows; nothing later looks at status or codes to decide.
    pub verdict: Verdict,
    /// The HTTP status; `None` if no answer came.
    pub http_status: Option<u16>,
    /// The `code` of Graph's error object; `None` without one.
    pub code: Option<i64>,
    /// The `error_subcode` of Graph's error object, which is more specific.
    pub subcode: Option<i64>,
    /// The error in Meta's words, or in ours for a failure of the connection. Never logged: Meta may quote an event.
    pub words: Option<String>,
    /// Meta's id of the request (`fbtrace_id`), which its support asks for.
    pub fbtrace_id: Option<String>,
    /// A quota is nearly used up: the dataset rests for so long, whatever the verdict.
    pub rest: Option<Duration>,
}

impl GraphAnswer {
    /// A verdict without an answer of Meta's, such as a failed connection, in our own `words`.
    pub fn unanswered(verdict: Verdict, words: impl Into<String>) -> Self {
        Self {
            verdict,
            http_status: None,
            code: None,
            subcode: None,
            words: Some(words.into()),
            fbtrace_id: None,
            rest: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn faults(met: i64, others_taken: bool, barren: usize) -> PassingFaults {
        PassingFaults { met, others_taken, barren }
    }

    #[test]
    fn a_batch_is_bisected_at_the_third_passing_fault() {
        assert!(!faults(1, true, 0).bisect() && !faults(2, true, 0).bisect());
        assert!(faults(3, false, 0).bisect() && faults(3, true, 0).bisect());
        // So are its halves, which count it as the same one.
        assert!(faults(3, false, 1).bisect());
        // A half that met its first one, in a bisection for another reason, waits for its time.
        assert!(!faults(1, true, 3).bisect());
    }

    #[test]
    fn an_outage_ends_a_bisection_and_every_third_fault_begins_another() {
        assert!(faults(3, false, 12).bisect() && !faults(3, false, 13).bisect());
        assert!(!faults(4, false, 0).bisect() && !faults(5, false, 0).bisect());
        assert!(faults(6, false, 0).bisect());
        // One event that has failed for days is told at once from those that leave.
        assert!(faults(700, true, 0).bisect());
    }

    #[test]
    fn what_is_too_large_is_halved_at_once() {
        assert!(faults(0, false, 0).halve() && faults(1, false, 9).halve() && !faults(1, false, 13).halve());
    }
}
