//! Returns by pieces: how many pieces of each line came back, and what those are worth. A line's worth is its share of
//! the goods less discount, whatever price the sender of a return repeats.

use crate::domain::order::terms::Item;

/// How many pieces of each of `lines` came back, by all of `returned`. A line is found by its article number, else by its
/// name. `None` where more came back than was sold, or something that was not.
pub(super) fn pieces_back(lines: &[Item], returned: &[Item]) -> Option<Vec<i64>> {
    let mut back = vec![0_i64; lines.len()];
    for gone in returned {
        let mut left = gone.quantity;
        for (line, back) in lines.iter().zip(&mut back) {
            if is_of_line(gone, line) {
                let pieces = left.min(line.quantity - *back).max(0);
                *back += pieces;
                left -= pieces;
            }
        }
        if left > 0 {
            return None;
        }
    }
    Some(back)
}

fn is_of_line(gone: &Item, line: &Item) -> bool {
    match (&gone.sku, &line.sku) {
        (Some(gone), Some(line)) => gone == line,
        _ => gone.name.is_some() && gone.name == line.name,
    }
}

/// The lines less the pieces that came back, where it is known which those are.
pub(super) fn kept_lines(lines: &[Item], returned: &[Item]) -> Vec<Item> {
    let mut kept = lines.to_vec();
    if let Some(back) = pieces_back(lines, returned) {
        for (line, back) in kept.iter_mut().zip(back) {
            line.quantity -= back;
        }
    }
    kept.retain(|line| line.quantity > 0);
    kept
}

/// Takes the pieces of `item` off `lines`, the last line first; gives how many there were, at most those of `item`.
pub fn take_pieces(lines: &mut [Item], item: &Item) -> i64 {
    let mut left = item.quantity;
    for line in lines.iter_mut().rev().filter(|line| is_of_line(item, line)) {
        let pieces = left.min(line.quantity).max(0);
        line.quantity -= pieces;
        left -= pieces;
    }
    item.quantity - left
}

/// What the pieces that came back are worth, in minor units, if all lines together are worth `goods`.
pub(super) fn worth_of(lines: &[Item], back: &[i64], goods: i64) -> i64 {
    let worths = line_worths(lines, goods);
    let line = |((line, back), worth): ((&Item, &i64), i64)| {
        i64::try_from(i128::from(worth) * i128::from(*back) / i128::from(line.quantity.max(1)))
            .unwrap_or(worth)
    };
    lines.iter().zip(back).zip(worths).map(line).sum()
}

/// Divides `goods` among the lines by their prices, to the last minor unit (largest remainder).
fn line_worths(lines: &[Item], goods: i64) -> Vec<i64> {
    let prices: Vec<i128> =
        lines.iter().map(|line| i128::from(line.quantity) * i128::from(line.unit_price)).collect();
    let sum: i128 = prices.iter().sum();
    if sum <= 0 {
        // Without prices the pieces are alike.
        let pieces: Vec<Item> = lines.iter().map(|line| Item { unit_price: 1, ..line.clone() }).collect();
        return if pieces.iter().all(|line| line.quantity <= 0) {
            vec![0; lines.len()]
        } else {
            line_worths(&pieces, goods)
        };
    }
    let goods = i128::from(goods.max(0));
    let mut worths: Vec<i128> = prices.iter().map(|price| price * goods / sum).collect();
    let mut left = goods - worths.iter().sum::<i128>();
    let mut by_remainder: Vec<usize> = (0..lines.len()).collect();
    by_remainder
        .sort_by_key(|index| std::cmp::Reverse((prices[*index] * goods % sum, std::cmp::Reverse(*index))));
    for index in by_remainder {
        if left == 0 {
            break;
        }
        worths[index] += 1;
        left -= 1;
    }
    worths.into_iter().map(|worth| i64::try_from(worth).unwrap_or(i64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: i64, unit_price: i64) -> Item {
        Item { sku: Some(sku.to_owned()), name: None, quantity, unit_price, unit_cost: None }
    }

    #[test]
    fn a_line_is_worth_its_share_of_the_goods() {
        let lines = [line("A", 1, 10_000), line("B", 1, 5_000)];
        let back = pieces_back(&lines, &[line("A", 1, 0)]).unwrap();
        assert_eq!(worth_of(&lines, &back, 9_000), 6_000);
        let three = [line("A", 1, 100), line("B", 1, 100), line("C", 1, 100)];
        assert_eq!(line_worths(&three, 100), [34, 33, 33]);
        assert_eq!(line_worths(&[line("A", 2, 0), line("B", 1, 0)], 90), [60, 30]);
    }

    #[test]
    fn all_pieces_are_worth_all_of_it_however_they_come_back() {
        let lines = [line("A", 3, 333), line("B", 2, 10)];
        let back = pieces_back(&lines, &[line("A", 1, 1), line("B", 2, 1), line("A", 2, 9)]).unwrap();
        assert_eq!(back, [3, 2]);
        assert_eq!(worth_of(&lines, &back, 1_000), 1_000);
    }

    #[test]
    fn pieces_are_taken_off_the_last_lines_first() {
        let mut lines = [line("A", 2, 100), line("B", 1, 10), line("A", 1, 90)];
        assert_eq!(take_pieces(&mut lines, &line("A", 2, 0)), 2);
        assert_eq!(lines.each_ref().map(|line| line.quantity), [1, 1, 0]);
        assert_eq!(take_pieces(&mut lines, &line("A", 5, 0)), 1);
        assert_eq!(take_pieces(&mut lines, &line("X", 1, 0)), 0);
    }

    #[test]
    fn what_is_kept_is_counted_by_article_or_name() {
        let named = Item { name: Some("Bag".to_owned()), ..line("A", 2, 100) };
        let lines = [named, line("B", 1, 10)];
        assert_eq!(kept_lines(&lines, &[line("A", 1, 0), line("B", 1, 0)])[0].quantity, 1);
        assert_eq!(kept_lines(&lines, &[line("B", 1, 0)]).len(), 1);
    }

    #[test]
    fn what_was_not_sold_cannot_come_back() {
        let lines = [line("A", 1, 100)];
        assert_eq!(pieces_back(&lines, &[line("A", 2, 100)]), None);
        assert_eq!(pieces_back(&lines, &[line("X", 1, 100)]), None);
    }
}
