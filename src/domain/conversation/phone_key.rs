//! Phone numbers are kept as a keyed hash (HMAC-SHA-256) only. Two lines with the same number have the same hash, so
//! that conversation, CRM, courier and bank can be joined; without the key the number can't be guessed from it, which
//! a plain hash of nine digits would allow.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use crate::error::{Error, Result};

/// The secret key of the hashes: 32 random bytes, the same on every replica and for ever, for another key would join
/// nothing with what is stored. The default is no key: enough for a command that meets no phone number.
#[derive(Clone, Default)]
pub struct PhoneKey(Option<SecretSlice<u8>>);

impl std::fmt::Debug for PhoneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneKey(…)")
    }
}

impl PhoneKey {
    /// A key of these bytes. Empty bytes are no key.
    pub fn new(bytes: SecretSlice<u8>) -> Self {
        Self(Some(bytes))
    }

    /// The hash of a number in E.164 form (`+995599123456`), as 64 hex digits.
    ///
    /// # Errors
    /// An internal error if there is no key.
    pub fn hash(&self, number: &str) -> Result<String> {
        let key = self.0.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty());
        let mac = key.and_then(|key| Hmac::<Sha256>::new_from_slice(key).ok());
        let mut mac = mac.ok_or_else(|| Error::internal("there is no key for phone numbers"))?;
        mac.update(number.as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}
