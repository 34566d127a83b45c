//! The text of a configuration as a tree in which every value knows, for errors, the line or the environment variable
//! where it was written. Keys are taken out one by one; those that are left are unknown.

use std::collections::BTreeMap;
use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};

/// What the names of our environment variables begin with.
const PREFIX: &str = "SALESBRIDGE_";

/// Variables (without the prefix) that are no configuration keys: they say where the file is and how to log.
const NOT_KEYS: [&str; 3] = ["CONFIG", "LOG", "LOG_FORMAT"];

/// What follows the prefix in the variables of the tests.
const OF_TESTS: &str = "TEST_";

/// An error of the configuration.
pub(super) fn fault(message: impl Into<String>) -> Error {
    Error::invalid("config", message)
}

/// Where a value was written.
#[derive(Clone, Debug)]
enum Place {
    /// The name of the file, and the line from 1.
    Line(Rc<str>, usize),
    Variable(String),
}

#[derive(Debug)]
struct Found {
    value: Value,
    place: Place,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Truth(bool),
    List(Vec<Found>),
    Table(BTreeMap<String, Found>),
    /// A number or a date: no setting is one.
    Other,
}

/// A text with the name of its key.
#[derive(Debug)]
pub(super) struct SettingText {
    /// The key with its place, such as `salesbridge.toml:3: meta.app_id`.
    pub(super) name: String,
    /// What was written.
    pub(super) text: String,
}

impl SettingText {
    /// The error that the text is not what is `expected`.
    pub(super) fn wrong(&self, expected: &str) -> Error {
        fault(format!("{} must be {expected}", self.name))
    }

    /// Refuses control characters, which no setting needs and which break a line of the log.
    fn plain(self) -> Result<Self> {
        if self.text.contains(char::is_control) {
            return Err(self.wrong("free of control characters"));
        }
        Ok(self)
    }
}

/// A table of the configuration.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// The keys that lead here, such as `meta`; empty at the top.
    path: String,
    place: Option<Place>,
    entries: BTreeMap<String, Found>,
    /// The keys that were asked for: those that are known here.
    known: Vec<&'static str>,
}

