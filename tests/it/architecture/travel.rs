//! How far a request travels: the tables of CONTRIBUTING, held against the imports of the files that they name.

use std::path::Path;

use crate::architecture::{assert_none, edges, floor_of, room, sources};

/// The tables in the order in which they stand, each with the most files that its request may touch. What follows from a
/// change of the ledger has no such number: it grows with what the service does.
const TABLES: [(&str, usize); 4] =
    [("**A tag**", 14), ("**What follows**", usize::MAX), ("**A webhook**", 8), ("**A delivery**", 10)];

/// The section of CONTRIBUTING.
fn section() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/CONTRIBUTING.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, from) = text.split_once("### How far a request travels").expect("the section");
    from.split_once("\n## ").expect("the next section").0.to_owned()
}

/// The texts in backticks.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The files of the table that follows `title`.
fn table<'a>(section: &'a str, title: &str) -> Vec<&'a str> {
    let (_, from) = section.split_once(title).unwrap_or_else(|| panic!("no table {title}"));
    let rows =
        from.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    // The first cell of a row is its number, the second its file.
    rows.skip(2).filter_map(|row| named(row).next()).collect()
}

#[test]
fn a_request_travels_no_further_than_contributing_says() {
    let section = section();
    let files = sources();
    let mut wrong = Vec::new();
    for (title, most) in TABLES {
        let table = table(&section, title);
        assert!(table.len() > 5, "{title} names {table:?}");
        if table.len() > most {
            wrong.push(format!("{title} has {} files, at most {most}", table.len()));
        }
        let missing = table.iter().filter(|path| !files.iter().any(|file| file.path == **path));
        wrong.extend(missing.map(|path| format!("{title} names {path}, which is not there")));
    }
    assert_none(&wrong, "Mend the tables in CONTRIBUTING, or the way of the request:");
}

#[test]
fn what_a_request_meets_is_named() {
    let section = section();
    let tables: Vec<&str> = TABLES.iter().flat_map(|(title, _)| table(&section, title)).collect();
    // A name is a file, a folder, or a file in the folder that its line names last.
    let lists = section.replace(['\n', ';'], " ");
    let is_named = |path: &str| {
        named(&lists)
            .any(|name| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
            || path.rsplit_once('/').is_some_and(|(folder, file)| {
                named(&lists).any(|name| name == file) && named(&lists).any(|name| name == folder)
            })
    };
    let mut missing: Vec<String> = edges()
        .iter()
        .filter(|edge| tables.contains(&edge.from.as_str()))
        .filter(|edge| floor_of(room(&edge.to)).is_none_or(|floor| floor > 0) && !is_named(&edge.to))
        .map(|edge| format!("{} (used by {})", edge.to, edge.from))
        .collect();
    missing.sort();
    missing.dedup();
    assert_none(
        &missing,
        "CONTRIBUTING, \"How far a request travels\", must name, in a table or as what only carries:",
    );
}
