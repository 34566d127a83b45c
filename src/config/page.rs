//! `[[pages]]`: what the file says of a Page.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::config::document::{Section, SettingText, fault};
use crate::config::secret::Secret;
use crate::config::zone;
use crate::domain::basic::hours::WorkingHours;
use crate::domain::basic::identity::{DatasetId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::basic::span;
use crate::domain::inbox::wording;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::reason::Reasons;
use crate::domain::signal::lane::Lane;
use crate::domain::signal::policy::{HOLD_MAX, LeadOn, Mode, OnUnknown, Policy, PurchaseOn};
use crate::error::Result;
use crate::flow::manage::configure::{Key, PageText};
use crate::store::page::Page;

/// A chat without a word for so long is lost, unless the file says otherwise.
const SILENT_AFTER: Duration = Duration::from_hours(72);

/// A Page of the file, all but its token, which is read only by a command that uses it.
#[derive(Debug)]
pub(super) struct Written {
    text: PageText,
    token: Secret,
}

impl Written {
    /// The Page's id.
    pub(super) fn id(&self) -> &PageId {
        &self.text.page().id
    }

    /// The Page with its token.
    pub(super) fn complete(&self) -> Result<PageText> {
        let token = self.token.read()?;
        Ok(self.text.clone().with_token(token))
    }
}

/// Collects what a Page's tables say.
struct Reader {
    section: Section,
    said: Vec<(Key, String)>,
}

impl Reader {
    /// A value of a kind, if the file has it.
    fn parsed<T>(
        &mut self,
        key: Key,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(given) = self.section.text(name)? else { return Ok(None) };
        let value = parse(&given.text).ok_or_else(|| given.wrong(expected))?;
        self.said.push((key, given.text));
        Ok(Some(value))
    }

    /// A value of a kind that the file must have.
    fn needed<T>(
        &mut self,
        key: Key,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T> {
        let given = self.section.needed(name)?;
        let value = parse(&given.text).ok_or_else(|| given.wrong(expected))?;
        self.said.push((key, given.text));
        Ok(value)
    }

    /// A list of the user's words, if the file has it.
    fn words(&mut self, key: Key, name: &'static str) -> Result<Option<Vec<String>>> {
        let Some(list) = self.section.texts(name)? else { return Ok(None) };
        let words = list.into_iter().map(|given| match given.text.trim() {
            "" => Err(given.wrong("words, and not empty")),
            word => Ok(word.to_owned()),
        });
        let words: Vec<String> = words.collect::<Result<_>>()?;
        self.said.push((key, words.join("\n")));
        Ok(Some(words))
    }

    /// Reads an inner table with `read`; nothing happens without it.
    fn inside<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(section) = self.section.section(name)? else { return Ok(None) };
        let mut inner = Self { section, said: Vec::new() };
        let value = read(&mut inner)?;
        inner.section.end()?;
        self.said.append(&mut inner.said);
        Ok(Some(value))
    }
}

/// Reads a Page.
pub(super) fn read(section: Section) -> Result<Written> {
    let mut of = Reader { section, said: Vec::new() };
    let given = of.section.needed("id")?;
    let id = PageId(digits(&given.text).ok_or_else(|| given.wrong("the digits of the Page's id at Meta"))?);
    let token = Secret::take(&mut of.section, "access_token", "access_token_file")?;
    let token = token.ok_or_else(|| {
        of.section.lacks(
            "access_token",
            "add the token of the dataset, or access_token_file with the path of a file",
        )
    })?;
    let timezone =
        of.needed(Key::Timezone, "timezone", "an IANA time zone such as \"Asia/Tbilisi\"", |name| {
            TimeZone::get(name).is_ok().then(|| name.to_owned())
        })?;
    let country = country(&mut of, &timezone)?;
    let take_off_labels = of.section.truth("take_off_labels")?;
    if let Some(truth) = take_off_labels {
        of.said.push((Key::TakeOffLabels, truth.to_string()));
    }
    let page = Page {
        id,
        name: of.needed(Key::Name, "name", "a name", |name| Some(name.to_owned()))?,
        lane: Lane::new(
            DatasetId(of.needed(Key::DatasetId, "dataset_id", "the digits of the dataset's id", digits)?),
            String::new().into(),
        ),
        currency: of.needed(
            Key::Currency,
            "currency",
            "an ISO 4217 code such as \"GEL\"",
            Currency::parse,
        )?,
        country,
        timezone,
        mode: of.parsed(Key::Mode, "mode", "live, shadow or paused", Mode::parse)?.unwrap_or(Mode::Live),
        test_event_code: of.parsed(Key::TestEventCode, "test_event_code", "a code of Meta's", word)?,
        instagram_id: of.parsed(Key::InstagramId, "instagram_id", "the id of an Instagram account", word)?,
        whatsapp_id: of.parsed(
            Key::WhatsappId,
            "whatsapp_id",
            "the id of a WhatsApp business account",
            word,
        )?,
        silent_after: of
            .parsed(Key::SilentAfter, "silent_after", "a time such as \"72h\"", |text| {
                span::parse(text).filter(|span| !span.is_zero())
            })?
            .unwrap_or(SILENT_AFTER),
        working_hours: of.parsed(
            Key::WorkingHours,
            "working_hours",
            "such as \"Mon-Sat 10:00-20:00\"; several stretches are set apart by commas",
            |text| WorkingHours::parse(text).ok(),
        )?,
        policy: of.inside("signals", policy)?.unwrap_or_default(),
        labels: labels(&mut of)?,
        take_off_labels: take_off_labels.unwrap_or(false),
        sentences: sentences(&mut of)?,
        reasons: of.inside("reasons", reasons)?.unwrap_or_default(),
    };
    of.section.end()?;
    let mut text = PageText::new(page);
    for (key, said) in of.said {
        text.says(key, &said);
    }
    Ok(Written { text, token })
}

/// The country that is given, else that of the time zone.
fn country(of: &mut Reader, timezone: &str) -> Result<String> {
    let expected = "the two capital letters of a country, such as \"GE\"";
    let given =
        of.parsed(Key::Country, "country", expected, |code| zone::is_country(code).then(|| code.to_owned()))?;
    if let Some(country) = given {
        return Ok(country);
    }
    let country = zone::country_of(timezone).ok_or_else(|| {
        of.section.lacks("country", "the time zone is not of one country, so add its two letters")
    })?;
    of.said.push((Key::Country, country.to_owned()));
    Ok(country.to_owned())
}

fn policy(of: &mut Reader) -> Result<Policy> {
    let defaults = Policy::default();
    let value = of.section.text("value")?;
    if let Some(given) = value.filter(|given| given.text != "revenue") {
        return Err(given.wrong("revenue"));
    }
    let lifecycle = of.section.truth("lifecycle")?;
    if let Some(truth) = lifecycle {
        of.said.push((Key::Lifecycle, truth.to_string()));
    }
    Ok(Policy {
        version: defaults.version,
        since: defaults.since,
        purchase_on: of
            .parsed(
                Key::PurchaseOn,
                "purchase_on",
                "confirmed, shipped, delivered or paid",
                PurchaseOn::parse,
            )?
            .unwrap_or(defaults.purchase_on),
        hold: of
            .parsed(Key::Hold, "hold", "a time such as \"30m\", at most 6 days", |text| {
                span::parse(text).filter(|hold| *hold <= HOLD_MAX)
            })?
            .unwrap_or(defaults.hold),
        lead_on: of
            .parsed(Key::LeadOn, "lead_on", "first_message, contact, qualified or off", LeadOn::parse)?
            .unwrap_or(defaults.lead_on),
        lifecycle: lifecycle.unwrap_or(defaults.lifecycle),
        on_unknown: of
            .parsed(Key::OnUnknown, "on_unknown", "keep or resend", OnUnknown::parse)?
            .unwrap_or(defaults.on_unknown),
    })
}

fn labels(of: &mut Reader) -> Result<BTreeMap<String, OutcomeKind>> {
    let Some(section) = of.section.section("labels")? else { return Ok(BTreeMap::new()) };
    let can_be = wording::LABELLED.map(OutcomeKind::as_str).join(", ");
    let labels = section.pairs()?.into_iter().map(|(label, given)| {
        let kind = OutcomeKind::parse(&given.text).filter(|kind| wording::LABELLED.contains(kind));
        kind.map(|kind| (label, kind)).ok_or_else(|| given.wrong(&format!("one of {can_be}")))
    });
    let labels: BTreeMap<String, OutcomeKind> = labels.collect::<Result<_>>()?;
    let lines: Vec<String> =
        labels.iter().map(|(label, kind)| format!("{label}\t{}", kind.as_str())).collect();
    of.said.push((Key::Labels, lines.join("\n")));
    Ok(labels)
}

fn sentences(of: &mut Reader) -> Result<BTreeMap<OutcomeKind, Vec<String>>> {
    let Some(mut section) = of.section.section("sentences")? else { return Ok(BTreeMap::new()) };
    let mut sentences = BTreeMap::new();
    let mut lines = Vec::new();
    for kind in OutcomeKind::ALL {
        let Some(list) = section.texts(kind.as_str())? else { continue };
        let patterns = list
            .into_iter()
            .map(|given| if wording::is_pattern(&given.text) { Ok(given.text) } else { Err(wrong(&given)) });
        let patterns: Vec<String> = patterns.collect::<Result<_>>()?;
        lines.extend(patterns.iter().map(|pattern| format!("{}\t{pattern}", kind.as_str())));
        sentences.insert(kind, patterns);
    }
    section.end()?;
    of.said.push((Key::Sentences, lines.join("\n")));
    Ok(sentences)
}

fn wrong(given: &SettingText) -> crate::error::Error {
    given.wrong("words with at most one {value} for the amount and any number of {*} for anything")
}

fn reasons(of: &mut Reader) -> Result<Reasons> {
    let built_in = Reasons::default();
    Ok(Reasons {
        lost: of.words(Key::Lost, "lost")?.unwrap_or(built_in.lost),
        cancelled: of.words(Key::Cancelled, "cancelled")?.unwrap_or(built_in.cancelled),
        returned: of.words(Key::Returned, "returned")?.unwrap_or(built_in.returned),
        not_a_sale: of.words(Key::NotASale, "not_a_sale")?.unwrap_or(built_in.not_a_sale),
    })
}

/// Ids at Meta have at most so many digits.
const ID_DIGITS_MAX: usize = 32;

fn digits(text: &str) -> Option<String> {
    let plain = (1..=ID_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.to_owned())
}

fn word(text: &str) -> Option<String> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

/// Every Page once.
pub(super) fn read_all(sections: Vec<Section>) -> Result<Vec<Written>> {
    let pages: Vec<Written> = sections.into_iter().map(read).collect::<Result<_>>()?;
    for (index, page) in pages.iter().enumerate() {
        if pages[..index].iter().any(|other| other.id() == page.id()) {
            return Err(fault(format!("pages.{} is there twice: leave one out", page.id())));
        }
    }
    Ok(pages)
}
