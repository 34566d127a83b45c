//! Failpoints: named places at which a test ends the process or makes a commit fail. The environment variable
//! `FAILPOINTS` says what happens where, in the syntax of the crate `fail`: `send.opened=1*off->1*return(abort)` ends the
//! process at the second `send.opened`. Without the feature `failpoints` nothing here does anything.

use crate::error::Result;

/// Reads the environment variable `FAILPOINTS`; once, at the start of the process.
pub fn arm() {
    // Never dropped, because that would disarm every failpoint.
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// The failpoint `name`, at which `return(abort)` ends the process as by `kill -9`; any other `return` is ignored.
#[inline]
pub fn reach(name: &str) {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(name, |action| drop(play(action.as_deref())));
    let _ = name;
}

/// The failpoint `commit.before.NAME`, reached before the commit of the unit of work `name`.
///
/// # Errors
/// `return`, with anything but `abort`, stands for a commit that failed.
#[inline]
#[cfg_attr(not(feature = "failpoints"), expect(clippy::unnecessary_wraps, reason = "fails only on request"))]
pub(crate) fn before_commit(name: &str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("commit.before.{name}"), |action| play(action.as_deref()));
    let _ = name;
    Ok(())
}

/// The failpoint `commit.after.NAME`, reached after the commit of the unit of work `name`.
///
/// # Errors
/// `return`, with anything but `abort`, stands for a commit whose answer was lost.
#[inline]
#[cfg_attr(not(feature = "failpoints"), expect(clippy::unnecessary_wraps, reason = "fails only on request"))]
pub(crate) fn after_commit(name: &str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("commit.after.{name}"), |action| play(action.as_deref()));
    let _ = name;
    Ok(())
}

/// Carries out a `return`: `abort` ends the process before any destructor runs, anything else is an error.
#[cfg(feature = "failpoints")]
fn play(action: Option<&str>) -> Result<()> {
    if action == Some("abort") {
        std::process::abort();
    }
    Err(crate::error::Error::unavailable("failpoint", "A failure was played on request"))
}
