//! Which file uses which: every import and path of the crate, followed through re-exports to the file that defines
//! what is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::architecture::source::{Import, Source, parse};

/// A module by its path from the root of the crate; `main.rs`, a crate of its own, is the module `main`.
type Module = Vec<String>;

/// Re-exports that lead to re-exports are followed so far.
const REEXPORTS_MAX: usize = 16;

/// One file names something that another file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    /// The file, from `src` on.
    pub(super) from: String,
    pub(super) line: usize,
    /// The path as it is written.
    pub(super) named: String,
    /// The file that defines it.
    pub(super) to: String,
}

impl std::fmt::Display for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} uses {} of {}", self.from, self.line, self.named, self.to)
    }
}

/// The files of a crate.
pub(super) struct Crate {
    files: BTreeMap<Module, File>,
}

struct File {
    path: String,
    source: Source,
}

/// What a path leads to.
enum Target {
    /// The module itself, such as `crate::clock`.
    Module(Module),
    /// Something that this module defines.
    Item(Module),
}

impl Crate {
    /// Reads files, given as path from `src` on and text; the files of test modules are left out.
    pub(super) fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let parsed = files.into_iter().map(|(path, text)| {
            let source = parse(&text);
            (module_of(&path), File { path, source })
        });
        let mut files: BTreeMap<Module, File> = parsed.collect();
        let tests: BTreeSet<Module> = files
            .iter()
            .flat_map(|(module, file)| file.source.test_modules.iter().map(move |name| child(module, name)))
            .collect();
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self { files }
    }

    /// Modules that are written inside of a file; the checks know whole files only.
    pub(super) fn inline_modules(&self) -> Vec<String> {
        let named = |file: &File| {
            let path = file.path.clone();
            file.source.inline_modules.clone().into_iter().map(move |name| format!("{path} holds mod {name}"))
        };
        self.files.values().flat_map(named).collect()
    }

    /// Every pair of a file and one that it uses, with the first place at which it does.
    pub(super) fn edges(&self) -> Vec<Edge> {
        let mut edges: Vec<Edge> =
            self.files.iter().flat_map(|(module, file)| self.uses(module, file)).collect();
        edges.sort_by(|one, other| (&one.from, &one.to, one.line).cmp(&(&other.from, &other.to, other.line)));
        edges.dedup_by(|next, one| (&next.from, &next.to) == (&one.from, &one.to));
        edges
    }

    fn uses(&self, module: &Module, file: &File) -> Vec<Edge> {
        let edge = |line: usize, path: &[String], to: &Module| Edge {
            from: file.path.clone(),
            line,
            named: path.join("::"),
            to: self.files[to].path.clone(),
        };
        let mut edges = Vec::new();
        let mut entered = BTreeSet::new();
        for inline in &file.source.paths {
            match self.resolve(module, &inline.path, 0) {
                Some(Target::Item(to) | Target::Module(to)) => {
                    entered.insert(inline.path[0].clone());
                    edges.push(edge(inline.line, &inline.path, &to));
                }
                None => {}
            }
        }
        for import in &file.source.imports {
            match self.resolve(module, &import.path, 0) {
                Some(Target::Item(to)) => edges.push(edge(import.line, &import.path, &to)),
                // Of a module that is imported, those files count from which something is named.
                Some(Target::Module(to)) if import.is_glob || !entered.contains(&import.name) => {
                    edges.push(edge(import.line, &import.path, &to));
                }
                _ => {}
            }
        }
        edges.retain(|edge| edge.to != file.path);
        edges
    }

    /// What `path` means in `module`; nothing if it leads out of the crate.
    fn resolve(&self, module: &Module, path: &[String], reexports: usize) -> Option<Target> {
        if reexports > REEXPORTS_MAX {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" | "salesbridge" => self.walk(&Vec::new(), rest, reexports),
            "self" => self.walk(module, rest, reexports),
            "super" => {
                let mut from = module.clone();
                from.pop()?;
                let further = rest.iter().take_while(|part| *part == "super").count();
                from.truncate(from.len().checked_sub(further)?);
                self.walk(&from, &rest[further..], reexports)
            }
            name if self.files.contains_key(&child(module, name)) => self.walk(module, path, reexports),
            name => {
                let import = self.import(module, name)?;
                // `use x::x` of another crate means itself.
                if import.path.first() == Some(first) {
                    return None;
                }
                let whole: Vec<String> = import.path.iter().chain(rest).cloned().collect();
                self.resolve(module, &whole, reexports + 1)
            }
        }
    }

    /// Follows `path` down from `module`, through child modules, items and re-exports.
    fn walk(&self, module: &Module, path: &[String], reexports: usize) -> Option<Target> {
        let file = self.files.get(module)?;
        let Some((name, rest)) = path.split_first() else { return Some(Target::Module(module.clone())) };
        let below = child(module, name);
        if !rest.is_empty() && self.files.contains_key(&below) {
            return self.walk(&below, rest, reexports);
        }
        if file.source.items.contains(name) {
            return Some(Target::Item(module.clone()));
        }
        if let Some(import) = self.import(module, name).filter(|import| import.path.first() != Some(name)) {
            let whole: Vec<String> = import.path.iter().chain(rest).cloned().collect();
            return self.resolve(module, &whole, reexports + 1);
        }
        if self.files.contains_key(&below) {
            return self.walk(&below, rest, reexports);
        }
        for glob in file.source.imports.iter().filter(|import| import.is_glob) {
            if let Some(Target::Module(from)) = self.resolve(module, &glob.path, reexports + 1) {
                let holds =
                    self.files[&from].source.items.contains(name) || self.import(&from, name).is_some();
                if holds && from != *module {
                    return self.walk(&from, path, reexports + 1);
                }
            }
        }
        // What a macro has made, or a variant: it is this module's.
        Some(Target::Item(module.clone()))
    }

    fn import(&self, module: &Module, name: &str) -> Option<&Import> {
        let imports = &self.files.get(module)?.source.imports;
        imports.iter().find(|import| !import.is_glob && import.name == name)
    }
}

