//! The rooms of the house may use only what stands before them: this reads the imports.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may use beside itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("sync", &[]),
    ("table", &[]),
    ("ring", &["sync"]),
    ("codec", &["types"]),
    ("journal", &["types"]),
    ("risk", &["types", "table"]),
    ("ledger", &["types", "table"]),
    ("book", &["types", "table"]),
    ("settle", &["types", "table", "ledger", "book"]),
    ("engine", &["types", "table", "ledger", "risk", "settle"]),
    ("outcomes", &["types"]),
    ("client", &["types", "codec", "observe"]),
    ("observe", &["types", "sync"]),
    ("replay", &["types", "journal", "codec", "engine"]),
    ("gateway", &["types", "codec", "ring", "observe", "client"]),
    ("publish", &["types", "codec", "ring", "observe", "outcomes", "gateway"]),
];

/// Rooms that are pure functions of the command stream: no threads, files, clocks or chance.
const PURE: &[&str] = &["types", "table", "risk", "ledger", "book", "settle", "engine"];
const IMPURE: &[&str] = &[
    "std::thread",
    "std::fs",
    "std::io",
    "std::net",
    "std::time",
    "std::env",
    "std::sync",
    "HashMap",
    "HashSet",
    "rand::",
    "getrandom",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code of a file without its comments and its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests")
        || path.components().any(|part| part.as_os_str() == "tests")
}

fn rooms_used(code: &str) -> BTreeSet<String> {
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn rooms_use_only_what_stands_before_them() {
    for (room, allowed) in ROOMS {
        let files = sources(&Path::new("src").join(room));
        assert!(!files.is_empty(), "there is no room {room}");
        for path in files.iter().filter(|path| !is_test(path)) {
            for used in rooms_used(&code(path)) {
                let is_room = ROOMS.iter().any(|(name, _)| *name == used)
                    || ["pipeline", "bench", "cli"].contains(&used.as_str());
                assert!(
                    !is_room || used == *room || allowed.contains(&used.as_str()),
                    "{}: {room} may not use {used}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn the_domain_knows_no_clock_no_chance_no_threads_and_no_files() {
    for room in PURE {
        for path in sources(&Path::new("src").join(room)) {
            if is_test(&path) {
                continue;
            }
            let code = code(&path);
            for word in IMPURE {
                assert!(!code.contains(word), "{}: {room} may not use {word}", path.display());
            }
        }
    }
}

#[test]
fn the_reader_of_imports_finds_them() {
    let code = "use crate::types::Op;\nfn f() { crate::journal::go(); }";
    let used: Vec<String> = rooms_used(code).into_iter().collect();
    assert_eq!(used, ["journal", "types"]);
}
