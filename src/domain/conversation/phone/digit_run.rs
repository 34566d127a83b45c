//! A text as runs of digits: groups with only separators between them, without what is certainly no phone (links, mail
//! addresses, IBANs, cards, dates, times, prices).

/// The character that replaces those of something that is certainly no phone.
const HIDDEN: char = '\0';

/// How many letters and digits an IBAN has, over all countries.
const IBAN: std::ops::RangeInclusive<usize> = 15..=34;

/// The most characters between two groups of one number.
const GAP_MAX: usize = 5;

/// The most groups of a run; more of them are a table of numbers.
const GROUPS_MAX: usize = 60;

/// Latin words that people write before a number without a space, as in `tel555123456`. Behind any other Latin word
/// without a space, digits are a part of a code.
const PHONE_WORDS: [&str; 18] = [
    "tel",
    "telefon",
    "telefoni",
    "telefonia",
    "mob",
    "mobile",
    "mobili",
    "mobiluri",
    "nom",
    "nomeri",
    "nomeria",
    "nomers",
    "phone",
    "number",
    "num",
    "call",
    "viber",
    "whatsapp",
];

/// Words for currencies; digits before one are a sum of money.
const CURRENCY_WORDS: [&str; 14] = [
    "ლ",
    "ლარი",
    "ლარს",
    "ლარად",
    "ლარია",
    "ლარიანი",
    "თეთრი",
    "gel",
    "lari",
    "lariani",
    "лари",
    "лар",
    "usd",
    "eur",
];

/// Digits with nothing between them.
pub(super) struct Group {
    pub(super) digits: String,
    /// Whether a space stands before it, or it begins its run; otherwise only a hyphen, a dot or the like does.
    is_apart: bool,
    /// Whether a phone may begin here, by what stands before it.
    opens: bool,
    /// Whether a phone may end here, by what stands behind it.
    closes: bool,
}

/// Groups with only separators between them.
pub(super) struct DigitRun {
    pub(super) groups: Vec<Group>,
    /// Whether a `+` stands before the first group.
    pub(super) plus: bool,
}

impl DigitRun {
    /// Whether the groups from `first` to before `end` are not part of something longer, by what stands at their edges.
    pub(super) fn stands_free(&self, first: usize, end: usize) -> bool {
        self.groups[first].is_apart
            && self.groups.get(end).is_none_or(|next| next.is_apart)
            && self.groups[first].opens
            && self.groups[end - 1].closes
    }
}

/// Whether a character may stand between the digits of one number.
pub(super) fn is_joint(letter: char) -> bool {
    is_space(letter)
        || is_invisible(letter)
        || matches!(letter, '-' | '.' | '(' | ')' | '·' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn is_space(letter: char) -> bool {
    letter.is_whitespace() && letter != '\n' && letter != '\r'
}

/// Whether a character is an invisible mark of direction or joining, as in numbers copied from an address book.
pub(super) fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The runs of a text that may hold a phone.
pub(super) fn digit_runs(text: &str) -> Vec<DigitRun> {
    let mut letters: Vec<char> = text.chars().collect();
    hide_links(&mut letters);
    hide_ibans(&mut letters);
    hide_figures(&mut letters);
    let mut digit_runs: Vec<DigitRun> = Vec::new();
    let mut last_end = None;
    let mut began = 0;
    for (start, end) in groups(&letters) {
        let gap = last_end.map(|last: usize| &letters[last..start]);
        let plus = plus_before(&letters, start);
        let group = Group {
            digits: letters[start..end].iter().collect(),
            is_apart: gap.is_none_or(|gap| gap.iter().any(|letter| is_space(*letter))),
            opens: opens(&letters, plus.unwrap_or(start)),
            closes: closes(&letters, end),
        };
        let is_joined = gap.is_some_and(|gap| {
            // `1)` begins a line of a list; a parenthesis inside of a number was opened before.
            let is_list = gap.first() == Some(&')') && !letters[began..start].contains(&'(');
            !is_list && gap.len() <= GAP_MAX && gap.iter().all(|letter| is_joint(*letter))
        });
        match digit_runs.last_mut() {
            Some(run) if is_joined => run.groups.push(group),
            _ => {
                began = start.saturating_sub(3);
                let group = Group { is_apart: true, ..group };
                digit_runs.push(DigitRun { groups: vec![group], plus: plus.is_some() });
            }
        }
        last_end = Some(end);
    }
    digit_runs.retain(|run| run.groups.len() <= GROUPS_MAX);
    digit_runs
}

/// The places at which digits with nothing between them begin and end.
fn groups(letters: &[char]) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let length = letters[at..].iter().take_while(|letter| letter.is_ascii_digit()).count();
        if length > 0 {
            groups.push((at, at + length));
        }
        at += length + 1;
    }
    groups
}

