//! One request to Meta and what came of it. A refusal is a verdict on a row, not an error.

use std::time::Duration;

/// What a request to Meta came to. Meta takes or refuses a request whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx and `events_received` equals the number sent.
    Sent,
    /// An event of the request breaks a rule (code 100): the batch is bisected, a single event is rejected.
    Refused,
    /// An event is older than Meta takes (2804003): the batch is bisected, a single event is expired.
    TooOld,
    /// An event name is not taken by this dataset (2804066): a batch of several names is bisected.
    NameRefused,
    /// A fault of the link between Page, token and dataset: nothing is burnt, the Page waits for a person.
    LinkBroken,
    /// The quota is used up; for as long as Meta told, if it told.
    Throttled(Option<Duration>),
    /// Certainly not taken: tried again after a pause.
    NotTaken,
    /// 2xx with `events_received: 0`: tried again, at most [`ZEROS_MAX`] times.
    Zero,
    /// Perhaps taken: nobody can know.
    Unknown,
}

/// The words by which attempts are listed and counted: `open` until the verdict is there, `resolved` once a person settled
/// an unknown one.
pub const ATTEMPT_WORDS: [&str; 11] = [
    "open",
    Verdict::Sent.as_str(),
    Verdict::Refused.as_str(),
    Verdict::TooOld.as_str(),
    Verdict::NameRefused.as_str(),
    Verdict::LinkBroken.as_str(),
    Verdict::Throttled(None).as_str(),
    Verdict::NotTaken.as_str(),
    Verdict::Zero.as_str(),
    Verdict::Unknown.as_str(),
    "resolved",
];

impl Verdict {
    /// The word in the API and in rows.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::TooOld => "too_old",
            Self::NameRefused => "name_refused",
            Self::LinkBroken => "link_broken",
            Self::Throttled(_) => "throttled",
            Self::NotTaken => "not_taken",
            Self::Zero => "zero",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a single event of the request is to blame, so that the others are told apart from it.
    pub const fn is_of_one_event(&self) -> bool {
        matches!(self, Self::Refused | Self::TooOld | Self::NameRefused)
    }
}

/// After so many answers with `events_received: 0` it can't be known what Meta means by it.
pub const ZEROS_MAX: i64 = 3;

/// An answer of Meta's, read once: the verdict and what a person needs to understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphAnswer {
    /// What it comes to.
    pub verdict: Verdict,
    /// The HTTP status, if there was an answer.
    pub http_status: Option<u16>,
    /// Graph's error code.
    pub code: Option<i64>,
    /// Graph's error subcode.
    pub subcode: Option<i64>,
    /// Meta's own words, or ours for a failure of the line. Never logged: Meta may quote an event in them.
    pub words: Option<String>,
    /// Meta's id of the request, for its support.
    pub fbtrace_id: Option<String>,
    /// The quota is nearly used up: the dataset rests for so long although this request went through.
    pub rest: Option<Duration>,
}

impl GraphAnswer {
    /// A verdict without an answer from Meta: a failure of the line, in our own `words`.
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
