//! Phone numbers are kept as a keyed hash only: it joins the lines of CRM, courier and bank, and says nothing
//! without the key.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;

use crate::error::{Error, Result};

/// The key of the hashes: 32 random bytes, the same on every replica and for ever.
#[derive(Clone)]
pub struct PhoneKey(std::sync::Arc<SecretBox<[u8; 32]>>);

impl std::fmt::Debug for PhoneKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneKey(…)")
    }
}

impl PhoneKey {
    /// From 32 bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(std::sync::Arc::new(SecretBox::new(Box::new(bytes))))
    }

    /// Reads 64 hex digits.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = hex::decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Self::new).ok_or_else(|| {
            Error::invalid("phone_key", "A phone key is 64 hex digits: make one with openssl rand -hex 32")
        })
    }

    /// The hash of a number in E.164 form, in hex.
    pub fn hash(&self, number: &str) -> String {
        // HMAC takes a key of any length, so this does not fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()) else {
            return String::new();
        };
        mac.update(number.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}
