//! Phone numbers: found in a customer's own words ([`phones_in`]), or given alone ([`Phone::parse`]). Whether a customer only
//! repeats a number of the Page is not decided here, but by who wrote it first.
//!
//! A text is read as runs: groups of digits with only separators between them. Of each run, only a whole and valid number
//! is taken: never a part of an IBAN, a card, a waybill, a date or a price. Only ASCII digits count; beside digits of
//! another script there is no phone.

mod digit_run;

use std::collections::BTreeSet;
use std::fmt;

use phonenumber::country;
use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, PhoneNumber, Type};

use digit_run::{DigitRun, Group};

/// The most candidates that are checked in one text, so that no text costs more than some milliseconds.
const CHECKS_MAX: usize = 400;

/// The most digits of other numbers (a quantity, a price, a flat) that may stand beside a phone in the same run.
const BESIDE_MAX: usize = 8;

/// How many digits a phone number has as people write it: from a local landline to `00` and 15 digits.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=17;

/// A phone number in E.164. Personal data: it never shows in `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone(String);

impl Phone {
    /// Parses a number that stands alone, as an operator, a CRM or a courier's file gives it. `country` is the Page's, as
    /// ISO 3166 alpha-2: a number without `+` or `00` is one of that country.
    pub fn parse(text: &str, country: &str) -> Option<Self> {
        let text =
            text.trim_matches(|letter: char| letter.is_whitespace() || digit_run::is_invisible(letter));
        let (plus, rest) = text.strip_prefix('+').map_or((false, text), |rest| (true, rest));
        if !rest.chars().all(|letter| letter.is_ascii_digit() || digit_run::is_joint(letter)) {
            return None;
        }
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        let mut plan = Plan::of(country);
        let number = plan.check(&digits, plus).or_else(|| {
            // The old trunk prefix, as people still write it: 8 599 11 22 33.
            let local = digits.strip_prefix('8').filter(|_| !plus)?;
            plan.check(local, false)
        });
        number.map(|number| Self::of(&number))
    }

    /// The number in E.164, such as `+995555123456`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(number: &PhoneNumber) -> Self {
        Self(number.format().mode(Mode::E164).to_string())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}

/// The phone numbers in a text, each once, in their order. `country` is the Page's, as ISO 3166 alpha-2; if it is unknown,
/// only numbers with `+` or `00` are found.
pub fn phones_in(text: &str, country: &str) -> Vec<Phone> {
    if text.bytes().filter(u8::is_ascii_digit).count() < *DIGITS.start() {
        return Vec::new();
    }
    let mut plan = Plan::of(country);
    let mut seen = BTreeSet::new();
    digit_run::digit_runs(text)
        .iter()
        .flat_map(|run| plan.phones_of(run))
        .filter(|phone| seen.insert(phone.clone()))
        .collect()
}

/// The numbering plan of the Page's country, and how many candidates may still be checked against it.
struct Plan {
    country: Option<country::Id>,
    checks_left: usize,
}

/// Neighbouring groups of a run that are a valid number.
struct Candidate {
    /// The first group's place in the run.
    first: usize,
    /// One after the last group's place.
    end: usize,
    /// How much of the run it explains; the readings of a run are compared by the sum.
    weight: usize,
    phone: Phone,
}

impl Plan {
    fn of(country: &str) -> Self {
        let known = country.parse().ok().filter(|id: &country::Id| DATABASE.by_id(id.as_ref()).is_some());
        Self { country: known, checks_left: CHECKS_MAX }
    }

    /// The number that `digits` are, if they are a whole and valid one; `plus`: with a `+` before them.
    fn check(&mut self, digits: &str, plus: bool) -> Option<PhoneNumber> {
        if !DIGITS.contains(&digits.len()) {
            return None;
        }
        self.checks_left = self.checks_left.checked_sub(1)?;
        let abroad = if plus { Some(digits) } else { digits.strip_prefix("00") };
        // Parsed by the Page's country, a number from abroad might lose digits that look like that country's trunk prefix.
        let number = match abroad {
            Some(abroad) => phonenumber::parse(None, format!("+{abroad}")),
            None => phonenumber::parse(Some(self.country?), digits),
        };
        number.ok().filter(phonenumber::is_valid)
    }

