//! The price list of a Page, as a CSV file: sku, name, price and perhaps cost.

use std::collections::HashSet;

use axum::extract::Multipart;
use bytes::Bytes;

use crate::domain::basic::money::{Currency, Money};
use crate::error::{Error, Result};
use crate::store::product::Product;
use crate::web::console::formatting::money;

/// The most characters of an article number or name.
const LETTERS_MAX: usize = 200;

/// A product as a row of the table.
#[derive(Debug)]
pub struct ProductLine {
    pub sku: String,
    pub name: String,
    pub price: String,
    pub cost: String,
}

impl ProductLine {
    /// The row of a product whose amounts are in `currency`.
    pub fn new(product: Product, currency: Currency) -> Self {
        Self {
            sku: product.sku,
            name: product.name,
            price: money(product.price, currency),
            cost: product.cost.map(|cost| money(cost, currency)).unwrap_or_default(),
        }
    }
}

/// The bytes of the file that a form uploads.
///
/// # Errors
/// The form is broken, or has no file.
pub async fn uploaded(mut form: Multipart) -> Result<Bytes> {
    let broken = |error| Error::invalid("broken_form", "The form can't be read.").caused_by(error);
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("prices") {
            file = Some(field.bytes().await.map_err(broken)?);
        }
    }
    file.ok_or_else(|| Error::field("/prices", "Choose a file."))
}

/// Reads a price list; a header may stand first, and the fields may be separated by commas, semicolons or tabs.
///
/// # Errors
/// The number of the first line that can't be read.
pub fn read(file: &[u8], currency: Currency) -> Result<Vec<Product>, usize> {
    let text = std::str::from_utf8(file).map_err(|_| 1_usize)?;
    let text = text.trim_start_matches('\u{feff}');
    let head = text.lines().next().unwrap_or_default();
    let delimiter = if head.contains(';') {
        b';'
    } else if head.contains('\t') {
        b'\t'
    } else {
        b','
    };
    let mut lines = csv::ReaderBuilder::new();
    let mut lines = lines
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut seen = HashSet::new();
    let mut products = Vec::new();
    for (index, line) in lines.records().enumerate() {
        let line = line.map_err(|_| index + 1)?;
        if line.iter().all(str::is_empty) || (index == 0 && line.get(0).is_some_and(is_header)) {
            continue;
        }
        let product = product(&line, currency).filter(|product| seen.insert(product.sku.clone()));
        products.push(product.ok_or(index + 1)?);
    }
    Ok(products)
}

fn is_header(field: &str) -> bool {
    field.eq_ignore_ascii_case("sku")
}

fn product(line: &csv::StringRecord, currency: Currency) -> Option<Product> {
    let text = |index: usize| {
        let field = line.get(index).map(|field| field.replace('\0', ""))?;
        (!field.is_empty() && field.chars().count() <= LETTERS_MAX).then_some(field)
    };
    let cost = match line.get(3).filter(|field| !field.is_empty()) {
        Some(field) => Some(Money::parse_typed(field, currency).ok()?.minor),
        None => None,
    };
    let price = Money::parse_typed(line.get(2)?, currency).ok()?.minor;
    Some(Product { sku: text(0)?, name: text(1)?, price, cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_list_is_read_whole_or_not_at_all() {
        let gel = Currency::parse("GEL").unwrap();
        let list = read(
            "\u{feff}SKU;Name;Price;Cost\r\nBAG-1;ჩანთა;120,50;70\r\nBAG-2;Tote;\"45\";\r\n".as_bytes(),
            gel,
        );
        let list = list.unwrap();
        assert_eq!(
            (list[0].price, list[0].cost, list[1].price, list[1].cost),
            (12050, Some(7000), 4500, None)
        );
        for (text, line) in [
            ("sku,name,price\nA,Bag,abc", 2),
            ("A,Bag,1\nA,Bag,2", 2),
            ("A,,1", 1),
            ("A,Bag", 1),
            ("A,Bag,1,-5", 1),
        ] {
            assert_eq!(read(text.as_bytes(), gel), Err(line), "{text}");
        }
        assert_eq!(read(&[0xff, 0xfe], gel), Err(1));
        assert_eq!(read(b"", gel), Ok(Vec::new()));
    }
}
