//! The key under which phone numbers are hashed: 32 random bytes, written as 64 hexadecimal digits. Without it nobody can
//! hash all numbers to compare; with another one no number is recognised any more.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice};

use crate::config::Config;
use crate::config::document::fault;
use crate::config::secret::Secret;
use crate::error::Result;
use crate::store::db::lock;

/// Bytes of the key.
const LENGTH: usize = 32;

/// What the name of the key's file adds to the name of the SQLite file.
const SUFFIX: &str = "phone-key";

impl Config {
    /// The key for phone numbers. Beside a SQLite file it is made at the first start; replicas on PostgreSQL must
    /// share one, so there it is given by hand.
    ///
    /// # Errors
    /// It can't be read or made, is no such key, or is missing on PostgreSQL.
    pub fn phone_key(&self) -> Result<SecretSlice<u8>> {
        if let Some(secret) = &self.phone_key_file {
            return parse(secret);
        }
        let Some(database) = lock::file_of(self.database_url())? else {
            return Err(fault(
                "phone_key_file is missing, and on PostgreSQL all replicas must share one: make it with \
                 `openssl rand -hex 32 > phone.key`, let only the service read it, and name it by phone_key_file",
            ));
        };
        let path = PathBuf::from(format!("{}.{SUFFIX}", database.display()));
        make(&path).map_err(|error| {
            fault(format!("{} can't be made: check who may write there", path.display())).caused_by(error)
        })?;
        parse(&Secret::file(&path))
    }
}

fn parse(secret: &Secret) -> Result<SecretSlice<u8>> {
    let text = secret.read()?;
    let mut bytes = Zeroizing::new([0; LENGTH]);
    hex::decode_to_slice(text.expose_secret(), bytes.as_mut_slice()).map_err(|_| {
        fault(format!(
            "{} must hold 64 hexadecimal digits, as `openssl rand -hex 32` prints them",
            secret.name()
        ))
    })?;
    Ok(bytes.to_vec().into())
}

/// Makes the file with a new key, unless it is there: written under another name, so that a crash leaves no half of a
/// key, then linked, which replaces no key of another process.
fn make(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut bytes = Zeroizing::new([0; LENGTH]);
    getrandom::fill(bytes.as_mut_slice()).map_err(std::io::Error::other)?;
    let text = Zeroizing::new(hex::encode(bytes.as_slice()));
    let draft = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    let kept = match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        kept => kept,
    };
    std::fs::remove_file(&draft)?;
    kept?;
    path.parent().map_or(Ok(()), |folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let path = std::env::temp_dir().join(format!("salesbridge-phone-key-{}", std::process::id()));
        make(&path).unwrap();
        let made = std::fs::read(&path).unwrap();
        make(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(parse(&Secret::file(&path)).unwrap().expose_secret().len(), LENGTH);
        std::fs::write(&path, "too short").unwrap();
        assert!(parse(&Secret::file(&path)).unwrap_err().to_string().contains("openssl rand -hex 32"));
        std::fs::remove_file(&path).unwrap();
    }
}
