//! An error of Graph as far as it is known: title, advice, and the source of that knowledge.

/// The source of a rule or code; each answer names it, so that nobody takes a guess for Meta's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// Meta's documentation has it.
    Documented,
    /// One public report has it, named here.
    Reported(&'static str),
    /// Several field reports or other people's code have it.
    Field,
    /// Somebody lists it without a source.
    Unverified,
}

impl Basis {
    /// The source as a sentence, for the person who reads the answer.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Documented => "Documented by Meta.".to_owned(),
            Self::Reported(place) => {
                format!("Known from a public report ({place}) only, not documented by Meta.")
            }
            Self::Field => "Known from field reports only, not documented by Meta.".to_owned(),
            Self::Unverified => "UNVERIFIED: no authoritative source is known.".to_owned(),
        }
    }
}

/// One code, or code and subcode, of Graph's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownError {
    pub(super) code: i64,
    pub(super) subcode: Option<i64>,
    /// What it says, in a few words: `error_user_title`.
    pub(super) title: &'static str,
    /// What to do about it, as a sentence.
    pub(super) advice: &'static str,
    pub(super) basis: Basis,
}

impl KnownError {
    /// The advice with its source: `error_user_msg`.
    pub(super) fn help(&self) -> String {
        format!("{} {}", self.advice, self.basis.sentence())
    }
}
