//! Contents: the pieces that a Purchase tells, as they now stand, with prices only where they agree with its value. Meta
//! names a product by its article number alone, so a line without one is left out.

use sha2::{Digest, Sha256};

use crate::domain::basic::identity::OutcomeId;
use crate::domain::basic::money::Money;
use crate::domain::order::fold::Order;
use crate::domain::order::returns::take_pieces;
use crate::domain::order::terms::Item;
use crate::domain::signal::conversion::{Content, Conversion};

/// Which pieces of an order a Purchase tells, and for how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goods<'a> {
    /// Whether it is the base, which tells of all but the uplifts that Purchases of their own tell; an uplift tells of its
    /// own pieces.
    pub(super) is_base: bool,
    /// The cross-sells that it tells of.
    pub(super) uplift_ids: &'a [OutcomeId],
    /// Its value in minor units.
    pub(super) value: Option<i64>,
}

/// What a Purchase tells: its value in minor units, and its pieces.
pub fn goods(row: &Conversion, order: &Order) -> (Option<i64>, Vec<Content>) {
    let goods = Goods { is_base: row.number == 0, uplift_ids: &row.uplift_ids, value: row.value };
    (row.value, contents(order, goods))
}

/// The pieces that a Purchase tells. Without prices where they do not sum to its value: a discount, a fee of the uplift, a
/// return that named a sum, or a line that is left out.
pub(super) fn contents(order: &Order, share: Goods<'_>) -> Vec<Content> {
    let lines = lines(order, share);
    let told = lines.iter().filter(|line| line.sku.is_some());
    let sum = told.clone().try_fold(0_i64, |sum, line| {
        line.quantity.checked_mul(line.unit_price).and_then(|line| sum.checked_add(line))
    });
    let agrees = sum.is_some() && sum == share.value;
    let content = |line: &Item| {
        let unit_price = agrees.then(|| Money::new(line.unit_price, order.currency));
        Some(Content { sku: line.sku.clone()?, quantity: line.quantity, unit_price })
    };
    told.filter_map(content).collect()
}

/// The lines of a Purchase as they now stand, less the pieces that came back or were amended away.
fn lines(order: &Order, share: Goods<'_>) -> Vec<Item> {
    let mut kept = order.kept_lines();
    let (own, others): (Vec<_>, Vec<_>) =
        order.uplifts.iter().partition(|uplift| share.uplift_ids.contains(&uplift.outcome_id));
    if share.is_base {
        for item in others.iter().flat_map(|uplift| &uplift.terms.items) {
            take_pieces(&mut kept, item);
        }
        kept.retain(|line| line.quantity > 0);
        return kept;
    }
    let items = own.iter().flat_map(|uplift| &uplift.terms.items);
    let standing = items.map(|item| Item { quantity: take_pieces(&mut kept, item), ..item.clone() });
    standing.filter(|line| line.quantity > 0).collect()
}

