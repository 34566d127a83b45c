//! HMAC-SHA256 with the app's secret, as Meta uses it twice: `X-Hub-Signature-256` over the raw bytes of a webhook
//! (Meta's documentation of webhooks), and `appsecret_proof` over a token (Meta's documentation of secure requests).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The HMAC as 64 lowercase hex digits. HMAC takes a secret of any length, so that it is always there.
fn digest(secret: &[u8], body: &[u8]) -> Option<[u8; 64]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(body);
    let mut digits = [0; 64];
    hex::encode_to_slice(mac.finalize().into_bytes(), &mut digits).ok()?;
    Some(digits)
}

/// The same as a `String`.
fn digest_text(secret: &[u8], body: &[u8]) -> String {
    digest(secret, body).map(|digits| String::from_utf8_lossy(&digits).into_owned()).unwrap_or_default()
}

/// Whether `header` is the signature of exactly these bytes, compared in constant time. An empty secret never verifies,
/// since anybody can sign with it.
pub fn verify(secret: &[u8], header: Option<&str>, body: &[u8]) -> bool {
    let Some(given) = header.and_then(|header| header.strip_prefix("sha256=")) else {
        return false;
    };
    if secret.is_empty() || given.len() != 64 {
        return false;
    }
    digest(secret, body).is_some_and(|expected| bool::from(expected.ct_eq(given.as_bytes())))
}

/// The value of `X-Hub-Signature-256` for these bytes.
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    format!("sha256={}", digest_text(secret, body))
}

/// The `appsecret_proof` of a token: it shows Meta that the token is used by its own app.
pub fn proof(secret: &[u8], token: &str) -> String {
    digest_text(secret, token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"object":"page","entry":[{"id":"1","time":1717171717000,"messaging":[{"message":{"mid":"m_1","text":"caf\u00e9 \/ ok"}}]}]}"#;
    const HEADER: &str = "sha256=7d0bc4f9bd136c74d8a13550d6af133dbc19aa73c040fc3a4d97d2107b57972d";

    #[test]
    fn the_proof_is_as_meta_makes_it() {
        assert_eq!(
            proof(b"app_secret_test", "EAAB_page_token"),
            "8d78bec16e7991c65bc4c67117a8d2c5cc9d6f601b7d9eaa7bc442aaecb6a338"
        );
    }

    #[test]
    fn the_right_signature_verifies_and_nothing_else_does() {
        let secret = b"app_secret_test";
        assert_eq!(sign(secret, BODY), HEADER);
        assert!(verify(secret, Some(HEADER), BODY));
        assert!(!verify(secret, None, BODY));
        assert!(!verify(secret, Some(&HEADER.to_uppercase()), BODY));
        assert!(!verify(secret, Some(&HEADER["sha256=".len()..]), BODY));
        assert!(!verify(secret, Some(&HEADER[..70]), BODY));
        assert!(!verify(secret, Some(&format!("{HEADER} ")), BODY));
        assert!(!verify(secret, Some(HEADER), &BODY[1..]));
        assert!(!verify(b"another", Some(HEADER), BODY));
        assert!(!verify(b"", Some(&sign(b"", BODY)), BODY));
    }
}
