//! A request that Graph refuses as a whole, before it is written as an error object.

/// What Graph says of a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status of the answer.
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) subcode: Option<i64>,
    /// Whether Graph says that trying again may help.
    pub(super) is_transient: bool,
    pub(super) message: String,
    /// The field that is blamed, such as `data[0][event_time]`.
    pub(super) field: Option<String>,
}

impl Refusal {
    /// A refusal that lasts, with HTTP 400, as nearly all are.
    pub(super) fn new(code: i64, subcode: Option<i64>, message: impl Into<String>) -> Self {
        Self { status: 400, code, subcode, is_transient: false, message: message.into(), field: None }
    }

    /// 803: Graph knows no object of this id or name.
    pub(super) fn unknown_object(name: &str) -> Self {
        let message = format!("(#803) Some of the aliases you requested do not exist: {name}");
        Self { status: 404, ..Self::new(803, None, message) }
    }
}
