//! Meta's two signatures: `x-hub-signature-256` over a webhook's bytes, and `appsecret_proof`, by which a caller shows
//! that it knows the secret of its token's app.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA256 as 64 lowercase hex digits.
fn digest(secret: &str, message: &[u8]) -> String {
    // HMAC takes a key of any length, so this never is the empty text.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

/// The value of `x-hub-signature-256` for exactly these bytes.
pub(super) fn of_webhook(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", digest(secret, body))
}

/// The `appsecret_proof` of a token; `time` is the `appsecret_time` sent beside it, in Unix seconds.
pub(super) fn proof(secret: &str, token: &str, time: Option<&str>) -> String {
    match time {
        Some(time) => digest(secret, format!("{token}|{time}").as_bytes()),
        None => digest(secret, token.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proofs_are_as_meta_makes_them() {
        let (secret, token) = ("app_secret_test", "EAAB_page_token");
        assert_eq!(
            proof(secret, token, None),
            "8d78bec16e7991c65bc4c67117a8d2c5cc9d6f601b7d9eaa7bc442aaecb6a338"
        );
        assert_eq!(
            proof(secret, token, Some("1717171717")),
            "10ce4b0b227fff8c62d06de50a4a4fb2fff06909740ab085cd4216ba31e2bcc1"
        );
    }
}