fn child(module: &[String], name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// `a/b.rs` and `a/b/mod.rs` are the module `a`, `b`; `lib.rs` is the root.
fn module_of(path: &str) -> Module {
    let path = Path::new(path).with_extension("");
    let mut module: Module = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    module
}

/// The groups of files that use each other in a circle, largest first, each with the uses that make it.
pub(super) fn circles(edges: &[Edge]) -> Vec<Vec<Edge>> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edge in edges {
        reached.entry(&edge.from).or_default().insert(&edge.to);
    }
    loop {
        let further: Vec<(&str, BTreeSet<&str>)> = reached
            .iter()
            .map(|(from, to)| {
                (*from, to.iter().filter_map(|to| reached.get(to)).flatten().copied().collect())
            })
            .collect();
        let count =
            |reached: &BTreeMap<&str, BTreeSet<&str>>| reached.values().map(BTreeSet::len).sum::<usize>();
        let before = count(&reached);
        for (from, to) in further {
            reached.entry(from).or_default().extend(to);
        }
        if count(&reached) == before {
            break;
        }
    }
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|all| all.contains(to));
    let mut groups: BTreeMap<&str, Vec<Edge>> = BTreeMap::new();
    for edge in edges.iter().filter(|edge| reaches(&edge.to, &edge.from)) {
        // The first file of its circle names the group.
        let first = reached.keys().find(|file| reaches(file, &edge.from) && reaches(&edge.from, file));
        groups.entry(first.unwrap_or(&edge.from.as_str())).or_default().push(edge.clone());
    }
    let mut groups: Vec<Vec<Edge>> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    groups
}

mod tests {
    use super::*;

    fn edges(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Crate::of(files).edges().iter().map(|edge| format!("{} -> {}", edge.from, edge.to)).collect()
    }

    #[test]
    fn a_reexport_leads_to_the_file_that_defines() {
        let files = [
            ("lib.rs", "pub mod flow; pub mod web;"),
            ("flow/mod.rs", "mod tag; mod unit; pub use tag::record::{Tagged, tag as put}; pub use unit::*;"),
            ("flow/tag/mod.rs", "pub mod record;"),
            ("flow/tag/record.rs", "pub struct Tagged; pub fn tag() {}"),
            ("flow/unit.rs", "pub fn run() {}"),
            (
                "web.rs",
                "use crate::flow::{self, Tagged};\nfn a() { flow::put();\nflow::run();\ncrate::flow::run() }",
            ),
        ];
        assert_eq!(
            edges(&files),
            [
                "flow/mod.rs -> flow/tag/record.rs",
                "flow/mod.rs -> flow/unit.rs",
                "web.rs -> flow/tag/record.rs",
                "web.rs -> flow/unit.rs",
            ]
        );
    }

    #[test]
    fn a_child_that_uses_what_its_module_defines_is_a_circle() {
        let files = [
            ("a/mod.rs", "mod b; mod c; pub struct Own; pub use b::B; fn x() { c::d() }"),
            ("a/b.rs", "use super::Own; pub struct B;"),
            ("a/c.rs", "use crate::a::B; pub fn d() {} #[cfg(test)] mod tests { use crate::a::Own; }"),
        ];
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let circles = circles(&Crate::of(files).edges());
        let shown: Vec<String> = circles.concat().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a/b.rs:1 uses super::Own of a/mod.rs", "a/mod.rs:1 uses b::B of a/b.rs"]);
    }

    #[test]
    fn circles_are_told_apart_and_a_chain_is_none() {
        let edge =
            |from: &str, to: &str| Edge { from: from.into(), line: 1, named: to.into(), to: to.into() };
        let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("e", "d"), ("f", "a")];
        let circles = circles(&edges.map(|(from, to)| edge(from, to)));
        assert_eq!(circles.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
    }

    #[test]
    fn other_crates_methods_and_test_files_are_no_uses() {
        let files = [
            ("lib.rs", "mod a; mod serde;"),
            (
                "a.rs",
                "use sqlx::Pool; use self::Kind::B; enum Kind { B } fn c(pool: Pool) { Pool::new(); Kind::B; d.e() } #[cfg(test)] mod tests;",
            ),
            ("a/tests.rs", "use crate::serde::X;"),
            ("serde.rs", "pub struct X;"),
            ("main.rs", "fn main() { salesbridge::serde::X; }"),
        ];
        assert_eq!(edges(&files), ["main.rs -> serde.rs"]);
    }
}
