//! What can go wrong, told once: a [`ErrorKind`] for the machine, a stable code for scripts, and a sentence
//! that says what to do. Which HTTP status a kind becomes is decided in `web` alone.

use std::fmt;

use serde_json::{Map, Value};

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request can't be read at all.
    Malformed,
    /// The request is wrong; repeating it does not help.
    Invalid,
    /// No valid key.
    Unauthorized,
    /// A valid key with the wrong role.
    Forbidden,
    /// No such thing, or it belongs to another Page.
    NotFound,
    /// There is something of that name, but this can't be done with it.
    WrongMethod,
    /// The body is of a kind that is not read here.
    UnsupportedMedia,
    /// It cannot be done as things stand.
    Conflict,
    /// It was there, and is kept no longer.
    Gone,
    /// More bytes than the limit.
    TooLarge,
    /// Too often.
    TooMany,
    /// Not possible now; repeating it later may help.
    Unavailable,
    /// Two writers stood in each other's way; the same unit can be tried again at once.
    Contended,
    /// A fault of ours or of the machine.
    Internal,
}

/// A failure. `message` is shown to the user unless the kind is [`ErrorKind::Internal`]; it never holds
/// personal data or secrets.
#[derive(Debug)]
pub struct Error {
    /// What sort of failure it is.
    pub kind: ErrorKind,
    /// A stable word for scripts, such as `order_belongs_elsewhere`.
    pub code: &'static str,
    /// One sentence that says what is wrong and what to do.
    pub message: String,
    /// The fields at fault, as JSON pointers, each with its own sentence.
    pub fields: Vec<FieldFault>,
    /// The order that stands in the way, by our id; the answer shows how it stands.
    pub order: Option<String>,
    /// Further members of the answer, such as the `legal` moves of a 409.
    pub extra: Box<Map<String, Value>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One field of a request that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// JSON pointer to the field, such as `/items/0/quantity`.
    pub pointer: String,
    /// What is wrong with it and what is expected.
    pub detail: String,
}

impl Error {
    /// A failure of `kind` with its `code` and sentence.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            fields: Vec::new(),
            order: None,
            extra: Box::default(),
            source: None,
        }
    }

    /// A request that is wrong as a whole.
    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, code, message)
    }

    /// A request with one field that cannot be taken; `pointer` is its JSON pointer.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let mut error =
            Self::invalid("invalid_field", format!("{}: {detail}", pointer.trim_start_matches('/')));
        error.fields.push(FieldFault { pointer, detail });
        error
    }

    /// Nothing of that name, or it is another Page's.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, "not_found", format!("There is no such {what}."))
    }

    /// It cannot be done as things stand.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, code, message)
    }

    /// Not possible now.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, code, message)
    }

    /// A fault of ours or of the machine; `doing` says during what.
    pub fn internal(doing: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "internal", doing)
    }

    /// Names the failure below this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Names the order that stands in the way.
    #[must_use]
    pub fn about_order(mut self, id: impl fmt::Display) -> Self {
        self.order = Some(id.to_string());
        self
    }

    /// Adds a member to the answer.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(member.to_owned(), value.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut below = std::error::Error::source(self);
        while let Some(cause) = below {
            write!(f, ": {cause}")?;
            below = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
