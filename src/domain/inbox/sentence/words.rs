//! A text as pieces: words, numbers with their currency, and quotations. Patterns and messages are compared by these, so
//! that case, punctuation, emoji and the kind of white space don't matter. A quotation is one piece, since its words are
//! somebody else's.

use crate::domain::basic::money::{Currency, MINOR_MAX};

/// Characters that are read; what is behind them in a longer text is ignored.
const LETTERS_MAX: usize = 10_000;

/// The most groups of digits between spaces that make one amount, such as `1 250 000`.
const GROUPS_MAX: usize = 3;

/// Currency signs that are no letters, each with its ISO 4217 code in lower case.
const SIGNS: [(char, &str); 9] = [
    ('₾', "gel"),
    ('$', "usd"),
    ('€', "eur"),
    ('£', "gbp"),
    ('₺', "try"),
    ('₽', "rub"),
    ('₴', "uah"),
    ('₼', "azn"),
    ('֏', "amd"),
];

/// Words for currencies in lower case, in the Georgian cases that stand behind a number.
const SIGN_WORDS: [(&str, &[&str]); 3] = [
    ("gel", &["gel", "lari", "laris", "ლარი", "ლარის", "ლარს", "ლარად", "ლარით"]),
    ("usd", &["usd", "dollar", "dollars", "დოლარი", "დოლარის", "დოლარს", "დოლარად"]),
    ("eur", &["eur", "euro", "euros", "ევრო", "ევროს", "ევროდ"]),
];

/// What is compared as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A word in lower case; a currency, however it is written, by its code.
    Word(String),
    /// Digits with the marks between them, and the currency beside them.
    Number(Number),
    /// A quotation with its marks; a line that begins with `>` is one too.
    Quoted(String),
}

/// A number with the currency beside it. Two are equal if they are written alike.
#[derive(Clone, Debug)]
pub(super) struct Number {
    text: String,
    /// The currency beside it, as its code in lower case.
    pub(super) sign: Option<String>,
    /// The amount in minor units; `None` if it can be read in several ways, or is of another currency.
    pub(super) minor: Option<i64>,
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.sign) == (&other.text, &other.sign)
    }
}

impl Eq for Number {}

/// The code, in lower case, of the currency that a word in lower case stands for; `currency` is known besides the table.
pub(super) fn sign_of(word: &str, currency: Option<Currency>) -> Option<String> {
    let known =
        SIGN_WORDS.iter().find(|(_, words)| words.contains(&word)).map(|(code, _)| (*code).to_owned());
    known.or_else(|| currency.map(|currency| currency.code().to_lowercase()).filter(|code| code == word))
}

/// Splits a text into pieces. `currency` is the one in which amounts are read; without it no number has an amount.
pub(super) fn pieces(text: &str, currency: Option<Currency>) -> Vec<Piece> {
    let letters = plain(text);
    let tokens = Lexer { letters: &letters, at: 0, currency }.all();
    gather(&tokens, currency)
}

/// The characters of a text in lower case, with ASCII digits and plain blanks, and without invisible ones.
fn plain(text: &str) -> Vec<char> {
    let mut letters = Vec::new();
    for letter in text.chars().take(LETTERS_MAX) {
        match letter {
            '\u{200b}'..='\u{200d}'
            | '\u{2060}'
            | '\u{feff}'
            | '\u{fe0e}'
            | '\u{fe0f}'
            | '\u{20e3}'
            | '\u{ad}' => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{85}' => letters.push('\n'),
            '０'..='９' => {
                let digit = u32::from(letter) - u32::from('０');
                letters.extend(char::from_digit(digit, 10));
            }
            letter if letter.is_whitespace() => letters.push(' '),
            letter => letters.extend(letter.to_lowercase()),
        }
    }
    letters
}

/// The smallest units of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Digits(String),
    /// A currency, as its code in lower case.
    Sign(String),
    Quoted(String),
    /// An operator of arithmetic.
    Operator(char),
    /// Any other mark.
    Mark(char),
    Space,
    /// The end of a line.
    Line,
}

/// Reads tokens from characters.
struct Lexer<'a> {
    letters: &'a [char],
    at: usize,
    currency: Option<Currency>,
}