    /// The numbers of a run. Of all ways to cut it into numbers, that one is taken which explains most of its digits.
    fn phones_of(&mut self, run: &DigitRun) -> Vec<Phone> {
        let groups = &run.groups;
        let mut candidates = Vec::new();
        for first in 0..groups.len() {
            let mut digits = String::new();
            for (end, group) in (first + 1..).zip(&groups[first..]) {
                digits.push_str(&group.digits);
                if digits.len() > *DIGITS.end() {
                    break;
                }
                candidates.extend(self.candidate(run, first, end, &digits));
            }
        }
        // best[end]: the largest sum of weights of candidates before the group `end`, and the last of these candidates.
        let mut best: Vec<(usize, Option<usize>)> = vec![(0, None); groups.len() + 1];
        for end in 1..=groups.len() {
            best[end] = (best[end - 1].0, None);
            for (index, candidate) in
                candidates.iter().enumerate().filter(|(_, candidate)| candidate.end == end)
            {
                let weight = best[candidate.first].0 + candidate.weight;
                if weight > best[end].0 {
                    best[end] = (weight, Some(index));
                }
            }
        }
        let mut chosen = Vec::new();
        let mut end = groups.len();
        while end > 0 {
            match best[end].1 {
                Some(index) => {
                    chosen.push(&candidates[index]);
                    end = candidates[index].first;
                }
                None => end -= 1,
            }
        }
        chosen.reverse();
        let digits =
            |from: usize, to: usize| groups[from..to].iter().map(|group| group.digits.len()).sum::<usize>();
        let mut phones = Vec::new();
        for (index, candidate) in chosen.iter().enumerate() {
            let before = digits(index.checked_sub(1).map_or(0, |last| chosen[last].end), candidate.first);
            let after = digits(candidate.end, chosen.get(index + 1).map_or(groups.len(), |next| next.first));
            if candidate.end - candidate.first == 1 || before.max(after) <= BESIDE_MAX {
                phones.push(candidate.phone.clone());
            }
        }
        phones
    }

    /// The candidate that the groups from `first` to before `end` are, whose digits are `digits`.
    fn candidate(&mut self, run: &DigitRun, first: usize, end: usize, digits: &str) -> Option<Candidate> {
        let groups = &run.groups[first..end];
        if !DIGITS.contains(&digits.len()) || !run.stands_free(first, end) {
            return None;
        }
        let plus = first == 0 && run.plus;
        let with_plus = if plus { self.check(digits, true) } else { None };
        // A `+` before a number of the Page's country without the country's code is taken for a slip.
        let (number, plus) = match with_plus {
            Some(number) => (number, true),
            None => (self.check(digits, false)?, false),
        };
        let usual = is_usual(&number, groups);
        if !is_written_as_phone(groups, plus, usual) {
            return None;
        }
        // With other digits in its run, it must look more like a phone.
        let is_whole = groups.len() == run.groups.len();
        if !(is_whole || usual || plus || groups[0].digits.starts_with('0') || is_mobile(&number, groups)) {
            return None;
        }
        // Most digits count; of equally many, those in the country's own grouping.
        let weight = digits.len() * 2 + usize::from(usual);
        Some(Candidate { first, end, weight, phone: Phone::of(&number) })
    }
}

/// Whether a number is written in one piece, or in the country's own groups; behind the first one, groups may be split
/// further.
fn is_usual(number: &PhoneNumber, groups: &[Group]) -> bool {
    let edges = |lengths: &[usize]| -> Vec<usize> {
        let sums = lengths.iter().scan(0, |sum, length| {
            *sum += length;
            Some(*sum)
        });
        sums.collect()
    };
    let written = edges(&groups.iter().map(|group| group.digits.len()).collect::<Vec<_>>());
    let fits = |usual: &[usize]| {
        let usual = edges(usual);
        written.first() == usual.first() && usual.iter().all(|edge| written.contains(edge))
    };
    let printed = |mode| -> Vec<usize> {
        let text = number.format().mode(mode).to_string();
        let parts = text.split(|letter: char| !letter.is_ascii_digit());
        parts.map(str::len).filter(|length| *length > 0).collect()
    };
    groups.len() == 1 || fits(&printed(Mode::National)) || {
        let abroad = printed(Mode::International);
        fits(&abroad) || fits(abroad.get(1..).unwrap_or_default())
    }
}

/// Whether the groups are written as people write a phone. Small numbers in a row (sizes, quantities) may make a valid
/// number by chance.
fn is_written_as_phone(groups: &[Group], plus: bool, usual: bool) -> bool {
    let head = &groups[0].digits;
    usual
        || plus
        || head.starts_with('0')
        || head.len() >= 3
        || (head.len() == 2 && groups[1].digits.len() >= 3)
        || groups.iter().all(|group| group.digits.len() == 1)
}

