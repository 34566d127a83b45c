//! Meta's test event code of a Page: while it is set, Meta takes the Page's events as tests. It ends by itself.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::error::{Error, Result};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::page::TestCode;

/// Sets the test event code of a Page until a time; `None` ends it.
///
/// # Errors
/// 422 for a time that is not ahead.
pub async fn set_test_code(
    services: &Services,
    page: &PageId,
    test: Option<(&str, Timestamp)>,
) -> Result<()> {
    if test.is_some_and(|(_, until)| until <= services.clock.now()) {
        return Err(Error::field("/until", "It must be a time to come."));
    }
    run::run(services, "set_test_code", |unit, _| {
        Box::pin(async move {
            unit.hold_page(page).await?;
            unit.set_test_code(page, test.map(|(code, until)| TestCode { code, until })).await?;
            Ok(())
        })
    })
    .await
}

/// Ends the test event codes whose time is over.
pub async fn end_test_codes(services: &Services) -> Result<()> {
    run::run(services, "end_test_codes", |unit, _| Box::pin(unit.end_test_codes(services.clock.now())))
        .await
        .map(drop)
}