/// A digest of pieces, by which a change of them is seen; `None` where there are none.
pub(super) fn digest(contents: &[Content]) -> Option<String> {
    if contents.is_empty() {
        return None;
    }
    let mut digest = Sha256::new();
    for content in contents {
        let price = content.unit_price.map(|price| price.minor);
        digest.update(format!("{:?}\n", (&content.sku, content.quantity, price)));
    }
    Some(hex::encode(&digest.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::domain::basic::money::Currency;
    use crate::domain::order::fold::{Moment, Uplift};
    use crate::domain::order::terms::Terms;

    fn gel() -> Currency {
        Currency::parse("GEL").unwrap()
    }

    fn line(sku: Option<&str>, quantity: i64, unit_price: i64) -> Item {
        let name = Some(sku.unwrap_or("a ribbon").to_owned());
        Item { sku: sku.map(str::to_owned), name, quantity, unit_price, unit_cost: None }
    }

    fn order(items: &[Item]) -> Order {
        Order { items: items.to_vec(), ..Order::new(gel()) }
    }

    fn with_uplift(mut order: Order, id: &str, items: &[Item]) -> Order {
        let at = Timestamp::from_seconds(0);
        let terms = Terms { items: items.to_vec(), ..Terms::unstated(gel()) };
        let moment = Moment { occurred_at: at, recorded_at: at };
        order.items.extend_from_slice(items);
        order.uplifts.push(Uplift { outcome_id: OutcomeId(id.to_owned()), moment, terms });
        order
    }

    fn told(order: &Order, share: Goods<'_>) -> Vec<(String, i64, Option<i64>)> {
        let told = contents(order, share);
        told.into_iter().map(|c| (c.sku, c.quantity, c.unit_price.map(|price| price.minor))).collect()
    }

    const fn base(value: i64) -> Goods<'static> {
        Goods { is_base: true, uplift_ids: &[], value: Some(value) }
    }

    fn piece(sku: &str, quantity: i64, price: Option<i64>) -> (String, i64, Option<i64>) {
        (sku.to_owned(), quantity, price)
    }

    #[test]
    fn prices_are_told_only_where_the_told_pieces_sum_to_the_value() {
        let bags = order(&[line(Some("BAG"), 2, 5000)]);
        assert_eq!(told(&bags, base(10_000)), [piece("BAG", 2, Some(5000))]);
        assert_eq!(told(&bags, base(8000)), [piece("BAG", 2, None)]);
        let with_ribbon = order(&[line(Some("BAG"), 1, 5000), line(None, 1, 500)]);
        assert_eq!(told(&with_ribbon, base(5500)), [piece("BAG", 1, None)]);
    }

    #[test]
    fn pieces_that_came_back_are_not_told_however_they_are_named() {
        let mut bags = order(&[line(Some("BAG"), 2, 5000), line(Some("CAP"), 1, 2000)]);
        bags.returned_items = vec![Item { name: None, ..line(Some("BAG"), 1, 0) }];
        assert_eq!(told(&bags, base(7000)), [piece("BAG", 1, Some(5000)), piece("CAP", 1, Some(2000))]);
        bags.returned_items.push(line(Some("CAP"), 1, 0));
        assert_eq!(told(&bags, base(5000)), [piece("BAG", 1, Some(5000))]);
    }

    #[test]
    fn an_uplift_tells_of_its_own_pieces_as_far_as_they_stand() {
        let id = [OutcomeId("u".to_owned())];
        let uplift = Goods { is_base: false, uplift_ids: &id, value: Some(2000) };
        let mut both = with_uplift(order(&[line(Some("BAG"), 1, 5000)]), "u", &[line(Some("CAP"), 2, 1000)]);
        assert_eq!(told(&both, uplift), [piece("CAP", 2, Some(1000))]);
        assert_eq!(told(&both, base(5000)), [piece("BAG", 1, Some(5000))]);
        assert_eq!(
            told(&both, Goods { uplift_ids: &id, ..base(7000) }),
            [piece("BAG", 1, Some(5000)), piece("CAP", 2, Some(1000))]
        );
        both.returned_items = vec![line(Some("CAP"), 1, 0)];
        assert_eq!(told(&both, Goods { value: Some(1000), ..uplift }), [piece("CAP", 1, Some(1000))]);
        both.items.truncate(1);
        both.returned_items.clear();
        assert!(told(&both, uplift).is_empty());
    }

    #[test]
    fn a_change_of_article_number_or_price_changes_the_digest() {
        let digest_of =
            |sku: &str, price: i64| digest(&contents(&order(&[line(Some(sku), 1, price)]), base(5000)));
        assert_eq!(digest_of("BAG", 5000), digest_of("BAG", 5000));
        assert_ne!(digest_of("BAG", 5000), digest_of("CAP", 5000));
        assert_ne!(digest_of("BAG", 5000), digest_of("BAG", 4000));
        assert_eq!(digest(&[]), None);
    }
}
