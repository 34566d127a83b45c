//! Order numbers as people and systems write them. They are kept as first written and compared by their key, so that a
//! blank at the end, another case or a pasted zero-width character makes no second order of one.

use unicode_normalization::UnicodeNormalization;

/// Characters that nobody sees: soft hyphen, zero-width space, joiners, directional marks, word joiner, byte order mark.
const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// A text without what nobody sees at its ends.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || is_invisible(letter))
}

/// The key by which a number is compared: without invisible characters and blanks at the ends, inner blanks as one,
/// composed (NFC), in lower case.
pub fn number_key(number: &str) -> String {
    let visible: String = number.chars().filter(|letter| !is_invisible(*letter)).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let lower: String = words.join(" ").chars().flat_map(char::to_lowercase).collect();
    lower.nfc().collect()
}

/// Whether a number, however it is written, is among `numbers`.
pub fn has_number(numbers: &[String], number: &str) -> bool {
    let key = number_key(number);
    numbers.iter().any(|own| number_key(own) == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_one_however_it_is_written() {
        for written in ["a7", " A7", "A7 ", "A7\u{a0}", "A\u{200b}7", "\u{feff}A7", "A7\n", "a\u{ad}7"] {
            assert_eq!(number_key(written), "a7", "{written:?}");
        }
        assert_eq!(number_key("Cafe\u{301} 1"), number_key("CAFÉ\u{a0} 1"));
        assert_eq!(number_key("შეკვეთა  12"), "შეკვეთა 12");
        assert_ne!(number_key("A 7"), number_key("A7"));
        assert_ne!(number_key("007"), number_key("7"));
    }

    #[test]
    fn the_ends_are_trimmed_of_what_nobody_sees() {
        assert_eq!(trimmed(" \u{feff}A 7\u{200b}\n"), "A 7");
        assert_eq!(trimmed("\u{200b} "), "");
    }
}
