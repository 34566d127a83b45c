//! What an operator or a CRM says of the customer. Personal data: it lives in the person's row alone, and
//! never shows in `Debug`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::conversation::phone::Phone;

/// Who buys, as far as somebody said it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Their phone number; only a keyed hash of it is kept.
    #[serde(skip)]
    pub phone: Option<Phone>,
    /// Their address for mail.
    pub email: Option<String>,
    /// Their first name.
    pub first_name: Option<String>,
    /// Their last name.
    pub last_name: Option<String>,
    /// Where they live.
    pub city: Option<String>,
    /// The shop's own id of them.
    pub external_id: Option<String>,
}

impl Customer {
    /// What is now known, with `known` where this says nothing.
    #[must_use]
    pub fn over(&self, known: Self) -> Self {
        let newer = |said: &Option<String>, known: Option<String>| said.clone().or(known);
        Self {
            phone: None,
            email: newer(&self.email, known.email),
            first_name: newer(&self.first_name, known.first_name),
            last_name: newer(&self.last_name, known.last_name),
            city: newer(&self.city, known.city),
            external_id: newer(&self.external_id, known.external_id),
        }
    }

    /// The name by which they are found.
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
        let now = named("Nana").over(known);
        assert_eq!((now.name().as_deref(), now.city.as_deref()), (Some("Nana Beridze"), Some("Gori")));
        assert_eq!(format!("{now:?}"), "Customer(…)");
    }
}