impl Lexer<'_> {
    fn all(mut self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Some(&letter) = self.letters.get(self.at) {
            let begins_line = matches!(tokens.last(), None | Some(Token::Line));
            tokens.push(self.next(letter, begins_line));
        }
        tokens
    }

    fn next(&mut self, letter: char, begins_line: bool) -> Token {
        if letter == '>' && begins_line {
            let end = self.find(|letter| letter == '\n').unwrap_or(self.letters.len());
            return self.quoted(end);
        }
        if let Some(end) = self.end_of_quotation(letter) {
            return self.quoted(end + 1);
        }
        if letter.is_ascii_digit() {
            return self.digits();
        }
        if letter.is_alphanumeric() {
            let length = self.letters[self.at..].iter().take_while(|letter| letter.is_alphanumeric()).count();
            let word: String = self.letters[self.at..self.at + length].iter().collect();
            self.at += length;
            return match sign_of(&word, self.currency) {
                Some(code) => Token::Sign(code),
                None if matches!(word.as_str(), "x" | "х") => Token::Operator('×'),
                None => Token::Word(word),
            };
        }
        self.at += 1;
        match letter {
            '\n' => Token::Line,
            ' ' => Token::Space,
            '+' | '-' | '–' | '—' | '−' | '*' | '×' | '/' => Token::Operator(letter),
            letter => match SIGNS.iter().find(|(sign, _)| *sign == letter) {
                Some((_, code)) => Token::Sign((*code).to_owned()),
                None => Token::Mark(letter),
            },
        }
    }

    /// The place of the mark that closes the quotation which `letter` opens, if both are there. Straight marks close on the
    /// same line, since one alone means inches.
    fn end_of_quotation(&self, letter: char) -> Option<usize> {
        let (closing, on_line): (&[char], bool) = match letter {
            '„' => (&['“', '”', '"'], false),
            '“' => (&['”'], false),
            '«' => (&['»'], false),
            '"' => (&['"'], true),
            _ => return None,
        };
        let end = self.find(|letter| closing.contains(&letter) || (on_line && letter == '\n'))?;
        closing.contains(&self.letters[end]).then_some(end)
    }

    fn find(&self, is_it: impl Fn(char) -> bool) -> Option<usize> {
        let after = self.letters.get(self.at + 1..)?;
        after.iter().position(|&letter| is_it(letter)).map(|place| self.at + 1 + place)
    }

    fn quoted(&mut self, end: usize) -> Token {
        let text: String = self.letters[self.at..end].iter().collect();
        self.at = end;
        Token::Quoted(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Digits with the marks between them: `1,250.00`, but also `12.11.2026` and `555-12-34`.
    fn digits(&mut self) -> Token {
        let mut text = String::new();
        while let Some(&letter) = self.letters.get(self.at) {
            let next_is_digit = self.letters.get(self.at + 1).is_some_and(char::is_ascii_digit);
            let is_inside = letter.is_ascii_digit()
                || (next_is_digit
                    && matches!(letter, '.' | ',' | '\'' | '’' | '-' | '–' | '—' | '/' | ':' | '+'));
            if !is_inside {
                break;
            }
            text.push(letter);
            self.at += 1;
        }
        Token::Digits(text)
    }
}

/// Joins tokens to pieces: numbers take the currency beside them, and marks and spaces go.
fn gather(tokens: &[Token], currency: Option<Currency>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Word(word) => pieces.push(Piece::Word(word.clone())),
            Token::Operator('×') => pieces.push(Piece::Word("×".to_owned())),
            Token::Quoted(text) => pieces.push(Piece::Quoted(text.clone())),
            Token::Sign(code) => {
                // `₾ 120`: a sign that is no other number's is that of the number behind it.
                let behind = (at + 1..tokens.len()).find(|at| tokens[*at] != Token::Space);
                if let Some(first) = behind.filter(|first| matches!(tokens[*first], Token::Digits(_))) {
                    let (mut number, next) = number(tokens, first, currency);
                    if number.sign.as_ref().is_some_and(|sign| sign != code) {
                        number.minor = None;
                    }
                    number.sign = Some(code.clone());
                    pieces.push(Piece::Number(of_currency(number, currency)));
                    at = next;
                    continue;
                }
                pieces.push(Piece::Word(code.clone()));
            }
            Token::Digits(_) => {
                let (number, next) = number(tokens, at, currency);
                pieces.push(Piece::Number(of_currency(number, currency)));
                at = next;
                continue;
            }
            Token::Operator(_) | Token::Mark(_) | Token::Space | Token::Line => {}
        }
        at += 1;
    }
    pieces
}

/// Takes the amount from a number that has another currency beside it.
fn of_currency(mut number: Number, currency: Option<Currency>) -> Number {
    let ours = currency.map(|currency| currency.code().to_lowercase());
    if number.sign.is_some() && number.sign != ours {
        number.minor = None;
    }
    number
}

/// The number that begins at the token `first`, and the place of the token behind it and its currency.
fn number(tokens: &[Token], first: usize, currency: Option<Currency>) -> (Number, usize) {
    let digits = |at: usize| match tokens.get(at) {
        Some(Token::Digits(text)) => Some(text.as_str()),
        _ => None,
    };
    let mut groups = vec![digits(first).unwrap_or_default()];
    let mut last = first;
    // `1 250.00`: a group of three digits behind spaces belongs to what could be before it.
    while is_group(groups.last().copied().unwrap_or_default(), groups.len() == 1) {
        let next = (last + 1..tokens.len()).find(|at| tokens[*at] != Token::Space);
        match next.filter(|next| *next > last + 1).and_then(|next| Some((next, digits(next)?))) {
            Some((next, group)) if is_tail(group) => {
                groups.push(group);
                last = next;
            }
            _ => break,
        }
    }
    let mut end = last + 1;
    let mut sign = None;
    let behind = (end..tokens.len()).find(|at| tokens[*at] != Token::Space);
    if let Some(Token::Sign(code)) = behind.map(|at| &tokens[at]) {
        let at = behind.unwrap_or(end);
        // `120 ₾130`: that sign belongs to the next number.
        let is_of_next = at > end && matches!(tokens.get(at + 1), Some(Token::Digits(_)));
        if !is_of_next {
            sign = Some(code.clone());
            end = at + 1;
        }
    }
    let clear = is_free_before(tokens, first, groups.len()) && is_free_behind(tokens, last);
    let minor = currency.filter(|_| clear).and_then(|currency| amount(&groups, currency));
    (Number { text: groups.join(" "), sign, minor }, end)
}

