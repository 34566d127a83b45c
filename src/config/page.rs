//! `[[pages]]`: the Pages of the configuration file.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::config::document::{Section, fault};
use crate::config::secret::Secret;
use crate::config::zone;
use crate::domain::basic::identity::{DatasetId, PageId};
use crate::domain::basic::money::Currency;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::reason::Reasons;
use crate::domain::page_setting::{self, Setting};
use crate::domain::signal::lane::Lane;
use crate::domain::signal::policy::{Mode, Policy};
use crate::error::Result;
use crate::flow::manage::configure::{Key, PageText};
use crate::store::page::Page;

/// `silent_after`, unless the file says otherwise.
const SILENT_AFTER: Duration = Duration::from_hours(72);

/// A Page of the file. Its token may be in a file of its own, which only a command that uses it reads.
#[derive(Debug)]
pub(super) struct ConfiguredPage {
    text: PageText,
    token: Secret,
}

impl ConfiguredPage {
    /// The id at Meta.
    pub(super) fn id(&self) -> &PageId {
        &self.text.page().id
    }

    /// The Page with its token.
    pub(super) fn complete(&self) -> Result<PageText> {
        let token = self.token.read()?;
        Ok(self.text.clone().with_token(token))
    }
}

/// Reads the tables of a Page, and collects the texts of their keys.
struct Reader {
    section: Section,
    /// The text of each key that the file has: what was changed at run time wins until that text changes.
    written: Vec<(Key, String)>,
}

impl Reader {
    /// A value that `parse` takes, if the file has it.
    fn parsed<T>(
        &mut self,
        key: Key,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(written) = self.section.text(name)? else { return Ok(None) };
        let value = parse(&written.text).ok_or_else(|| written.wrong(expected))?;
        self.written.push((key, written.text));
        Ok(Some(value))
    }

    /// A setting of the Page, if the file has it.
    fn setting<T>(&mut self, key: Key, name: &'static str, setting: &Setting<T>) -> Result<Option<T>> {
        self.parsed(key, name, setting.expected, |text| setting.read(text))
    }

    /// A value that `parse` takes and that the file must have.
    fn needed<T>(
        &mut self,
        key: Key,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T> {
        let written = self.section.needed(name)?;
        let value = parse(&written.text).ok_or_else(|| written.wrong(expected))?;
        self.written.push((key, written.text));
        Ok(value)
    }

    /// A list of the user's own words, such as reasons, if the file has it.
    fn words(&mut self, key: Key, name: &'static str) -> Result<Option<Vec<String>>> {
        let Some(list) = self.section.texts(name)? else { return Ok(None) };
        let words = list.into_iter().map(|written| match written.text.trim() {
            "" => Err(written.wrong("words, and not empty")),
            word => Ok(word.to_owned()),
        });
        let words: Vec<String> = words.collect::<Result<_>>()?;
        self.written.push((key, words.join("\n")));
        Ok(Some(words))
    }

    /// What `read` makes of an inner table, if the file has it.
    fn inside<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(section) = self.section.section(name)? else { return Ok(None) };
        let mut inner = Self { section, written: Vec::new() };
        let value = read(&mut inner)?;
        inner.section.end()?;
        self.written.append(&mut inner.written);
        Ok(Some(value))
    }
}

/// Reads a Page; [`ConfiguredPage::complete`] adds its token.
pub(super) fn read(section: Section) -> Result<ConfiguredPage> {
    let mut of = Reader { section, written: Vec::new() };
    let written = of.section.needed("id")?;
    let id =
        PageId(digits(&written.text).ok_or_else(|| written.wrong("the digits of the Page's id at Meta"))?);
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
        of.written.push((Key::TakeOffLabels, truth.to_string()));
    }
    let page = Page {
        id,
        name: of.needed(Key::Name, "name", "a name", |name| Some(name.to_owned()))?,
        lane: Lane::new(
            DatasetId(of.needed(Key::DatasetId, "dataset_id", "the digits of the dataset's id", digits)?),
            // The token comes later.
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
        mode: of.setting(Key::Mode, "mode", &page_setting::MODE)?.unwrap_or(Mode::Live),
        test_event_code: of.setting(Key::TestEventCode, "test_event_code", &page_setting::TEST_EVENT_CODE)?,
        instagram_id: of.parsed(Key::InstagramId, "instagram_id", "the id of an Instagram account", plain)?,
        whatsapp_id: of.parsed(
            Key::WhatsappId,
            "whatsapp_id",
            "the id of a WhatsApp business account",
            plain,
        )?,
        silent_after: of
            .setting(Key::SilentAfter, "silent_after", &page_setting::SILENT_AFTER)?
            .unwrap_or(SILENT_AFTER),
        working_hours: of.setting(Key::WorkingHours, "working_hours", &page_setting::WORKING_HOURS)?,
        policy: of.inside("signals", policy)?.unwrap_or_default(),
        labels: labels(&mut of)?,
        take_off_labels: take_off_labels.unwrap_or(false),
        sentences: sentences(&mut of)?,
        reasons: of.inside("reasons", reasons)?.unwrap_or_default(),
    };
    of.section.end()?;
    let mut text = PageText::new(page);
    for (key, written) in of.written {
        text.note(key, &written);
    }
    Ok(ConfiguredPage { text, token })
}

