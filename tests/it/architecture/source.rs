//! A Rust source file as the checks see it: its tokens, the items it defines, what it imports, and the paths that
//! it names. Comments, the contents of texts, and what stands under `#[cfg(test)]` are left out.

use std::collections::BTreeSet;

/// An identifier, `::`, a single mark, or `""` for a literal; with its line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// One name that a `use` brings into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    /// The whole path, such as `crate`, `flow`, `Services`; for a glob, the module before the `*`.
    pub(super) path: Vec<String>,
    /// The name by which the file knows it: the last part of the path, or its alias.
    pub(super) name: String,
    pub(super) is_glob: bool,
    pub(super) line: usize,
}

/// A path of at least two parts that is written out where it is used, such as `crate::clock::Clock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InlinePath {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// What one file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// Functions, types, traits, constants and macros at the top of the file.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    pub(super) paths: Vec<InlinePath>,
    /// Modules declared under `#[cfg(test)]`, whose files are left out too.
    pub(super) test_modules: BTreeSet<String>,
    /// Modules written inside of the file.
    pub(super) inline_modules: Vec<String>,
}

/// Words behind which the name of an item stands.
const ITEM_WORDS: [&str; 8] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

/// Reads a file.
pub(super) fn parse(text: &str) -> Source {
    let tokens = without_tests(&tokens(text));
    let mut source = Source { test_modules: tokens.test_modules, ..Source::default() };
    let tokens = tokens.kept;
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token.text == text);
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map_or("", |next| next.text.as_str());
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            "pub" if next == "(" => {
                // `pub(in crate::flow)` says who may use it, and uses nothing.
                while !is(at, ")") {
                    at += 1;
                }
            }
            "use" => {
                let end = at + tokens[at..].iter().take_while(|token| token.text != ";").count();
                use_tree(&tokens[at + 1..end], &[], &mut source.imports);
                at = end;
            }
            "mod" if is(at + 2, "{") => source.inline_modules.push(next.to_owned()),
            "macro_rules" if next == "!" => {
                source.items.extend(tokens.get(at + 2).map(|name| name.text.clone()));
            }
            // In `const fn`, the name stands behind the second word.
            word if depth == 0 && ITEM_WORDS.contains(&word) && !ITEM_WORDS.contains(&next) => {
                source.items.insert(next.to_owned());
            }
            word if is_identifier(word) && next == "::" && !(at > 0 && is(at - 1, "::")) => {
                let mut path = vec![word.to_owned()];
                while is(at + 1, "::") && tokens.get(at + 2).is_some_and(|part| is_identifier(&part.text)) {
                    path.push(tokens[at + 2].text.clone());
                    at += 2;
                }
                if path.len() > 1 {
                    source.paths.push(InlinePath { path, line: token.line });
                }
            }
            _ => {}
        }
        at += 1;
    }
    source
}

/// One branch of a `use`, without the `;`: `a::b::{self, c as d, e::*}`.
fn use_tree(tokens: &[Token], before: &[String], imports: &mut Vec<Import>) {
    let mut path = before.to_vec();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => {}
            "{" => {
                for branch in branches(&tokens[at + 1..tokens.len() - 1]) {
                    use_tree(branch, &path, imports);
                }
                return;
            }
            "*" => {
                imports.push(Import { path, name: "*".to_owned(), is_glob: true, line: token.line });
                return;
            }
            "as" => break,
            // In braces, `self` is the module before them.
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    let alias = tokens.get(at + 1).map(|alias| alias.text.clone());
    if let (Some(last), Some(token)) = (path.last().cloned(), tokens.last()) {
        imports.push(Import {
            path,
            name: alias.unwrap_or(last),
            is_glob: false,
            line: tokens.first().unwrap_or(token).line,
        });
    }
}

/// The parts between the commas that stand in no inner braces.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let parts = tokens.split(|token| {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && token.text == ","
    });
    parts.filter(|part| !part.is_empty()).collect()
}

struct Kept {
    kept: Vec<Token>,
    test_modules: BTreeSet<String>,
}

