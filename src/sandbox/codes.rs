//! Graph's general codes with what each means and what to do. Every one can be played as a fault. They are those of
//! Meta's documentation of error handling and rate limits; where a code has another source, its basis says so.

use crate::sandbox::known_error::{Basis, KnownError};

const fn code(code: i64, title: &'static str, advice: &'static str) -> KnownError {
    KnownError { code, subcode: None, title, advice, basis: Basis::Documented }
}

const fn sub(code: i64, subcode: i64, title: &'static str, advice: &'static str) -> KnownError {
    KnownError { code, subcode: Some(subcode), title, advice, basis: Basis::Documented }
}

/// A code that is known to be a rate limit, while nobody is certain of which calls.
const fn perhaps(code: i64, title: &'static str) -> KnownError {
    KnownError { code, subcode: None, title, advice: WAIT_BY_HEADER, basis: Basis::Unverified }
}

const WAIT_BY_HEADER: &str = "Wait as long as the usage headers say.";
const NEW_TOKEN: &str = "Make a new token; events wait, and their seven days run on.";

const CODES: &[KnownError] = &[
    code(1, "Unknown error", "Try again later, less and less often."),
    sub(1, 99, "Unknown error", "Try again later, less and less often."),
    code(2, "Service temporarily unavailable", "Try again later."),
    code(3, "Capability missing", "Give the app the capability, or use a token made in Events Manager."),
    code(4, "App request limit reached", WAIT_BY_HEADER),
    code(10, "Permission missing", "Grant the permission to the token's app."),
    sub(10, 1_893_063, "Page restricted for now", "See the Page's quality and wait until Meta lifts it."),
    code(17, "User request limit reached", WAIT_BY_HEADER),
    sub(17, 2_446_079, "Ad account request limit reached", WAIT_BY_HEADER),
    code(32, "Page request limit reached", WAIT_BY_HEADER),
    code(100, "Invalid parameter", "Correct the request; repeating it as it is does not help."),
    sub(100, 33, "No such object, or no permission", "Check the dataset's id and what the token may touch."),
    code(102, "Session not valid", "Log in again and make a new token."),
    code(104, "Wrong appsecret_proof", "Sign with the secret of the token's own app."),
    code(190, "Access token not valid", NEW_TOKEN),
    sub(190, 458, "App not installed", NEW_TOKEN),
    sub(190, 459, "User checkpointed", "The token's owner must log in at Facebook first."),
    sub(190, 460, "Password changed", NEW_TOKEN),
    sub(190, 463, "Access token expired", NEW_TOKEN),
    sub(190, 464, "User not confirmed", "The token's owner must confirm the account."),
    sub(190, 467, "Access token invalid", NEW_TOKEN),
    sub(
        190,
        492,
        "Page session not valid",
        "The token's owner must have a role on the Page; make a new token.",
    ),
    code(200, "Permission missing", "Grant the permission to the token's app."),
    code(294, "Needs Marketing API access", "Give the app ads_management and Marketing API access."),
    code(341, "App limit reached for now", "Try again later."),
    code(368, "Blocked for policy for now", "See the account's Account Quality page and wait long."),
    code(613, "Custom rate limit reached", WAIT_BY_HEADER),
    sub(613, 1_487_742, "Too many calls from this ad account", WAIT_BY_HEADER),
    sub(613, 5_044_001, "Custom rate limit reached", WAIT_BY_HEADER),
    code(803, "No such object", "Check the id."),
    code(5000, "Unknown error", "Try again a few times."),
    code(80_000, "Limit of insights calls reached", WAIT_BY_HEADER),
    code(80_003, "Limit of custom audience calls reached", WAIT_BY_HEADER),
    code(80_004, "Limit of ads management calls reached", WAIT_BY_HEADER),
    code(80_014, "Limit of catalog batch calls reached", WAIT_BY_HEADER),
    perhaps(80_001, "Limit of Page calls reached"),
    perhaps(80_002, "Limit of Instagram calls reached"),
    perhaps(80_005, "Limit of lead calls reached"),
    perhaps(80_006, "Limit of Messenger calls reached"),
    perhaps(80_008, "Limit of WhatsApp calls reached"),
    perhaps(80_009, "Limit of catalog calls reached"),
];

/// What is known of a code and its subcode; of an unknown subcode, what is known of the code alone.
pub(super) fn known(code: i64, subcode: Option<i64>) -> Option<KnownError> {
    let find = |code, subcode| CODES.iter().find(|known| known.code == code && known.subcode == subcode);
    // Meta's documentation gives 200 to 299 one meaning.
    let family = if (201..=299).contains(&code) { 200 } else { code };
    find(code, subcode).or_else(|| find(code, None)).or_else(|| find(family, None)).copied()
}

/// The HTTP status with which Graph usually sends a code.
pub(super) fn usual_status(code: i64) -> u16 {
    match code {
        1 | 2 => 500,
        803 => 404,
        _ => 400,
    }
}

/// The whole table.
pub(super) fn all() -> impl Iterator<Item = KnownError> {
    CODES.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_says_what_to_do_and_names_its_source() {
        for (code, subcode) in [(1, Some(99)), (4, None), (190, Some(463)), (250, None), (80_004, None)] {
            let help = known(code, subcode).unwrap().help();
            assert!(help.ends_with("Documented by Meta."), "{code}: {help}");
        }
        let help = known(80_006, None).unwrap().help();
        assert!(help.contains("UNVERIFIED"), "{help}");
        assert_eq!(known(190, Some(12_345)), known(190, None));
        assert_eq!(known(987_654, None), None);
    }
}
