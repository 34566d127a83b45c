//! Secrets: written into the configuration, or in files of their own, each read only by a command that uses it.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use crate::config::document::{Section, fault};
use crate::error::Result;

/// A secret of the configuration.
#[derive(Clone, Debug)]
pub struct Secret {
    /// How errors call it.
    name: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Written(SecretString),
    File(PathBuf),
}

impl Secret {
    /// The secret under `key`, or under `in_file` the path of a file that holds it.
    pub(super) fn take(
        section: &mut Section,
        key: &'static str,
        in_file: &'static str,
    ) -> Result<Option<Self>> {
        match (section.text(key)?, section.text(in_file)?) {
            (None, None) => Ok(None),
            (Some(written), None) if written.text.trim().is_empty() => {
                Err(fault(format!("{} is empty: give the secret, or leave the key out", written.name)))
            }
            (Some(written), None) => {
                Ok(Some(Self { name: written.name, source: Source::Written(written.text.into()) }))
            }
            (None, Some(path)) if path.text.is_empty() => {
                Err(fault(format!("{} is empty: give the path of a file, or leave the key out", path.name)))
            }
            (None, Some(path)) => Ok(Some(Self { name: path.name, source: Source::File(path.text.into()) })),
            (Some(written), Some(path)) => {
                Err(fault(format!("{} and {} are both given: leave one out", written.name, path.name)))
            }
        }
    }

    /// The secret in the file whose path stands under `key`.
    pub(super) fn path(section: &mut Section, key: &'static str) -> Result<Option<Self>> {
        let Some(path) = section.text(key)? else { return Ok(None) };
        if path.text.is_empty() {
            return Err(fault(format!(
                "{} is empty: give the path of a file, or leave the key out",
                path.name
            )));
        }
        Ok(Some(Self { name: path.name, source: Source::File(path.text.into()) }))
    }

    /// A secret that no configuration gives, such as a default.
    pub(super) fn written(text: &str) -> Self {
        Self { name: String::new(), source: Source::Written(text.to_owned().into()) }
    }

    /// A secret in a file that no key names.
    pub(super) fn file(path: &Path) -> Self {
        Self { name: path.display().to_string(), source: Source::File(path.to_owned()) }
    }

    /// The key with its place, such as `salesbridge.toml:3: meta.app_secret`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The secret itself; a file is read now. White space around it is no part of it.
    ///
    /// # Errors
    /// The file can't be read, or is empty.
    pub fn read(&self) -> Result<SecretString> {
        let path = match &self.source {
            Source::Written(secret) => return Ok(secret.clone()),
            Source::File(path) => path,
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            fault(format!(
                "{}: {} can't be read: check the path and who may read it",
                self.name,
                path.display()
            ))
            .caused_by(error)
        })?;
        let text = text.trim();
        if text.is_empty() {
            return Err(fault(format!(
                "{}: {} is empty: write the secret into it",
                self.name,
                path.display()
            )));
        }
        Ok(text.to_owned().into())
    }
}
