//! Standard output: tables, and text that a reader may stop reading.

use std::io::{ErrorKind, Write};

use crate::error::{Error, Result};

/// Rows as a table with aligned columns; the first row is its header.
#[expect(clippy::needless_pass_by_value, reason = "a table that was laid out is not needed again")]
pub fn columns(rows: Vec<[String; 6]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Writes to standard output; a reader that has gone away has read enough.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::unavailable("no_output", "Standard output can't be written").caused_by(error))
        }
        _ => Ok(()),
    }
}
