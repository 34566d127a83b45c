//! Lists in parts: `{"data":[…],"next_cursor":…}`. A cursor names the last row that was given, so that rows
//! which come meanwhile move nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::cursor::ListCursor;
use crate::web::server::read::given;

/// How many rows a part has, unless it is asked for another number, and at most.
const ROWS: (i64, i64) = (50, 200);

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    /// The rows.
    pub data: Vec<T>,
    /// What to ask for the next part; null at the end.
    pub next_cursor: Option<String>,
}

/// Which part of a list.
#[derive(Clone, Debug)]
pub struct Pagination {
    /// After which row.
    pub after: ListCursor,
    /// How many rows.
    rows: i64,
}

impl Pagination {
    /// Reads `cursor` and `limit`.
    ///
    /// # Errors
    /// Either can't be read.
    pub fn read(cursor: Option<String>, limit: Option<String>) -> Result<Self> {
        let rows = match given(limit) {
            None => ROWS.0,
            Some(text) => text
                .parse()
                .ok()
                .filter(|rows| (1..=ROWS.1).contains(rows))
                .ok_or_else(|| Error::field("/limit", format!("It must be from 1 to {}.", ROWS.1)))?,
        };
        let after = match given(cursor) {
            None => ListCursor { at: Timestamp::from_millis(i64::MAX), id: String::new() },
            Some(text) => read_cut(&text)
                .ok_or_else(|| Error::field("/cursor", "It is no next_cursor of a list before."))?,
        };
        Ok(Self { after, rows })
    }

    /// One row more than is shown, to know whether there is a next part.
    pub const fn limit(&self) -> i64 {
        self.rows + 1
    }

    /// Lays the rows of several Pages together, newest first, and shows this part of them.
    pub fn show<Row, T>(
        &self,
        mut rows: Vec<Row>,
        cut: impl Fn(&Row) -> ListCursor,
        show: impl Fn(Row) -> T,
    ) -> Listed<T> {
        let key = |row: &Row| {
            let ListCursor { at, id } = cut(row);
            (at, id)
        };
        rows.sort_by_key(|row| std::cmp::Reverse(key(row)));
        let most = usize::try_from(self.rows).unwrap_or(usize::MAX);
        let next_cursor =
            (rows.len() > most).then(|| rows.get(most - 1).map(|row| write_cut(&cut(row)))).flatten();
        rows.truncate(most);
        Listed { data: rows.into_iter().map(show).collect(), next_cursor }
    }

    /// Whether a row lies in this part or after it.
    pub fn is_ahead(&self, cut: &ListCursor) -> bool {
        (cut.at, &cut.id) < (self.after.at, &self.after.id)
    }
}

fn write_cut(cut: &ListCursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", cut.at.millis(), cut.id))
}

fn read_cut(text: &str) -> Option<ListCursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (at, id) = text.split_once('.')?;
    let is_id = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_id.then_some(ListCursor { at: Timestamp::from_millis(at.parse().ok()?), id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_wrote_and_nothing_else() {
        let cut = ListCursor { at: Timestamp::from_millis(1_795_424_400_000), id: "0190-a".to_owned() };
        assert_eq!(read_cut(&write_cut(&cut)), Some(cut));
        for wrong in ["x", "", "!!", "MTIz", "eC4x", "MS4A"] {
            assert_eq!(read_cut(wrong), None, "{wrong}");
        }
    }
}
