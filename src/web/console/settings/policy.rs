//! The signal policy of a Page: described in sentences, its rules as a form, and a preview before it is saved.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::operator::Language;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::page_setting::{self, Setting};
use crate::domain::signal::conversion::EventName;
use crate::domain::signal::policy::{HOLD_MAX, LeadOn, OnUnknown, Policy, PurchaseOn};
use crate::error::{Error, Result};
use crate::flow::{PageChange, PreviewTotals};
use crate::store::page::Page;
use crate::web::console::choice::Choice;
use crate::web::console::form::Form;
use crate::web::console::settings::totals;
use crate::web::console::text::{self, Texts, fill};

/// The holds to choose from.
const HOLDS: [Duration; 7] = [
    Duration::ZERO,
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(24),
    Duration::from_hours(3 * 24),
    HOLD_MAX,
];

/// The section of the signal policy.
#[derive(Debug)]
pub struct PolicySection {
    pub version: String,
    pub sentences: Vec<String>,
    pub preview: Vec<String>,
    pub rules: Vec<Rule>,
}

/// A rule of the policy.
#[derive(Debug)]
pub struct Rule {
    pub field: &'static str,
    pub name: &'static str,
    pub options: Vec<Choice>,
}

/// A policy that is previewed before it is saved: what it and the one in force would have sent.
#[derive(Debug)]
pub struct Preview {
    pub policy: Policy,
    pub totals: BTreeMap<EventName, PreviewTotals>,
    pub in_force: BTreeMap<EventName, PreviewTotals>,
}

impl PolicySection {
    /// The section, for the previewed policy if there is a `preview`, else for the one in force.
    pub fn new(page: &Page, preview: Option<&Preview>, language: Language) -> Self {
        let texts = text::of(language);
        let policy = preview.map_or(page.policy, |preview| preview.policy);
        let line = |text, found| fill(text, &[&totals::line(found, page.currency, language)]);
        Self {
            version: fill(texts.policy_version, &[&page.policy.version.to_string()]),
            sentences: sentences(&policy, texts, language),
            preview: preview.map_or_else(Vec::new, |preview| {
                vec![line(texts.preview_line, &preview.totals), line(texts.preview_now, &preview.in_force)]
            }),
            rules: rules(&policy, texts, language),
        }
    }
}

/// The policy of a filled-in form; what the form does not have is taken from `policy`.
pub fn read(form: &Form, policy: Policy) -> Result<Policy> {
    Ok(Policy {
        purchase_on: one_of(form, "purchase_on", &page_setting::PURCHASE_ON)?,
        hold: one_of(form, "hold", &page_setting::HOLD_SECONDS)?,
        lead_on: one_of(form, "lead_on", &page_setting::LEAD_ON)?,
        lifecycle: form.text("lifecycle").as_deref() == Some("on"),
        on_unknown: one_of(form, "on_unknown", &page_setting::ON_UNKNOWN)?,
        ..policy
    })
}

fn one_of<T>(form: &Form, field: &str, setting: &Setting<T>) -> Result<T> {
    let value = form.text(field).and_then(|text| setting.read(&text));
    value.ok_or_else(|| Error::field(format!("/{field}"), "Choose one of the list."))
}

/// The change of a Page to this policy.
pub fn as_change(policy: Policy) -> PageChange {
    PageChange {
        purchase_on: Some(policy.purchase_on),
        hold: Some(policy.hold),
        lead_on: Some(policy.lead_on),
        lifecycle: Some(policy.lifecycle),
        on_unknown: Some(policy.on_unknown),
        ..PageChange::default()
    }
}

/// A hold in words.
fn held_for(hold: Duration, texts: &Texts) -> String {
    let minutes = hold.as_secs() / 60;
    match (minutes / 1440, minutes / 60) {
        (days, _) if days > 0 && minutes.is_multiple_of(1440) => fill(texts.hold_days, &[&days.to_string()]),
        (_, hours) if hours > 0 && minutes.is_multiple_of(60) => {
            fill(texts.hold_hours, &[&hours.to_string()])
        }
        _ => fill(texts.hold_minutes, &[&minutes.to_string()]),
    }
}

/// The fact at which a Purchase is sent.
const fn reached(on: PurchaseOn) -> OutcomeKind {
    match on {
        PurchaseOn::Confirmed => OutcomeKind::Confirmed,
        PurchaseOn::Shipped => OutcomeKind::Shipped,
        PurchaseOn::Delivered => OutcomeKind::Delivered,
        PurchaseOn::Paid => OutcomeKind::Paid,
    }
}

/// The effect of a policy, as sentences.
fn sentences(policy: &Policy, texts: &Texts, language: Language) -> Vec<String> {
    let purchase = text::outcome_kind(reached(policy.purchase_on), language);
    vec![
        fill(texts.policy_purchase, &[purchase, &held_for(policy.hold, texts)]),
        lead_sentence(policy.lead_on, texts).to_owned(),
        if policy.lifecycle { texts.policy_lifecycle_on } else { texts.policy_lifecycle_off }.to_owned(),
        unknown_sentence(policy.on_unknown, texts).to_owned(),
    ]
}

const fn lead_sentence(on: LeadOn, texts: &Texts) -> &'static str {
    match on {
        LeadOn::FirstMessage => texts.policy_lead_first,
        LeadOn::Contact => texts.policy_lead_contact,
        LeadOn::Qualified => texts.policy_lead_qualified,
        LeadOn::Off => texts.policy_lead_off,
    }
}

const fn unknown_sentence(on: OnUnknown, texts: &Texts) -> &'static str {
    match on {
        OnUnknown::Keep => texts.policy_unknown_keep,
        OnUnknown::Resend => texts.policy_unknown_resend,
    }
}

/// The rules, each with its options.
fn rules(policy: &Policy, texts: &Texts, language: Language) -> Vec<Rule> {
    let purchase =
        [PurchaseOn::Confirmed, PurchaseOn::Shipped, PurchaseOn::Delivered, PurchaseOn::Paid].map(|on| {
            Choice::new(on.as_str(), text::outcome_kind(reached(on), language), on == policy.purchase_on)
        });
    let mut holds: Vec<Duration> = HOLDS.to_vec();
    if !holds.contains(&policy.hold) {
        holds.push(policy.hold);
        holds.sort();
    }
    let holds = holds
        .into_iter()
        .map(|hold| Choice::new(hold.as_secs().to_string(), held_for(hold, texts), hold == policy.hold));
    let leads = [LeadOn::FirstMessage, LeadOn::Contact, LeadOn::Qualified, LeadOn::Off]
        .map(|on| Choice::new(on.as_str(), lead_sentence(on, texts), on == policy.lead_on));
    let life = [("on", texts.yes, policy.lifecycle), ("off", texts.no, !policy.lifecycle)]
        .map(|(value, name, chosen)| Choice::new(value, name, chosen));
    let unknown = [OnUnknown::Keep, OnUnknown::Resend]
        .map(|on| Choice::new(on.as_str(), unknown_sentence(on, texts), on == policy.on_unknown));
    vec![
        Rule { field: "purchase_on", name: texts.purchase_on, options: purchase.into() },
        Rule { field: "hold", name: texts.hold, options: holds.collect() },
        Rule { field: "lead_on", name: texts.leads, options: leads.into() },
        Rule { field: "lifecycle", name: texts.lifecycle, options: life.into() },
        Rule { field: "on_unknown", name: texts.on_unknown, options: unknown.into() },
    ]
}
