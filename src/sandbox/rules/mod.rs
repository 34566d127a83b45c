//! Meta's rules for one event, as a table: the subcode, its source, the field that is blamed, what to do, and the
//! test. The first rule that an event breaks refuses the whole request.
//!
//! Meta documents few of these subcodes; the others are known from reports, and each rule's basis says which.

mod case;
mod shape;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::sandbox::known_error::{Basis, KnownError};
use crate::sandbox::links::Links;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::rules::case::Case;

/// Graph's code for every event that breaks a rule.
const INVALID_PARAMETER: i64 = 100;

/// What Meta says of a messaging event about a Page, an admin of it or a person in the EEA, the UK or Japan (a partner's
/// documentation, which Meta is said to have confirmed). No code is known for it, so that of any other refusal is given.
const RESTRICTED_REGION: &str = "Messaging Event Within Messaging Restrictive Region";

struct Rule {
    /// What the refusal says: code 100 with the subcode of this rule.
    error: KnownError,
    /// The member of the event that Meta blames.
    field: &'static str,
    is_broken: fn(&Case<'_>) -> bool,
}

const fn rule(
    subcode: i64,
    basis: Basis,
    field: &'static str,
    title: &'static str,
    advice: &'static str,
    is_broken: fn(&Case<'_>) -> bool,
) -> Rule {
    Rule { error: event_error(subcode, title, advice, basis), field, is_broken }
}

const fn event_error(subcode: i64, title: &'static str, advice: &'static str, basis: Basis) -> KnownError {
    KnownError { code: INVALID_PARAMETER, subcode: Some(subcode), title, advice, basis }
}

const RULES: &[Rule] = &[
    rule(
        2_804_063,
        Basis::Reported("DEV.to"),
        "[messaging_channel]",
        "Messaging channel missing",
        "Set messaging_channel to messenger, instagram or whatsapp.",
        case::has_no_channel,
    ),
    rule(
        2_804_116,
        Basis::Reported("DeskcommCRM #2098"),
        "[user_data]",
        "Page or WhatsApp account missing",
        "Name page_id or whatsapp_business_account_id in user_data.",
        case::names_no_account,
    ),
    rule(
        2_804_069,
        Basis::Field,
        "[user_data][page_id]",
        "Page missing",
        "Name the Page in user_data.page_id.",
        case::names_no_page,
    ),
    rule(
        2_804_079,
        Basis::Field,
        "[user_data][ig_account_id]",
        "Instagram account missing",
        "Name the account in user_data.ig_account_id.",
        case::names_no_ig_account,
    ),
    rule(
        2_804_075,
        Basis::Field,
        "[user_data][ig_sid]",
        "Instagram person missing",
        "Name the person in user_data.ig_sid.",
        case::names_no_ig_person,
    ),
    rule(
        2_804_131,
        Basis::Field,
        "[user_data][page_id]",
        "No Page linked to the dataset",
        "Link the Page to the dataset in Events Manager.",
        case::dataset_has_no_page,
    ),
    rule(
        2_804_065,
        Basis::Field,
        "[user_data][page_id]",
        "Page and dataset do not match",
        "Send to the dataset that this Page is linked to.",
        case::page_is_of_another_dataset,
    ),
    rule(
        2_804_132,
        Basis::Field,
        "[user_data][whatsapp_business_account_id]",
        "No WhatsApp account linked to the dataset",
        "Link the WhatsApp account to the dataset in Events Manager.",
        case::dataset_has_no_whatsapp,
    ),
    rule(
        2_804_118,
        Basis::Field,
        "[user_data][whatsapp_business_account_id]",
        "WhatsApp account and dataset do not match",
        "Send to the dataset that this WhatsApp account is linked to.",
        case::whatsapp_is_of_another_dataset,
    ),
    rule(
        2_804_133,
        Basis::Field,
        "[user_data][ig_account_id]",
        "No Instagram account linked to the dataset",
        "Link the Instagram account to the dataset in Events Manager.",
        case::instagram_is_not_linked,
    ),
    rule(
        2_804_066,
        Basis::Field,
        "[event_name]",
        "Event name not allowed for messaging",
        "Use one of the 14 names of messaging events that this dataset takes.",
        case::name_is_refused,
    ),
    rule(
        2_804_064,
        Basis::Field,
        "[user_data]",
        "Field not allowed on a messaging event",
        "Leave out client_ip_address and client_user_agent.",
        case::names_a_browser,
    ),
    rule(
        2_804_087,
        Basis::Field,
        "[user_data][ctwa_clid]",
        "Click id of the WhatsApp ad invalid",
        "Send the ctwa_clid of the webhook unchanged.",
        case::click_is_invalid,
    ),
    rule(
        2_804_072,
        Basis::Field,
        "[user_data][page_id]",
        "Not the Page of the click",
        "Name the Page whose ad the ctwa_clid comes from.",
        case::click_is_of_another_page,
    ),
    rule(
        2_804_073,
        Basis::Field,
        "[user_data][page_scoped_user_id]",
        "Page and person do not match",
        "Send the page_scoped_user_id that this very Page knows.",
        case::person_is_of_another_page,
    ),
    rule(
        2_804_003,
        Basis::Documented,
        "[event_time]",
        "Event timestamp too old",
        "Send within 7 days of event_time (physical_store: 62 days).",
        case::is_too_old,
    ),
    rule(
        2_804_004,
        Basis::Field,
        "[event_time]",
        "Event timestamp in the future",
        "Send event_time in Unix seconds, not later than now; what Meta tolerates is UNVERIFIED, here nothing.",
        case::is_in_the_future,
    ),
    rule(
        2_804_009,
        Basis::Field,
        "[custom_data][value]",
        "Purchase without value",
        "Give custom_data.value.",
        case::is_purchase_without_value,
    ),
    rule(
        2_804_010,
        Basis::Reported("Adsmurai client #7"),
        "[custom_data][currency]",
        "Purchase without currency",
        "Give custom_data.currency.",
        case::is_purchase_without_currency,
    ),
    rule(
        2_804_023,
        Basis::Field,
        "[custom_data][currency]",
        "Value without currency",
        "Give custom_data.currency beside every value.",
        case::has_value_without_currency,
    ),
    rule(
        2_804_008,
        Basis::Field,
        "[custom_data][contents]",
        "Content without id",
        "Give each item of custom_data.contents an id.",
        case::has_content_without_id,
    ),
    rule(
        2_804_001,
        Basis::Reported("Adsmurai client #6"),
        "[user_data][fbc]",
        "Click id badly formatted",
        "Send fbc as fb.<0-9>.<13 digits>.<fbclid>, or leave it out.",
        case::click_id_is_malformed,
    ),
    rule(
        2_804_016,
        Basis::Reported("facebook-java-business-sdk #421"),
        "[user_data]",
        "Parameter not hashed",
        "Send em, ph, fn, ln, db, ge, ct, st, zp and country as SHA-256 in lowercase hex.",
        case::has_unhashed_person,
    ),
    rule(
        2_804_050,
        Basis::Documented,
        "[user_data]",
        "Not enough customer information",
        "Add a parameter that names the person, such as page_scoped_user_id, em or ph.",
        case::has_too_little_of_the_person,
    ),
    rule(
        2_804_030,
        Basis::Field,
        "[data_processing_options]",
        "Country and state of limited use inconsistent",
        "With LDU give country 0 and state 0, or country 1 and a state of the US.",
        case::limited_use_is_inconsistent,
    ),
    rule(
        2_804_043,
        Basis::Field,
        "[app_data][extinfo]",
        "Device information invalid",
        "Give app_data.extinfo 16 slots, the first a2 or i2.",
        case::device_is_invalid,
    ),
];

/// Subcodes that others list as lasting, without a meaning: no event breaks them, but a fault can play them.
const UNTITLED: [i64; 4] = [2_804_007, 2_804_017, 2_804_019, 2_804_048];

const fn untitled(subcode: i64) -> KnownError {
    event_error(subcode, "Unknown", "Nobody says what this subcode means.", Basis::Unverified)
}

/// Where an event comes from, for [`refuse`].
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// Its place in the request's `data`, from 0.
    pub(super) place: usize,
    /// The dataset that the request names.
    pub(super) dataset: &'a str,
    pub(super) now: Timestamp,
}

/// Why an event is refused, if it is.
pub(super) fn refuse(event: &Value, origin: Origin<'_>, links: &Links) -> Option<Refusal> {
    let Origin { place, dataset, now } = origin;
    if let Some(message) = shape::fault(event) {
        let field = Some(format!("data[{place}]"));
        let message = format!("(#100) Invalid parameter: {message} at data[{place}]");
        return Some(Refusal { field, ..Refusal::new(INVALID_PARAMETER, None, message) });
    }
    let case = Case { event, dataset, links, now };
    if case::is_of_a_restricted_region(&case) {
        let field = Some(format!("data[{place}][user_data]"));
        return Some(Refusal { field, ..Refusal::new(INVALID_PARAMETER, None, RESTRICTED_REGION) });
    }
    let rule = RULES.iter().find(|rule| (rule.is_broken)(&case))?;
    let field = Some(format!("data[{place}]{}", rule.field));
    Some(Refusal { field, ..Refusal::new(INVALID_PARAMETER, rule.error.subcode, "Invalid parameter") })
}

/// Whether a subcode is one of those that Meta keeps for events of the Conversions API.
pub(super) fn is_of_events(subcode: i64) -> bool {
    (2_804_000..2_805_000).contains(&subcode)
}

/// What is known of a subcode of events.
pub(super) fn known(subcode: i64) -> KnownError {
    let rule = RULES.iter().find(|rule| rule.error.subcode == Some(subcode));
    rule.map_or(untitled(subcode), |rule| rule.error)
}

/// The whole table; the untitled ones are there only to be played.
pub(super) fn all() -> impl Iterator<Item = KnownError> {
    RULES.iter().map(|rule| rule.error).chain(UNTITLED.map(untitled))
}