/// The place of the `+` before the digits at `start`; a parenthesis or blanks may stand between.
fn plus_before(letters: &[char], start: usize) -> Option<usize> {
    let between = letters[..start].iter().rev().take(3);
    let gap = between.take_while(|letter| **letter != '+' && is_joint(**letter)).count();
    let at = start.checked_sub(gap + 1)?;
    (letters[at] == '+').then_some(at)
}

/// Whether a phone may begin at `start`, by what stands before it.
fn opens(letters: &[char], start: usize) -> bool {
    let mut before = letters[..start].iter().rev().copied().skip_while(|letter| is_invisible(*letter));
    match before.next() {
        None | Some('(') => true,
        Some(HIDDEN | '#' | '=' | '%' | '@' | '_' | '&' | '$' | '€' | '₾' | '₽' | '£') => false,
        Some('-') => !before.next().is_some_and(|letter| letter.is_ascii_uppercase()),
        Some(letter) if letter.is_ascii_alphabetic() => {
            let rest: Vec<char> = before.take_while(char::is_ascii_alphanumeric).collect();
            let word: String = rest.iter().rev().chain([&letter]).collect();
            PHONE_WORDS.contains(&word.to_ascii_lowercase().as_str())
        }
        Some(letter) => letter.is_ascii() || !letter.is_numeric(),
    }
}

/// Whether a phone may end before `end`, by what stands there.
fn closes(letters: &[char], end: usize) -> bool {
    let mut after =
        letters[end..].iter().copied().skip_while(|letter| is_invisible(*letter) || *letter == ')');
    match after.clone().next() {
        None => true,
        Some(HIDDEN | '#' | '%' | '@' | '_') => false,
        Some(letter) if letter.is_ascii_alphabetic() => {
            let word: String = after.by_ref().take_while(char::is_ascii_alphanumeric).collect();
            word.bytes().skip(1).all(|byte| byte.is_ascii_lowercase())
                && (word.len() > 1 || letter.is_ascii_lowercase())
                && !is_currency(&word)
        }
        Some(letter) if !letter.is_ascii() && letter.is_numeric() => false,
        Some(_) => {
            let mut after = after.skip_while(|letter| is_space(*letter)).peekable();
            let is_symbol = matches!(after.peek(), Some('₾' | '$' | '€' | '₽' | '£' | '%'));
            !is_symbol && !is_currency(&after.take_while(|letter| letter.is_alphabetic()).collect::<String>())
        }
    }
}

fn is_currency(word: &str) -> bool {
    CURRENCY_WORDS.contains(&word.to_lowercase().as_str())
}

/// Hides links, mail addresses and names with `@`, which may hold digits.
fn hide_links(letters: &mut [char]) {
    for token in letters.split_mut(|letter| letter.is_whitespace() || matches!(letter, ',' | ';')) {
        let text: String = token.iter().map(char::to_ascii_lowercase).collect();
        if ["://", "www.", "@", ".com/", ".ge/", ".me/"].iter().any(|mark| text.contains(mark)) {
            token.fill(HIDDEN);
        }
    }
}

/// Hides IBANs, in one piece or in groups: Georgian ones by their form, also when they are cut short, and others if their
/// check digits are right.
fn hide_ibans(letters: &mut [char]) {
    let mut at = 0;
    while at + 4 <= letters.len() {
        let begins = letters[at..at + 2].iter().all(char::is_ascii_alphabetic)
            && letters[at + 2..at + 4].iter().all(char::is_ascii_digit)
            && (at == 0 || !letters[at - 1].is_ascii_alphanumeric());
        match begins.then(|| iban_end(letters, at)).flatten() {
            Some(end) => {
                letters[at..end].fill(HIDDEN);
                at = end;
            }
            None => at += 1,
        }
    }
}

