//! The map in `src/lib.rs`, held: which floor and room may use which, no circle between files, what belongs to one
//! place alone, names, sizes and doc comments. Each failure says what to do.

mod imports;
mod source;
mod travel;

use std::path::{Path, PathBuf};

use crate::architecture::imports::{Crate, Edge, circles};

/// The floors from the ground up; a room uses the floors below its own. Rooms of one floor do not know each other,
/// except on the ground.
const FLOORS: [&[&str]; 7] = [
    &["error", "clock", "id", "http_client", "telemetry", "failpoint"],
    &["domain"],
    &["store", "meta", "crm"],
    &["flow"],
    &["report"],
    &["web", "worker", "config"],
    &["command"],
];

/// The stand-in for Meta. It stands on no floor: it uses the ground alone, and only the command line uses it.
const SANDBOX: &str = "sandbox";

/// The rooms of `flow` from the ground up; a room uses those before it, and `flow/mod.rs` uses all of them.
const FLOW_ROOMS: [&str; 8] = ["unit", "convert", "deliver", "tag", "inbox", "receive", "publish", "manage"];

/// The most lines that a file may have.
const LINES_MAX: usize = 500;

/// Names of types that say nothing to a stranger.
const EMPTY_TYPE_NAMES: [&str; 21] = [
    "Asked", "Told", "Waiting", "Which", "Line", "Entry", "Needs", "Deed", "House", "Held", "Standing",
    "Dossier", "Said", "Spot", "Sought", "Cut", "Part", "Given", "Names", "Word", "By",
];

/// Names of files that say nothing to a stranger.
const EMPTY_FILE_NAMES: [&str; 8] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "service"];

/// A file below `src`.
struct SourceFile {
    /// The path from `src` on, with `/`.
    path: String,
    text: String,
}

impl SourceFile {
    /// The first part of its path: `web` of `web/mod.rs`, `clock` of `clock.rs`.
    fn room(&self) -> &str {
        room(&self.path)
    }

    /// Its lines without those that are comments, up to its unit tests.
    fn code(&self) -> String {
        let code = self.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        code.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
    }
}

fn room(path: &str) -> &str {
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

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

/// Every file below `src`, in order of their paths.
fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    let read = |path: PathBuf| SourceFile {
        text: std::fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"),
    };
    found.into_iter().map(read).collect()
}

fn edges() -> Vec<Edge> {
    Crate::of(sources().into_iter().map(|file| (file.path, file.text))).edges()
}

/// Fails with `lesson` and every finding, each on its line.
fn assert_none(findings: &[String], lesson: &str) {
    assert!(findings.is_empty(), "{lesson}\n  {}", findings.join("\n  "));
}

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// Whether a file of `from` may use a file of `to`.
fn may_use(from: &str, to: &str) -> bool {
    match (from, to) {
        (from, to) if from == to => true,
        ("main", to) => to == "command",
        ("command", SANDBOX) => true,
        (SANDBOX, to) => floor_of(to) == Some(0),
        (from, to) => match (floor_of(from), floor_of(to)) {
            (Some(0), Some(0)) => true,
            (Some(from), Some(to)) => to < from,
            _ => false,
        },
    }
}

#[test]
fn every_room_stands_on_a_floor() {
    let stands = |room: &str| floor_of(room).is_some() || ["lib", "main", SANDBOX].contains(&room);
    let unknown: Vec<String> =
        sources().into_iter().filter(|file| !stands(file.room())).map(|file| file.path).collect();
    assert_none(&unknown, "On no floor. Give the room a place in FLOORS and in the map of src/lib.rs:");
    let flow = |path: &str| path.strip_prefix("flow/").map(|rest| room(rest).to_owned());
    let unknown: Vec<String> = sources()
        .iter()
        .filter_map(|file| flow(&file.path))
        .filter(|room| room != "mod" && !FLOW_ROOMS.contains(&room.as_str()))
        .collect();
    assert_none(&unknown, "A room of flow without a place in the order. Add it to FLOW_ROOMS:");
}

#[test]
fn each_floor_uses_only_floors_below() {
    let wrong: Vec<String> = edges()
        .iter()
        .filter(|edge| !may_use(room(&edge.from), room(&edge.to)))
        .map(ToString::to_string)
        .collect();
    assert_none(
        &wrong,
        "Uses a floor above its own, or a neighbour on it. Move what is used down, or hand it in as a parameter:",
    );
}