/// The country that the file names, else that of the time zone.
fn country(of: &mut Reader, timezone: &str) -> Result<String> {
    let expected = "the two capital letters of a country, such as \"GE\"";
    let written =
        of.parsed(Key::Country, "country", expected, |code| zone::is_country(code).then(|| code.to_owned()))?;
    if let Some(country) = written {
        return Ok(country);
    }
    let country = zone::country_of(timezone).ok_or_else(|| {
        of.section.lacks("country", "the time zone is not of one country, so add its two letters")
    })?;
    of.written.push((Key::Country, country.to_owned()));
    Ok(country.to_owned())
}

/// The table `signals`. Its `value` has one choice so far, so it is not kept.
fn policy(of: &mut Reader) -> Result<Policy> {
    let defaults = Policy::default();
    let value = of.section.text("value")?;
    if let Some(other) = value.filter(|value| value.text != "revenue") {
        return Err(other.wrong("revenue"));
    }
    let lifecycle = of.section.truth("lifecycle")?;
    if let Some(truth) = lifecycle {
        of.written.push((Key::Lifecycle, truth.to_string()));
    }
    Ok(Policy {
        version: defaults.version,
        since: defaults.since,
        purchase_on: of
            .setting(Key::PurchaseOn, "purchase_on", &page_setting::PURCHASE_ON)?
            .unwrap_or(defaults.purchase_on),
        hold: of.setting(Key::Hold, "hold", &page_setting::HOLD)?.unwrap_or(defaults.hold),
        lead_on: of.setting(Key::LeadOn, "lead_on", &page_setting::LEAD_ON)?.unwrap_or(defaults.lead_on),
        lifecycle: lifecycle.unwrap_or(defaults.lifecycle),
        on_unknown: of
            .setting(Key::OnUnknown, "on_unknown", &page_setting::ON_UNKNOWN)?
            .unwrap_or(defaults.on_unknown),
    })
}

fn labels(of: &mut Reader) -> Result<BTreeMap<String, OutcomeKind>> {
    let Some(section) = of.section.section("labels")? else { return Ok(BTreeMap::new()) };
    let labels = section.pairs()?.into_iter().map(|(label, written)| {
        let kind = page_setting::labelled_kind(&written.text);
        kind.map(|kind| (label, kind)).ok_or_else(|| written.wrong(&page_setting::labelled_kinds()))
    });
    let labels: BTreeMap<String, OutcomeKind> = labels.collect::<Result<_>>()?;
    let lines: Vec<String> =
        labels.iter().map(|(label, kind)| format!("{label}\t{}", kind.as_str())).collect();
    of.written.push((Key::Labels, lines.join("\n")));
    Ok(labels)
}

fn sentences(of: &mut Reader) -> Result<BTreeMap<OutcomeKind, Vec<String>>> {
    let Some(mut section) = of.section.section("sentences")? else { return Ok(BTreeMap::new()) };
    let mut sentences = BTreeMap::new();
    let mut lines = Vec::new();
    for kind in OutcomeKind::ALL {
        let Some(list) = section.texts(kind.as_str())? else { continue };
        let patterns = list.into_iter().map(|written| {
            let pattern = page_setting::PATTERN.read(&written.text);
            pattern.ok_or_else(|| written.wrong(page_setting::PATTERN.expected))
        });
        let patterns: Vec<String> = patterns.collect::<Result<_>>()?;
        lines.extend(patterns.iter().map(|pattern| format!("{}\t{pattern}", kind.as_str())));
        sentences.insert(kind, patterns);
    }
    section.end()?;
    of.written.push((Key::Sentences, lines.join("\n")));
    Ok(sentences)
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

/// Digits of an id at Meta, at most.
const ID_DIGITS_MAX: usize = 32;

/// An id of digits.
fn digits(text: &str) -> Option<String> {
    let plain = (1..=ID_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.to_owned())
}

/// An id of visible ASCII characters.
fn plain(text: &str) -> Option<String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain.then(|| text.to_owned())
}

/// Reads every Page.
///
/// # Errors
/// A Page can't be read, or is there twice.
pub(super) fn read_all(sections: Vec<Section>) -> Result<Vec<ConfiguredPage>> {
    let pages: Vec<ConfiguredPage> = sections.into_iter().map(read).collect::<Result<_>>()?;
    for (index, page) in pages.iter().enumerate() {
        if pages[..index].iter().any(|other| other.id() == page.id()) {
            return Err(fault(format!("pages.{} is there twice: leave one out", page.id())));
        }
    }
    Ok(pages)
}