impl Section {
    /// Reads TOML; `file` is how the file is called in errors.
    pub(super) fn parse(text: &str, file: &str) -> Result<Self> {
        let file: Rc<str> = file.into();
        let line = |at: usize| text.as_bytes()[..at.min(text.len())].split(|byte| *byte == b'\n').count();
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line(span.start));
            fault(format!("{file}:{line}: {}", error.message()))
        })?;
        let at = |start: usize| Place::Line(Rc::clone(&file), line(start));
        let entries = entries(table.into_inner(), &at);
        Ok(Self { path: String::new(), place: None, entries, known: Vec::new() })
    }

    /// Lays the variables of the environment over it: they win. Section and key are joined by two underscores;
    /// a Page is named by its id, as in `SALESBRIDGE_PAGES__1111111111__ACCESS_TOKEN`.
    pub(super) fn overlay(&mut self, environment: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        for (name, text) in environment {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if NOT_KEYS.contains(&rest) || rest.starts_with(OF_TESTS) {
                continue;
            }
            let mut keys: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
            let key = keys.pop().unwrap_or_default();
            let place = Place::Variable(name.clone());
            let mut entries = &mut self.entries;
            let mut rest = keys.as_slice();
            if let [first, id, below @ ..] = rest
                && first == "pages"
            {
                entries = page(entries, id).ok_or_else(|| {
                    fault(format!("{name}: the configuration file has no [[pages]] with the id \"{id}\""))
                })?;
                rest = below;
            }
            for step in rest {
                let section = entries
                    .entry(step.clone())
                    .or_insert_with(|| Found { value: Value::Table(BTreeMap::new()), place: place.clone() });
                let Value::Table(inner) = &mut section.value else {
                    return Err(fault(format!("{name}: unknown key; there is no section {step}")));
                };
                entries = inner;
            }
            give_way(entries, &format!("{key}_file"));
            if let Some(key) = key.strip_suffix("_file") {
                give_way(entries, key);
            }
            entries.insert(key, Found { value: Value::Text(text), place });
        }
        Ok(())
    }

    /// The name of a key here, with its place.
    fn name(&self, key: &str, place: Option<&Place>) -> String {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        match place {
            Some(Place::Variable(name)) => name.clone(),
            Some(Place::Line(file, line)) => format!("{file}:{line}: {path}"),
            None => path,
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Found> {
        self.known.push(key);
        self.entries.remove(key)
    }

    /// The value of `key`, which must be a text in quotes without control characters; `None` where the key is absent.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<SettingText>> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let name = self.name(key, Some(&found.place));
        match found.value {
            Value::Text(text) => SettingText { name, text }.plain().map(Some),
            _ => Err(fault(format!("{name} must be a text in quotes"))),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, key: &'static str) -> Result<SettingText> {
        match self.text(key)? {
            Some(written) if written.text.trim().is_empty() => {
                Err(fault(format!("{} is empty", written.name)))
            }
            Some(written) => Ok(written),
            None => Err(self.lacks(key, "add it")),
        }
    }

    /// The error that a key is missing here.
    pub(super) fn lacks(&self, key: &str, remedy: &str) -> Error {
        let name = self.name(key, self.place.as_ref());
        fault(format!("{name} is missing: {remedy}"))
    }

    /// What `parse` makes of a text, which must be `expected`; `None` without the key.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(written) = self.text(key)? else { return Ok(None) };
        parse(&written.text).map(Some).ok_or_else(|| written.wrong(expected))
    }

    /// A boolean, from the environment as text; `None` without the key.
    pub(super) fn truth(&mut self, key: &'static str) -> Result<Option<bool>> {
        let Some(found) = self.take(key) else { return Ok(None) };
        match found.value {
            Value::Truth(truth) => Ok(Some(truth)),
            Value::Text(text) if text == "true" || text == "false" => Ok(Some(text == "true")),
            _ => Err(fault(format!("{} must be true or false", self.name(key, Some(&found.place))))),
        }
    }

    /// Texts in the order in which they were written; `None` without the key.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<SettingText>>> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let name = self.name(key, Some(&found.place));
        let wrong = || fault(format!("{name} must be a list of texts, such as [\"one\", \"two\"]"));
        let Value::List(list) = found.value else { return Err(wrong()) };
        let texts = list.into_iter().map(|one| match one.value {
            Value::Text(text) => SettingText { name: self.name(key, Some(&one.place)), text }.plain(),
            _ => Err(wrong()),
        });
        texts.collect::<Result<_>>().map(Some)
    }

    /// A table, or `None` without it.
    pub(super) fn section(&mut self, key: &'static str) -> Result<Option<Self>> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let Value::Table(entries) = found.value else {
            return Err(fault(format!("{} must be a table", self.name(key, Some(&found.place)))));
        };
        Ok(Some(Self { path: self.name(key, None), place: Some(found.place), entries, known: Vec::new() }))
    }

    /// The tables of a list, such as `[[pages]]`; errors name each by its `id`.
    pub(super) fn sections(&mut self, key: &'static str) -> Result<Vec<Self>> {
        let Some(found) = self.take(key) else { return Ok(Vec::new()) };
        let name = self.name(key, Some(&found.place));
        let wrong = || fault(format!("{name} must be written as [[{key}]], once for each"));
        let Value::List(list) = found.value else { return Err(wrong()) };
        let sections = list.into_iter().enumerate().map(|(index, one)| {
            let Value::Table(entries) = one.value else { return Err(wrong()) };
            let path = match entries.get("id") {
                Some(Found { value: Value::Text(id), .. }) => format!("{key}.{id}"),
                _ => format!("{key}.{index}"),
            };
            Ok(Self { path, place: Some(one.place), entries, known: Vec::new() })
        });
        sections.collect()
    }

    /// Every text of a table whose keys are the user's own words.
    pub(super) fn pairs(mut self) -> Result<Vec<(String, SettingText)>> {
        let entries = std::mem::take(&mut self.entries);
        let pairs = entries.into_iter().map(|(key, found)| {
            let name = self.name(&key, Some(&found.place));
            match found.value {
                Value::Text(text) => Ok((key, SettingText { name, text }.plain()?)),
                _ => Err(fault(format!("{name} must be a text in quotes"))),
            }
        });
        pairs.collect()
    }

    /// Ends the reading: what was not taken is unknown.
    pub(super) fn end(self) -> Result<()> {
        let Some((key, found)) = self.entries.iter().next() else { return Ok(()) };
        let known: Vec<_> =
            self.known.iter().filter(|key| !self.entries.contains_key(**key)).copied().collect();
        Err(fault(format!(
            "{} is an unknown key: known here are {}",
            self.name(key, Some(&found.place)),
            known.join(", ")
        )))
    }
}

fn entries(table: DeTable<'_>, at: &impl Fn(usize) -> Place) -> BTreeMap<String, Found> {
    table
        .into_iter()
        .map(|(key, value)| {
            let place = at(key.span().start);
            (key.into_inner().into_owned(), Found { place, value: read(value, at) })
        })
        .collect()
}

fn read(value: Spanned<DeValue<'_>>, at: &impl Fn(usize) -> Place) -> Value {
    match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Boolean(truth) => Value::Truth(truth),
        DeValue::Array(list) => Value::List(
            list.into_iter().map(|one| Found { place: at(one.span().start), value: read(one, at) }).collect(),
        ),
        DeValue::Table(table) => Value::Table(entries(table, at)),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
    }
}

/// The keys of the Page with this id.
fn page<'a>(entries: &'a mut BTreeMap<String, Found>, id: &str) -> Option<&'a mut BTreeMap<String, Found>> {
    let Value::List(pages) = &mut entries.get_mut("pages")?.value else { return None };
    pages.iter_mut().find_map(|page| match &mut page.value {
        Value::Table(keys) => {
            let named = matches!(keys.get("id"), Some(Found { value: Value::Text(text), .. }) if text == id);
            named.then_some(keys)
        }
        _ => None,
    })
}

/// Removes a key of the file for which the environment gives the other form, `key` or `key_file`, of the same value.
fn give_way(entries: &mut BTreeMap<String, Found>, key: &str) {
    if matches!(entries.get(key), Some(Found { place: Place::Line(..), .. })) {
        entries.remove(key);
    }
}
