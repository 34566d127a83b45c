//! Money: whole minor units with an ISO 4217 currency, never a float, so that sums are exact. The API speaks decimal
//! strings.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Parses an ISO 4217 code such as `GEL`, in capitals. `None` also for codes without minor units, such as `XXX`.
    pub fn parse(code: &str) -> Option<Self> {
        iso_currency::Currency::from_code(code).filter(|found| found.exponent().is_some()).map(Self)
    }

    /// The ISO 4217 code: three capitals.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of digits behind the point: 2 for GEL, 0 for JPY.
    pub fn digits(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(2))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The largest amount that is taken, in minor units: above any sale, and small enough that sums don't overflow.
pub const MINOR_MAX: i64 = 100_000_000_000_000;

/// An amount of a currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Whole minor units, such as tetri for GEL.
    pub minor: i64,
    /// The currency of these units.
    pub currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The same decimal in another currency; `None` if it has more digits behind the point than that currency has.
    pub fn in_currency(self, currency: Currency) -> Option<Self> {
        let power = |digits: u32| 10_i64.checked_pow(digits);
        let (own, other) = (self.currency.digits(), currency.digits());
        let minor = if other >= own {
            self.minor.checked_mul(power(other - own)?)?
        } else {
            let part = power(own - other)?;
            (self.minor % part == 0).then_some(self.minor / part)?
        };
        Some(Self { minor, currency })
    }

    /// Parses a decimal string such as `125.50`: digits and at most one point, without a sign or a thousands separator.
    ///
    /// # Errors
    /// What is wrong with the text, as the end of a sentence that begins with the field's name.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, String> {
        let plain = !text.is_empty()
            && text.len() <= 24
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && !text.starts_with('.')
            && !text.ends_with('.');
        let amount = Decimal::from_str(text)
            .ok()
            .filter(|_| plain)
            .ok_or_else(|| "must be a decimal string without a sign, such as \"125.50\"".to_owned())?;
        let digits = currency.digits();
        if amount.normalize().scale() > digits {
            return Err(format!("must have at most {digits} digits after the point for {currency}"));
        }
        let minor = amount
            .checked_mul(Decimal::from(10_i64.pow(digits)))
            .and_then(|scaled| i64::try_from(scaled).ok())
            .filter(|minor| *minor <= MINOR_MAX)
            .ok_or_else(|| "is larger than any sale".to_owned())?;
        Ok(Self { minor, currency })
    }

    /// Reads an amount as people type it into a form or a price list: `120,50 ₾`, `1 200`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub fn parse_typed(text: &str, currency: Currency) -> Result<Self, String> {
        let plain: String = text
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '₾')
            .map(|letter| if letter == ',' { '.' } else { letter })
            .collect();
        Self::parse(&plain, currency)
    }
}

/// Writes a decimal number with all digits of the currency, such as `125.50`, without the currency.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Decimal::new(self.minor, self.currency.digits()))
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_decimal_strings() {
        let gel = Currency::parse("GEL").unwrap();
        for (text, minor, printed) in [
            ("125.50", 12550, "125.50"),
            ("0", 0, "0.00"),
            ("1205", 120_500, "1205.00"),
            ("7.5000", 750, "7.50"),
        ] {
            let money = Money::parse(text, gel).unwrap();
            assert_eq!((money.minor, money.to_string().as_str()), (minor, printed));
        }
        assert_eq!(Money::parse("500", Currency::parse("JPY").unwrap()).unwrap().to_string(), "500");
    }

    #[test]
    fn reads_amounts_as_people_type_them() {
        let gel = Currency::parse("GEL").unwrap();
        let minor = |text: &str| Money::parse_typed(text, gel).map(|money| money.minor);
        assert_eq!(minor("1 200,50 ₾"), Ok(120_050));
        assert!(minor("1,2,3").is_err() && minor("-5").is_err() && minor("").is_err());
    }

    #[test]
    fn refuses_what_is_no_amount() {
        let gel = Currency::parse("GEL").unwrap();
        for text in [
            "",
            "-1",
            "+1",
            "1e400",
            "1,50",
            ".5",
            "5.",
            "1.005",
            "NaN",
            "٣",
            "1_000",
            "999999999999999999999",
            "1..2",
        ] {
            assert!(Money::parse(text, gel).is_err(), "{text}");
        }
        for code in ["gel", "XXX", "GELL", "", "₾"] {
            assert!(Currency::parse(code).is_none(), "{code}");
        }
    }
}
