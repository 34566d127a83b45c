//! Pagination: `{"data":[…],"next_cursor":…}`. A cursor names the last row of the page before it, so that rows that are
//! added meanwhile shift nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::cursor::ListCursor;
use crate::web::server::read::non_empty;

/// Rows of one page of a list, unless the request has a `limit`.
const ROWS: i64 = 50;

/// Rows of one page of a list, at most.
const ROWS_MAX: i64 = 200;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listed<T> {
    /// The rows of this page of the list, the newest first.
    pub data: Vec<T>,
    /// The `cursor` of the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// Which page of a list a request asks for.
#[derive(Clone, Debug)]
pub struct Pagination {
    /// The position of the last row before this page.
    pub after: ListCursor,
    /// Rows of this page, at most.
    rows: i64,
}

impl Pagination {
    /// Reads the parameters `cursor` and `limit`.
    ///
    /// # Errors
    /// Either can't be read.
    pub fn read(cursor: Option<String>, limit: Option<String>) -> Result<Self> {
        let rows = match non_empty(limit) {
            None => ROWS,
            Some(text) => text
                .parse()
                .ok()
                .filter(|rows| (1..=ROWS_MAX).contains(rows))
                .ok_or_else(|| Error::field("/limit", format!("It must be from 1 to {ROWS_MAX}.")))?,
        };
        let after = match non_empty(cursor) {
            None => ListCursor { at: Timestamp::from_millis(i64::MAX), id: String::new() },
            Some(text) => decode(&text)
                .ok_or_else(|| Error::field("/cursor", "It is no next_cursor of a list before."))?,
        };
        Ok(Self { after, rows })
    }

    /// How many rows to read of each Page: one more than is shown, to know whether there is a next page of the list.
    pub const fn limit(&self) -> i64 {
        self.rows + 1
    }

    /// Merges the rows of several Pages, newest first by their `position`, and shows this page of the list.
    pub fn show<Row, T>(
        &self,
        mut rows: Vec<Row>,
        position: impl Fn(&Row) -> ListCursor,
        show: impl Fn(Row) -> T,
    ) -> Listed<T> {
        let key = |row: &Row| {
            let ListCursor { at, id } = position(row);
            (at, id)
        };
        rows.sort_by_key(|row| std::cmp::Reverse(key(row)));
        let most = usize::try_from(self.rows).unwrap_or(usize::MAX);
        let next_cursor =
            (rows.len() > most).then(|| rows.get(most - 1).map(|row| encode(&position(row)))).flatten();
        rows.truncate(most);
        Listed { data: rows.into_iter().map(show).collect(), next_cursor }
    }

    /// Whether a row at `position` comes after the cursor.
    pub fn is_ahead(&self, position: &ListCursor) -> bool {
        (position.at, &position.id) < (self.after.at, &self.after.id)
    }
}

fn encode(position: &ListCursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", position.at.millis(), position.id))
}

fn decode(text: &str) -> Option<ListCursor> {
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
        let cursor = ListCursor { at: Timestamp::from_millis(1_795_424_400_000), id: "0190-a".to_owned() };
        assert_eq!(decode(&encode(&cursor)), Some(cursor));
        for wrong in ["x", "", "!!", "MTIz", "eC4x", "MS4A"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
