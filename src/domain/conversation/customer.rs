//! The customer as an operator or a CRM describes them with a tag. Personal data: it lives in the customer's row
//! alone, never in the ledger, and never shows in `Debug`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::conversation::phone::Phone;

/// Who buys. `None` is "not said": it leaves what was said before.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The number is hashed and dropped, not stored with the rest: it leaves only a keyed hash on the conversation.
    #[serde(skip)]
    pub phone: Option<Phone>,
    /// An e-mail address as it was typed.
    pub email: Option<String>,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The city of delivery or residence; nobody tells the two apart.
    pub city: Option<String>,
    /// The id of the customer in the shop's or CRM's own system.
    pub external_id: Option<String>,
}

impl Customer {
    /// Merges what is said now over what was `known`: a stated field wins. The phone is left out, as it is never
    /// stored.
    #[must_use]
    pub fn merged_over(&self, known: Self) -> Self {
        let stated_or_known = |stated: &Option<String>, known: Option<String>| stated.clone().or(known);
        Self {
            phone: None,
            email: stated_or_known(&self.email, known.email),
            first_name: stated_or_known(&self.first_name, known.first_name),
            last_name: stated_or_known(&self.last_name, known.last_name),
            city: stated_or_known(&self.city, known.city),
            external_id: stated_or_known(&self.external_id, known.external_id),
        }
    }

    /// Given and family name as one text, for lists and search; `None` if neither was said.
    pub fn name(&self) -> Option<String> {
        let parts: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Customer(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_again_stays() {
        let named = |first: &str| Customer { first_name: Some(first.to_owned()), ..Customer::default() };
        let known = Customer {
            city: Some("Gori".to_owned()),
            last_name: Some("Beridze".to_owned()),
            ..named("Nino")
        };
        let now = named("Nana").merged_over(known);
        assert_eq!((now.name().as_deref(), now.city.as_deref()), (Some("Nana Beridze"), Some("Gori")));
        assert_eq!(format!("{now:?}"), "Customer(…)");
    }
}