#[test]
fn each_room_of_flow_uses_only_rooms_before_it() {
    let place = |path: &str| {
        let room = room(path.strip_prefix("flow/")?);
        FLOW_ROOMS.iter().position(|known| *known == room)
    };
    let wrong: Vec<String> = edges()
        .iter()
        .filter(|edge| place(&edge.from).zip(place(&edge.to)).is_some_and(|(from, to)| to > from))
        .map(ToString::to_string)
        .collect();
    let order = FLOW_ROOMS.join(" < ");
    assert_none(
        &wrong,
        &format!(
            "Against the order {order}. Move what is used to a room before, or down to domain or store:"
        ),
    );
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let all = Crate::of(sources().into_iter().map(|file| (file.path, file.text)));
    assert_none(&all.inline_modules(), "A module inside of a file. Give it a file of its own:");
    let circles: Vec<String> = circles(&all.edges())
        .iter()
        .map(|circle| {
            let uses: Vec<String> = circle.iter().map(ToString::to_string).collect();
            format!("{} uses:\n    {}", uses.len(), uses.join("\n    "))
        })
        .collect();
    assert_none(
        &circles,
        "Files in a circle. Move what both need to a file of its own below them; a mod.rs that re-exports from its \
         children may hold nothing that they use:",
    );
}

#[test]
fn what_belongs_to_one_place_stays_there() {
    // A word, and the rooms in which it may stand.
    let places: [(&str, &[&str]); 7] = [
        ("sqlx::query", &["store"]),
        ("AssertSqlSafe", &[]),
        (".begin(\"", &["store", "flow"]),
        ("SystemTime::now", &["clock"]),
        ("page_scoped_user_id", &["meta", "sandbox"]),
        ("reqwest::Client::builder", &["http_client"]),
        ("StatusCode::", &["web", "sandbox"]),
    ];
    let mut wrong = Vec::new();
    for file in sources() {
        let code = file.code();
        for (word, rooms) in places {
            if code.contains(word) && !rooms.contains(&file.room()) {
                wrong.push(format!("{} holds `{word}`, which belongs to {rooms:?}", file.path));
            }
        }
    }
    assert_none(&wrong, "In the wrong room (a write goes through flow). Call what that room offers instead:");
}

#[test]
fn no_file_grows_into_two_things() {
    let long: Vec<String> = sources()
        .iter()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| format!("{} has {lines} lines", file.path))
        .collect();
    assert_none(&long, "More than 500 lines. Split the file:");
}

#[test]
fn names_say_something() {
    let mut wrong = Vec::new();
    for file in sources() {
        let stem = Path::new(&file.path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if file.path.split('/').chain([stem.as_str()]).any(|part| EMPTY_FILE_NAMES.contains(&part)) {
            wrong.push(file.path.clone());
        }
        let tokens = source::tokens(&file.text);
        let named = tokens.windows(2).filter(|pair| ["struct", "enum"].contains(&pair[0].text.as_str()));
        let empty = named.filter(|pair| EMPTY_TYPE_NAMES.contains(&pair[1].text.as_str()));
        wrong.extend(empty.map(|pair| format!("{}:{} {}", file.path, pair[1].line, pair[1].text)));
    }
    assert_none(
        &wrong,
        "A name that says nothing to a stranger. Take the field's word (see the glossary in lib.rs):",
    );
}

#[test]
fn no_doc_comment_only_repeats_its_name() {
    let mut short = Vec::new();
    for file in sources() {
        short.extend(short_docs(&file.text).iter().map(|line| format!("{}:{line}", file.path)));
    }
    assert_none(
        &short,
        "A doc comment of one or two words. Say the unit, the shape, the why or the source, or rename the item:",
    );
}

/// The lines at which a doc comment begins that has no more than two words in all.
fn short_docs(text: &str) -> Vec<usize> {
    let mut short = Vec::new();
    let mut block: Option<(usize, usize)> = None;
    for (number, line) in (1..).zip(text.lines().chain([""])) {
        let line = line.trim_start();
        match line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) {
            Some(words) => {
                let (first, count) = block.unwrap_or((number, 0));
                block = Some((first, count + words.split_whitespace().count()));
            }
            None => short.extend(block.take().filter(|(_, count)| *count <= 2).map(|(first, _)| first)),
        }
    }
    short
}

#[test]
fn doc_comments_are_counted_whole() {
    let text =
        "/// When.\nat: u8,\n/// Our own\n/// id.\nid: u8,\n    //! The door.\n\n// Why.\n/// Why not.";
    assert_eq!(short_docs(text), [1, 6, 9]);
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
    let listed: Vec<_> = include_str!("../../../src/store/db/migrate.rs")
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
