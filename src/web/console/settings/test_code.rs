//! The test event code of a Page, and until when it holds.

use crate::clock::Timestamp;
use crate::domain::page_setting;
use crate::error::{Error, Result};
use crate::store::page::Page;
use crate::web::console::form::Form;
use crate::web::console::formatting::Formatter;

/// The section of the test event code.
#[derive(Debug)]
pub struct TestCodeSection {
    pub code: String,
    /// The end as a `datetime-local` field is filled.
    pub until: String,
}

/// A test event code and its end.
#[derive(Debug)]
pub struct TestCode {
    pub code: String,
    pub until: Timestamp,
}

impl TestCodeSection {
    /// The section of a Page whose code ends at `until`.
    pub fn new(page: &Page, until: Option<Timestamp>, formatter: &Formatter) -> Self {
        Self {
            code: page.test_event_code.clone().unwrap_or_default(),
            until: until.map(|until| formatter.field(until)).unwrap_or_default(),
        }
    }
}

/// The code of a filled-in form; `None` if the form ends the code.
pub fn read(form: &Form, formatter: &Formatter) -> Result<Option<TestCode>> {
    let Some(code) = form.text("code") else { return Ok(None) };
    let wrong = || Error::field("/code", format!("It must be {}.", page_setting::TEST_EVENT_CODE.expected));
    let code = page_setting::TEST_EVENT_CODE.read(&code).ok_or_else(wrong)?;
    let until = form.text("until").and_then(|text| formatter.read(&text));
    let until = until.ok_or_else(|| Error::field("/until", "Say until when."))?;
    Ok(Some(TestCode { code, until }))
}
