//! JSON that borrows from the body, and its parts as Meta writes them: ids, times, texts, and words of the format. Meta
//! writes many numbers as strings in some events, so that each reader takes both.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::clock::Timestamp;

/// Characters that are kept of what people write.
const TEXT_MAX: usize = 20_000;

/// Characters that are kept of names, titles and `ref`s; Meta allows a `ref` 2,083, and the others less.
const LINE_MAX: usize = 2_083;

/// Bytes of the longest `mid` that is taken. Meta's have some 200; PostgreSQL can't index much longer ones.
const MID_MAX: usize = 1_000;

/// A JSON value that borrows its texts from the body wherever they hold no escape. A body that is nested deeper than
/// 128 is refused by `serde_json`. There is no `Debug`, since it holds what people wrote.
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// A member of an object; of several with the same name, the last. `None` for `null` and for anything else.
    pub(super) fn get(&self, key: &str) -> Option<&Json<'a>> {
        let (_, value) = self.members().iter().rfind(|(name, _)| name == key)?;
        (!matches!(value, Self::Null)).then_some(value)
    }

    /// The members of an object, in order; none for any other value.
    pub(super) fn members(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    pub(super) fn list(&self) -> Option<&[Json<'a>]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The items of the list that a member is; none without one.
    pub(super) fn each(&self, key: &str) -> &[Json<'a>] {
        self.get(key).and_then(Json::list).unwrap_or_default()
    }

    pub(super) fn str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Self::Bool(true)))
    }

    /// A member that is a text: without NUL, which `PostgreSQL` does not store, and cut to [`TEXT_MAX`].
    pub(super) fn text(&self, key: &str) -> Option<String> {
        cut(self.get(key)?.str()?, TEXT_MAX)
    }

    /// A member that is a name, a title or a `ref`: without NUL, and cut to [`LINE_MAX`].
    pub(super) fn line(&self, key: &str) -> Option<String> {
        cut(self.get(key)?.str()?, LINE_MAX)
    }

    /// A member that is Meta's id of a message (`mid`). It is never cut, since a cut one names no message.
    pub(super) fn mid(&self, key: &str) -> Option<String> {
        let mid = self.get(key)?.str()?;
        ((1..=MID_MAX).contains(&mid.len()) && !mid.contains('\0')).then(|| mid.to_owned())
    }

    /// This value as an id: a string of 1 to 100 visible ASCII characters, or a number.
    pub(super) fn id(&self) -> Option<String> {
        match self {
            Self::Text(text) => {
                let plain =
                    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
                plain.then(|| text.clone().into_owned())
            }
            Self::Number(number) => number.as_u64().map(|number| number.to_string()),
            _ => None,
        }
    }

    /// The id that a member is, or that it holds as its `id`.
    pub(super) fn id_of(&self, key: &str) -> Option<String> {
        let value = self.get(key)?;
        if value.is_object() { value.get("id")?.id() } else { value.id() }
    }

    /// Whether a member is this id, or holds it as its `id`.
    pub(super) fn has_id(&self, key: &str, id: &str) -> bool {
        match self.get(key).and_then(|value| value.get("id").or(Some(value))) {
            Some(Self::Text(text)) => text == id,
            Some(Self::Number(number)) => number.to_string() == id,
            _ => false,
        }
    }

    /// A member that is a whole number, or a string of one.
    pub(super) fn whole(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Self::Number(number) => number.as_i64(),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A member that is a number, as the text that Meta wrote: amounts must stay exact.
    pub(super) fn digits(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => cut(text, 40),
            _ => None,
        }
    }

    /// A member that is a Unix time in milliseconds or, below 10^11, in seconds: Meta's samples show both.
    pub(super) fn moment(&self, key: &str) -> Option<Timestamp> {
        match self.whole(key)? {
            number @ 0..100_000_000_000 => Some(Timestamp::from_seconds(number)),
            number @ 100_000_000_000..100_000_000_000_000 => Some(Timestamp::from_millis(number)),
            _ => None,
        }
    }
}

/// The first characters of a text without NUL; `None` if nothing is left.
fn cut(text: &str, length: usize) -> Option<String> {
    if text.len() <= length && !text.contains('\0') {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let text: String = text.chars().filter(|letter| *letter != '\0').take(length).collect();
    (!text.is_empty()).then_some(text)
}

/// A word of Meta's format, such as the name of a field; whatever does not look like one, and so may be something that a
/// person wrote, becomes `unknown`.
pub(super) fn word(text: &str) -> &str {
    let plain = (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain { text } else { "unknown" }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Json<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Json::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Json::Number(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Json::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
            }

            fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Borrowed(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
                Ok(Json::Text(Cow::Owned(value.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                #[derive(serde::Deserialize)]
                struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
                let mut members = Vec::new();
                while let Some((Key(key), value)) = entries.next_entry()? {
                    members.push((key, value));
                }
                Ok(Json::Object(members))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// Replaces escapes of half a surrogate pair, which are no character and which `serde_json` refuses, by `\ufffd`. A
/// text that was cut inside of a pair must not make its whole body unreadable.
pub(super) fn mend(body: &[u8]) -> Vec<u8> {
    let unit = |at: usize| -> Option<u32> {
        let escape = body.get(at..at + 6)?;
        let digits = std::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut mended = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        let taken = if body[at] == b'\\' {
            match unit(at) {
                Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => 12,
                Some(0xd800..=0xdfff) => {
                    mended.extend_from_slice(b"\\ufffd");
                    at += 6;
                    continue;
                }
                Some(_) => 6,
                None => 2,
            }
        } else {
            1
        };
        let end = body.len().min(at + taken);
        mended.extend_from_slice(&body[at..end]);
        at = end;
    }
    mended
}