/// Leaves out each item under `#[cfg(test)]`; under `#![cfg(test)]`, the whole file.
fn without_tests(tokens: &[Token]) -> Kept {
    const OUTER: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    const INNER: [&str; 8] = ["#", "!", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut test_modules = BTreeSet::new();
    let starts = |at: usize, words: &[&str]| {
        tokens.get(at..at + words.len()).is_some_and(|part| part.iter().map(|one| &one.text).eq(words))
    };
    let mut at = 0;
    while at < tokens.len() {
        if starts(at, &INNER) {
            return Kept { kept: Vec::new(), test_modules };
        }
        if starts(at, &OUTER) {
            let first = at + OUTER.len();
            at = end_of_item(tokens, first);
            let item = &tokens[first..at];
            if let Some(place) = item.iter().position(|token| token.text == "mod") {
                test_modules.extend(item.get(place + 1).map(|name| name.text.clone()));
            }
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    Kept { kept, test_modules }
}

/// One after the item that begins at `first`: behind its `;`, or behind the brace that closes its body.
fn end_of_item(tokens: &[Token], first: usize) -> usize {
    let ends_at_semicolon = tokens[first..]
        .iter()
        .find(|token| ["use", "const", "static", "type", "fn", "mod", "impl"].contains(&token.text.as_str()))
        .is_some_and(|word| ["use", "const", "static", "type"].contains(&word.text.as_str()));
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(first) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.text == "}" && !ends_at_semicolon {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Splits a file into tokens, without comments, lifetimes, and what texts hold.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let (length, token) = match rest {
            ['/', '/', ..] => (until(rest, &['\n']), None),
            ['/', '*', ..] => (block_comment(rest), None),
            [':', ':', ..] => (2, Some("::".to_owned())),
            ['"', ..] => (quoted(rest, '"'), Some("\"\"".to_owned())),
            ['r' | 'b' | 'c', ..] if raw_text(rest).is_some() => {
                (raw_text(rest).unwrap_or(1), Some("\"\"".to_owned()))
            }
            // `r#type` is the identifier `type`.
            ['r', '#', letter, ..] if letter.is_alphabetic() => (2, None),
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => (quoted(rest, '\''), Some("\"\"".to_owned())),
            ['\'', ..] => (1 + word(&rest[1..]), None),
            [letter, ..] if letter.is_alphanumeric() || *letter == '_' => {
                (word(rest), Some(rest[..word(rest)].iter().collect()))
            }
            [letter, ..] if letter.is_whitespace() => (1, None),
            [mark, ..] => (1, Some(mark.to_string())),
            [] => break,
        };
        tokens.extend(token.map(|text| Token { text, line }));
        line += rest[..length].iter().filter(|letter| **letter == '\n').count();
        at += length;
    }
    tokens
}

fn word(letters: &[char]) -> usize {
    letters.iter().take_while(|letter| letter.is_alphanumeric() || **letter == '_').count()
}

fn until(letters: &[char], ends: &[char]) -> usize {
    letters.iter().position(|letter| ends.contains(letter)).unwrap_or(letters.len())
}

/// The length of a block comment, with those inside of it.
fn block_comment(letters: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at + 1 < letters.len() {
        match (letters[at], letters[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    letters.len()
}

/// The length of a text or letter with its quotation marks.
fn quoted(letters: &[char], mark: char) -> usize {
    let mut at = 1;
    while at < letters.len() && letters[at] != mark {
        at += if letters[at] == '\\' { 2 } else { 1 };
    }
    letters.len().min(at + 1)
}

/// The length of `r"…"`, `br#"…"#`, `b"…"` or `b'…'`, if one begins here.
fn raw_text(letters: &[char]) -> Option<usize> {
    let prefix = letters.iter().take_while(|letter| matches!(letter, 'r' | 'b' | 'c')).count();
    let is_raw = letters[..prefix].contains(&'r');
    let hashes = letters[prefix..].iter().take_while(|letter| **letter == '#').count();
    match letters.get(prefix + hashes) {
        Some('"') if prefix <= 2 && is_raw => {
            let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let body = &letters[prefix + hashes + 1..];
            let place = body.windows(end.len()).position(|part| part == end)?;
            Some(prefix + hashes + 1 + place + end.len())
        }
        Some(mark @ ('"' | '\'')) if prefix == 1 && hashes == 0 => Some(1 + quoted(&letters[1..], *mark)),
        _ => None,
    }
}

mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    fn imports(text: &str) -> Vec<String> {
        let shown = |import: Import| {
            let star = if import.is_glob { "::*" } else { "" };
            format!("{}{star} as {}", import.path.join("::"), import.name)
        };
        parse(text).imports.into_iter().map(shown).collect()
    }

    fn paths(text: &str) -> Vec<String> {
        parse(text).paths.into_iter().map(|one| one.path.join("::")).collect()
    }

    #[test]
    fn comments_texts_and_lifetimes_are_no_code() {
        let text = "a /* crate::b /* c */ d */ \"crate::e \\\" f\" r#\"g \" crate::h\"# 'i' '\\'' &'j k // crate::l\nm";
        assert_eq!(words(text), ["a", "\"\"", "\"\"", "\"\"", "\"\"", "&", "k", "m"]);
        assert_eq!(
            words("r#type br\"x\" b'y' b\"z\" crate::x"),
            ["type", "\"\"", "\"\"", "\"\"", "crate", "::", "x"]
        );
        assert_eq!(tokens("a\n\"b\nc\"\nd").last().unwrap().line, 4);
    }

    #[test]
    fn a_use_is_read_with_braces_aliases_self_and_stars() {
        assert_eq!(
            imports("pub use crate::{a::{self, B as C, d::*}, e::F,}; use super::G; pub(crate) use h;"),
            [
                "crate::a as a",
                "crate::a::B as C",
                "crate::a::d::* as *",
                "crate::e::F as F",
                "super::G as G",
                "h as h"
            ]
        );
    }

    #[test]
    fn inline_paths_are_read_wherever_they_stand() {
        let text = "pub(in crate::flow) fn a(b: &crate::c::D) -> super::E { f::g::<H>(); I::j; x.k(); vec![crate::l::M] }";
        assert_eq!(paths(text), ["crate::c::D", "super::E", "f::g", "I::j", "crate::l::M"]);
    }

    #[test]
    fn items_are_those_at_the_top() {
        let text = "pub const fn a() { fn b() {} } struct C { d: E } impl C { const F: u8 = 1; } macro_rules! g { () => {} }";
        assert_eq!(parse(text).items.into_iter().collect::<Vec<_>>(), ["C", "a", "g"]);
    }

    #[test]
    fn code_of_tests_is_left_out() {
        let text = "#[cfg(test)] mod tests; #[cfg(test)] use crate::a::{B, C}; use crate::d;
            #[cfg(test)] #[allow(x)] fn e(f: [u8; 2]) { crate::g::h(); }
            #[cfg(test)] mod inner { use crate::i; } fn j() { crate::k::l() }";
        let source = parse(text);
        assert_eq!(
            (imports(text), paths(text)),
            (vec!["crate::d as d".to_owned()], vec!["crate::k::l".to_owned()])
        );
        assert_eq!(source.test_modules.into_iter().collect::<Vec<_>>(), ["inner", "tests"]);
        assert!(source.inline_modules.is_empty());
        assert_eq!(parse("#![cfg(test)] use crate::a; mod b { }"), Source::default());
    }
}
