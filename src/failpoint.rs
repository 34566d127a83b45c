//! Failpoints: named places at which a test ends the process or lets a commit fail. The environment variable
//! `FAILPOINTS` says what happens at which place, such as `send.opened=1*off->1*return(abort)`: not the first time, but
//! the second. Without the feature `failpoints` every function here does nothing.

use crate::error::Result;

/// Reads the environment variable `FAILPOINTS`; once, at the start of the process.
pub fn arm() {
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// The failpoint `name`, at which the process may end as by `kill -9`.
#[inline]
pub fn reach(name: &str) {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(name, |action| drop(play(action.as_deref())));
    let _ = name;
}

/// The failpoint `commit.before.NAME`, reached before the commit of the unit of work `name`.
///
/// # Errors
/// `return`, with anything but `abort`, lets the commit fail.
#[inline]
pub(crate) fn before_commit(name: &str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("commit.before.{name}"), |action| play(action.as_deref()));
    let _ = name;
    Ok(())
}

/// The failpoint `commit.after.NAME`, reached after the commit of the unit of work `name`.
///
/// # Errors
/// `return`, with anything but `abort`, makes the unit look failed although it is committed.
#[inline]
pub(crate) fn after_commit(name: &str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("commit.after.{name}"), |action| play(action.as_deref()));
    let _ = name;
    Ok(())
}

/// Carries out a `return`: with `abort` the process ends without running anything more, else the place fails.
#[cfg(feature = "failpoints")]
fn play(action: Option<&str>) -> Result<()> {
    if action == Some("abort") {
        std::process::abort();
    }
    Err(crate::error::Error::unavailable("failpoint", "A failure was played on request"))
}
