//! The two databases: connections, transactions, migrations, the writer of SQLite.

mod intake_file;
pub mod lock;
mod migrate;
pub(in crate::store) mod sql;
pub(in crate::store) mod statement;
pub(in crate::store) mod write_buffer;
mod writer;

pub use sql::{Store, Unit};
