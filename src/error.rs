//! The one error type of the crate: an [`ErrorKind`] by which code decides, a stable code for scripts, and a sentence for
//! people that says what to do. `web` alone decides which HTTP status a kind becomes.

use std::fmt;

use serde_json::{Map, Value};

/// The result type of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is: who can mend it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request can't be parsed.
    Malformed,
    /// The request is understood and wrong; repeating it does not help.
    Invalid,
    /// The request has no valid key or session.
    Unauthorized,
    /// The caller is known, and their role may not do this.
    Forbidden,
    /// There is no such thing, or it belongs to a Page that the caller may not see.
    NotFound,
    /// The path exists, but not with this HTTP method.
    WrongMethod,
    /// The body has a media type that is not read here.
    UnsupportedMedia,
    /// The present state does not allow it, such as an order that is already delivered.
    Conflict,
    /// It existed, and its retention is over.
    Gone,
    /// The body has more bytes than the limit.
    TooLarge,
    /// The caller has asked too often.
    TooMany,
    /// It can't be done now; repeating it later may help.
    Unavailable,
    /// Two writers contended for the same rows; the unit of work was rolled back and can be repeated at once.
    Contended,
    /// A fault of the service or its machine.
    Internal,
}

/// A failure. `message` is shown to the user unless the kind is [`ErrorKind::Internal`]; it never holds
/// personal data or secrets.
#[derive(Debug)]
pub struct Error {
    /// By this, callers decide and `web` chooses the HTTP status.
    pub kind: ErrorKind,
    /// A stable word for scripts, such as `order_belongs_elsewhere`.
    pub code: &'static str,
    /// One sentence that says what is wrong and what to do.
    pub message: String,
    /// The request's fields that are wrong, each with a sentence of its own.
    pub fields: Vec<FieldFault>,
    /// Our id of the order because of which it can't be done; `web` adds that order's present state to the answer.
    pub order: Option<String>,
    /// Further members of the answer, such as the `legal` moves of a 409.
    pub extra: Box<Map<String, Value>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// One field of a request that is wrong.
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

    /// A request with one wrong field; `pointer` is its JSON pointer, such as `/items/0/quantity`.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (pointer.into(), detail.into());
        let mut error =
            Self::invalid("invalid_field", format!("{}: {detail}", pointer.trim_start_matches('/')));
        error.fields.push(FieldFault { pointer, detail });
        error
    }

    /// Nothing of that name, or it is another Page's; `noun` completes "There is no such …".
    pub fn not_found(noun: &str) -> Self {
        Self::new(ErrorKind::NotFound, "not_found", format!("There is no such {noun}."))
    }

    /// The present state does not allow it.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, code, message)
    }

    /// It can't be done now; repeating it later may help.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, code, message)
    }

    /// A fault of the service or its machine; `message` is for the log alone.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "internal", message)
    }

    /// Adds the error that caused this one, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the order because of which it can't be done.
    #[must_use]
    pub fn about_order(mut self, id: impl fmt::Display) -> Self {
        self.order = Some(id.to_string());
        self
    }

    /// Adds a member to the answer's problem document.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(member.to_owned(), value.into());
        self
    }
}

/// The message, and behind colons the chain of its causes: for the log and the command line.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
