//! JSON bodies as typed values: what can't be taken is named by its JSON pointer, and never quoted.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::error::{Error, ErrorKind, FieldFault, Result};

/// Reads a JSON body.
///
/// # Errors
/// 400 when it is no JSON; 422 with a pointer when something in it is not as expected.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| not_json(&error))?;
    if body.trim_ascii_start().first() != Some(&b'{') {
        let detail = "The body must be an object.".to_owned();
        let mut error = Error::invalid("invalid_field", detail.clone());
        error.fields.push(FieldFault { pointer: String::new(), detail });
        return Err(error);
    }
    if let Some(pointer) = key_given_twice(body) {
        return Err(Error::field(pointer, "It is given twice."));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| fault_of(&error))?;
    if body.windows(6).any(|bytes| bytes == b"\\u0000")
        && let Ok(value) = serde_json::from_slice(body)
        && let Some(pointer) = nul_in(&value)
    {
        return Err(Error::field(pointer, "It must not contain NUL."));
    }
    Ok(read)
}

/// The JSON pointer of a member that an object, however deep, has twice: which of the two is meant can't be known.
fn key_given_twice(body: &[u8]) -> Option<String> {
    let mut found = None;
    let look = Look { pointer: String::new(), found: &mut found };
    let mut reader = serde_json::Deserializer::from_slice(body);
    // What else is wrong with the body is found when it is read.
    drop(look.deserialize(&mut reader));
    found
}

/// Looks through a JSON value for an object that has a member twice.
struct Look<'a> {
    /// The JSON pointer of the value.
    pointer: String,
    found: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> std::result::Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        let mut index = 0_usize;
        loop {
            let below = Look { pointer: format!("{}/{index}", self.pointer), found: &mut *self.found };
            if list.next_element_seed(below)?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<(), A::Error> {
        let mut seen: HashSet<String> = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            let pointer = format!("{}/{}", self.pointer, escaped(&name));
            if !seen.insert(name) {
                self.found.get_or_insert(pointer.clone());
            }
            members.next_value_seed(Look { pointer, found: &mut *self.found })?;
        }
        Ok(())
    }
}

fn not_json(error: &serde_json::Error) -> Error {
    let (text, line, column) = (error.to_string(), error.line(), error.column());
    let why = text.split(" at line").next().unwrap_or_default();
    let message = format!("The body is not JSON: {why} (line {line}, column {column}).");
    Error::new(ErrorKind::Malformed, "invalid_json", message)
}

/// A fault that serde found as a 422 with its pointer, without the values that serde quotes.
fn fault_of(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let inner = error.inner();
    let text = inner.to_string();
    let out_of_range = text.starts_with("number out of range");
    if (inner.is_syntax() || inner.is_eof()) && !out_of_range {
        return not_json(inner);
    }
    let mut pointer = pointer_of(error.path());
    let found = text.split(" at line").next().unwrap_or_default();
    let quoted = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    let detail = if out_of_range {
        "It is larger than any amount.".to_owned()
    } else if found.starts_with("unknown field") {
        let name = quoted(found);
        if !pointer.ends_with(&format!("/{name}")) {
            pointer = format!("{pointer}/{}", escaped(&name));
        }
        "There is no such field.".to_owned()
    } else if found.starts_with("missing field") {
        pointer = format!("{pointer}/{}", quoted(found));
        "It is missing.".to_owned()
    } else if found.starts_with("duplicate field") {
        let name = quoted(found);
        if !pointer.ends_with(&format!("/{name}")) {
            pointer = format!("{pointer}/{}", escaped(&name));
        }
        "It is given twice.".to_owned()
    } else if let Some((_, expected)) = found.rsplit_once(", expected ") {
        format!("It must be {expected}.")
    } else {
        "It can't be taken.".to_owned()
    };
    Error::field(pointer, detail)
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer = format!("{pointer}/{index}"),
            Segment::Map { key } => pointer = format!("{pointer}/{}", escaped(key)),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

fn nul_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .find_map(|(index, value)| nul_in(value).map(|below| format!("/{index}{below}"))),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            if name.contains('\0') {
                return Some(String::new());
            }
            nul_in(value).map(|below| format!("/{}{below}", escaped(name)))
        }),
        _ => None,
    }
}