fn iban_end(letters: &[char], start: usize) -> Option<usize> {
    // The text without its separators, and where each of its letters is.
    let mut compact: Vec<(char, usize)> = Vec::new();
    for (at, letter) in letters.iter().enumerate().skip(start) {
        if letter.is_ascii_alphanumeric() && compact.len() < *IBAN.end() {
            compact.push((letter.to_ascii_uppercase(), at));
        } else if !(*letter == '-' || is_space(*letter))
            || !letters.get(at + 1).is_some_and(char::is_ascii_alphanumeric)
        {
            break;
        }
    }
    let end_of = |length: usize| compact[length - 1].1 + 1;
    if compact.len() >= 6 && compact[0].0 == 'G' && compact[1].0 == 'E' && compact[5].0.is_ascii_alphabetic()
    {
        let digits = compact[6..].iter().take(16).take_while(|(letter, _)| letter.is_ascii_digit()).count();
        return (digits >= 10).then(|| end_of(6 + digits));
    }
    let is_upper = letters[start..start + 2].iter().all(char::is_ascii_uppercase);
    let ends = |length: &usize| !letters.get(end_of(*length)).is_some_and(char::is_ascii_alphanumeric);
    let lengths = (*IBAN.start()..=compact.len()).rev().filter(|_| is_upper).filter(ends);
    lengths.into_iter().find(|length| checks_out(&compact[..*length])).map(end_of)
}

/// Whether the check digits of an IBAN are right: ISO 7064, modulo 97.
fn checks_out(compact: &[(char, usize)]) -> bool {
    let (head, rest) = compact.split_at(4);
    let remainder = rest.iter().chain(head).fold(0_u32, |sum, (letter, _)| match letter.to_digit(36) {
        Some(value @ 10..) => (sum * 100 + value) % 97,
        Some(value) => (sum * 10 + value) % 97,
        None => sum,
    });
    remainder == 1
}

/// Hides cards (4-4-4-4), dates with a year of four digits, times, and sums with a fraction.
fn hide_figures(letters: &mut [char]) {
    let groups = groups(letters);
    let mut hidden = Vec::new();
    for index in 0..groups.len() {
        let length = |ahead: usize| groups.get(index + ahead).map_or(0, |(start, end)| end - start);
        let gap = |index: usize| match (groups.get(index), groups.get(index + 1)) {
            (Some((_, end)), Some((start, _))) => &letters[*end..*start],
            _ => &[],
        };
        let before = index.checked_sub(1).map_or(&[][..], gap);
        let number = |ahead: usize| {
            groups.get(index + ahead).map_or(0, |(start, end)| short_number(&letters[*start..*end]))
        };
        let is_one_of = |gap: &[char], marks: &[char]| matches!(gap, [mark] if marks.contains(mark));
        let is_card = (0..4).all(|ahead| length(ahead) == 4)
            && (0..3).all(|ahead| gap(index + ahead).iter().all(|letter| is_joint(*letter)));
        let is_date = is_one_of(gap(index), &['.', '-', '/'])
            && gap(index) == gap(index + 1)
            && before != gap(index)
            && gap(index + 2) != gap(index)
            && match (length(0), length(1), length(2)) {
                (1..=2, 1..=2, 4) => is_day(number(0), number(1), number(2)),
                (4, 1..=2, 1..=2) => is_day(number(2), number(1), number(0)),
                _ => false,
            };
        let is_time = length(0) <= 2 && length(1) == 2 && is_one_of(gap(index), &[':']);
        let is_sum = (1..=6).contains(&length(0))
            && (1..=2).contains(&length(1))
            && is_one_of(gap(index), &['.', ','])
            && !is_one_of(before, &['.', ',', '-'])
            && !is_one_of(gap(index + 1), &['.', ',', '-']);
        let taken = match () {
            () if is_card => 4,
            () if is_date => 3,
            () if is_time || is_sum => 2,
            () => 0,
        };
        hidden.extend_from_slice(&groups[index..index + taken]);
    }
    for (start, end) in hidden {
        letters[start..end].fill(HIDDEN);
    }
}

/// The number that the first four digits are, for days, months and years.
fn short_number(digits: &[char]) -> u32 {
    digits.iter().take(4).fold(0, |sum, digit| sum * 10 + digit.to_digit(10).unwrap_or(0))
}

/// Whether these are day and month, in either order, of a year from 1900 to 2100.
fn is_day(one: u32, other: u32, year: u32) -> bool {
    let (month, day) = (one.min(other), one.max(other));
    (1..=12).contains(&month) && (1..=31).contains(&day) && (1900..=2100).contains(&year)
}
