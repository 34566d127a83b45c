//! What a person filled into the form of a tag, read as a tag.

use crate::domain::basic::money::{Currency, Money};
use crate::domain::order::outcome::{OutcomeKind, Source};
use crate::domain::order::tag::{ORDER_NUMBER_MAX, REFERENCE_MAX, Tag};
use crate::domain::order::terms::{Details, Item, Terms};
use crate::error::{Error, Result};

/// The fields of the form as they were typed; a field that was left empty is none.
#[derive(Clone, Debug)]
pub struct TypedTag {
    /// The outcome that the tag says happened.
    pub kind: OutcomeKind,
    /// The amount, a decimal number as the person wrote it.
    pub value: Option<String>,
    /// What the customer pays for delivery, within the amount.
    pub delivery_fee: Option<String>,
    /// What the courier or bank kept of a payment.
    pub fee: Option<String>,
    /// The product that was tapped: it says what it costs, whatever amount was proposed beside it.
    pub product: Option<Item>,
    /// The number of the order that was looked at.
    pub order_number: Option<String>,
    /// The version of that order.
    pub if_version: Option<i64>,
    /// The number that a new sale is given.
    pub new_number: Option<String>,
    /// It is another sale, although one is open.
    pub new_order: bool,
    /// The number of the order that it is: the person says that it is the same sale, or is on again.
    pub same_as: Option<String>,
    /// Who carries the parcel.
    pub courier: Option<String>,
    /// The courier's number of the parcel.
    pub waybill: Option<String>,
    /// Why, for `lost`, `cancelled` and `returned`.
    pub reason: Option<String>,
    /// A remark for colleagues; Meta is never sent it.
    pub note: Option<String>,
    /// The form's own id, so that a form that is sent twice is one fact.
    pub reference: Option<String>,
}

impl TypedTag {
    /// The tag, with amounts in `currency`.
    ///
    /// # Errors
    /// 422 with a pointer to the field that can't be taken.
    pub fn read(self, currency: Currency) -> Result<Tag> {
        let value = match self.product {
            Some(_) => None,
            None => amount("/value", self.value.as_deref(), currency)?,
        };
        if self.kind.needs_value() && value.is_none() && self.product.is_none() {
            return Err(Error::field("/value", "Say how much it is."));
        }
        // Under a number of its own it is another order than the one whose version was looked at.
        let if_version = self.if_version.filter(|_| self.new_number.is_none());
        let order_number = self.order_number.or(self.new_number);
        if order_number.as_ref().is_some_and(|number| number.chars().count() > ORDER_NUMBER_MAX) {
            return Err(Error::field(
                "/order_id",
                format!("It must have 1 to {ORDER_NUMBER_MAX} characters."),
            ));
        }
        Ok(Tag {
            kind: self.kind,
            source: Source::Console,
            order_number: order_number.filter(|_| !self.kind.is_of_conversation()),
            new_order: self.new_order,
            same_as: self.same_as,
            terms: Terms {
                value,
                delivery_fee: amount("/delivery_fee", self.delivery_fee.as_deref(), currency)?,
                fee: amount("/fee", self.fee.as_deref(), currency)?,
                items: self.product.into_iter().collect(),
                written_in: Some(currency),
                ..Terms::unstated(currency)
            },
            details: Details { courier: self.courier, waybill: self.waybill, ..Details::default() },
            reason: self.reason,
            note: self.note,
            customer: None,
            occurred_at: None,
            reference: self.reference.filter(|reference| reference.len() <= REFERENCE_MAX),
            if_version,
        })
    }
}

/// Reads an amount that was typed into a field, in minor units.
///
/// # Errors
/// 422 that names the field.
pub fn amount(pointer: &str, text: Option<&str>, currency: Currency) -> Result<Option<i64>> {
    let read = |text| Money::parse_typed(text, currency).map(|money| money.minor);
    text.map(read).transpose().map_err(|why| Error::field(pointer, format!("It {why}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(kind: OutcomeKind) -> TypedTag {
        TypedTag {
            kind,
            value: None,
            delivery_fee: None,
            fee: None,
            product: None,
            order_number: None,
            if_version: None,
            new_number: None,
            new_order: false,
            same_as: None,
            courier: None,
            waybill: None,
            reason: None,
            note: None,
            reference: None,
        }
    }

    fn gel() -> Currency {
        Currency::parse("GEL").unwrap()
    }

    #[test]
    fn a_tapped_product_wins_over_the_amount_beside_it() {
        let bag = Item {
            sku: Some("BAG-1".to_owned()),
            name: None,
            quantity: 1,
            unit_price: 9900,
            unit_cost: None,
        };
        let tag = TypedTag {
            value: Some("no amount".to_owned()),
            product: Some(bag.clone()),
            ..typed(OutcomeKind::Confirmed)
        };
        let tag = tag.read(gel()).unwrap();
        assert_eq!((tag.terms.value, tag.terms.items), (None, vec![bag]));
    }

    #[test]
    fn a_number_of_its_own_is_another_order_than_the_one_looked_at() {
        let sale =
            TypedTag { value: Some("50".to_owned()), if_version: Some(3), ..typed(OutcomeKind::Confirmed) };
        assert_eq!(sale.clone().read(gel()).unwrap().if_version, Some(3));
        let numbered = TypedTag { new_number: Some("A-2".to_owned()), ..sale }.read(gel()).unwrap();
        assert_eq!((numbered.order_number.as_deref(), numbered.if_version), (Some("A-2"), None));
    }

    #[test]
    fn a_fault_names_its_field() {
        let pointer = |tag: TypedTag| tag.read(gel()).unwrap_err().fields[0].pointer.clone();
        assert_eq!(pointer(typed(OutcomeKind::Paid)), "/value");
        let fee =
            TypedTag { value: Some("5".to_owned()), fee: Some("x".to_owned()), ..typed(OutcomeKind::Paid) };
        assert_eq!(pointer(fee), "/fee");
        let long = TypedTag { order_number: Some("1".repeat(65)), ..typed(OutcomeKind::Shipped) };
        assert_eq!(pointer(long), "/order_id");
    }
}