/// Whether a text is a group of digits behind which another may follow: one to three digits first, and then three.
fn is_group(text: &str, is_first: bool) -> bool {
    let length = if is_first { 1..=3 } else { 3..=3 };
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is three digits, perhaps with decimals.
fn is_tail(text: &str) -> bool {
    let whole = text.split(['.', ',']).next().unwrap_or_default();
    is_group(whole, false)
}

/// Whether a number may be an amount, by what stands before it: no minus, no code, no rest of a longer number.
fn is_free_before(tokens: &[Token], first: usize, groups: usize) -> bool {
    let before = |back: usize| first.checked_sub(back).and_then(|at| tokens.get(at));
    let free = match before(1) {
        // `სულ-120`, but neither `-120` nor a code before further groups: `BAG-1 120`.
        Some(Token::Operator('-' | '–' | '—')) => {
            groups == 1 && matches!(before(2), Some(Token::Word(_) | Token::Sign(_)))
        }
        Some(Token::Operator(_) | Token::Mark('#' | '№' | '_' | '@' | '~' | '≈' | '<' | '>' | '&')) => {
            false
        }
        _ => true,
    };
    let mut earlier = tokens[..first].iter().rev().skip_while(|token| **token == Token::Space);
    let in_the_way = match earlier.next() {
        // `56 120` behind `34` may be the end of a phone number.
        Some(Token::Digits(_)) => groups > 1,
        Some(Token::Operator(_)) => {
            let operand = earlier.find(|token| **token != Token::Space);
            matches!(operand, Some(Token::Digits(_)))
        }
        _ => false,
    };
    free && !in_the_way
}

/// Whether a number may be an amount, by what stands behind it.
fn is_free_behind(tokens: &[Token], last: usize) -> bool {
    if let Some(Token::Word(_) | Token::Mark('%' | '_' | '#' | '@')) = tokens.get(last + 1) {
        return false;
    }
    let mut later = tokens[last + 1..].iter().skip_while(|token| **token == Token::Space);
    match later.next() {
        Some(Token::Operator(_)) => {
            !matches!(later.find(|token| **token != Token::Space), Some(Token::Digits(_)))
        }
        _ => true,
    }
}

/// The amount in minor units that groups of digits stand for, if there is only one way to read them.
fn amount(groups: &[&str], currency: Currency) -> Option<i64> {
    if groups.len() > GROUPS_MAX {
        return None;
    }
    let (last, head) = groups.split_last()?;
    let decimals_max = usize::try_from(currency.digits()).ok()?;
    let parts: Vec<&str> = last.split(['.', ',', '\'', '’']).collect();
    let marks: Vec<char> = last.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    if marks.len() + 1 != parts.len() {
        return None;
    }
    let is_decimals =
        |text: &str, mark: char| matches!(mark, '.' | ',') && (1..=decimals_max).contains(&text.len());
    let (whole, decimals): (Vec<&str>, &str) = match (parts.as_slice(), marks.as_slice()) {
        ([whole], []) => (vec![*whole], ""),
        // `1,250` is 1250 where no amount has three decimals; where one has, nobody can know.
        ([whole, rest], [_]) if rest.len() == 3 && decimals_max != 3 => (vec![*whole, *rest], ""),
        ([whole, rest], [mark]) if is_decimals(rest, *mark) && rest.len() != 3 => (vec![*whole], *rest),
        ([whole @ .., rest], [marks @ .., mark]) if !marks.is_empty() => {
            let same = marks.iter().all(|other| other == &marks[0]);
            match (same, *mark == marks[0]) {
                (true, true) => (parts.clone(), ""),
                (true, false) if is_decimals(rest, *mark) => (whole.to_vec(), *rest),
                _ => return None,
            }
        }
        _ => return None,
    };
    if !head.is_empty() && whole.len() > 1 {
        return None;
    }
    let all: Vec<&str> = head.iter().copied().chain(whole).collect();
    let is_grouped = all.len() == 1 || (all[0].len() <= 3 && all[1..].iter().all(|group| group.len() == 3));
    let leads_with_zero = all[0].starts_with('0') && (all[0].len() > 1 || all.len() > 1);
    if !is_grouped || leads_with_zero {
        return None;
    }
    let digits = format!("{}{decimals:0<decimals_max$}", all.concat());
    digits.parse().ok().filter(|minor| (1..=MINOR_MAX).contains(minor))
}
