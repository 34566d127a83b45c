//! Meta's test event code of a Page: while it is set, events are tests. It ends by itself.

use crate::clock::Timestamp;
use crate::domain::basic::identity::PageId;
use crate::error::{Error, Result};
use crate::flow::services::Services;
use crate::store::page::TestCode;

/// Sets the test event code of a Page until a time, or ends it.
///
/// # Errors
/// A time that is not ahead.
pub async fn set_test_code(
    services: &Services,
    page: &PageId,
    test: Option<(&str, Timestamp)>,
) -> Result<()> {
    if test.is_some_and(|(_, until)| until <= services.clock.now()) {
        return Err(Error::field("/until", "It must be a time to come."));
    }
    let mut unit = services.store.begin("set_test_code").await?;
    unit.hold_page(page).await?;
    unit.set_test_code(page, test.map(|(code, until)| TestCode { code, until })).await?;
    unit.commit().await
}

/// Ends the test event codes whose time is over.
pub async fn end_test_codes(services: &Services) -> Result<()> {
    let mut unit = services.store.begin("end_test_codes").await?;
    unit.end_test_codes(services.clock.now()).await?;
    unit.commit().await
}
