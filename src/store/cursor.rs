//! Pagination: each part of a list begins behind the last row of the part before. A query covers one Page, so that it
//! follows an index; the caller merges the lists of several Pages.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::store::db::statement::{Value, values};

/// The position in a list from which it continues: behind the row of this moment and id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListCursor {
    /// The moment of the last row.
    pub at: Timestamp,
    /// Its id, which orders rows of the same moment.
    pub id: String,
}

/// A part of a list of one Page.
#[derive(Clone, Copy, Debug)]
pub struct ListRange<'a> {
    /// The Page whose rows are listed.
    pub page: &'a PageId,
    /// The row behind which the part begins.
    pub after: &'a ListCursor,
    /// How many rows at most.
    pub limit: i64,
}

impl ListRange<'_> {
    /// The values of the query: `$1` Page, `$2` moment, `$3` id, `$4` limit.
    pub(in crate::store) fn values(self) -> Vec<Value> {
        values![self.page.as_str(), self.after.at, self.after.id.as_str(), self.limit]
    }
}
