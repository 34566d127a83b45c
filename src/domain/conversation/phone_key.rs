//! Phone numbers are kept as a keyed hash only: it joins the lines of CRM, courier and bank, and says nothing
//! without the key.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

use crate::error::{Error, Result};

/// The key of the hashes: 32 random bytes, the same on every replica and for ever. A command that meets no
/// phone number works without one.
#[derive(Clone, Default)]
pub struct PhoneKey(Option<SecretSlice<u8>>);

impl std::fmt::Debug for PhoneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneKey(…)")
    }
}

impl PhoneKey {
    /// From its bytes.
    pub fn new(bytes: SecretSlice<u8>) -> Self {
        Self(Some(bytes))
    }

    /// The hash of a number in E.164 form, in hex.
    ///
    /// # Errors
    /// There is no key.
    pub fn hash(&self, number: &str) -> Result<String> {
        let key = self.0.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty());
        let mac = key.and_then(|key| Hmac::<Sha256>::new_from_slice(key).ok());
        let mut mac = mac.ok_or_else(|| Error::internal("there is no key for phone numbers"))?;
        mac.update(number.as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}
