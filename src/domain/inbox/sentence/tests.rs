use proptest::prelude::*;

use crate::domain::inbox::sentence::*;

const SENTENCE: &str = "შეკვეთა მიღებულია {*} {value} ₾";

fn gel() -> Currency {
    Currency::parse("GEL").unwrap()
}

fn read(pattern: &str, text: &str) -> Reading {
    Pattern::parse(pattern).unwrap().read(text, gel())
}

#[test]
fn amounts_are_read_as_they_are_written() {
    for (written, minor) in [
        ("120 ₾", 12_000),
        ("120₾", 12_000),
        ("₾120", 12_000),
        ("120,50 ₾", 12_050),
        ("120.5 ლარი", 12_050),
        ("1 250.00 GEL", 125_000),
        ("1\u{a0}250,00 lari", 125_000),
        ("1\u{202f}250\u{202f}000 ₾", 125_000_000),
        ("1,250.00 ₾", 125_000),
        ("1.250,50 ₾", 125_050),
        ("1,250 ₾", 125_000),
        ("1'250 ლარს", 125_000),
        ("１２０ ₾", 12_000),
        ("1\u{fe0f}\u{20e3}2\u{fe0f}\u{20e3}0\u{fe0f}\u{20e3} ₾", 12_000),
        ("(სულ: 120 ლარის)", 12_000),
        ("სულ-120₾", 12_000),
        ("60 ცალი, 120 ₾.", 12_000),
        ("60 × 2 = 120 ₾", 12_000),
        ("კოდი 1042 120 ₾", 12_000),
        ("120 ₾, კიდევ ერთხელ: 120 ლარი", 12_000),
    ] {
        let text = format!("გამარჯობა! შეკვეთა  მიღებულია ✅, ჩანთა\n{written}");
        assert_eq!(read(SENTENCE, &text), Reading::Whole(Some(minor)), "{written}");
    }
}

#[test]
fn what_is_read_in_part_is_not_guessed() {
    for (written, open) in [
        ("", Open::NoAmount),
        ("120", Open::NoAmount),
        ("ას ოცი ლარი", Open::NoAmount),
        ("„120 ₾“", Open::NoAmount),
        ("120 ₾ და მიტანა 5 ₾", Open::SeveralAmounts),
        ("120 ₾ + 5 ₾", Open::SeveralAmounts),
        ("120+5 ₾", Open::UnclearAmount),
        ("120 + 5 ₾", Open::UnclearAmount),
        ("2 x 60 ₾", Open::UnclearAmount),
        ("120-150 ₾", Open::UnclearAmount),
        ("-120 ₾", Open::UnclearAmount),
        ("120 $", Open::UnclearAmount),
        ("555 12 34 56 120 ₾", Open::UnclearAmount),
        ("555 123 456 120 ₾", Open::UnclearAmount),
        ("BAG-1 120 ₾", Open::UnclearAmount),
        ("12.11.2026 ₾", Open::UnclearAmount),
        ("0 ₾", Open::UnclearAmount),
        ("120.505.5 ₾", Open::UnclearAmount),
        ("#120 ₾", Open::UnclearAmount),
    ] {
        let text = format!("შეკვეთა მიღებულია {written}");
        assert_eq!(read(SENTENCE, &text), Reading::PartlyRead(open), "{written}");
    }
}

#[test]
fn words_choose_the_amount() {
    let text = "შეკვეთა მიღებულია: ჩანთა 100 ₾, მიტანა 5 ₾, ჯამი 105 ₾";
    assert_eq!(read("შეკვეთა მიღებულია {*} ჯამი {value} ₾", text), Reading::Whole(Some(10_500)));
    assert_eq!(read("ჩანთა {value} ₾", text), Reading::PartlyRead(Open::SeveralAmounts));
    assert_eq!(read("ჩანთა {value} ₾ {*}", text), Reading::Whole(Some(10_000)));
    assert_eq!(read("ჯამი {value}", "ჯამი 105"), Reading::Whole(Some(10_500)));
    assert_eq!(read("ჯამი {value}", "ჯამი 2ც"), Reading::PartlyRead(Open::UnclearAmount));
    assert_eq!(read("ჯამი ₾{value}", "ჯამი 105 ლარი"), Reading::Whole(Some(10_500)));
    assert_eq!(read("ORDER confirmed", "Your order, confirmed!"), Reading::Whole(None));
}

