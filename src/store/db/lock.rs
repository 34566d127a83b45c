//! The locks on a SQLite database's file. They are the operating system's, so that they end with the process that holds
//! them, however it ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;

use crate::error::{Error, Result};

/// The suffix of the lock by which one process at a time serves.
const SERVING: &str = "lock";

/// The suffix of the lock under which one process at a time opens and migrates.
const OPENING: &str = "opening.lock";

/// A lock on a SQLite file, held as long as this value lives. PostgreSQL needs none: any number of processes may serve
/// on it.
#[derive(Debug)]
pub struct Lock {
    _file: Option<File>,
}

/// The file of a SQLite database; `None` for PostgreSQL and for a database in memory.
///
/// # Errors
/// The URL can't be read.
pub fn file_of(url: &str) -> Result<Option<PathBuf>> {
    if !url.starts_with("sqlite:") || url.contains(":memory:") {
        return Ok(None);
    }
    let options = url.parse::<SqliteConnectOptions>().map_err(|error| {
        Error::invalid("database_url", "database_url must be such as sqlite://data/salesbridge.db")
            .caused_by(error)
    })?;
    Ok(Some(options.get_filename().to_owned()))
}

/// Takes the lock to serve on this database.
///
/// # Errors
/// Another process serves on it, or nothing can be locked there.
pub fn take(url: &str) -> Result<Lock> {
    let Some(database) = file_of(url)? else { return Ok(Lock { _file: None }) };
    let (path, file) = open(&database, SERVING)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: Some(file) }),
        Err(TryLockError::WouldBlock) => Err(Error::unavailable(
            "served_already",
            format!(
                "Another `salesbridge serve` runs on {}: stop it first, or give this one another database_url",
                database.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(failed(&path, error)),
    }
}

/// Waits until no other process opens this database: two that migrate one SQLite file at once would fail by each other.
///
/// # Errors
/// Nothing can be locked there.
pub fn wait_to_open(url: &str) -> Result<Lock> {
    let Some(database) = file_of(url)? else { return Ok(Lock { _file: None }) };
    let (path, file) = open(&database, OPENING)?;
    file.lock().map_err(|error| failed(&path, error))?;
    Ok(Lock { _file: Some(file) })
}

/// Opens the lock's file beside the database; if its folder is not there, makes one that only its owner can enter.
fn open(database: &Path, suffix: &str) -> Result<(PathBuf, File)> {
    if let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
            let why = format!("The folder {} of the database can't be made", folder.display());
            Error::unavailable("no_folder", why).caused_by(error)
        })?;
    }
    let path = PathBuf::from(format!("{}.{suffix}", database.display()));
    match OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path) {
        Ok(file) => Ok((path, file)),
        Err(error) => Err(failed(&path, error)),
    }
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let why = format!("{} can't be locked: check who may write there", path.display());
    Error::unavailable("no_lock", why).caused_by(error)
}
