//! Places at which a test ends the process, or lets a commit fail. Each has a name; what happens there is said
//! by the environment variable `FAILPOINTS`, such as `send.opened=1*off->1*return(abort)`. Without the feature
//! `failpoints` there is none of this.

use std::panic::Location;

use crate::error::Result;

/// Reads `FAILPOINTS`.
pub fn arm() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// A place at which the process may end, as by `kill -9`.
#[inline]
pub fn reach(name: &str) {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(name, |word| drop(play(word.as_deref())));
    let _ = name;
}

/// The place before or after the commit of a unit; its name holds who commits, such as
/// `commit.before.flow.tag`.
#[inline]
pub(crate) fn at_commit(moment: &str, place: &Location<'_>) -> Result<()> {
    #[cfg(feature = "failpoints")]
    {
        let file = place.file().rsplit_once("src/").map_or(place.file(), |(_, file)| file);
        let who = file.trim_end_matches(".rs").replace('/', ".");
        fail::fail_point!(&format!("commit.{moment}.{who}"), |word| play(word.as_deref()));
    }
    let _ = (moment, place);
    Ok(())
}

/// `return(abort)` ends the process without a further instruction of ours; any other `return` is a failure.
#[cfg(feature = "failpoints")]
fn play(word: Option<&str>) -> Result<()> {
    if word == Some("abort") {
        std::process::abort();
    }
    Err(crate::error::Error::unavailable("failpoint", "A failure was played on request"))
}