fn is_mobile(number: &PhoneNumber, groups: &[Group]) -> bool {
    groups[0].digits.len() >= 3
        && matches!(number.number_type(&DATABASE), Type::Mobile | Type::FixedLineOrMobile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str, country: &str) -> Vec<String> {
        phones_in(text, country).iter().map(|phone| phone.as_str().to_owned()).collect()
    }

    #[test]
    fn every_line_of_the_corpus() {
        let corpus = include_str!("../../../../tests/corpus/phones.tsv");
        let lines = corpus.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let mut count = 0;
        let mut wrong = Vec::new();
        for line in lines {
            let (expected, text) = line.split_once('\t').expect("numbers, a tab, a text");
            let expected: Vec<_> = expected.split(' ').filter(|number| *number != "-").collect();
            let found = found(&text.replace("\\n", "\n"), "GE");
            if found != expected {
                wrong.push(format!("{text}\n  expected {expected:?}, found {found:?}"));
            }
            count += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(count >= 200, "the corpus has {count} lines");
    }

    #[test]
    fn other_countries_and_none() {
        for (text, country, expected) in [
            ("ring 020 7946 0018 pls", "GB", vec!["+442079460018"]),
            ("06 12 34 56 78", "FR", vec!["+33612345678"]),
            ("8 (912) 345-67-89", "RU", vec!["+79123456789"]),
            ("(202) 555-0123", "US", vec!["+12025550123"]),
            ("0532 123 45 67", "TR", vec!["+905321234567"]),
            ("091 12 34 56 ili 091123456", "AM", vec!["+37491123456"]),
            ("555 12 34 56", "", vec![]),
            ("555 12 34 56", "XX", vec![]),
            ("555 12 34 56", "AQ", vec![]),
            ("+995 555 12 34 56", "XX", vec!["+995555123456"]),
            ("00995 555 12 34 56", "AQ", vec!["+995555123456"]),
        ] {
            assert_eq!(found(text, country), expected, "{text} in {country}");
        }
    }

    #[test]
    fn a_number_alone() {
        for text in [
            "555 12 34 56",
            " 555-12-34-56 ",
            "0555123456",
            "995555123456",
            "+995 (555) 123 456",
            "00995555123456",
            "\u{202a}+995 555 12 34 56\u{202c}",
        ] {
            let phone = Phone::parse(text, "GE").expect(text);
            assert_eq!((phone.as_str(), format!("{phone:?}").as_str()), ("+995555123456", "Phone(…)"));
        }
        for text in
            ["", "+", "555 12 34 5", "tel 555123456", "555123456 577123456", "5551234567", "++995555123456"]
        {
            assert_eq!(Phone::parse(text, "GE"), None, "{text}");
        }
    }

    #[test]
    fn a_wall_of_digits_is_read_in_bounded_work() {
        let mut plan = Plan::of("GE");
        for text in ["5 ".repeat(10_000), "55 12 3\n".repeat(2_000), "555123456\n".repeat(1_000)] {
            plan.checks_left = CHECKS_MAX;
            let phones: usize =
                digit_run::digit_runs(&text).iter().map(|one| plan.phones_of(one).len()).sum();
            assert!(phones <= CHECKS_MAX);
        }
        assert_eq!(plan.checks_left, 0);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}", country in "[A-Z]{2}") {
            let _ = phones_in(&text, &country);
            let _ = Phone::parse(&text, &country);
        }

        #[test]
        fn no_digits_panic(text in "[+0-9 ().,:/#@a-zA-Zა-ჰ₾-]{0,60}",
            country in prop::sample::select(vec!["GE", "US", "RU", "AR", "BR", "MX", "IT", "AS", "BB", "SM", "CI"])) {
            for phone in phones_in(&text, country) {
                prop_assert!(phone.as_str().starts_with('+'));
                prop_assert_eq!(Phone::parse(phone.as_str(), country), Some(phone));
            }
        }

        #[test]
        fn a_longer_run_holds_no_number(before in "[0-9]{1,9}", after in "[0-9]{1,9}") {
            let text = format!("{before}555123456{after}");
            prop_assume!(Phone::parse(&text, "GE").is_none());
            prop_assert_eq!(phones_in(&text, "GE"), []);
        }

        #[test]
        fn a_mobile_number_is_found_among_words(number in "5(55|77|99)[0-9]{6}",
            before in "[ა-ჰ ,.!?]{0,20}", after in "[ა-კმ-ჰ ,!?]{0,20}") {
            let expected = format!("+995{number}");
            prop_assert_eq!(found(&format!("{before}{number}{after}"), "GE"), [expected]);
        }
    }
}
