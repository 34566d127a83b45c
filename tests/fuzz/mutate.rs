//! Inputs that are nearly like those of the corpus.

use crate::seeded::Chance;

/// An input grows to at most so many bytes.
const LENGTH_MAX: usize = 64 * 1024;

/// What parsers stumble over.
const WORDS: [&[u8]; 30] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"null",
    b"true",
    b"-",
    b"1e308",
    b"-1e-400",
    b"9223372036854775808",
    b"18446744073709551616",
    b"0.1",
    b"1.5",
    b"\0",
    b"\xff",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xae",
    b"[[[[[[[[",
    b"{\"a\":",
    b"\"id\":",
    b"=",
    b"sha256=",
    b" ",
];

/// One of the corpus with some things changed, put in, left out, doubled, or taken from another one.
pub fn mutated(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = chance.pick(corpus).clone();
    for _ in 0..=chance.below(6) {
        change(&mut input, corpus, chance);
    }
    input.truncate(LENGTH_MAX);
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Chance) {
    let place = chance.below(input.len() + 1);
    let end = (place + chance.below(40)).min(input.len());
    match chance.below(8) {
        0 if place < input.len() => input[place] ^= 1 << chance.below(8),
        1 if place < input.len() => input[place] = chance.byte(),
        2 => drop(input.drain(place..end)),
        3 => {
            let again = input[place..end].to_vec();
            input.splice(place..place, again);
        }
        4 => {
            let other = chance.pick(corpus);
            let from = chance.below(other.len() + 1);
            let until = (from + chance.below(200)).min(other.len());
            input.splice(place..end, other[from..until].iter().copied());
        }
        5 => input.truncate(place),
        _ => drop(input.splice(place..place, chance.pick(&WORDS).iter().copied())),
    }
}
