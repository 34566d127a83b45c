//! The reasons that people choose from when a chat is lost, an order cancelled or goods returned. A Georgian and an
//! English list are built in; a Page may have its own. Reasons are kept as free text, so an old one stays readable
//! after the list changes; nothing here decides whether a reason is needed.

use crate::domain::operator::Language;
use crate::domain::order::outcome::OutcomeKind;

const LOST: [&str; 12] = [
    "ფასი",
    "მარაგი",
    "მიწოდება",
    "სხვაგან იყიდა",
    "გადაიფიქრა",
    "აღარ პასუხობს",
    "price",
    "stock",
    "delivery",
    "bought elsewhere",
    "changed their mind",
    "no answer",
];
const CANCELLED: [&str; 10] = [
    "გადაიფიქრა",
    "მარაგი",
    "დაგვიანება",
    "ვერ დავუკავშირდით",
    "ორჯერ შეკვეთა",
    "changed their mind",
    "out of stock",
    "too late",
    "not reached",
    "ordered twice",
];
const RETURNED: [&str; 12] = [
    "უარი კართან",
    "ვერ იპოვეს",
    "დაზიანებული",
    "არასწორი ნივთი",
    "ზომა არ მოერგო",
    "არ მოეწონა",
    "refused at the door",
    "not found",
    "damaged",
    "wrong item",
    "wrong size",
    "did not like it",
];
const NOT_A_SALE: [&str; 8] = [
    "სპამი",
    "სად არის ამანათი",
    "შეცდომით მოგვწერა",
    "თანამშრომლობა",
    "spam",
    "where is my parcel",
    "wrote by mistake",
    "business offer",
];

/// The choices that a Page's console offers, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons {
    /// Why a chat ended without an order.
    pub lost: Vec<String>,
    /// Why an order was called off.
    pub cancelled: Vec<String>,
    /// Why goods came back.
    pub returned: Vec<String>,
    /// Why a chat is closed as lost that never was about a sale (spam, "where is my parcel"); such chats leave every
    /// denominator of the report.
    pub not_a_sale: Vec<String>,
}

impl Default for Reasons {
    fn default() -> Self {
        let owned = |list: &[&str]| list.iter().map(|&reason| reason.to_owned()).collect();
        Self {
            lost: owned(&LOST),
            cancelled: owned(&CANCELLED),
            returned: owned(&RETURNED),
            not_a_sale: owned(&NOT_A_SALE),
        }
    }
}

impl Reasons {
    /// The choices for a fact of `kind`; empty for a kind that has no reasons. For `lost` those of no sale come last.
    pub fn choices(&self, kind: OutcomeKind) -> Vec<&str> {
        let lists: &[&Vec<String>] = match kind {
            OutcomeKind::Lost => &[&self.lost, &self.not_a_sale],
            OutcomeKind::Cancelled => &[&self.cancelled],
            OutcomeKind::Returned => &[&self.returned],
            _ => &[],
        };
        lists.iter().flat_map(|list| list.iter().map(String::as_str)).collect()
    }

    /// The same as a reader of `language` chooses from: those in their script first. The built-in lists say everything in
    /// both languages, so of them the other half is left out.
    pub fn choices_in(&self, kind: OutcomeKind, language: Language) -> Vec<&str> {
        let is_georgian =
            |text: &&str| text.chars().any(|letter| ('\u{10d0}'..='\u{10ff}').contains(&letter));
        let (mut own, other): (Vec<&str>, Vec<&str>) = self
            .choices(kind)
            .into_iter()
            .partition(|reason| is_georgian(reason) == (language == Language::Georgian));
        if *self != Self::default() {
            own.extend(other);
        }
        own
    }

    /// Whether `reason` says that the chat never was about a sale. Compared as written.
    pub fn is_not_a_sale(&self, reason: &str) -> bool {
        self.not_a_sale.iter().any(|marked| marked == reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sale_can_be_chosen_for_lost_alone() {
        let reasons = Reasons::default();
        assert!(reasons.choices(OutcomeKind::Lost).contains(&"სპამი") && reasons.is_not_a_sale("სპამი"));
        assert!(!reasons.choices(OutcomeKind::Cancelled).contains(&"სპამი"));
        assert!(!reasons.is_not_a_sale("price") && reasons.choices(OutcomeKind::Shipped).is_empty());
    }

    #[test]
    fn a_readers_own_language_comes_first() {
        let built_in = Reasons::default();
        assert_eq!(built_in.choices_in(OutcomeKind::Returned, Language::Georgian)[0], "უარი კართან");
        assert!(!built_in.choices_in(OutcomeKind::Returned, Language::English).contains(&"უარი კართან"));
        let own = Reasons { returned: vec!["late".to_owned(), "გვიან".to_owned()], ..built_in };
        assert_eq!(own.choices_in(OutcomeKind::Returned, Language::Georgian), ["გვიან", "late"]);
        assert_eq!(own.choices_in(OutcomeKind::Returned, Language::English), ["late", "გვიან"]);
    }
}
