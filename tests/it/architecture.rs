//! The map in `src/lib.rs`, held: each floor looks only down, and what belongs to one place stays there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The floors from the ground up; rooms of one floor do not know each other unless they say so below.
const FLOORS: [&[&str]; 7] = [
    &["error", "clock", "id", "http_client", "telemetry", "failpoint"],
    &["domain"],
    &["store", "meta", "crm"],
    &["flow"],
    &["web", "worker", "config"],
    &["command"],
    &["main"],
];

/// The library's list of its rooms, and a house of its own on the ground floor.
const APART: [&str; 2] = ["lib", "sandbox"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its room.
fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap();
            let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            (room, inside.to_path_buf(), text)
        })
        .collect()
}

/// The rooms that a text names as `crate::room` or `salesbridge::room`.
fn names(text: &str) -> Vec<String> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    ["crate::", "salesbridge::"]
        .iter()
        .flat_map(|prefix| code.match_indices(prefix).map(|(at, _)| at + prefix.len()).collect::<Vec<_>>())
        .map(|at| {
            let rest = &code[at..];
            let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            rest[..end.unwrap_or(rest.len())].to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn each_floor_looks_only_down() {
    let floor_of: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor)))
        .collect();
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        for named in names(&text) {
            let allowed = match (room.as_str(), named.as_str()) {
                (from, to) if from == to => true,
                ("lib" | "command" | "main", _) => true,
                ("sandbox", to) => floor_of.get(to) == Some(&0),
                (from, to) => match (floor_of.get(from), floor_of.get(to)) {
                    (Some(0), Some(0)) => true,
                    (Some(from), Some(to)) => to < from,
                    _ => false,
                },
            };
            if !allowed {
                wrong.push(format!("{} names {named}", path.display()));
            }
        }
        let known = APART.contains(&room.as_str()) || floor_of.contains_key(room.as_str());
        assert!(known, "{} stands on no floor: give it a place in the map", path.display());
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "looks up, or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn what_belongs_to_one_place_stays_there() {
    // A word, and the rooms in which it may stand.
    let places: [(&str, &[&str]); 6] = [
        ("sqlx::query", &["store"]),
        ("AssertSqlSafe", &[]),
        ("SystemTime::now", &["clock"]),
        ("page_scoped_user_id", &["meta", "sandbox"]),
        ("reqwest::Client::builder", &["http_client"]),
        ("StatusCode::", &["web", "sandbox"]),
    ];
    for (room, path, text) in sources() {
        let code =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let code = code.split("#[cfg(test)]").next().unwrap_or_default();
        for (word, rooms) in places {
            let stands = code.contains(word) && !rooms.contains(&room.as_str());
            assert!(!stands, "{} holds `{word}`, which belongs to {rooms:?}", path.display());
        }
    }
}

#[test]
fn no_file_grows_into_two_things() {
    for (_, path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines: is it one thing?", path.display());
    }
}

#[test]
fn both_databases_migrate_by_the_same_steps() {
    let names = |kind: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
        let found = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    let listed: Vec<_> = include_str!("../../src/store/db/migrate.rs")
        .lines()
        .filter_map(|line| line.trim().trim_end_matches(',').strip_prefix("\"0")?.strip_suffix('"'))
        .map(|name| format!("0{name}.sql"))
        .collect();
    assert_eq!(names("sqlite"), listed);
    for (number, name) in (1..).zip(&listed) {
        assert!(name.starts_with(&format!("{number:04}_")), "{name} is step {number}");
    }
    for name in names("sqlite") {
        let read = |kind: &str| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind).join(&name);
            let text = std::fs::read_to_string(file).unwrap();
            let plain = text.replace(" strict;", ";").replace("generated always as identity ", "");
            // Random text is made in either database's own way.
            let plain = plain.replace("lower(hex(randomblob(32)))", "RANDOM").replace(
                "replace(cast(gen_random_uuid() as text) || cast(gen_random_uuid() as text), '-', '')",
                "RANDOM",
            );
            let words = plain.split_whitespace().filter(|word| {
                !["not", "null", "primary", "key"].contains(&word.trim_end_matches([',', ';']))
            });
            let same = words.map(|word| {
                let (bare, end) =
                    (word.trim_end_matches([',', ';']), &word[word.trim_end_matches([',', ';']).len()..]);
                let kind = match bare {
                    "bigint" => "integer",
                    "bytea" => "blob",
                    other => other,
                };
                format!("{kind}{end}")
            });
            same.collect::<Vec<_>>().join(" ").replace(" ,", ",")
        };
        assert_eq!(read("sqlite"), read("postgres"), "{name:?} differs by more than the words for types");
    }
}

/// What stands in `tests/fault/without` takes the defences away one by one; it must still find its places.
#[test]
fn every_defence_can_still_be_taken_away() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut hunks = 0;
    for entry in std::fs::read_dir(root.join("tests/fault/without")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "patch") {
            continue;
        }
        let patch = std::fs::read_to_string(&path).unwrap();
        for part in patch.split("\n--- a/").skip(1) {
            let (file, part) = part.split_once('\n').unwrap();
            let code = std::fs::read_to_string(root.join(file)).unwrap();
            for hunk in part.split("\n@@ ").skip(1) {
                let before = hunk.lines().skip(1).filter_map(|line| line.strip_prefix([' ', '-']));
                let before = before.collect::<Vec<_>>().join("\n");
                assert!(
                    code.contains(&before),
                    "{} no longer applies to {file}: write it anew",
                    path.display()
                );
                hunks += 1;
            }
        }
    }
    assert!(hunks >= 9, "only {hunks} places were looked at");
}
