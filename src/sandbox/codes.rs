//! Graph's general codes: what each means, what to do, and on what that rests. All can be played as faults.

use crate::sandbox::refusal::Basis;

struct GraphError {
    code: i64,
    subcode: Option<i64>,
    title: &'static str,
    help: &'static str,
    basis: Basis,
}

const fn code(code: i64, title: &'static str, help: &'static str) -> GraphError {
    GraphError { code, subcode: None, title, help, basis: Basis::Documented }
}

const fn sub(code: i64, subcode: i64, title: &'static str, help: &'static str) -> GraphError {
    GraphError { code, subcode: Some(subcode), title, help, basis: Basis::Documented }
}

/// A limit whose code is known and whose area is not certain.
const fn perhaps(code: i64, title: &'static str) -> GraphError {
    GraphError { code, subcode: None, title, help: WAIT_BY_HEADER, basis: Basis::Unverified }
}

const WAIT_BY_HEADER: &str = "Wait as long as the usage headers say.";
const NEW_TOKEN: &str = "Make a new token; events wait, and their seven days run on.";

const CODES: &[GraphError] = &[
    code(1, "Unknown error", "Try again later, less and less often."),
    sub(1, 99, "Unknown error", "Try again later, less and less often."),
    code(2, "Service temporarily unavailable", "Try again later."),
    code(3, "Capability missing", "Give the app the capability, or use a token made in Events Manager."),
    code(4, "App request limit reached", WAIT_BY_HEADER),
    code(10, "Permission missing", "Grant the permission to the token's app."),
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

/// Title and help of a code, with its subcode if that is known.
pub(super) fn words(code: i64, subcode: Option<i64>) -> Option<(String, String)> {
    let of = |subcode| CODES.iter().find(|known| known.code == code && known.subcode == subcode);
    let found = of(subcode).or_else(|| of(None)).or_else(|| match code {
        201..=299 => CODES.iter().find(|known| known.code == 200),
        _ => None,
    })?;
    Some((found.title.to_owned(), format!("{} {}", found.help, found.basis.words())))
}

/// The HTTP status that usually comes with a code.
pub(super) fn usual_status(code: i64) -> u16 {
    match code {
        1 | 2 => 500,
        803 => 404,
        _ => 400,
    }
}

/// Every code and subcode of the table with its words.
pub(super) fn all() -> impl Iterator<Item = (i64, Option<i64>, &'static str, Basis)> {
    CODES.iter().map(|known| (known.code, known.subcode, known.title, known.basis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_says_what_to_do_and_on_what_it_rests() {
        for (code, subcode) in [(1, Some(99)), (4, None), (190, Some(463)), (250, None), (80_004, None)] {
            let (_, help) = words(code, subcode).unwrap();
            assert!(help.ends_with("Documented by Meta."), "{code}: {help}");
        }
        let (_, help) = words(80_006, None).unwrap();
        assert!(help.contains("UNVERIFIED"), "{help}");
        assert_eq!(words(190, Some(12_345)), words(190, None));
        assert_eq!(words(987_654, None), None);
    }
}
