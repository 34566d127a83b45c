//! The terms of a tag, completed and checked: the value follows from the items, unstated parts of an amendment stay
//! as they are, and amounts must fit together. A person sees the order and can correct themselves, so theirs must
//! also fit what the order is worth; a fact from outside is checked by itself alone, for whether it is taken must
//! not depend on what has arrived before it.

use crate::domain::basic::money::Money;
use crate::domain::order::fold::Order;
use crate::domain::order::outcome::OutcomeKind;
use crate::domain::order::tag::Tag;
use crate::domain::order::tag_refusal::Refusal;
use crate::domain::order::terms::Terms;

/// Completes the terms of `tag`, said of `order`, which is the one at `index` of its conversation (`None`: it
/// would be opened).
pub(super) fn complete(tag: &Tag, order: &Order, index: Option<usize>) -> Result<Terms, Refusal> {
    let invalid = |pointer, message| Refusal::field(pointer, message, index);
    let mut terms = tag.terms.clone();
    let by_person = tag.source.is_person();
    if by_person && order.is_priced && terms.states_anything() && order.currency != terms.currency {
        return Err(Refusal::in_other_currency(order, index));
    }
    if tag.kind == OutcomeKind::Amended {
        // Someone outside who names items names the whole: an unstated fee or discount is none. A person corrects
        // what they see: an unstated one stays.
        let items_given = !terms.items.is_empty();
        let fee = if by_person { Some(order.delivery_fee) } else { items_given.then_some(0) };
        let discount = if by_person { Some(order.discount) } else { items_given.then_some(0) };
        terms.delivery_fee = terms.delivery_fee.or(fee);
        terms.discount = terms.discount.or(discount);
    }
    if tag.kind == OutcomeKind::Returned {
        terms.value = terms.value.or_else(|| terms.sum());
    } else if let Some(sum) = terms.sum() {
        let value = *terms.value.get_or_insert(sum);
        if value != sum {
            let [stated, counted, difference] =
                [value, sum, value - sum].map(|minor| Money::new(minor, terms.currency));
            return Err(invalid(
                "/value",
                format!(
                    "value is {stated}, but items − discount + delivery fee is {counted}: {difference} too much."
                ),
            ));
        }
    }
    let lowest = i64::from(tag.kind == OutcomeKind::CrossSold);
    if terms.value.is_some_and(|value| value < lowest) {
        return Err(invalid("/value", "It must be more than nothing.".to_owned()));
    }
    if let Some(total) = terms.total {
        check_total(total, &terms, order, by_person).map_err(|message| invalid("/total", message))?;
    }
    if terms.value.zip(terms.delivery_fee).is_some_and(|(value, fee)| fee > value) {
        let message = "The delivery fee is part of value, so it can't be more.".to_owned();
        return Err(invalid("/delivery_fee", message));
    }
    Ok(terms)
}

/// Whether a cross-sell can lead from what the order is worth to the new whole `total`, in minor units.
fn check_total(total: i64, terms: &Terms, order: &Order, by_person: bool) -> Result<(), String> {
    let before = match order.value {
        _ if total < 1 => return Err("It must be more than nothing.".to_owned()),
        _ if !by_person => return Ok(()),
        None => return Err("The order has no value yet: give the uplift as value.".to_owned()),
        Some(before) => before,
    };
    let money = |minor| Money::new(minor, terms.currency);
    match terms.value {
        _ if total <= before => {
            Err(format!("It must be more than {}, what the order is worth.", money(before)))
        }
        Some(uplift) if uplift != total - before => Err(format!(
            "The order is worth {} and the items add {}: that is not {}.",
            money(before),
            money(uplift),
            money(total)
        )),
        _ => Ok(()),
    }
}
