//! Places at which a test ends the process, or lets a commit fail. Each has a name; what happens there is said
//! by the environment variable `FAILPOINTS`, such as `send.opened=1*off->1*return(abort)`. Without the feature
//! `failpoints` there is none of this.

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

/// The place before the commit of the unit of work `name`: the failpoint `commit.before.NAME`. A `return` other
/// than `return(abort)` lets the commit fail.
#[inline]
pub(crate) fn before_commit(name: &str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("commit.before.{name}"), |word| play(word.as_deref()));
    let _ = name;
    Ok(())
}

/// The place after the commit of the unit of work `name`: the failpoint `commit.after.NAME`.
#[inline]
pub(crate) fn after_commit(name: &str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("commit.after.{name}"), |word| play(word.as_deref()));
    let _ = name;
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
