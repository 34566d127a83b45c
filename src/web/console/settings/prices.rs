//! The price list of a Page, as a CSV file: sku, name, price and perhaps cost.

use std::collections::HashSet;

use axum::extract::{Multipart, Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use crate::domain::basic::identity::PageId;
use crate::domain::basic::money::Currency;
use crate::error::{Error, Result};
use crate::flow;
use crate::store::product::Product;
use crate::web::console::formatting::read_money;
use crate::web::console::guard::Visitor;
use crate::web::console::layout;
use crate::web::console::settings::{Shown, render, settable};
use crate::web::console::text::{self, fill};
use crate::web::server::state::App;

/// Letters of an article number or name, at most.
const LETTERS_MAX: usize = 200;

/// Takes a new price list, all of it or nothing.
pub async fn take(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    mut form: Multipart,
) -> Result<Response> {
    let page = settable(&app, &visitor, &PageId(id)).await?;
    let broken = |error| Error::invalid("broken_form", "The form can't be read.").caused_by(error);
    let mut file = None;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        if field.name() == Some("prices") {
            file = Some(field.bytes().await.map_err(broken)?);
        }
    }
    let file = file.ok_or_else(|| Error::field("/prices", "Choose a file."))?;
    match read(&file, page.currency) {
        Ok(products) => {
            flow::set_products(&app.services, &page.id, &products).await?;
            let href = format!("/console/pages/{}?prices={}", page.id, products.len());
            Ok(Redirect::to(&href).into_response())
        }
        Err(line) => {
            let w = text::of(visitor.operator.language);
            let trouble = Some(fill(w.csv_wrong, &[&line.to_string()]));
            let shown = render(&app, &visitor, &page.id, Shown { trouble, ..Shown::default() }).await?;
            Ok(layout::refused(&Error::field("/prices", "A line can't be read."), shown))
        }
    }
}

/// Reads a price list; a head line may stand first, and the fields may be set apart by semicolons.
///
/// # Errors
/// The number of the first line that can't be read.
fn read(file: &[u8], currency: Currency) -> Result<Vec<Product>, usize> {
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
        if line.iter().all(str::is_empty) || (index == 0 && line.get(0).is_some_and(is_head)) {
            continue;
        }
        let product = product(&line, currency).filter(|product| seen.insert(product.sku.clone()));
        products.push(product.ok_or(index + 1)?);
    }
    Ok(products)
}

fn is_head(field: &str) -> bool {
    field.eq_ignore_ascii_case("sku")
}

fn product(line: &csv::StringRecord, currency: Currency) -> Option<Product> {
    let text = |index: usize| {
        let field = line.get(index).map(|field| field.replace('\0', ""))?;
        (!field.is_empty() && field.chars().count() <= LETTERS_MAX).then_some(field)
    };
    let cost = match line.get(3).filter(|field| !field.is_empty()) {
        Some(field) => Some(read_money(field, currency).ok()?),
        None => None,
    };
    let price = read_money(line.get(2)?, currency).ok()?;
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