#[test]
fn what_is_quoted_is_not_the_writers() {
    for quoted in [
        "თქვენ მოგვწერეთ „შეკვეთა მიღებულია 120 ₾“?",
        "\"შეკვეთა მიღებულია 120 ₾\" ვინ მოგწერათ?",
        "> შეკვეთა მიღებულია 120 ₾\nდიახ?",
        "«შეკვეთა მიღებულია\n120 ₾»",
    ] {
        assert_eq!(read(SENTENCE, quoted), Reading::Nothing, "{quoted}");
    }
    let named = "შეკვეთა მიღებულია „ჩანთა 2“ 120 ₾";
    assert_eq!(read(SENTENCE, named), Reading::Whole(Some(12_000)));
    // Inches are no quotation.
    assert_eq!(read(SENTENCE, "შეკვეთა მიღებულია 15\" 120 ₾"), Reading::Whole(Some(12_000)));
}

#[test]
fn what_is_no_pattern_is_refused() {
    for text in ["", "{value} ₾", "{*}", "!!!", "{value} a {value}", "a {name}", "a }", "a {value"] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
    assert!(Pattern::parse(&"a ".repeat(100)).is_err());
}

#[test]
fn sentences_of_a_page_are_read_together() {
    let sentences = BTreeMap::from([
        (OutcomeKind::Confirmed, vec!["შეკვეთა მიღებულია".to_owned(), "მიღებულია {value} ₾".to_owned()]),
        (OutcomeKind::Cancelled, vec!["შეკვეთა გაუქმდა".to_owned()]),
    ]);
    let hear = |text: &str| hear(&sentences, text, gel()).map(|heard| (heard.kind, heard.reading));
    assert_eq!(hear("შეკვეთა მიღებულია 120 ₾"), Some((OutcomeKind::Confirmed, Reading::Whole(Some(12_000)))));
    assert_eq!(hear("შეკვეთა მიღებულია"), Some((OutcomeKind::Confirmed, Reading::Whole(None))));
    assert_eq!(hear("შეკვეთა გაუქმდა"), Some((OutcomeKind::Cancelled, Reading::Whole(None))));
    let both = hear("შეკვეთა მიღებულია თუ შეკვეთა გაუქმდა?");
    assert_eq!(both, Some((OutcomeKind::Confirmed, Reading::PartlyRead(Open::SeveralMeanings))));
    assert_eq!(hear("გამარჯობა"), None);
}

#[test]
fn a_currency_of_three_decimals_reads_its_own() {
    let dinar = Currency::parse("KWD").unwrap();
    let read = |text: &str| Pattern::parse("total {value} KWD").unwrap().read(text, dinar);
    assert_eq!(read("total 12.5 KWD"), Reading::Whole(Some(12_500)));
    assert_eq!(read("total 1.250 KWD"), Reading::PartlyRead(Open::UnclearAmount));
}

proptest! {
    #[test]
    fn nothing_panics(pattern in "\\PC{0,40}", text in "\\PC{0,200}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.read(&text, gel());
        }
    }

    #[test]
    fn no_arrangement_of_its_signs_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "1", "250", "12", ".", ",", " ", "\n", "-", "+", "x", "₾", "$", "ლარი", "\"", "„", "“", ">", "«", "0", "ა", "%",
        "{value}", "{*}", "შეკვეთა", "მიღებულია", "#", "\u{a0}"]), 0..40)) {
        let text = parts.concat();
        for pattern in [text.as_str(), SENTENCE, "{*} შეკვეთა {value}"] {
            if let Ok(pattern) = Pattern::parse(pattern) {
                let _ = pattern.read(&text, gel());
            }
        }
    }

    #[test]
    fn literal_text_matches_itself(text in "[a-zA-Zა-ჰ0-9 ₾.,!?()\\-\"„“]{1,60}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(pattern.read(&text, gel()), Reading::Whole(None));
            prop_assert_eq!(pattern.read(&text.to_uppercase(), gel()), Reading::Whole(None));
        }
    }

    #[test]
    fn an_amount_is_read_back(minor in 1i64..10_000_000) {
        let (whole, rest) = (minor / 100, minor % 100);
        let spaced = if whole >= 1000 { format!("{} {:03}", whole / 1000, whole % 1000) } else { whole.to_string() };
        for written in [format!("{whole}.{rest:02}"), format!("{spaced},{rest:02}")] {
            let text = format!("შეკვეთა მიღებულია {written} ₾");
            prop_assert_eq!(read(SENTENCE, &text), Reading::Whole(Some(minor)), "{}", written);
        }
    }
}
