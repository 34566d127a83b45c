//! Price lists: the products that a Page's operators tag with, by SKU.

use crate::domain::basic::identity::PageId;
use crate::error::Result;
use crate::store::db::sql::Unit;
use crate::store::db::statement::values;

/// A line of a Page's price list; amounts in minor units of the Page's currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// The shop's article number.
    pub sku: String,
    /// What the shop calls it.
    pub name: String,
    /// The selling price of one piece.
    pub price: i64,
    /// What one piece costs the shop, if it is known.
    pub cost: Option<i64>,
}

impl Unit {
    /// The price list of a Page, in the order of its file.
    pub async fn products(&mut self, page: &PageId) -> Result<Vec<Product>> {
        let rows = self
            .rows(
                "select sku, name, price, cost from product where page_id = $1 order by position, sku",
                values![page.as_str()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Product {
                    sku: row.get("sku")?,
                    name: row.get("name")?,
                    price: row.get("price")?,
                    cost: row.get("cost")?,
                })
            })
            .collect()
    }

    /// Replaces the price list of a Page.
    pub async fn put_products(&mut self, page: &PageId, products: &[Product]) -> Result<()> {
        self.execute("delete from product where page_id = $1", values![page.as_str()]).await?;
        for (position, product) in products.iter().enumerate() {
            self.execute(
                "insert into product (page_id, sku, position, name, price, cost) values ($1, $2, $3, $4, $5, $6)",
                values![
                    page.as_str(),
                    product.sku.as_str(),
                    i64::try_from(position).unwrap_or(i64::MAX),
                    product.name.as_str(),
                    product.price,
                    product.cost,
                ],
            )
            .await?;
        }
        Ok(())
    }
}
