//! Rows that come as one value, a JSON list of objects: each row of an answer costs SQLite's thread and ours a
//! meeting, so that many had better come as one.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::error::{Error, Result};

/// A row of a list. All rows of a list share the names of their columns.
pub(super) struct Listed {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Listed {
    /// The rows of a list.
    pub(super) fn read(text: &str) -> serde_json::Result<Vec<Self>> {
        let mut source = serde_json::Deserializer::from_str(text);
        let rows = Rows.deserialize(&mut source)?;
        source.end()?;
        Ok(rows)
    }

    /// The value of a column; null if there is none of this name.
    pub(super) fn get<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        T::deserialize(self.value(column)).map_err(|error| unread(column, error))
    }

    /// The rows of a list within this row.
    pub(super) fn list(&self, column: &str) -> Result<Vec<Self>> {
        match self.value(column) {
            Value::Null => Ok(Vec::new()),
            // SQLite forgets of some values that they are JSON, and gives their text.
            Value::String(text) => Self::read(text).map_err(|error| unread(column, error)),
            list => Rows.deserialize(list).map_err(|error| unread(column, error)),
        }
    }

    fn value(&self, column: &str) -> &Value {
        let place = self.columns.iter().position(|name| name == column);
        place.and_then(|place| self.values.get(place)).unwrap_or(&Value::Null)
    }
}

pub(super) fn unread(column: &str, error: serde_json::Error) -> Error {
    Error::internal(format!("column {column} can't be read")).caused_by(error)
}

/// Reads all rows.
struct Rows;

impl<'de> DeserializeSeed<'de> for Rows {
    type Value = Vec<Listed>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        source: D,
    ) -> std::result::Result<Vec<Listed>, D::Error> {
        source.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows {
    type Value = Vec<Listed>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Vec<Listed>, A::Error> {
        let mut rows: Vec<Listed> = Vec::new();
        while let Some(row) = list.next_element_seed(One(rows.last().map(|row| Arc::clone(&row.columns))))? {
            rows.push(row);
        }
        Ok(rows)
    }
}

/// Reads one row; the names of the columns are those of the row before it, if it has the same.
struct One(Option<Arc<[String]>>);

impl<'de> DeserializeSeed<'de> for One {
    type Value = Listed;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> std::result::Result<Listed, D::Error> {
        source.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One {
    type Value = Listed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> std::result::Result<Listed, A::Error> {
        let known = self.0.unwrap_or_default();
        let (mut values, mut others) = (Vec::with_capacity(known.len()), None::<Vec<String>>);
        while let Some(name) = row.next_key_seed(Name(known.get(values.len())))? {
            match (&mut others, name) {
                (None, None) => {}
                (Some(names), name) => names.push(name.unwrap_or_else(|| known[values.len()].clone())),
                (others @ None, Some(name)) => {
                    let mut names = known[..values.len()].to_vec();
                    names.push(name);
                    *others = Some(names);
                }
            }
            values.push(row.next_value()?);
        }
        let columns = others.map_or(known, Arc::from);
        Ok(Listed { columns, values })
    }
}

/// Reads the name of a column: none if it is the one that is expected here.
struct Name<'a>(Option<&'a String>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<String>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        source: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E>(self, name: &str) -> std::result::Result<Self::Value, E> {
        Ok((self.0.map(String::as_str) != Some(name)).then(|| name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_name() {
        let rows = Listed::read(r#"[{"id":"a","n":1},{"id":"b","n":null}]"#).unwrap();
        assert_eq!(rows[0].get::<String>("id").unwrap(), "a");
        assert_eq!(rows[0].get::<i64>("n").unwrap(), 1);
        assert_eq!(rows[1].get::<Option<i64>>("n").unwrap(), None);
        assert!(Arc::ptr_eq(&rows[0].columns, &rows[1].columns));
        assert!(rows[1].get::<String>("n").is_err());
        assert_eq!(rows[0].get::<Option<String>>("other").unwrap(), None);
    }

    #[test]
    fn rows_may_differ_in_their_columns() {
        let rows = Listed::read(r#"[{"a":1,"b":2},{"a":3,"c":4,"b":5},{"c":6},{}]"#).unwrap();
        assert_eq!(rows[1].get::<[i64; 1]>("x").ok(), None);
        let read = |row: usize, name: &str| rows[row].get::<Option<i64>>(name).unwrap();
        assert_eq!(
            [read(0, "b"), read(1, "a"), read(1, "c"), read(1, "b")],
            [Some(2), Some(3), Some(4), Some(5)]
        );
        assert_eq!([read(2, "c"), read(2, "a"), read(3, "c")], [Some(6), None, None]);
    }

    #[test]
    fn lists_within_rows_are_read_as_values_and_as_text() {
        let rows =
            Listed::read(r#"[{"told":[{"id":"a"}]},{"told":"[{\"id\":\"b\"}]"},{"told":null}]"#).unwrap();
        let ids = |row: usize| {
            let told = rows[row].list("told").unwrap();
            told.iter().map(|row| row.get::<String>("id").unwrap()).collect::<Vec<_>>()
        };
        assert_eq!((ids(0), ids(1), ids(2)), (vec!["a".to_owned()], vec!["b".to_owned()], vec![]));
        assert!(Listed::read("[1]").is_err() && Listed::read("{}").is_err() && Listed::read("[] x").is_err());
    }
}
