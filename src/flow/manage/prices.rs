//! The price list of a Page.

use crate::domain::basic::identity::PageId;
use crate::error::{Error, Result};
use crate::flow::unit::run;
use crate::flow::unit::services::Services;
use crate::store::product::Product;

/// The most lines of one price list.
pub const PRODUCTS_MAX: usize = 2000;

/// Replaces the whole price list of a Page.
///
/// # Errors
/// 422 if it is too long, or an article number is in it twice.
pub async fn set_products(services: &Services, page: &PageId, products: &[Product]) -> Result<()> {
    if products.len() > PRODUCTS_MAX {
        return Err(Error::field("/prices", format!("A price list has at most {PRODUCTS_MAX} lines.")));
    }
    run::run(services, "set_products", |unit, _| {
        Box::pin(async move {
            unit.hold_page(page).await?;
            unit.put_products(page, products).await?;
            Ok(())
        })
    })
    .await
}
