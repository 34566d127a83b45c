//! The log: lines on standard error, as text or JSON.

use tracing_subscriber::EnvFilter;

use crate::error::{Error, Result};

/// The level that is logged unless another is asked for.
const LEVEL: &str = "info";

/// Begins to log, once for the process. `level` is a filter of `tracing`, such as `debug` or `info,sqlx=warn`; `format`
/// is `text` (the default) or `json`; `has_colours` allows terminal colours in text.
///
/// # Errors
/// Level or format is unknown, or the process logs already.
pub fn start(level: Option<&str>, format: Option<&str>, has_colours: bool) -> Result<()> {
    let unknown = |name: &str, known: &str| Error::invalid("log", format!("{name} must be {known}"));
    let filter = EnvFilter::try_new(level.unwrap_or(LEVEL)).map_err(|error| {
        unknown("SALESBRIDGE_LOG", "a level such as debug, or levels such as info,sqlx=warn").caused_by(error)
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format.unwrap_or("text") {
        "text" => lines.with_ansi(has_colours).try_init(),
        // Flat, so that `attempt.id` is a key of the line itself, as in text.
        "json" => lines.json().flatten_event(true).try_init(),
        _ => return Err(unknown("SALESBRIDGE_LOG_FORMAT", "text or json")),
    };
    started.map_err(|error| Error::internal(format!("nothing can be logged: {error}")))
}
